/** What the agent needs of a host for addons: its store, its records, and what the boot scripts say. */
import { join } from 'node:path';
import { messageOf, StallingError } from '../../api/errors.ts';
import type { NodeTargetSpec } from '../../api/node-target.ts';
import { parseSeal, parseSupport, programPath, sealPath, SealFormatError, supportPath } from '../../host-addons/seal.ts';
import type { AddonSeal, AddonSupport, SealedBoot } from '../../host-addons/seal.ts';
import type { BootcStatus, BootEntry } from '../bootc-status.ts';
import { HostError } from '../host.ts';
import type { BootFacts, Operation } from '../host.ts';
import { listHostDirectory, readHostFile } from '../host-file.ts';
import { collect } from './collect.ts';
import type { Needed } from './collect.ts';
import { deploymentsOn } from './deployments.ts';
import { durableDirectory } from './durable-file.ts';
import { aheadKey, recordKey } from './plan.ts';
import type { AddonFacts, DeploymentRecords } from './plan.ts';
import { prepareSet } from './prepare.ts';
import type { PreparedAddon, RegistryAccess, WantedAddon } from './prepare.ts';
import type { AddonRecord } from './record.ts';
import { DamagedRecordError, Records, recordsPath } from './records.ts';
import { parseRelease, systemdArchitecture } from './release.ts';
import type { Release } from './release.ts';
import { findLacking } from './requirements.ts';
import { AddonStore } from './store.ts';

const release = 'usr/lib/os-release';

export interface PrepareRequest {
  /** Digest of the target, image and set: tells one preparation from another. */
  target: string;
  addons: readonly WantedAddon[];
  pullSecret: NodeTargetSpec['pullSecret'];
  /** What they are to be merged over: what runs, or what is staged. */
  over: BootEntry;
  runs: boolean;
  /** Files that the seal of this boot calls spoiled: they are looked at again before they count. */
  doubtful: readonly Needed[];
}

/** A preparation under way in this process. What it has brought stays when it is cancelled. */
export interface Preparation extends Operation {
  kind: 'Addons';
  /** What became of each; known once it is done. */
  found: Promise<readonly PreparedAddon[]>;
}

export interface AddonHost {
  /** `image` is the target's. Rejects with HostError. */
  look(status: BootcStatus, boot: BootFacts, image?: string): Promise<AddonFacts>;
  prepare(request: PrepareRequest): Preparation;
  /** The record of a deployment that does not run, or of an image that is not staged yet: its next boot has it. */
  write(record: AddonRecord): Promise<void>;
  /** The record of the deployment that runs, without effect until `arm`. */
  stage(record: AddonRecord): Promise<void>;
  arm(deployment: string): Promise<void>;
  withdraw(deployment: string): Promise<void>;
  prove(deployment: string): Promise<void>;
  /** The target runs: lets go of what nothing needs any more, and of what was prepared for the running deployment. */
  tidy(status: BootcStatus, inUse: readonly Needed[]): Promise<void>;
}

export interface AddonHostOptions {
  /** Where the host's file system is seen. */
  root: string;
  /** The way to registries; `close` is called when a preparation is over. */
  open: (secret: NodeTargetSpec['pullSecret']) => Promise<RegistryAccess & { close(): Promise<void> }>;
}

export function createAddonHost({ root, open }: AddonHostOptions): AddonHost {
  const store = new AddonStore(root);
  const accepted = new Set<string>();
  const records = new Records(durableDirectory(join(root, recordsPath)));
  return {
    async look(status, boot, image) {
      try {
        const booted = recordKey(status.booted);
        const [support, seal] = await Promise.all([
          readSaid(root, supportPath, text => ({ support: ofBoot(parseSupport(text), boot, booted) })),
          readSaid(root, sealPath, text => ({ seal: ofBoot(parseSeal(text), boot, booted) })),
        ]);
        return {
          ...support,
          ...seal,
          booted: await recordsOf(records, booted),
          staged: await recordsOf(records, recordKey(status.staged)),
          ...(await waitingFor(records, image)),
        };
      } catch (error) {
        if (error instanceof HostError) throw error;
        throw new HostError('Failed', `what the host says of its addons cannot be read: ${messageOf(error)}`, { cause: error });
      }
    },
    prepare: request => startPreparation(request, { store, root, open, accepted }),
    write: record => records.write(record),
    stage: record => records.stage(record),
    arm: deployment => records.arm(deployment),
    withdraw: deployment => records.withdraw(deployment),
    prove: deployment => records.prove(deployment),
    async tidy({ booted, staged, rollback, others }, inUse) {
      const keys = [booted, staged, rollback, ...others].map(recordKey);
      // One that bootc does not name may be any of those that have records.
      if ([booted, staged, rollback, ...others].some((entry, i) => entry && keys[i] === undefined)) return;
      const own = recordKey(booted);
      if (own !== undefined) await records.unstage(own);
      // Those that bootc does not tell of, such as what is pinned before 1.3, boot with their addons too.
      const deployments = [
        ...keys.filter(key => key !== undefined),
        ...(await deploymentsOn(root)),
        ...(await stillAwaited(records, [booted, staged, rollback, ...others])),
      ];
      await collect({ store, records, root }, { deployments, inUse });
    },
  };
}

function startPreparation(
  { target, addons, pullSecret, over, runs, doubtful }: PrepareRequest,
  { store, root, open, accepted }: AddonHostOptions & { store: AddonStore; accepted: Set<string> },
): Preparation {
  const ended = new AbortController();
  const work = async (): Promise<readonly PreparedAddon[]> => {
    const opened: { close(): Promise<void> }[] = [];
    const access = async (): Promise<RegistryAccess> => {
      const way = await open(pullSecret);
      opened.push(way);
      return way;
    };
    try {
      for (const each of addons)
        if (doubtful.some(d => d.name === each.name && d.digest === each.digest)) await store.recheck(each);
      if (!runs && addons.length > 0) await requireUnits(root, over);
      const os = await releaseOf(root, over, runs);
      const ground = { os, architecture: systemdArchitecture(over.architecture) };
      const staged = runs ? undefined : await deployedTree(root, over.deployment);
      const prepared = await prepareSet(addons, {
        store,
        access,
        // Loaded with the first addon.
        allow: async (addon, access) =>
          (await import('./artifact-judge.ts')).judgeArtifact(addon, { root, staged, access, accepted }),
        ground,
        signal: ended.signal,
      });
      // One that failed might bring what another needs.
      if (prepared.some(({ error }) => error !== undefined)) return prepared;
      const tree = runs ? root : staged;
      if (tree === undefined) return prepared;
      const lacking = await findLacking(addons, { tree, runs, raws: addons.map(addon => store.pathOf(addon)) });
      return prepared.map(each => ({ ...each, ...(lacking.has(each.name) ? { error: lacking.get(each.name) } : {}) }));
    } catch (error) {
      return addons.map(({ name, digest }) => ({ name, digest, error }));
    } finally {
      for (const way of opened) await way.close();
    }
  };
  const found = work();
  return {
    kind: 'Addons',
    digest: target,
    found,
    done: found.then(
      all => ({ code: all.every(({ error }) => error === undefined) ? 0 : 1, stdout: '', stderr: '' }),
      (error: unknown) => ({ code: 1, stdout: '', stderr: messageOf(error) }),
    ),
    async cancel() {
      ended.abort();
      await found.catch(() => undefined);
    },
    forget: async () => {},
  };
}

async function recordsOf(records: Records, deployment: string | undefined): Promise<DeploymentRecords> {
  if (deployment === undefined) return {};
  const [current, next] = await Promise.all([read(records, deployment, 'current'), read(records, deployment, 'next')]);
  return { ...(current === undefined ? {} : { current }), ...(next === undefined ? {} : { next }) };
}

async function waitingFor(records: Records, image: string | undefined): Promise<Pick<AddonFacts, 'ahead'>> {
  const { current } = await recordsOf(records, aheadKey(image));
  return current === undefined ? {} : { ahead: current };
}

/** Names of records that wait for images whose deployments have none of their own yet. */
async function stillAwaited(records: Records, entries: readonly (BootEntry | undefined)[]): Promise<string[]> {
  const found: string[] = [];
  for (const entry of entries) {
    const waiting = aheadKey(entry?.reference?.image);
    if (waiting !== undefined && (await recordsOf(records, recordKey(entry))).current === undefined) found.push(waiting);
  }
  return found;
}

async function read(records: Records, deployment: string, kind: 'current' | 'next'): Promise<AddonRecord | string | undefined> {
  try {
    return await records.read(deployment, kind);
  } catch (error) {
    if (error instanceof DamagedRecordError) return error.message;
    throw error;
  }
}

/** What a boot script wrote. A text that is none of its own, or is of a later version, keeps the host from nothing but addons. */
async function readSaid(
  root: string,
  path: string,
  parse: (text: string) => { seal?: AddonSeal | undefined; support?: AddonSupport | undefined },
): Promise<Partial<Pick<AddonFacts, 'seal' | 'support' | 'damage'>>> {
  const text = await readHostFile(root, path);
  if (text === undefined) return {};
  try {
    const { seal, support } = parse(text);
    return { ...(seal ? { seal } : {}), ...(support ? { support } : {}) };
  } catch (error) {
    if (error instanceof SealFormatError) return { damage: `/${path} on the node ${error.message}` };
    throw error;
  }
}

/** What was written in another boot, or by another deployment, says nothing of this one. */
function ofBoot<T extends SealedBoot>(said: T, { bootID }: BootFacts, deployment: string | undefined): T | undefined {
  const isSame = said.deployment === null || deployment === undefined || said.deployment === deployment;
  return said.boot === bootID && isSame ? said : undefined;
}

/** os-release of what an addon is merged over. A deployment of the composefs backend is mounted by its boot alone, and cannot be seen before. */
async function releaseOf(root: string, { deployment }: BootEntry, runs: boolean): Promise<Release | undefined> {
  const text = runs ? await readRelease(root) : await deployedFile(root, deployment, release);
  return text === undefined ? undefined : parseRelease(text);
}

async function readRelease(root: string): Promise<string | undefined> {
  return (await readHostFile(root, 'etc/os-release')) ?? readHostFile(root, release);
}

/**
 * What runs has the units for addons, and the next system may have lost them: it would boot without what merges any.
 * @throws StallingError `AddonsUnsupported`
 */
async function requireUnits(root: string, { deployment, digest }: BootEntry): Promise<void> {
  const canBeSeen = (await deployedFile(root, deployment, release)) !== undefined;
  if (!canBeSeen || (await deployedFile(root, deployment, programPath)) !== undefined) return;
  throw new StallingError(
    'AddonsUnsupported',
    `the image ${digest} that is staged has no units for addons (/${programPath}): set spec.addons.support in its SystemDefinition`,
  );
}

async function deployedFile(root: string, deployment: string | undefined, path: string): Promise<string | undefined> {
  const tree = await deployedTree(root, deployment);
  return tree === undefined ? undefined : readHostFile(tree, path);
}

/** Where the system of a deployment is seen; undefined where it is not. */
async function deployedTree(root: string, deployment: string | undefined): Promise<string | undefined> {
  if (deployment === undefined) return undefined;
  for (const stateroot of (await listHostDirectory(root, 'ostree/deploy')) ?? []) {
    const tree = join(root, 'ostree/deploy', stateroot, 'deploy', deployment);
    if ((await readHostFile(tree, release)) !== undefined) return tree;
  }
  return undefined;
}
