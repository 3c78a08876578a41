/** What counts as a node's failure on its target: what the agent reported, and what the controller recorded. */
import { digestOf, targetDigestOf } from './digest.ts';
import { barringOf, isPrepared } from './on-host.ts';
import type { HostView } from './host-view.ts';
import type { NodeTargetView } from './projection.ts';

export interface Failure {
  reason: string;
  message: string;
  /** The node had its go-ahead: its budget stays taken. */
  rebooted: boolean;
  /** Nothing will happen on the node by itself any more: its cordon may be lifted once it is Ready. */
  settled: boolean;
}

/** Names one failure on one host, so that it can be told from a later one without comparing clocks. */
export function failureKey(failure: { digest: string; time: string }): string {
  return `${failure.digest}/${failure.time}`;
}

const quoting = '; its agent says ';

/** What the agent says is wrong, as the end of a message. */
export function quoteOf({ trouble }: NodeTargetView): string {
  return trouble === undefined ? '' : `${quoting}${trouble}`;
}

/** A message without what a quoted agent says beside its reason, which may be worded anew each time. */
export function withoutWording(message: string): string {
  const start = message.indexOf(quoting);
  const end = start === -1 ? -1 : message.indexOf(':', start);
  return end === -1 ? message : message.slice(0, end);
}

/** The failure that the API objects speak of; deadlines are the caller's. */
export function failureOf(nodeTarget: NodeTargetView): Failure | undefined {
  return nodeTarget.state === 'Booted' ? bootFailure(nodeTarget) : (stageFailure(nodeTarget) ?? recordedFailure(nodeTarget));
}

function bootFailure(nodeTarget: NodeTargetView): Failure | undefined {
  const { approval, verdict } = nodeTarget;
  const remembered = newest(failuresOf(nodeTarget).filter(f => f.approval === approval));
  if (verdict && verdict.approval === approval && verdict.type !== 'Succeeded') {
    const message = verdict.message || remembered?.message || `the boot ended as ${verdict.type}`;
    return { reason: verdict.type, message, rebooted: true, settled: true };
  }
  return (
    remembered && { reason: remembered.reason, message: remembered.message || remembered.reason, rebooted: true, settled: true }
  );
}

/**
 * A digest that failed to boot on this host stays failed, also when the pool comes back to it later, until a person allows another
 * try. A digest that could not be staged is forgotten as soon as it is staged.
 */
function stageFailure(nodeTarget: NodeTargetView): Failure | undefined {
  const { host, digests, retried, image } = nodeTarget;
  if (host?.phase === 'Unmanaged')
    return before('Unmanaged', 'the host was not booted from a bootable container image: install one on it (bootc install)');
  const open = failuresOf(nodeTarget).filter(f => !retried.includes(failureKey(f)));
  const boot = newest(open.filter(f => f.approval !== undefined));
  if (boot) {
    const what = `${digestOf(image)}${digests.includes(boot.digest) ? '' : ' with these addons'}`;
    return before(boot.reason, `${what} failed on this node before: ${boot.message || boot.reason}`);
  }
  const stage = newest(open);
  return stage && !isStaged(nodeTarget) ? before(stage.reason, stage.message || stage.reason) : undefined;
}

/** What is remembered of failures of the target. */
function failuresOf(nodeTarget: NodeTargetView): HostView['failures'] {
  const failures = nodeTarget.host?.failures ?? [];
  if (failures.length === 0) return failures;
  const barring = barringOf(nodeTarget);
  return failures.filter(f => barring.includes(f.digest));
}

/** Locked or not. */
function isStaged(nodeTarget: NodeTargetView): boolean {
  const { host, digests } = nodeTarget;
  const isThere = [host?.staged?.digest, host?.booted].some(digest => digest !== undefined && digests.includes(digest));
  return isThere && isPrepared(nodeTarget);
}

/** A drain that ran out of time leaves no other trace once the cordon is lifted, so the controller's own record counts. */
function recordedFailure(nodeTarget: NodeTargetView): Failure | undefined {
  const { rollout, since } = nodeTarget;
  if (rollout?.phase !== 'Failed' || rollout.reason !== 'DrainTimeout' || rollout.digest !== targetDigestOf(nodeTarget))
    return undefined;
  return Date.parse(rollout.since) >= since ? before(rollout.reason, rollout.message) : undefined;
}

function before(reason: string, message: string): Failure {
  return { reason, message, rebooted: false, settled: true };
}

function newest(failures: HostView['failures']): HostView['failures'][number] | undefined {
  return failures.reduce<HostView['failures'][number] | undefined>((a, b) => (!a || b.time >= a.time ? b : a), undefined);
}
