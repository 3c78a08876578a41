/**
 * Keeps the number of builds of each definition bounded. It decides from the stores; before anything goes it decides again from what the API
 * server says at that moment, because a store that lags must not cost an image that a node has booted. A build that is deleted here though
 * its definition wants it again just then is asked for anew by the definition, and has the same digest again.
 */
import { isDeepStrictEqual } from 'node:util';
import { WaitingError, messageOf } from '../api/errors.ts';
import { imagebuilds } from '../api/image-build.ts';
import type { KubeObject } from '../api/meta.ts';
import { fieldManagers } from '../api/names.ts';
import { nodetargets } from '../api/node-target.ts';
import type { Resource } from '../api/resource.ts';
import { systemdefinitions, type SystemDefinitionStatusHistory } from '../api/system-definition.ts';
import { systempools } from '../api/system-pool.ts';
import type { Client } from '../kube/client.ts';
import type { Reconcile, ReconcileContext, Result } from '../kube/controller.ts';
import { isConflict } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Store } from '../kube/store.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { metrics } from '../telemetry/metrics.ts';
import { figuresOf, showFigures } from './definition-figures.ts';
import { ImageUses, type Users } from './image-uses.ts';
import { prune, type ManifestStore } from './prune.ts';
import { prunable, retentionOf, type Retention } from './retention.ts';
import {
  projectNodeImages,
  projectPoolImages,
  projectRetainedBuild,
  projectRetainingDefinition,
  type NodeImages,
  type PoolImages,
  type RetainedBuild,
  type RetainingDefinition,
} from './retention-projection.ts';

export interface RetentionStores {
  /** With retentionIndexes. */
  builds: Store<RetainedBuild>;
  definitions: Store<RetainingDefinition>;
  nodes: Store<NodeImages>;
  pools: Store<PoolImages>;
}

export interface RetentionDependencies {
  client: Client;
  registry: ManifestStore;
  /** The registry credentials of a Secret in the operator's namespace; undefined when none is named. */
  readCredentials: (secret: string | undefined) => Promise<DockerConfig | undefined>;
  stores: RetentionStores;
  events: Pick<EventRecorder, 'record'>;
  /** Epoch ms. */
  now: () => number;
}

const syncPollMs = 200;
/** Most entries that status.history can hold. */
const historyLimit = 256;
const pageSize = 250;
/** What was read from the API server counts as the present for so long. */
const freshMs = 2_000;

export function createRetentionReconciler(dependencies: RetentionDependencies): { reconcile: Reconcile } {
  return { reconcile: (name, context) => reconcile(dependencies, name, context) };
}

async function reconcile(o: RetentionDependencies, name: string, context: ReconcileContext): Promise<Result> {
  for (const [kind, store] of Object.entries(o.stores)) {
    if (!store.synced) throw new WaitingError('CacheNotSynced', `the cache of ${kind} is not filled yet`, syncPollMs);
  }
  const definition = o.stores.definitions.get(name);
  if (!definition || definition.deleting) {
    metrics.buildsKept.remove({ definition: name });
    showFigures(name, undefined);
    return {};
  }
  const { builds, definitions, nodes, pools } = o.stores;
  const all = builds.list();
  showFigures(name, figuresOf(definition, all));
  const cached = decide(o, definition, {
    builds: all,
    definitions: definitions.list(),
    nodes: nodes.list(),
    pools: pools.list(),
  });
  const removal =
    cached.doomed.length === 0 ? { kept: cached.kept } : await new Removal(o, definition, cached.doomed, context).run();
  if (!removal) return {};
  metrics.buildsKept.set({ definition: name }, removal.kept.length);
  await writeHistory(o, definition, removal.kept);
  if ('error' in removal && removal.error !== undefined) throw removal.error;
  return cached.nextCheckMs === undefined ? {} : { requeueAfterMs: cached.nextCheckMs };
}

function decide({ now }: RetentionDependencies, definition: RetainingDefinition, users: Users): Retention & { uses: ImageUses } {
  const uses = new ImageUses(users);
  const own = users.builds.filter(b => b.definition === definition.name && !b.deleting);
  return { ...retentionOf(own, definition.keep, { latest: definition.latestBuild, uses, now: now() }), uses };
}

/** What the API server had a moment ago. */
interface Look extends Retention {
  readonly at: number;
  readonly builds: readonly RetainedBuild[];
  readonly uses: ImageUses;
}

/** The deletion of the builds of one definition that nobody needs. */
class Removal {
  readonly #o: RetentionDependencies;
  readonly #definition: RetainingDefinition;
  /** uids, oldest first. */
  readonly #doomed: readonly string[];
  readonly #context: ReconcileContext;
  /** Repositories that did not let something be deleted; not asked again in this pass. */
  readonly #closed = new Map<string, unknown>();
  readonly #removed = new Map<string, { build: string; manifests: number }>();
  #look: Look | undefined;
  #unsupported: string | undefined;

  constructor(
    o: RetentionDependencies,
    definition: RetainingDefinition,
    doomed: readonly RetainedBuild[],
    context: ReconcileContext,
  ) {
    this.#o = o;
    this.#definition = definition;
    this.#doomed = doomed.map(b => b.uid);
    this.#context = context;
  }

  /** What is left, and the first error; the builds that it is about are among what is left. Undefined when the definition is gone. */
  async run(): Promise<{ kept: Retention['kept']; error: unknown } | undefined> {
    const failed: Retention['kept'] = [];
    let error: unknown;
    for (const uid of this.#doomed) {
      this.#context.signal.throwIfAborted();
      const look = await this.#lookAgain();
      if (!look) return undefined;
      const build = look.doomed.find(b => b.uid === uid);
      if (!build) continue;
      try {
        await this.#remove(build, look);
      } catch (thrown) {
        // Of a conflict there is nothing to say: somebody wrote to it just now, and it is looked at again.
        if (error === undefined || isConflict(error)) error = thrown;
        failed.push({ build, why: `could not be removed: ${messageOf(thrown)}` });
      }
    }
    this.#report(error);
    const kept = [...(this.#look?.kept ?? []), ...failed];
    return { kept: kept.toSorted((a, b) => b.build.ended - a.build.ended), error };
  }

  /** Decides anew from what the API server has at this moment. Undefined when the definition is gone. */
  async #lookAgain(): Promise<Look | undefined> {
    const at = this.#o.now();
    if (this.#look && at - this.#look.at < freshMs) return this.#look;
    const users = await this.#readUsers();
    const definition = users.definitions.find(d => d.uid === this.#definition.uid);
    if (!definition || definition.deleting) return undefined;
    this.#look = { ...decide(this.#o, definition, users), builds: users.builds, at };
    return this.#look;
  }

  async #remove(build: RetainedBuild, look: Look): Promise<void> {
    const { name, uid, resourceVersion } = build;
    const pruned = this.#definition.keep.prune === 'Images' ? await this.#prune(build, look) : undefined;
    await this.#o.client.delete(imagebuilds, name, { uid, resourceVersion });
    metrics.buildsDeleted.inc({});
    const manifests = pruned?.deleted ?? 0;
    this.#removed.set(uid, { build: name, manifests });
    this.#unsupported ??= pruned?.unsupported;
    this.#context.log.info({ build: name, manifests }, 'deleted a build that is not needed any more');
  }

  /** One event for all that went in this pass, and one for what hinders it. */
  #report(error: unknown): void {
    const removed = [...this.#removed.values()];
    const count = removed.length;
    if (count > 0) {
      const manifests = removed.reduce((sum, r) => sum + r.manifests, 0);
      const names = removed.slice(0, 5).map(r => r.build);
      const which = `${names.join(', ')}${count > names.length ? ` and ${count - names.length} more` : ''}`;
      const images = manifests > 0 ? `, and ${manifests} manifests in the registry` : '';
      this.#say('Normal', 'BuildsPruned', `deleted ImageBuild ${which}${images}`);
    }
    if (this.#unsupported !== undefined)
      this.#say('Warning', 'DeletionUnsupported', `${this.#unsupported}; the images of deleted builds stay there`);
    if (error !== undefined && !isConflict(error)) this.#say('Warning', 'PruneFailed', messageOf(error));
  }

  async #prune(build: RetainedBuild, { builds, uses }: Look): ReturnType<typeof prune> {
    const closed = this.#closed.get(build.repository);
    if (closed !== undefined) throw closed;
    const { repository, secret } = this.#definition;
    try {
      // A Secret may have another name since the build; a repository that is not the definition's any more goes with the build's own.
      const auth = await this.#o.readCredentials(build.repository === repository ? secret : build.secret);
      const others = builds.filter(b => b.uid !== build.uid && !this.#removed.has(b.uid));
      return await prune(this.#o.registry, prunable(build, others, uses), auth);
    } catch (error) {
      this.#closed.set(build.repository, error);
      throw error;
    }
  }

  /** What the API server has at this moment. */
  async #readUsers(): Promise<Users> {
    const { client } = this.#o;
    const [builds, definitions, nodes, pools] = await Promise.all([
      listAll(client, imagebuilds, projectRetainedBuild),
      listAll(client, systemdefinitions, projectRetainingDefinition),
      listAll(client, nodetargets, projectNodeImages),
      listAll(client, systempools, projectPoolImages),
    ]);
    return { builds, definitions, nodes, pools };
  }

  #say(type: 'Normal' | 'Warning', reason: string, note: string): void {
    const { name, uid } = this.#definition;
    const regarding = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemDefinition', name, uid };
    this.#o.events.record({ regarding, type, reason, action: 'Prune', note });
  }
}

async function listAll<T extends KubeObject, P>(client: Client, resource: Resource<T>, project: (object: T) => P): Promise<P[]> {
  const all: P[] = [];
  let next: string | undefined;
  do {
    const page = await client.list(resource, { limit: pageSize, ...(next === undefined ? {} : { continue: next }) });
    all.push(...page.items.map(project));
    next = page.metadata.continue || undefined;
  } while (next !== undefined);
  return all;
}

/** Says which finished builds there are and why. */
async function writeHistory(o: RetentionDependencies, definition: RetainingDefinition, kept: Retention['kept']): Promise<void> {
  const history = kept
    .filter(({ build }) => build.settled)
    .slice(0, historyLimit)
    .map(({ build, why }): SystemDefinitionStatusHistory => {
      const digest = build.images[0];
      return {
        build: build.name,
        ...(build.phase === undefined ? {} : { phase: build.phase }),
        ...(digest === undefined ? {} : { digest }),
        kept: why.slice(0, 1024).toWellFormed(),
      };
    });
  if (isDeepStrictEqual(history, definition.history)) return;
  const { name, uid } = definition;
  await o.client.applyStatus(
    systemdefinitions,
    { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemDefinition', metadata: { name, uid }, status: { history } },
    { fieldManager: fieldManagers.retention },
  );
}
