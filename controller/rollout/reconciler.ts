/** SystemPool: find out the target, plan, carry the plan out, evict, go on, and say in status how far it is. */
import type { Client } from '../kube/client.ts';
import type { Reconcile, ReconcileContext, Result } from '../kube/controller.ts';
import { isNotFound } from '../kube/errors.ts';
import { WaitingError } from '../api/errors.ts';
import { systempools } from '../api/system-pool.ts';
import { metrics } from '../telemetry/metrics.ts';
import { Comparisons } from './comparisons.ts';
import { finish, retire } from './finish.ts';
import { Pass } from './pass.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import { PoolTrust } from './pool-trust.ts';
import { projectSystemPool, type SystemPoolView } from './projection.ts';
import { PullSecrets } from './pull-secrets.ts';
import { isRefusal, sayRefused } from './refusal.ts';
import { Setbacks } from './setbacks.ts';
import { Systems } from './systems.ts';
import { Written } from './written.ts';

/** The states of scantling_pool_nodes. */
const nodeCounts = ['total', 'updated', 'staged', 'updating', 'unavailable', 'failed'];
const syncPollMs = 200;

export function createPoolReconciler(dependencies: PoolDependencies): { reconcile: Reconcile } {
  const { client, namespaces, now, stores } = dependencies;
  const trust = new PoolTrust({ trust: dependencies.trust, now });
  const isAllowed = (pool: string, image: string): boolean => trust.allows(pool, image);
  const memory: PoolMemory = {
    pools: new Written(stores.pools),
    nodes: new Written(stores.nodes),
    nodeTargets: new Written(stores.nodeTargets),
    statusWrittenAt: new Map(),
    drainedAt: new Map(),
    blockedSince: new Map(),
    refusals: new Setbacks(),
    lookUps: new Setbacks(),
    pullSecrets: new PullSecrets({ client, namespaces, now }),
    systems: new Systems({ read: dependencies.readSystem, now, isAllowed }),
    comparisons: new Comparisons({ compare: dependencies.compareAddons, now }),
    trust,
  };
  return { reconcile: (name, context) => reconcilePool(dependencies, memory, name, context) };
}

async function reconcilePool(o: PoolDependencies, memory: PoolMemory, name: string, context: ReconcileContext): Promise<Result> {
  // A store that has not been filled shows a cluster without nodes, which is never the truth.
  for (const [kind, store] of Object.entries(o.stores)) {
    if (!store.synced) throw new WaitingError('CacheNotSynced', `the cache of ${kind} is not filled yet`, syncPollMs);
  }
  if (!memory.trust.isReady) throw new WaitingError('TrustNotLoaded', 'the trust policies are not read yet', syncPollMs);
  const pool = memory.pools.get(name) ?? (await livePool(o.client, memory, name));
  if (!pool) {
    for (const state of nodeCounts) metrics.poolNodes.remove({ pool: name, state });
    metrics.rolloutSeconds.remove({ pool: name });
    metrics.trustUntrustedNodes.remove({ pool: name });
    metrics.trustUnjudgedNodes.remove({ pool: name });
    memory.statusWrittenAt.delete(name);
    memory.refusals.keep(name, []);
    memory.lookUps.keep(name, []);
    memory.pullSecrets.forget(name);
    memory.trust.forget(name);
    return retire(o, memory, name, context);
  }
  try {
    return await (pool.deleting ? finish(o, memory, pool, context) : new Pass(o, memory, pool, context).run());
  } catch (error) {
    if (isRefusal(error)) await sayRefused(o, memory, memory.pools.get(name) ?? pool, { error, context });
    throw error;
  }
}

/** A pool that only the cache lacks is not gone. */
async function livePool(client: Client, memory: PoolMemory, name: string): Promise<SystemPoolView | undefined> {
  try {
    const pool = projectSystemPool(await client.get(systempools, name));
    memory.pools.wrote(pool);
    return pool;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
