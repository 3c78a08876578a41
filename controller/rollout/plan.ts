/**
 * What to do next in a pool: a function of what the API objects say and the time. Every action is applied to the plan's own picture as
 * it is added, so the list is safe to carry out in its order and to break off anywhere, and a plan made after it asks for nothing new.
 */
import type { Action } from './actions.ts';
import { maxUnavailableOf } from './budget.ts';
import { count, type Draft, newDraft } from './draft.ts';
import { discard, maintainCordon, record, release, retryFailed } from './maintain.ts';
import { takeBack } from './take-back.ts';
import { givePermits, renewPullSecrets } from './permits.ts';
import type { PoolState } from './pool-state.ts';
import { summarize, type Summary } from './summary.ts';
import { approve, reviewDraining, take } from './turns.ts';

export interface Plan {
  /** To be carried out one after the other, and none after one that failed. */
  actions: Action[];
  /** Nodes whose pods are to be evicted now. */
  drain: string[];
  summary: Summary;
  /** Nodes that left the pool and have to finish a reboot first. */
  departing: string[];
  /** When time alone changes the plan, in ms from now; absent when it does not. */
  nextCheckMs?: number;
}

/** Nodes whose agent is awaited are looked at this often, because its heartbeat alone wakes nobody. */
const awaitAgentMs = 60_000;

/** The plan for a pool. Pure; the order of nodes does not matter. */
export function plan(state: PoolState): Plan {
  const draft = newDraft(state);
  const { pool } = draft;
  for (const entry of draft.entries) discard(draft, entry);
  takeBack(draft);
  if (pool.retry && !pool.frozen) retryFailed(draft);
  if (!pool.frozen) renewPullSecrets(draft);
  for (const entry of draft.entries) if (entry.state.kind === 'Failed') record(draft, entry);
  for (const entry of draft.entries) maintainCordon(draft, entry);

  const failed = count(draft, e => e.state.kind === 'Failed');
  const halted = failed >= pool.failureThreshold;
  const slots = { max: maxUnavailableOf(pool.maxUnavailable, pool.members.length), stopped: halted || pool.frozen !== undefined };
  reviewDraining(draft, slots);
  take(draft, slots);
  const drain = approve(draft);
  if (!slots.stopped) givePermits(draft);
  for (const entry of draft.entries) record(draft, entry);

  const departing = pool.departed
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .filter(d => release(draft, d))
    .map(d => d.name);
  const next = nextCheck(draft, departing.length > 0);
  return {
    actions: draft.actions,
    drain,
    summary: summarize(draft, { max: slots.max, halted, departing }),
    departing,
    ...(next === undefined ? {} : { nextCheckMs: next }),
  };
}

function nextCheck(draft: Draft, departing: boolean): number | undefined {
  let next = departing ? awaitAgentMs : Number.POSITIVE_INFINITY;
  for (const { state } of draft.entries) {
    if ('deadline' in state && state.deadline !== undefined) next = Math.min(next, state.deadline - draft.pool.now);
    else if (state.kind !== 'Updated' && !(state.kind === 'Failed' && state.settled)) next = Math.min(next, awaitAgentMs);
  }
  return next === Number.POSITIVE_INFINITY ? undefined : Math.max(0, next);
}
