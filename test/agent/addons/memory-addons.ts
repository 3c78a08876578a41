/** A host's addons in one process: real records on a disk in memory, a store that has what it is told, and boot scripts that do as theirs do. */
import assert from 'node:assert/strict';
import { aheadKey, recordKey } from '../../../controller/agent/addons/plan.ts';
import type { AddonFacts, DeploymentRecords } from '../../../controller/agent/addons/plan.ts';
import type { AddonHost, Preparation, PrepareRequest } from '../../../controller/agent/addons/addon-host.ts';
import type { AddonRecord } from '../../../controller/agent/addons/record.ts';
import { Records } from '../../../controller/agent/addons/records.ts';
import type { BootcStatus } from '../../../controller/agent/bootc-status.ts';
import type { BootFacts, Outcome } from '../../../controller/agent/host.ts';
import type { NodeTargetSpec } from '../../../controller/api/node-target.ts';
import { TransientError } from '../../../controller/api/errors.ts';
import { setDigest } from '../../../controller/addon/set-digest.ts';
import type { AddonSeal, AddonSupport } from '../../../controller/host-addons/seal.ts';
import { PowerCutDisk } from './power-cut-disk.ts';
import { digest } from './record-fixture.ts';

/** The part of a spec that asks for set `n`; none for 0. Each set is one addon. */
export function setOf(n: number): Pick<NodeTargetSpec, 'addons' | 'addonSet'> {
  if (n === 0) return {};
  const addons = [
    {
      name: 'runtime',
      image: `registry.example.com/addons@${digest(n)}`,
      digest: digest(0x10 + n),
      size: 4096,
      from: 'pool' as const,
    },
  ];
  const set = setDigest(addons);
  return { addons, ...(set === undefined ? {} : { addonSet: set }) };
}

export class MemoryAddons implements AddonHost {
  records = new Records(new PowerCutDisk());
  supported = true;
  /** Whether the image that runs has the units. */
  hasUnits = true;
  /** The boot scripts have not sealed this boot yet. */
  unsealed = false;
  /** The boot scripts do not find out which deployment runs. */
  lost = false;
  /** Digests that systemd will not merge. */
  readonly spoiled = new Set<string>();
  /** Digests that cannot be fetched. */
  readonly missing = new Set<string>();
  /** What was merged, boot by boot. */
  readonly merged: (string | null)[] = [];
  tidied = 0;
  /** The scripts have no live verb. */
  old = false;
  /** How often the live verb is killed: after it has merged what it has to, and before it says so. */
  killedLive = 0;
  #changes = 0;
  readonly #before: (effect: string) => void;
  #boot: { id: string; seal: AddonSeal } | undefined;

  constructor(before: (effect: string) => void) {
    this.#before = before;
  }

  /** The host lost its disk. */
  forget(): void {
    this.records = new Records(new PowerCutDisk());
  }

  async look(status: BootcStatus, { bootID }: BootFacts, image?: string): Promise<AddonFacts> {
    const booted = recordKey(status.booted);
    if (this.#boot?.id !== bootID) {
      if (booted !== undefined && !this.lost) await this.#adopt(booted, aheadKey(status.booted?.reference?.image));
      this.#boot = { id: bootID, seal: await this.#runScripts(this.lost ? null : (booted ?? null), bootID) };
      this.merged.push(this.#boot.seal.set);
    }
    const { current: ahead } = await this.#recordsOf(aheadKey(image));
    const support: AddonSupport = {
      boot: bootID,
      softReboots: 0,
      deployment: this.lost ? null : (booted ?? null),
      supported: this.supported,
      systemd: 257,
      ...(this.old ? {} : { live: true as const }),
      ...(this.supported ? {} : { reason: 'OverlayDepth', message: 'the stack of the kernel is too deep' }),
    };
    return {
      ...(this.hasUnits ? { support } : {}),
      ...(this.unsealed || !this.hasUnits ? {} : { seal: this.#boot.seal }),
      booted: await this.#recordsOf(booted),
      staged: await this.#recordsOf(recordKey(status.staged)),
      ...(ahead === undefined ? {} : { ahead }),
    };
  }

  /** The live verb: merges what is recorded, or what was merged before where that does not merge. */
  async live(): Promise<Outcome> {
    const { id, seal: before } = this.#boot ?? assert.fail('nothing has booted');
    const seal = await this.#runScripts(before.deployment, id);
    if (this.killedLive > 0) {
      this.killedLive--;
      this.merged.push(seal.set);
      return { code: 137, stdout: '', stderr: 'Killed' };
    }
    const isWhole = seal.state === 'Merged' || seal.state === 'None';
    const live = {
      set: seal.set,
      outcome: isWhole ? ('Applied' as const) : ('Restored' as const),
      gapMs: isWhole ? 20 : null,
      restarted: isWhole ? ['runtime.service'] : [],
      at: ++this.#changes,
      problems: isWhole ? [] : [{ name: 'runtime', reason: 'NotMerged', message: 'systemd-sysext left it out' }],
    };
    this.#boot = { id, seal: { ...(isWhole ? seal : before), live } };
    this.merged.push(this.#boot.seal.set);
    return { code: isWhole ? 0 : 1, stdout: '', stderr: '' };
  }

  prepare({ target, addons }: PrepareRequest): Preparation {
    this.#before('Prepare');
    const found = Promise.resolve(
      addons.map(({ name, digest }) => ({
        name,
        digest,
        ...(this.missing.has(digest) ? { error: new TransientError('RegistryUnavailable', 'away') } : {}),
      })),
    );
    const done = found.then(() => ({ code: 0, stdout: '', stderr: '' }));
    return { kind: 'Addons', digest: target, found, done, cancel: async () => {}, forget: async () => {} };
  }

  async write(record: AddonRecord): Promise<void> {
    this.#before('Record');
    await this.records.write(record);
  }

  async stage(record: AddonRecord): Promise<void> {
    this.#before('StageRecord');
    await this.records.stage(record);
  }

  async arm(deployment: string): Promise<void> {
    this.#before('ArmRecord');
    await this.records.arm(deployment);
  }

  async withdraw(deployment: string): Promise<void> {
    this.#before('WithdrawRecord');
    await this.records.withdraw(deployment);
  }

  async prove(deployment: string): Promise<void> {
    this.#before('ProveRecord');
    await this.records.prove(deployment);
  }

  async tidy(): Promise<void> {
    this.tidied++;
  }

  async #recordsOf(deployment: string | undefined): Promise<DeploymentRecords> {
    if (deployment === undefined) return {};
    const current = await this.records.read(deployment);
    const next = await this.records.read(deployment, 'next');
    return { ...(current ? { current } : {}), ...(next ? { next } : {}) };
  }

  /** A deployment without a record has the one that waits for its image. */
  async #adopt(deployment: string, waiting: string | undefined): Promise<void> {
    if (waiting === undefined || (await this.records.read(deployment)) || (await this.records.read(deployment, 'before'))) return;
    const record = await this.records.read(waiting);
    if (record) await this.records.write({ ...record, deployment });
  }

  async #runScripts(deployment: string | null, boot: string): Promise<AddonSeal> {
    const found = deployment === null ? undefined : await this.records.read(deployment);
    const record = found ?? (deployment === null ? undefined : await this.records.read(deployment, 'before'));
    const addons = (record?.addons ?? []).map(({ name, digest }) =>
      this.spoiled.has(digest)
        ? { name, digest, state: 'NotMerged' as const, reason: 'NotMerged', message: 'systemd-sysext left it out' }
        : { name, digest, state: 'Merged' as const },
    );
    const whole = addons.every(({ state }) => state === 'Merged');
    return {
      boot,
      softReboots: 0,
      deployment,
      image: record?.image ?? null,
      set: record?.set ?? null,
      record: found ? 'current' : record ? 'before' : 'none',
      state: this.lost ? 'Failed' : addons.length === 0 ? 'None' : whole ? 'Merged' : 'Failed',
      addons,
      foreign: [],
      since: whole && addons.length > 0 ? 1 : null,
      ...(this.lost ? { reason: 'RecordDamaged', message: 'it is not known which deployment this is' } : {}),
    };
  }
}
