/** Exponential backoff with jitter, as a function of how often something failed. */

export interface Backoff {
  baseMs: number;
  maxMs: number;
}

/** A failed reconcile (design: 750 ms … 15 min). */
export const reconcileBackoff: Backoff = { baseMs: 750, maxMs: 15 * 60_000 };
/** A write that met a newer object: the cache is about to catch up. */
export const conflictBackoff: Backoff = { baseMs: 100, maxMs: 30_000 };
/** A failed list or watch: client-go's figures (tools/cache/reflector.go). */
export const watchBackoff: Backoff = { baseMs: 800, maxMs: 30_000 };
/** A request tried again at once by the transport. */
export const requestBackoff: Backoff = { baseMs: 250, maxMs: 4_000 };

/**
 * Milliseconds to wait after the n-th failure in a row (n ≥ 1), doubling from base to max; up to a third of it is random
 * (`random` in [0, 1)), so that what failed together does not come back together.
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const doubled = backoff.baseMs * 2 ** Math.min(30, failures - 1);
  return Math.round(Math.min(backoff.maxMs / 1.5, doubled) * (1 + 0.5 * random));
}
