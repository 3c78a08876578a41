/**
 * Reading one's own writes. A store lags behind what was just written, and a decision from the older state would take the step again.
 * After a write the version that the server returned is noted; until the store has it, or the watch is too late, the key waits.
 */

/** Longer than a watch takes to bring a write; after it the store is believed again. */
const patienceMs = 5_000;
/** The store tells no change when only the version moved, so the key has to look again by itself. */
const pollMs = 100;

export class Expectations {
  readonly #expected = new Map<string, { resourceVersion: string | undefined; until: number }>();
  readonly #now: () => number;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Notes what a write of the object returned. */
  wrote(key: string, resourceVersion: string): void {
    this.#expected.set(key, { resourceVersion, until: this.#now() + patienceMs });
  }

  /** Notes that the object was deleted. */
  deleted(key: string): void {
    this.#expected.set(key, { resourceVersion: undefined, until: this.#now() + patienceMs });
  }

  /** Milliseconds after which to look again, because the store's version of the object (undefined when it has none) is older than the last write; 0 when it may be believed. */
  waitMs(key: string, stored: string | undefined): number {
    const expected = this.#expected.get(key);
    if (!expected) return 0;
    if (this.#now() < expected.until && !satisfied(expected.resourceVersion, stored)) return pollMs;
    this.#expected.delete(key);
    return 0;
  }
}

function satisfied(expected: string | undefined, stored: string | undefined): boolean {
  if (expected === undefined || stored === undefined) return expected === stored;
  return compareResourceVersions(stored, expected) >= 0;
}

/** Versions of one resource are decimal numbers that grow (KEP-5504); they exceed what a number holds exactly. */
export function compareResourceVersions(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
