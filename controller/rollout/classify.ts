/** What one node is in the course of its pool's rollout. Pure: projections and a time in, a state out. */
import { isLiveApproval } from '../api/approval.ts';
import { digestOf, targetDigestOf } from './digest.ts';
import { failureKey, failureOf, quoteOf, type Failure } from './failure.ts';
import { isOpen } from './live.ts';
import { barringOf, runs, runsTarget, stagedOf, type Target } from './on-host.ts';
import type { HostView } from './host-view.ts';
import type { AddonSet, NodeTargetView, NodeView } from './projection.ts';

/** Why nothing new starts on one node: it keeps what it has, and what is under way ends. `stalled` when a person has to do something. */
export interface Hold {
  reason: string;
  message: string;
  stalled?: true;
  /** Names of the addons that it is about, where it is about some. */
  addons?: readonly string[];
}

/** Milliseconds. */
export interface Timeouts {
  stage: number;
  drain: number;
  reboot: number;
}

export interface Member {
  node: NodeView;
  nodeTarget?: NodeTargetView;
  /** Other pools that select the node too. */
  conflicts: readonly string[];
  /** What it is to run over the pool's target. */
  addons?: AddonSet;
  /** Without `addons`: they are asked for, and it is not known which. With them: they may not be given. */
  hold?: Hold;
}

export interface Surroundings {
  pool: string;
  target?: Target;
  timeouts: Timeouts;
  now: number;
}

export type NodeState =
  /** Its NodeTarget belongs to another pool, or is on its way out. */
  | { kind: 'Held'; pool: string }
  /** Has no NodeTarget yet. */
  | { kind: 'New' }
  /**
   * Its NodeTarget names another image or other addons than it is to have, or it left the target again. `pulling`: it is staging them.
   * `runs`: it runs what it is to have already. `away`: an approval is outstanding, so it may still reboot.
   */
  | { kind: 'Outdated'; pulling: boolean; runs: boolean; away: boolean }
  | { kind: 'Staging'; deadline?: number }
  /** Holds the target staged. `locked` is false where the host cannot lock. */
  | { kind: 'Staged'; locked: boolean }
  /** Cordoned by us; its pods are being evicted. */
  | { kind: 'Draining'; since: number; deadline: number }
  /** Approved to reboot, or to change its addons as it runs (`live`), and not proven yet. `open`: it is not cordoned for that. */
  | { kind: 'Rebooting'; deadline: number; live?: true; open?: true }
  /** Runs its approved image and is Ready; our cordon is still there. */
  | { kind: 'Returned' }
  /** Runs the target. */
  | { kind: 'Updated' }
  /** Failed on the target. */
  | ({ kind: 'Failed' } & Failure);

/** The state of a member of the pool. */
export function classify(member: Member, around: Surroundings): NodeState {
  const { nodeTarget } = member;
  if (!nodeTarget) return { kind: 'New' };
  if (nodeTarget.pool !== around.pool) return { kind: 'Held', pool: nodeTarget.pool };
  const own = ownState(member.node, nodeTarget, around);
  // A go-ahead that was given is used, whoever has deleted the target since.
  if (nodeTarget.deleting && !mayGoDown(member.node, nodeTarget, around)) return { kind: 'Held', pool: nodeTarget.pool };
  if (isWanted(member, nodeTarget, around) || own.kind === 'Rebooting' || own.kind === 'Returned') return own;
  return outdated(member, nodeTarget, around, own);
}

/**
 * Whether its target is what the node is to have. Addons of which nobody knows what they are change nothing; and an agent that has not said yet whether it can
 * merge any has the image alone meanwhile.
 */
function isWanted({ addons, hold }: Member, nodeTarget: NodeTargetView, { target }: Surroundings): boolean {
  if (nodeTarget.image !== target?.image) return false;
  if (nodeTarget.addons?.digest === addons?.digest) return true;
  return (hold !== undefined && !addons) || (!nodeTarget.addons && !nodeTarget.host);
}

/** The state measured by the node's own target, whether or not that is still the pool's. */
function ownState(node: NodeView, nodeTarget: NodeTargetView, around: Surroundings): NodeState {
  return nodeTarget.state === 'Booted' ? approved(node, nodeTarget, around) : preparing(node, nodeTarget, around);
}

function outdated({ addons }: Member, nodeTarget: NodeTargetView, { target }: Surroundings, own: NodeState): NodeState {
  return {
    kind: 'Outdated',
    pulling: own.kind === 'Staging',
    runs: target !== undefined && runs(nodeTarget.host, { digests: target.digests, ...(addons ? { addons } : {}) }),
    away: own.kind === 'Failed' && own.rebooted && !own.settled,
  };
}

/** After the go-ahead: only a verdict for this very approval counts, which the agent can give only after the boot. */
function approved(node: NodeView, nodeTarget: NodeTargetView, around: Surroundings): NodeState {
  const failure = failureOf(nodeTarget);
  if (failure) return { kind: 'Failed', ...failure };
  const deadline = nodeTarget.since + around.timeouts.reboot;
  const verdict = nodeTarget.verdict?.approval === nodeTarget.approval ? nodeTarget.verdict : undefined;
  const isThere = runsTarget(nodeTarget);
  const rebooting: NodeState = { kind: 'Rebooting', deadline, ...kindOf(nodeTarget) };
  if (!verdict && around.now < deadline) return rebooting;
  // Without a verdict: it went down before the agent saw the go-ahead, and came up on the target, as a host without locks does.
  if (!verdict && !isThere) {
    const since = `since the go-ahead of ${iso(nodeTarget.since)}`;
    return failed('RebootTimeout', `is not back on ${nameOf(nodeTarget)} ${since}${quoteOf(nodeTarget)}`, true);
  }
  if (verdict && !isThere) return strayed(nodeTarget, verdict.bootID);
  if (node.cordon?.pool !== around.pool) return { kind: 'Updated' };
  if (node.ready && node.bootID !== undefined && node.bootID === nodeTarget.host?.bootID) return { kind: 'Returned' };
  if (around.now < deadline) return rebooting;
  return failed('NotReady', 'booted the target, but is not Ready', true);
}

function kindOf(nodeTarget: NodeTargetView): { live?: true; open?: true } {
  if (!isLiveApproval(nodeTarget.approval)) return {};
  return { live: true, ...(isOpen(nodeTarget) ? { open: true } : {}) };
}

/** The boot succeeded and yet something else runs: in the same boot that is a failure; after another one somebody changed it. */
function strayed(nodeTarget: NodeTargetView, verdictBootID: string): NodeState {
  if (nodeTarget.host?.bootID !== verdictBootID) return { kind: 'Outdated', pulling: false, runs: false, away: false };
  const { host, digests } = nodeTarget;
  const isImage = host?.booted !== undefined && digests.includes(host.booted);
  const [reason, what] = isImage ? ['WrongAddons', 'other addons'] : ['WrongImage', host?.booted ?? 'an unknown image'];
  return { ...failed(reason, `runs ${what} after the boot`, true), settled: true };
}

/** An agent reports every five minutes; three missed reports mean that nobody is there. */
export const silentAfterMs = 15 * 60_000;

/** What an agent does not break off, whatever becomes of its go-ahead. */
function isUnderWay(phase: HostView['phase']): boolean {
  return phase === 'Rebooting' || phase === 'Applying';
}

/**
 * Whether the agent has told its host to reboot, in the boot that still runs: then it goes down, whatever became of the go-ahead. Or changes its addons,
 * which it does to the end. An agent that is silent says nothing of that any more.
 */
export function isGoingDown(node: NodeView, { host }: NodeTargetView, now: number): boolean {
  if (!host || !isUnderWay(host.phase) || now - host.reportedAt > silentAfterMs) return false;
  return node.bootID === undefined || host.bootID === node.bootID;
}

/**
 * Whether a node may go down under a go-ahead of ours, so that what protects it has to stay. One that hangs on its way down holds up what
 * waits for it no longer than an agent may be silent.
 */
export function mayGoDown(node: NodeView, nodeTarget: NodeTargetView, around: Surroundings): boolean {
  if (ownState(node, nodeTarget, around).kind === 'Rebooting') return true;
  const { timeouts, now } = around;
  return isGoingDown(node, nodeTarget, now) && now < nodeTarget.since + timeouts.reboot + silentAfterMs;
}

/**
 * Whether a node is on its way into what its go-ahead was for, too far to be called back: its agent has told the host to reboot, or it has booted
 * since the agent last reported.
 */
export function isBeyondRecall(node: NodeView, nodeTarget: NodeTargetView, around: Surroundings): boolean {
  if (isGoingDown(node, nodeTarget, around.now)) return true;
  const { host } = nodeTarget;
  if (!host || ownState(node, nodeTarget, around).kind !== 'Rebooting') return false;
  const booted = host.bootID !== undefined && node.bootID !== undefined && host.bootID !== node.bootID;
  return booted || isUnderWay(host.phase);
}

/** The go-ahead was taken back too late. */
function goingDown(nodeTarget: NodeTargetView, { timeouts, now }: Surroundings): NodeState {
  const { since, host } = nodeTarget;
  const deadline = since + timeouts.reboot;
  const isLive = host?.phase === 'Applying';
  if (now < deadline) return { kind: 'Rebooting', deadline, ...(isLive ? { live: true, open: true } : {}) };
  const message = `is still ${isLive ? 'changing its addons' : 'going down'}, though its go-ahead was taken back at ${iso(since)}${quoteOf(nodeTarget)}`;
  return failed('RebootTimeout', message, true);
}

/** Before the go-ahead. */
function preparing(node: NodeView, nodeTarget: NodeTargetView, around: Surroundings): NodeState {
  if (isGoingDown(node, nodeTarget, around.now)) return goingDown(nodeTarget, around);
  if (runsTarget(nodeTarget)) return { kind: 'Updated' };
  const failure = failureOf(nodeTarget);
  if (failure) return { kind: 'Failed', ...failure };
  const staged = stagedOf(nodeTarget);
  if (!staged) return staging(node, nodeTarget, around);
  const { cordon } = node;
  const taken = cordon?.pool === around.pool && cordon.target === targetDigestOf(nodeTarget) && cordon.since >= nodeTarget.since;
  if (!taken) return { kind: 'Staged', locked: staged.locked };
  const deadline = cordon.since + around.timeouts.drain;
  if (around.now < deadline) return { kind: 'Draining', since: cordon.since, deadline };
  return failed('DrainTimeout', `could not be drained since ${iso(cordon.since)}`, false);
}

/**
 * A host that went down loses what it had staged and stages it again, and one that is not Ready cannot be expected to: the deadline
 * counts from the latest of these.
 */
function staging(node: NodeView, nodeTarget: NodeTargetView, { timeouts, now }: Surroundings): NodeState {
  if (!node.ready) return { kind: 'Staging' };
  const from = Math.max(nodeTarget.since, node.readySince, nodeTarget.unstagedAt ?? 0);
  const deadline = Math.min(from, now) + timeouts.stage;
  if (now < deadline) return { kind: 'Staging', deadline };
  const why = nodeTarget.host ? `has not staged ${nameOf(nodeTarget)}` : 'its agent has not reported';
  return failed('StageTimeout', `${why} since ${iso(from)}${quoteOf(nodeTarget)}`, false);
}

/** Whether a node of this state is taken away by us, whatever the Node object says. */
export function isAway(state: NodeState): boolean {
  switch (state.kind) {
    case 'Draining':
    case 'Rebooting':
    case 'Returned':
      return true;
    case 'Failed':
      return state.rebooted;
    case 'Outdated':
      return state.away;
    case 'Held':
    case 'New':
    case 'Staging':
    case 'Staged':
    case 'Updated':
      return false;
  }
}

/** Whether the node counts against the budget. */
export function isUnavailable(node: NodeView, state: NodeState): boolean {
  return !node.ready || node.unschedulable || isAway(state);
}

/** The failures that a retry forgives, as keys. */
export function forgivenFailures(nodeTarget: NodeTargetView): string[] {
  const failures = nodeTarget.host?.failures ?? [];
  if (failures.length === 0) return [];
  const barring = barringOf(nodeTarget);
  return failures.filter(f => barring.includes(f.digest)).map(failureKey);
}

/** Whether the target was written for another machine of this name: what it says of its host, and its go-ahead, are that machine's. */
export function isOfAnother(nodeTarget: NodeTargetView, node: NodeView): boolean {
  return nodeTarget.nodeUID !== undefined && nodeTarget.nodeUID !== node.uid;
}

function nameOf({ image, addons }: NodeTargetView): string {
  return `${digestOf(image)}${addons ? ' with its addons' : ''}`;
}

function failed(reason: string, message: string, rebooted: boolean): { kind: 'Failed' } & Failure {
  return { kind: 'Failed', reason, message, rebooted, settled: !rebooted };
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
