/** Takes artifacts of an addon that nobody needs any more out of the registry. */
import { messageOf, reasonOf } from '../api/errors.ts';
import { addonMediaTypes } from '../api/addon-artifact.ts';
import { nodetargets } from '../api/node-target.ts';
import { type SystemAddon, type SystemAddonStatusHistory, systemaddons } from '../api/system-addon.ts';
import { systempools } from '../api/system-pool.ts';
import type { Client } from '../kube/client.ts';
import { listAll } from '../kube/list-all.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { metrics } from '../telemetry/metrics.ts';
import { usedByAddon, usedByNode, usedByPool, usesOf } from './artifact-uses.ts';
import { type HistoryLook, lookAtHistory, newestFirst } from './history.ts';
import type { AddonReason } from './reasons.ts';
import type { News } from './status.ts';

export interface Pruning {
  client: Client;
  registry: Pick<Registry, 'deleteManifest' | 'referrers'>;
  auth: () => Promise<DockerConfig | undefined>;
  /** Epoch ms. */
  now: () => number;
  signal: AbortSignal;
  /** Does it while no artifact is being made. */
  alone: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface Pruned {
  history: SystemAddonStatusHistory[];
  news: News[];
}

/**
 * What is left of the history, with why. Only what a look at the stores' objects, as the API server has them at this moment, finds unused is removed; whatever fails
 * keeps, and is tried again.
 */
export async function pruneArtifacts({ spec, status }: SystemAddon, o: Pruning): Promise<Pruned> {
  const { history = [] } = status ?? {};
  const keep = spec.history;
  if (keep.prune !== 'Images') return { history: history.map(unjudged), news: [] };
  const now = o.now();
  const first = lookAtHistory(history, keep, { useOf: () => undefined, now });
  if (first.doomed.length === 0) return { history: first.kept, news: [] };
  try {
    return await o.alone(async () =>
      removeAll(history, lookAtHistory(history, keep, { useOf: await readUses(o.client), now }), o),
    );
  } catch (error) {
    o.signal.throwIfAborted();
    const left = first.doomed.map(entry => notRemoved(entry, error));
    return { history: [...first.kept, ...left].toSorted(newestFirst), news: newsOf(history, { removed: [], left, error }) };
  }
}

async function removeAll(
  history: readonly SystemAddonStatusHistory[],
  { kept, doomed }: HistoryLook,
  o: Pruning,
): Promise<Pruned> {
  const removed: string[] = [];
  const left: SystemAddonStatusHistory[] = [];
  let error: unknown;
  for (const entry of doomed) {
    o.signal.throwIfAborted();
    try {
      // What refuses one refuses the others too.
      if (error !== undefined) throw error;
      await remove(entry.image, o);
      removed.push(entry.image);
    } catch (thrown) {
      error = thrown;
      left.push(notRemoved(entry, thrown));
    }
  }
  return { history: [...kept, ...left].toSorted(newestFirst), news: newsOf(history, { removed, left, error }) };
}

function unjudged({ image, digest, variant, replaced }: SystemAddonStatusHistory): SystemAddonStatusHistory {
  return { image, digest, variant, replaced };
}

async function readUses(client: Client): Promise<ReturnType<typeof usesOf>> {
  const [addons, pools, nodes] = await Promise.all([
    listAll(client, systemaddons, usedByAddon),
    listAll(client, systempools, usedByPool),
    listAll(client, nodetargets, usedByNode),
  ]);
  return usesOf([...nodes, ...pools, ...addons]);
}

/** The list of its files goes first: without its artifact nobody would find it any more. */
async function remove(image: string, { registry, auth }: Pruning): Promise<void> {
  const reference = parseReference(image);
  const repository = repositoryOf(reference);
  const { digest = '' } = reference;
  const credentials = await auth();
  const drop = async (of: string): Promise<void> => {
    try {
      await registry.deleteManifest(repository, of, credentials);
      metrics.manifestsPruned.inc({});
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  };
  const lists = await registry.referrers(repository, digest, credentials, { artifactType: addonMediaTypes.files });
  for (const list of lists) await drop(list.digest);
  await drop(digest);
}

function notRemoved(entry: SystemAddonStatusHistory, error: unknown): SystemAddonStatusHistory {
  return { ...entry, kept: `could not be removed: ${messageOf(error)}`.slice(0, 1024).toWellFormed() };
}

/** What went, and what hinders it: that once, and not each time that it is tried. */
function newsOf(
  before: readonly SystemAddonStatusHistory[],
  { removed, left, error }: { removed: readonly string[]; left: readonly SystemAddonStatusHistory[]; error: unknown },
): News[] {
  const news: News[] = [];
  const note = `removed ${removed.slice(0, 5).join(', ')}${removed.length > 5 ? ` and ${removed.length - 5} more` : ''}`;
  if (removed.length > 0) news.push({ type: 'Normal', reason: 'ArtifactsPruned' satisfies AddonReason, note });
  const known = new Map(before.map(({ image, kept }) => [image, kept]));
  if (left.every(({ image, kept }) => known.get(image) === kept)) return news;
  const reason = reasonOf(error) === 'DeletionUnsupported' ? 'DeletionUnsupported' : ('PruneFailed' satisfies AddonReason);
  return [...news, { type: 'Warning', reason, note: messageOf(error) }];
}
