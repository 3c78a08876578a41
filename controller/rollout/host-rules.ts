/** Tells agents which rules their hosts are to have by the trust policies as they are now, so that they say when these are not the image's. Moves nothing. */
import { fieldManagers, hostRuleAnnotation } from '../api/names.ts';
import { nodetargets } from '../api/node-target.ts';
import type { ReconcileContext } from '../kube/controller.ts';
import { isNotFound } from '../kube/errors.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import { type NodeTargetView, projectNodeTarget } from './projection.ts';
import { isRefusal } from './refusal.ts';

/** Nodes that are told in one pass; a rollout is not to wait for all the others. */
const toldPerPass = 100;
/** Until the others are told. */
const againMs = 200;

/**
 * One small write for each NodeTarget of a pool for which the rule is another, and none for the others. An annotation, as it asks for nothing: the spec's generation, by which
 * reports are known to be of the newest order, stays. Returns milliseconds until there is more to tell.
 */
export async function tellHostRules(
  o: Pick<PoolDependencies, 'client' | 'hostRule'>,
  memory: Pick<PoolMemory, 'nodeTargets'>,
  pool: string,
  { signal, log }: Pick<ReconcileContext, 'signal' | 'log'>,
): Promise<number | undefined> {
  const rules = new Map<string, string | null | undefined>();
  const ruleOf = (image: string): string | null | undefined => {
    if (!rules.has(image)) rules.set(image, o.hostRule(image));
    return rules.get(image);
  };
  const differs = ({ image, hostRule }: NodeTargetView): boolean => {
    const rule = ruleOf(image);
    return rule !== undefined && rule !== (hostRule ?? null);
  };
  const open = memory.nodeTargets.list().filter(target => target.pool === pool && !target.deleting && differs(target));
  for (const { name, uid, image } of open.slice(0, toldPerPass)) {
    signal.throwIfAborted();
    const body = { metadata: { uid, annotations: { [hostRuleAnnotation]: ruleOf(image) } } };
    try {
      const told = await o.client.mergePatch(nodetargets, name, body, { fieldManager: fieldManagers.rollout });
      memory.nodeTargets.wrote(projectNodeTarget(told));
    } catch (error) {
      if (isNotFound(error)) continue;
      if (!isRefusal(error)) throw error;
      log.warn({ node: name, reason: error.reason }, `the rules for its host were refused: ${error.message}`);
    }
  }
  return open.length > toldPerPass ? againMs : undefined;
}
