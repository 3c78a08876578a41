/** Carries out the actions of a plan. */
import type { ReconcileContext } from '../kube/controller.ts';
import { metrics } from '../telemetry/metrics.ts';
import { type Acting, carryOut } from './act.ts';
import type { Action } from './actions.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import type { ApiError } from '../kube/errors.ts';
import { artifactsOf } from './hold.ts';
import { trustChanged } from './pool-trust.ts';
import type { NodeTargetView, SystemPoolView } from './projection.ts';
import { isRefusal } from './refusal.ts';
import type { Views } from './snapshot.ts';

/** Nodes that may refuse a write in one pass; more of them, and it is no matter of single nodes. */
export const maxRefusals = 10;

/** A write for one node that the API server does not let us make. */
export interface Refusal {
  node: string;
  error: ApiError;
}

/**
 * Carries out actions in their order, and none after one that failed: what follows was planned as if that had been done. A refusal is
 * returned, for a plan that does without it; any other error is thrown, and may pass by itself.
 */
export async function actAll(
  o: PoolDependencies,
  memory: PoolMemory,
  { pool, views, context }: { pool: SystemPoolView | undefined; views: Views; context: ReconcileContext },
  actions: readonly Action[],
): Promise<Refusal | undefined> {
  if (actions.length === 0) return undefined;
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
    const used = usedBy(action, acting.seen.nodeTargets.get(action.node));
    const image = pool && used.find(of => !memory.trust.allows(pool.name, of));
    if (image !== undefined) throw trustChanged(image);
    try {
      await carryOut(acting, action);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      context.log.warn({ node: action.node, reason: error.reason }, `rollout: ${action.type} was refused: ${error.message}`);
      return { node: action.node, error };
    }
    context.log.info({ node: action.node, ...logged(action) }, `rollout: ${action.type}`);
    if (action.type === 'uncordon' && action.proven && pool) {
      metrics.rolloutSeconds.observe({ pool: pool.name }, (o.now() - action.cordon.since) / 1000);
    }
  }
  return undefined;
}

/** The image and addons that an action lets a node stage or boot; what only sets a node back is no use of them. */
export function usedBy(action: Action, nodeTarget: Pick<NodeTargetView, 'image' | 'addons'> | undefined): string[] {
  if (action.type === 'target') return action.back ? [] : artifactsOf(action.target);
  return action.type === 'approve' && nodeTarget ? artifactsOf(nodeTarget) : [];
}

function logged(action: Action): object {
  if (action.type === 'target') {
    const { image, addons } = action.target;
    return { image, ...(addons ? { addonSet: addons.digest } : {}) };
  }
  if (action.type === 'approve') return { approval: action.approval };
  if (action.type === 'report') return { reason: action.rollout?.reason, message: action.rollout?.message };
  return {};
}
