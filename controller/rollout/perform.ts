/** Carries out the actions of a plan. */
import type { ReconcileContext } from '../kube/controller.ts';
import { metrics } from '../telemetry/metrics.ts';
import { type Acting, carryOut } from './act.ts';
import type { Action } from './actions.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import type { SystemPoolView } from './projection.ts';
import type { Views } from './snapshot.ts';

/** Carries out actions in their order, and none after one that failed. */
export async function actAll(
  o: PoolDependencies,
  memory: PoolMemory,
  { pool, views, context }: { pool: SystemPoolView | undefined; views: Views; context: ReconcileContext },
  actions: readonly Action[],
): Promise<void> {
  if (actions.length === 0) return;
  const acting: Acting = {
    client: o.client,
    nodes: memory.nodes,
    nodeTargets: memory.nodeTargets,
    ...(pool ? { pool } : {}),
    seen: {
      nodes: new Map(views.nodes.map(n => [n.name, n])),
      nodeTargets: new Map(views.nodeTargets.map(t => [t.name, t])),
    },
  };
  for (const action of actions) {
    context.signal.throwIfAborted();
    await carryOut(acting, action);
    context.log.info({ node: action.node, ...logged(action) }, `rollout: ${action.type}`);
    if (action.type === 'uncordon' && action.proven && pool) {
      metrics.rolloutSeconds.observe({ pool: pool.name }, (o.now() - action.cordon.since) / 1000);
    }
  }
}

function logged(action: Action): object {
  if (action.type === 'target') return { image: action.target.image };
  if (action.type === 'approve') return { approval: action.approval };
  if (action.type === 'report') return { reason: action.rollout?.reason, message: action.rollout?.message };
  return {};
}
