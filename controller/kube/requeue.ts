/** When a key comes again after a reconcile: pure. */
import { StallingError, TransientError, WaitingError } from '../api/errors.ts';
import { backoffMs, conflictBackoff, reconcileBackoff } from './backoff.ts';
import { isConflict } from './errors.ts';

/** How a reconcile ended: what it asked for, or what it threw. */
export type Outcome = { requeueAfterMs: number | undefined } | { error: unknown };

export interface Requeue {
  /** Milliseconds until the next pass; undefined: not before something changes. */
  afterMs: number | undefined;
  /** Failures in a row, this one included; the next backoff grows from it. */
  failures: number;
  /** The label of controller_runtime_reconcile_total. */
  result: 'success' | 'requeue' | 'requeue_after' | 'error';
  kind: 'done' | 'waiting' | 'stalled' | 'conflict' | 'transient' | 'unexpected';
}

/**
 * `failures` counts the failed passes in a row before this one; `random` is in [0, 1). A stalled key waits for a person, or for what it follows, a waiting one
 * for its time, a conflict for the store to catch up; all else backs off, and no sooner than the other side asked (Retry-After).
 */
export function requeueOf(outcome: Outcome, failures: number, random: number): Requeue {
  if (!('error' in outcome)) {
    const afterMs = outcome.requeueAfterMs;
    return { afterMs, failures: 0, result: afterMs === undefined ? 'success' : 'requeue_after', kind: 'done' };
  }
  const { error } = outcome;
  if (error instanceof WaitingError)
    return { afterMs: error.requeueAfterMs, failures: 0, result: 'requeue_after', kind: 'waiting' };
  if (error instanceof StallingError) return { afterMs: error.lookAgainMs, failures: 0, result: 'error', kind: 'stalled' };
  const failed = failures + 1;
  if (isConflict(error)) {
    return { afterMs: backoffMs(conflictBackoff, failed, random), failures: failed, result: 'requeue', kind: 'conflict' };
  }
  const transient = error instanceof TransientError;
  const asked = transient ? (error.retryAfterMs ?? 0) : 0;
  const afterMs = Math.max(asked, backoffMs(reconcileBackoff, failed, random));
  return { afterMs, failures: failed, result: 'error', kind: transient ? 'transient' : 'unexpected' };
}
