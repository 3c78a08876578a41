/** What counts as a node's failure on its target: what the agent reported, and what the controller recorded. */
import { digestOf } from './digest.ts';
import type { HostView, NodeTargetView } from './projection.ts';

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

function bootFailure({ approval, verdict, host, digests }: NodeTargetView): Failure | undefined {
  const remembered = newest(host?.failures.filter(f => f.approval === approval && digests.includes(f.digest)));
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
function stageFailure({ host, digests, retried, image }: NodeTargetView): Failure | undefined {
  if (host?.phase === 'Unmanaged')
    return before('Unmanaged', 'the host was not booted from a bootable container image: install one on it (bootc install)');
  const open = host?.failures.filter(f => digests.includes(f.digest) && !retried.includes(failureKey(f)));
  const boot = newest(open?.filter(f => f.approval !== undefined));
  if (boot) return before(boot.reason, `${digestOf(image)} failed on this node before: ${boot.message || boot.reason}`);
  const stage = newest(open);
  const staged = host?.staged !== undefined && digests.includes(host.staged.digest);
  return stage && !staged ? before(stage.reason, stage.message || stage.reason) : undefined;
}

/** A drain that ran out of time leaves no other trace once the cordon is lifted, so the controller's own record counts. */
function recordedFailure({ rollout, image, since }: NodeTargetView): Failure | undefined {
  if (rollout?.phase !== 'Failed' || rollout.reason !== 'DrainTimeout' || rollout.digest !== digestOf(image)) return undefined;
  return Date.parse(rollout.since) >= since ? before(rollout.reason, rollout.message) : undefined;
}

function before(reason: string, message: string): Failure {
  return { reason, message, rebooted: false, settled: true };
}

function newest(failures: HostView['failures'] | undefined): HostView['failures'][number] | undefined {
  return failures?.reduce<HostView['failures'][number] | undefined>((a, b) => (!a || b.time >= a.time ? b : a), undefined);
}
