/** Who may be away: keeps, gives and takes back slots, and gives the go-ahead. */
import { approvalOf } from './actions.ts';
import { CanaryTurns } from './canary.ts';
import { newCordon } from './cordon.ts';
import { targetDigestOf } from './digest.ts';
import {
  act,
  away,
  count,
  type Draft,
  type Entry,
  inOrder,
  isRefused,
  mayStart,
  reachable,
  silent,
  unavailable,
} from './draft.ts';
import { inSpec, type Live, liveNow } from './live.ts';
import { cordonAgain } from './maintain.ts';
import { compare } from './order.ts';
import type { NodeTargetView } from './projection.ts';

/** What the pool's slots come to. */
export interface Slots {
  max: number;
  /** Nothing new may start. */
  stopped: boolean;
}

/**
 * Takes back the slot of nodes that are not approved yet when nothing may start any more, or when more nodes are unavailable than
 * may be; the ones taken last go first. So does a node on which nothing may start. Of those that stay, a cordon that somebody lifted is put back.
 */
export function reviewDraining(draft: Draft, { max, stopped }: Slots): void {
  const draining = draft.entries.filter(e => e.state.kind === 'Draining').toSorted(byTurn);
  for (const entry of draining) {
    if (stopped || max === 0 || entry.member.conflicts.length > 0 || !mayStart(entry)) giveUp(draft, entry);
  }
  let lost = count(draft, unavailable);
  let slots = count(draft, away);
  for (const entry of draining.toReversed()) {
    const { node } = entry.member;
    if (entry.state.kind !== 'Draining') continue;
    const helps = node.ready && node.cordon?.wasUnschedulable !== true;
    if (slots > max || (lost > max && helps)) {
      if (isRefused(draft, node.name)) continue;
      giveUp(draft, entry);
      slots--;
      if (helps) lost--;
    } else if (!node.unschedulable && entry.member.nodeTarget) {
      cordonAgain(draft, entry, entry.member.nodeTarget);
    }
  }
}

function giveUp(draft: Draft, entry: Entry): void {
  const { node } = entry.member;
  if (node.cordon) act(draft, entry, { type: 'uncordon', node: node.name, cordon: node.cordon, proven: false });
}

function byTurn(a: Entry, b: Entry): number {
  return since(a) - since(b) || compare(a.member.node.name, b.member.node.name);
}

function since({ state }: Entry): number {
  return state.kind === 'Draining' ? state.since : 0;
}

/**
 * Takes nodes away, in order, while the budget lasts. A node that is unavailable already costs nothing of it, but needs a slot like
 * the others: a person's cordon does not mean that the node is empty. Until the canary is proven nobody else has a turn, and until one of those with the same addons is, nobody else of them.
 */
export function take(draft: Draft, { max, stopped }: Slots): void {
  const { pool, now, target } = draft.pool;
  if (stopped || max === 0 || !target) return;
  const ready = draft.entries.filter(e => mayBeTaken(e, now) && !isRefused(draft, e.member.node.name));
  if (ready.length === 0) return;
  const canary = new CanaryTurns(draft);
  let turns = max - count(draft, away);
  let free = max - count(draft, unavailable);
  for (const entry of inOrder(draft, ready, e => (unavailable(e) ? 0 : 1))) {
    if (turns <= 0) return;
    const cost = unavailable(entry) ? 0 : 1;
    if (cost > free || !canary.has(entry)) continue;
    const { nodeTarget } = entry.member;
    if (!nodeTarget) continue;
    const { name, unschedulable } = entry.member.node;
    // Never before the target's own time, whichever clock set that: an older cordon counts as one of the time before.
    const since = Math.max(now, nodeTarget.since);
    const live = liveNow(nodeTarget, entry.member.addons);
    const cordon = newCordon({ pool, target: targetDigestOf(nodeTarget), now: since, wasUnschedulable: unschedulable });
    if (live && !live.drain) giveGoAhead(draft, entry, nodeTarget, live);
    else act(draft, entry, { type: 'cordon', node: name, cordon });
    turns--;
    canary.use(entry);
    free -= cost;
  }
}

function mayBeTaken(entry: Entry, now: number): boolean {
  const { state, member } = entry;
  return state.kind === 'Staged' && member.conflicts.length === 0 && mayStart(entry) && reachable(entry) && !silent(entry, now);
}

/** Gives drained nodes the go-ahead; returns the names of those whose pods have to go first. */
export function approve(draft: Draft): string[] {
  const { drain, drains } = draft.pool;
  const waiting: string[] = [];
  for (const entry of draft.entries) {
    const { node, nodeTarget } = entry.member;
    if (entry.state.kind !== 'Draining' || !nodeTarget || !node.unschedulable || !mayStart(entry)) continue;
    if (drain && drains[node.name]?.drained !== true) waiting.push(node.name);
    else if (reachable(entry)) {
      const live = liveNow(nodeTarget, entry.member.addons);
      giveGoAhead(draft, entry, nodeTarget, live && { drain: true });
    }
  }
  return waiting;
}

/** For a reboot, or for the running host. */
function giveGoAhead(draft: Draft, entry: Entry, nodeTarget: NodeTargetView, live: Live | undefined): void {
  const { now } = draft.pool;
  act(draft, entry, {
    type: 'approve',
    node: entry.member.node.name,
    approval: approvalOf(now, targetDigestOf(nodeTarget), live !== undefined),
    since: now,
    ...(live ? { apply: inSpec(live) } : {}),
  });
}
