/**
 * One pass of a drain: lists the pods of a node and asks for the eviction of what may go. It keeps nothing: the next pass finds what
 * is left. Pods are never deleted, only evicted.
 */
import { type Pod, pods } from '../api/core.ts';
import { messageOf } from '../api/errors.ts';
import type { Client } from '../kube/client.ts';
import { ApiError, isConflict, isNotFound, isTooManyRequests } from '../kube/errors.ts';
import { type DrainRules, type PodStep, podStep } from './pod.ts';
import type { DrainReport } from './pool-state.ts';

export interface DrainOptions extends DrainRules {
  gracePeriodSeconds?: number;
  now: number;
}

type Blocked = NonNullable<DrainReport['blocked']>;

const pageSize = 500;

/** Evicts what it may from the node. Throws only when the API server does not answer or is too busy. */
export async function drainNode(client: Client, node: string, options: DrainOptions): Promise<DrainReport> {
  const steps = (await podsOf(client, node)).map(pod => ({ pod, step: podStep(pod, options, options.now) }));
  const left = steps.filter(({ step }) => step.kind !== 'ignore');
  if (left.length === 0) return { drained: true };
  const blocked = left.map(({ step }) => step).filter(step => step.kind === 'blocked');
  // As kubectl does: when the drain cannot end anyway, no pod is disturbed for it. A pod that is only late does not stop the others.
  if (blocked.some(b => b.reason !== 'PodTerminating')) return { drained: false, blocked: summaryOf(blocked) };
  const refused: Blocked[] = [...blocked];
  for (const { pod, step } of left) {
    const refusal = step.kind === 'evict' ? await evict(client, pod, options) : undefined;
    if (refusal) refused.push(refusal);
  }
  return { drained: false, ...(refused.length > 0 ? { blocked: summaryOf(refused) } : {}) };
}

/** The report with when its drain, of the cordon it has now, began to be found blocked; `memory` keeps that from look to look. */
export function withBlockedSince(
  memory: Map<string, number>,
  node: string,
  report: DrainReport,
  { cordonedAt = 0, now }: { cordonedAt: number | undefined; now: number },
): DrainReport {
  const last = memory.get(node) ?? 0;
  memory.delete(node);
  if (!report.blocked) return report;
  const blockedSince = last < cordonedAt || last === 0 ? now : last;
  memory.set(node, blockedSince);
  return { ...report, blockedSince };
}

/** All pods of a node, as the API server has them now. */
async function podsOf(client: Client, node: string): Promise<Pod[]> {
  const out: Pod[] = [];
  let next: string | undefined;
  do {
    const page = await client.list(pods, {
      fieldSelector: `spec.nodeName=${node}`,
      limit: pageSize,
      ...(next === undefined ? {} : { continue: next }),
    });
    out.push(...page.items);
    next = page.metadata.continue === '' ? undefined : page.metadata.continue;
  } while (next !== undefined);
  return out.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** Why the pod may not be evicted; undefined when it goes, or is gone. */
async function evict(client: Client, pod: Pod, { gracePeriodSeconds }: DrainOptions): Promise<Blocked | undefined> {
  const { name, namespace = '', uid } = pod.metadata;
  try {
    await client.evict(
      { name, namespace, ...(uid === undefined ? {} : { uid }) },
      gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds },
    );
    return undefined;
  } catch (error) {
    // 404: gone; 409: another pod of that name by now. The next pass sees what is there.
    if (isNotFound(error) || isConflict(error)) return undefined;
    if (!(error instanceof ApiError)) throw error;
    const cause = error.causes.find(c => c.reason === 'DisruptionBudget');
    if (cause)
      return { reason: 'PodDisruptionBudget', message: `pod ${namespace}/${name}: ${cause.message ?? messageOf(error)}` };
    // Without a budget's word 429 is the server's own load.
    if (isTooManyRequests(error)) throw error;
    return { reason: 'EvictionRefused', message: `pod ${namespace}/${name}: ${messageOf(error)}` };
  }
}

/** The first three, named; a blocked drain is mostly blocked by one thing. */
function summaryOf(blocked: readonly (Blocked | (PodStep & { kind: 'blocked' }))[]): Blocked {
  const shown = blocked.slice(0, 3).map(b => b.message);
  const more = blocked.length > 3 ? ` and ${blocked.length - 3} more` : '';
  return { reason: blocked[0]?.reason ?? 'EvictionRefused', message: shown.join('; ') + more };
}

function keyOf(pod: Pod): string {
  return `${pod.metadata.namespace ?? ''}/${pod.metadata.name}`;
}

/** How long until a drain that has been at work for `elapsedMs` is looked at again: 1 s at first, 30 s in the end. */
export function drainPaceMs(elapsedMs: number): number {
  return Math.min(30_000, Math.max(1_000, elapsedMs / 10));
}
