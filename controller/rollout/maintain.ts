/** What has to be done on nodes whatever else goes on: records of failures, cordons that are over, nodes that left. */
import { nodeTargetFinalizer } from '../api/names.ts';
import type { NodeTargetStatusRollout } from '../api/node-target.ts';
import { forgivenFailures, isBeyondRecall, isOfAnother, mayGoDown, type Member } from './classify.ts';
import { newCordon } from './cordon.ts';
import { targetDigestOf } from './digest.ts';
import { act, type Draft, type Entry, isRefused, isRefusedTarget, isUnjudgedTarget, mayStart, targetOf } from './draft.ts';
import { withoutWording } from './failure.ts';
import type { Departed } from './pool-state.ts';
import type { NodeTargetView } from './projection.ts';

/** A drain is worth a word in status only when every look has found it held up for longer than this. */
export const reportAfterMs = 10_000;

/** Gives every node that failed on the target another try. */
export function retryFailed(draft: Draft): void {
  const { target, now } = draft.pool;
  for (const entry of draft.entries) {
    const { member, state } = entry;
    if (state.kind !== 'Failed' || member.conflicts.length > 0 || !member.nodeTarget || !target || !mayStart(entry)) continue;
    // Later than the record of the failure, which counts from then on as one of the time before.
    const recorded = Date.parse(member.nodeTarget.rollout?.since ?? '') || 0;
    const since = Math.max(now, recorded + 1);
    const retried = forgivenFailures(member.nodeTarget);
    const { addons } = member.nodeTarget;
    act(draft, entry, { type: 'target', node: member.node.name, ...targetOf(draft, target, addons), since, retried });
  }
}

/**
 * Takes away a target that is over: one of another machine that had this node's name, whose go-ahead must not be this one's, and one that
 * is being deleted and waits only for us.
 */
export function discard(draft: Draft, entry: Entry): void {
  const { node, nodeTarget } = entry.member;
  if (nodeTarget?.pool !== draft.pool.pool) return;
  const released = isOfAnother(nodeTarget, node) || (nodeTarget.deleting && !mayGoDown(node, nodeTarget, draft.around));
  if (released && isOurs(nodeTarget)) act(draft, entry, { type: 'remove', node: node.name });
}

/** Whether there is something to do for it to go: deleted already, it may only wait for others. */
function isOurs({ deleting, finalizers }: NodeTargetView): boolean {
  return !deleting || finalizers.includes(nodeTargetFinalizer);
}

/** Writes or clears the node's record, where it must change. */
export function record(draft: Draft, entry: Entry): void {
  const { nodeTarget } = entry.member;
  if (!nodeTarget || entry.state.kind === 'Held' || entry.state.kind === 'New') return;
  const wanted = wantedRecord(draft, entry);
  if (wanted === 'keep' || same(nodeTarget.rollout, wanted)) return;
  const node = entry.member.node.name;
  act(draft, entry, { type: 'report', node, ...(wanted ? { rollout: wanted } : {}) });
}

function wantedRecord(draft: Draft, { member, state }: Entry): NodeTargetStatusRollout | undefined | 'keep' {
  if (state.kind === 'Failed') return say(draft, member, { phase: 'Failed', reason: state.reason, message: state.message });
  if (member.conflicts.length > 0) {
    const pools = [draft.pool.pool, ...member.conflicts].toSorted().join(', ');
    const message = `selected by the SystemPools ${pools}; none of them moves it`;
    return say(draft, member, { phase: 'Conflict', reason: 'NodeConflict', message });
  }
  if (state.kind !== 'Draining') return undefined;
  const drain = draft.pool.drains[member.node.name];
  if (!drain) return member.nodeTarget?.rollout?.phase === 'Draining' ? 'keep' : undefined;
  if (!drain.blocked || drain.drained) return undefined;
  const record = say(draft, member, { phase: 'Draining', ...drain.blocked });
  // What a process before this one has said goes on; what this one finds, after a while in which nobody drained, may pass in a second.
  if (!isOfDrain(member.nodeTarget?.rollout, record) && draft.pool.now - (drain.blockedSince ?? draft.pool.now) < reportAfterMs)
    return undefined;
  return { ...record, deadline: new Date(state.deadline).toISOString() };
}

/** Whether a record was made in the drain for the same order, whatever held that up then. */
function isOfDrain(last: NodeTargetStatusRollout | undefined, now: NodeTargetStatusRollout): boolean {
  return last?.phase === 'Draining' && last.digest === now.digest;
}

/** A record that says the same of the same order in other words goes on from when it began. */
function say(
  draft: Draft,
  { nodeTarget }: Member,
  said: Pick<NodeTargetStatusRollout, 'phase' | 'reason' | 'message'>,
): NodeTargetStatusRollout {
  const now = new Date(draft.pool.now).toISOString();
  const record = { ...said, message: limit(said.message), since: now, digest: nodeTarget ? targetDigestOf(nodeTarget) : '' };
  const last = nodeTarget?.rollout;
  const goesOn = last && isAbout(last, record) && Date.parse(last.since) >= nodeTarget.since;
  return goesOn ? { ...record, since: last.since } : record;
}

function isAbout(a: NodeTargetStatusRollout, b: NodeTargetStatusRollout): boolean {
  return a.phase === b.phase && a.reason === b.reason && a.digest === b.digest;
}

/** Equal but for `since`, which keeps its first value, and for the wording of what the agent says. */
function same(a: NodeTargetStatusRollout | undefined, b: NodeTargetStatusRollout | undefined): boolean {
  if (!a || !b) return a === b;
  return isAbout(a, b) && withoutWording(a.message) === withoutWording(b.message);
}

/** Lifts our cordon where it has no purpose any more, and puts it back where somebody lifted it during the reboot. */
export function maintainCordon(draft: Draft, entry: Entry): void {
  const { node, nodeTarget } = entry.member;
  if (node.cordon?.pool === draft.pool.pool && isOver(entry)) {
    act(draft, entry, { type: 'uncordon', node: node.name, cordon: node.cordon, proven: entry.state.kind === 'Returned' });
  } else if (entry.state.kind === 'Rebooting' && !entry.state.open && !node.unschedulable && nodeTarget) {
    cordonAgain(draft, entry, nodeTarget);
  }
}

/** A person who lifts the cordon during the slot means it for afterwards: nothing of an earlier cordon is left to restore. */
export function cordonAgain(draft: Draft, entry: Entry, nodeTarget: NodeTargetView): void {
  const { node } = entry.member;
  const { pool, now } = draft.pool;
  const own = node.cordon?.pool === pool ? { ...node.cordon, wasUnschedulable: false } : undefined;
  act(draft, entry, {
    type: 'cordon',
    node: node.name,
    cordon: own ?? newCordon({ pool, target: targetDigestOf(nodeTarget), now, wasUnschedulable: false }),
  });
}

function isOver({ member, state }: Entry): boolean {
  switch (state.kind) {
    case 'Returned':
    case 'New':
    case 'Held':
    case 'Staging':
    case 'Staged':
    case 'Updated':
      return true;
    case 'Outdated':
      // While an approval is outstanding the node may still reboot; moving it to the new target takes that back.
      return !state.away;
    case 'Failed':
      return !state.rebooted || (state.settled && member.node.ready);
    case 'Draining':
    case 'Rebooting':
      return false;
  }
}

/**
 * Takes our things off a node that left: first the target, which takes an outstanding approval back, then the cordon. A node that was
 * approved to reboot finishes first, for it would reboot under whatever is scheduled on it meanwhile. Returns whether it must wait.
 */
export function release(draft: Draft, departed: Departed): boolean {
  const { node, nodeTarget, name } = departed;
  const { pool } = draft.pool;
  if (node && nodeTarget && !isOfAnother(nodeTarget, node) && mayGoDown(node, nodeTarget, draft.around)) {
    // What trust does not allow, or nobody can judge, is not waited for, unless it cannot be called back any more.
    const recalled = isRefusedTarget(draft, nodeTarget) || isUnjudgedTarget(draft, nodeTarget);
    if (!recalled || isBeyondRecall(node, nodeTarget, draft.around)) return true;
  }
  // What is left of us on it keeps the pool until it may be taken off.
  if (isRefused(draft, name)) return (nodeTarget && isOurs(nodeTarget)) || node?.cordon?.pool === pool;
  if (nodeTarget && isOurs(nodeTarget)) draft.actions.push({ type: 'remove', node: name });
  if (node?.cordon?.pool === pool) {
    draft.actions.push({ type: 'uncordon', node: name, cordon: node.cordon, proven: false });
  }
  return false;
}

/** The API's limit on the message. */
function limit(text: string): string {
  return text.length <= 1024 ? text : `${text.slice(0, 1023)}…`;
}
