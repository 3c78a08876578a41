/** What hosts have of addons, in the model. */
import { approvedIn } from '../../controller/api/approval.ts';
import { targetDigestOf } from '../../controller/rollout/digest.ts';
import type { NodeTargetView } from '../../controller/rollout/projection.ts';
import { type Machine, mergedIn } from './machine.ts';

/** A go-ahead that the agent acts on and has not used. To an agent of before, one for the running host is for another target. */
export function goAheadOf(
  { host, verdict }: Machine,
  nodeTarget: NodeTargetView,
): { approval: string; live: boolean } | undefined {
  const { approval } = nodeTarget;
  if (nodeTarget.state !== 'Booted' || approval === undefined) return undefined;
  if (verdict?.approval === approval || host.failures.some(f => f.approval === approval)) return undefined;
  const { digest, live } = approvedIn(approval);
  return digest === targetDigestOf(nodeTarget) && (host.canApply === true || !live) ? { approval, live } : undefined;
}

/** What is locked is gone with the boot; for anything else that is staged the agent waits until a person has taken it away. */
export function clearStaged(machine: Machine, wanted: string): 'clear' | 'waits' {
  const { host } = machine;
  if (host.booted !== wanted || !host.staged || host.staged.digest === wanted) return 'clear';
  if (!host.staged.locked) return 'waits';
  const { staged: _, ...rest } = host;
  machine.host = rest;
  return 'clear';
}

/** What an agent says of its host: one that cannot merge addons does not know of them. */
export function saidOf(host: Machine['host']): Machine['host'] {
  if (host.canMerge) return structuredClone(host);
  const { prepared: _, ...rest } = host;
  return structuredClone(withSet(rest, undefined));
}

export function withSet(host: Machine['host'], set: string | undefined): Machine['host'] {
  const { set: _, merged: __, ...rest } = host;
  return { ...rest, ...setFields(set) };
}

export function setFields(set: string | undefined): Pick<Machine['host'], 'set' | 'merged'> {
  const merged = mergedIn(set);
  return { ...(set === undefined ? {} : { set }), ...(merged ? { merged } : {}) };
}

/** Whether the boot to come merges what it is to. */
export function isReady({ prepared, booted }: Machine['host'], wanted: string, set: string | undefined): boolean {
  if (set === undefined && booted !== wanted) return prepared?.image !== wanted || prepared.set === undefined;
  return prepared?.image === wanted && prepared.set === set;
}
