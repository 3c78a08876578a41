/** The end of a pool: approved nodes finish, targets and marks are taken off, then it may go. */
import { conditionsOf } from '../api/conditions.ts';
import { fieldManagers, poolFinalizer } from '../api/names.ts';
import { systempools } from '../api/system-pool.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { judgeLeft } from './find-target.ts';
import { actAll, maxRefusals, type Refusal } from './perform.ts';
import { type Plan, plan } from './plan.ts';
import type { PoolState } from './pool-state.ts';
import { projectSystemPool, type SystemPoolView } from './projection.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import { goneState, poolStateOf, type Views } from './snapshot.ts';
import { statusChange } from './status.ts';

/** Takes everything of a pool that is being deleted off its nodes, and then its finalizer. */
export async function finish(
  o: PoolDependencies,
  memory: PoolMemory,
  pool: SystemPoolView,
  context: ReconcileContext,
): Promise<Result> {
  if (!pool.finalizers.includes(poolFinalizer)) return {};
  const frozen = { reason: 'Deleting', message: 'being deleted' };
  const trust = await judgeLeft({ o, memory, pool });
  const stateOf = (views: Views, refused: readonly string[]): PoolState =>
    poolStateOf(pool, views, { now: o.now(), retry: false, drains: {}, frozen, refused, trust });
  const { made, refusal } = await takeOff(o, memory, { pool, context }, stateOf);
  if (refusal) throw refusal.error;
  if (made.departing.length > 0) {
    await say(o, memory, pool, made);
    return { requeueAfterMs: made.nextCheckMs ?? 1_000 };
  }
  if (pool.status.pullSecret) await memory.pullSecrets.remove(pool.name);
  const finalizers = pool.finalizers.filter(f => f !== poolFinalizer);
  // The status written just now moved the version; the finalizers are what must be as they were seen.
  const body = { metadata: { resourceVersion: pool.resourceVersion, finalizers } };
  const options = { fieldManager: fieldManagers.rollout };
  const written = projectSystemPool(await o.client.mergePatch(systempools, pool.name, body, options));
  // Without a finalizer it is gone by now, and its deletion may have been seen before this answer.
  if (written.finalizers.length === 0) memory.pools.removed(written);
  else memory.pools.wrote(written);
  return {};
}

/** Takes off what a pool left behind that went without its finalizer. */
export async function retire(o: PoolDependencies, memory: PoolMemory, name: string, context: ReconcileContext): Promise<Result> {
  const stateOf = (views: Views, refused: readonly string[]): PoolState => goneState(name, views, { now: o.now(), refused });
  const { refusal } = await takeOff(o, memory, { pool: undefined, context }, stateOf);
  if (refusal) throw refusal.error;
  return {};
}

/** Takes off what can be taken off, also where a node refuses it; returns the last plan and the first refusal. */
async function takeOff(
  o: PoolDependencies,
  memory: PoolMemory,
  scene: { pool: SystemPoolView | undefined; context: ReconcileContext },
  stateOf: (views: Views, refused: readonly string[]) => PoolState,
): Promise<{ made: Plan; refusal: Refusal | undefined }> {
  const refusals: Refusal[] = [];
  for (;;) {
    const views = viewsOf(memory);
    const made = plan(
      stateOf(
        views,
        refusals.map(r => r.node),
      ),
    );
    const refusal = await actAll(o, memory, { ...scene, views }, made.actions);
    if (!refusal) return { made, refusal: refusals[0] };
    refusals.push(refusal);
    if (refusals.length >= maxRefusals) throw refusal.error;
  }
}

async function say(o: PoolDependencies, memory: PoolMemory, pool: SystemPoolView, { summary }: Plan): Promise<void> {
  const { reason, message } = summary.outcome;
  const outcome = { kind: 'Progressing' as const, reason, message };
  const status = {
    ...pool.status,
    conditions: conditionsOf(pool.status.conditions, pool.generation, outcome, new Date(o.now())),
  };
  if (statusChange(pool.status, status) === 'none') return;
  const written = await o.client.applyStatus(
    systempools,
    { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', metadata: { name: pool.name, uid: pool.uid }, status },
    { fieldManager: fieldManagers.rollout },
  );
  memory.pools.wrote(projectSystemPool(written));
}

function viewsOf({ pools, nodes, nodeTargets }: PoolMemory): Views {
  return { pools: pools.list(), nodes: nodes.list(), nodeTargets: nodeTargets.list() };
}
