/**
 * What went wrong for a part of a pool's pass only, and when that part is tried again. It lives in memory: a new process tries everything once.
 * A pass that threw instead would hold up all else of the pool for as long as its backoff.
 */
import { backoffMs } from '../kube/backoff.ts';

/** Up to a minute: a person who has mended it does not wait for long, and nobody is asked more often for nothing. */
const setbackBackoff = { baseMs: 1_000, maxMs: 60_000 };

interface Setback<E> {
  error: E;
  failures: number;
  retryAt: number;
}

/** Setbacks of one kind, by pool and by what they are about. */
export class Setbacks<E> {
  readonly #pools = new Map<string, Map<string, Setback<E>>>();
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** What is not to be tried yet, with the error of the last try. */
  open(pool: string, now: number): Map<string, E> {
    const all = [...(this.#pools.get(pool) ?? [])];
    return new Map(all.flatMap(([about, { error, retryAt }]) => (retryAt > now ? [[about, error] as const] : [])));
  }

  /** Notes a try that failed; returns whether the one before it did not. */
  add(pool: string, about: string, error: E, now: number): boolean {
    const own = this.#pools.get(pool) ?? new Map<string, Setback<E>>();
    this.#pools.set(pool, own);
    const failures = (own.get(about)?.failures ?? 0) + 1;
    own.set(about, { error, failures, retryAt: now + backoffMs(setbackBackoff, failures, this.#random()) });
    return failures === 1;
  }

  /** Forgets all of a pool but what it still is about. */
  keep(pool: string, about: Iterable<string>): void {
    const kept = new Set(about);
    const own = this.#pools.get(pool);
    for (const key of own?.keys() ?? []) if (!kept.has(key)) own?.delete(key);
    if (own?.size === 0 || kept.size === 0) this.#pools.delete(pool);
  }

  /** Milliseconds until the first is to be tried again. */
  nextMs(pool: string, now: number): number | undefined {
    const times = [...(this.#pools.get(pool)?.values() ?? [])].map(s => Math.max(0, s.retryAt - now));
    return times.length === 0 ? undefined : Math.min(...times);
  }
}
