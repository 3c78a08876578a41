/**
 * The records of a host: which addons each of its deployments boots with. Each change is one rename, so that after a power cut at any
 * moment a deployment has its former record or its new one.
 */
import { messageOf } from '../../api/errors.ts';
import { replaceDurably } from './durable-file.ts';
import type { DurableDirectory } from './durable-file.ts';
import { formatRecord, isDeployment, parseRecord, RecordFormatError } from './record.ts';
import type { AddonRecord } from './record.ts';

/** Below the host's root. */
export const recordsPath = 'var/lib/scantling/addons/.records';

/**
 * `current` has effect on the next boot; `next` is prepared, without effect; `before` is what the deployment had before a change that is not proven;
 * `good` is the boot script's own copy of what was merged whole last.
 */
export type RecordKind = 'current' | 'next' | 'before' | 'good';

/** One file of records as it is on the disk. */
export type FoundRecord = { deployment: string; kind: RecordKind } & ({ record: AddonRecord } | { damage: string });

/** A record that cannot be read is on the host. */
export class DamagedRecordError extends Error {}

export class Records {
  readonly #directory: DurableDirectory;

  constructor(directory: DurableDirectory) {
    this.#directory = directory;
  }

  /** Undefined where there is none. Throws DamagedRecordError, with the file's name. */
  async read(deployment: string, kind: RecordKind = 'current'): Promise<AddonRecord | undefined> {
    const name = fileOf(deployment, kind);
    const text = await this.#directory.read(name);
    if (text === undefined) return undefined;
    try {
      return ownRecord(text, deployment);
    } catch (error) {
      if (!(error instanceof RecordFormatError)) throw error;
      throw new DamagedRecordError(`/${recordsPath}/${name} on the node ${messageOf(error)}`, { cause: error });
    }
  }

  /** All of them, the damaged too. What is none of ours is passed over. */
  async list(): Promise<FoundRecord[]> {
    const found: FoundRecord[] = [];
    for (const name of (await this.#directory.list()).toSorted()) {
      const parsed = parseName(name);
      if (!parsed) continue;
      try {
        const record = await this.read(parsed.deployment, parsed.kind);
        if (record) found.push({ ...parsed, record });
      } catch (error) {
        if (!(error instanceof DamagedRecordError)) throw error;
        found.push({ ...parsed, damage: error.message });
      }
    }
    return found;
  }

  /** Gives a deployment that does not run its record. It has effect once that deployment boots. */
  async write(record: AddonRecord): Promise<void> {
    await replaceDurably(this.#directory, fileOf(record.deployment, 'current'), formatRecord(record));
  }

  /** Prepares another record for the deployment that runs, without effect. */
  async stage(record: AddonRecord): Promise<void> {
    await replaceDurably(this.#directory, fileOf(record.deployment, 'next'), formatRecord(record));
  }

  /**
   * Makes what is prepared for a deployment the record of its next boot. The former one is kept beside it until `prove`; one that is kept
   * already is the last that was proven, and stays. Nothing where nothing is prepared: it was armed already.
   */
  async arm(deployment: string): Promise<void> {
    const next = await this.read(deployment, 'next');
    if (!next) return;
    if ((await this.#directory.read(fileOf(deployment, 'before'))) === undefined) await this.#keepFormer(next);
    await this.#removeAll([triesOf(deployment)]);
    await this.#directory.rename(fileOf(deployment, 'next'), fileOf(deployment, 'current'));
    await this.#directory.sync();
  }

  /** Takes an unproven record back: the next boot has the addons of the former one. Nothing where none is kept. */
  async withdraw(deployment: string): Promise<void> {
    if ((await this.#directory.read(fileOf(deployment, 'before'))) === undefined) return;
    await this.#directory.rename(fileOf(deployment, 'before'), fileOf(deployment, 'current'));
    await this.#directory.sync();
  }

  /** The record of a deployment has been seen to live: the former one is not needed any more. */
  async prove(deployment: string): Promise<void> {
    await this.#removeAll([fileOf(deployment, 'before')]);
  }

  /** Forgets what was prepared for a deployment. */
  async unstage(deployment: string): Promise<void> {
    await this.#removeAll([fileOf(deployment, 'next')]);
  }

  /** Forgets a deployment that the host has no more. */
  async forget(deployment: string): Promise<void> {
    const kinds = ['next', 'before', 'good', 'current'] as const;
    await this.#removeAll([triesOf(deployment), ...kinds.map(kind => fileOf(deployment, kind))]);
  }

  async #keepFormer({ deployment, image }: AddonRecord): Promise<void> {
    const before = fileOf(deployment, 'before');
    const current = fileOf(deployment, 'current');
    const former = await this.#directory.read(current);
    if (former === undefined) {
      // That there was nothing must be said: without a file, nothing would be there to take back to.
      await replaceDurably(this.#directory, before, formatRecord({ image, deployment, addons: [] }));
      return;
    }
    await this.#directory.link(current, before);
    await this.#directory.sync();
  }

  async #removeAll(names: readonly string[]): Promise<void> {
    const present = await this.#directory.list();
    const ours = names.filter(name => present.includes(name));
    if (ours.length === 0) return;
    for (const name of ours) await this.#directory.remove(name);
    await this.#directory.sync();
  }
}

function ownRecord(text: string, deployment: string): AddonRecord {
  const record = parseRecord(text);
  if (record.deployment !== deployment) throw new RecordFormatError(`is of another deployment (${record.deployment})`);
  return record;
}

function fileOf(deployment: string, kind: RecordKind): string {
  if (!isDeployment(deployment)) throw new RecordFormatError(`${deployment.slice(0, 100)} names no deployment`);
  return kind === 'current' ? deployment : `${deployment}.${kind}`;
}

/** Where the boot script counts the boots of a record that is not proven. Each arming begins anew. */
function triesOf(deployment: string): string {
  return `${fileOf(deployment, 'current')}.tries`;
}

function parseName(name: string): { deployment: string; kind: RecordKind } | undefined {
  const [, deployment = '', kind = 'current'] = /^([0-9a-f]+)(?:\.(next|before|good))?$/.exec(name) ?? [];
  return isDeployment(deployment) ? { deployment, kind: kind as RecordKind } : undefined;
}
