/**
 * What the API server does not let the controller write: a right that is missing, an admission policy of somebody else, an object that is
 * invalid. It ends every pass at the same place, so a person has to hear of it where they look first.
 */
import { conditionsOf } from '../api/conditions.ts';
import { messageOf } from '../api/errors.ts';
import { fieldManagers } from '../api/names.ts';
import { systempools } from '../api/system-pool.ts';
import type { ReconcileContext } from '../kube/controller.ts';
import { ApiError } from '../kube/errors.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import { projectSystemPool, type SystemPoolView } from './projection.ts';
import { statusChange } from './status.ts';

/** Whether the error will not pass by itself in a moment. Conflicts, load and server errors do. */
export function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && [400, 403, 422].includes(error.status);
}

/** Says it in the pool's status. Never rejects: the refusal itself is what the pass ends with. */
export async function sayRefused(
  o: PoolDependencies,
  memory: PoolMemory,
  pool: SystemPoolView,
  { error, context }: { error: ApiError; context: ReconcileContext },
): Promise<void> {
  const { name, uid, generation } = pool;
  const status = { ...pool.status };
  status.conditions = conditionsOf(status.conditions, generation, { kind: 'Failed', error }, new Date(o.now()));
  if (statusChange(pool.status, status) === 'none') return;
  try {
    const written = await o.client.applyStatus(
      systempools,
      { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', metadata: { name, uid }, status },
      { fieldManager: fieldManagers.rollout },
    );
    memory.pools.wrote(projectSystemPool(written));
  } catch (failure) {
    context.log.warn({ reason: messageOf(failure) }, 'could not say in status what was refused');
    return;
  }
  const regarding = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', name, uid };
  o.events.record({ regarding, type: 'Warning', reason: error.reason, action: 'Rollout', note: messageOf(error) });
}
