/** When images that are not allowed were last looked at: they may be signed at any time, and are not to be looked at with every pass. */

interface Look {
  basis: string;
  at: number;
  times: number;
}

const firstMs = 60_000;
const longestMs = 900_000;
/** What is forgotten is looked at again. */
const most = 1_000;

export class RefusedLooks {
  readonly #now: () => number;
  readonly #looks = new Map<string, Look>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether it was looked at under the same rules so lately that it is not to be looked at now. */
  isRecent({ key, basis }: { key: string; basis: string }): boolean {
    const look = this.#looks.get(key);
    return look?.basis === basis && this.#now() < look.at + patienceMs(look);
  }

  /** It was looked at now, and was not good. Returns when it is to be looked at again (epoch ms). */
  note({ key, basis }: { key: string; basis: string }): number {
    const before = this.#looks.get(key);
    const look = { basis, at: this.#now(), times: before?.basis === basis ? before.times + 1 : 0 };
    this.#looks.delete(key);
    this.#looks.set(key, look);
    const [oldest] = this.#looks.keys();
    if (this.#looks.size > most && oldest !== undefined) this.#looks.delete(oldest);
    return look.at + patienceMs(look);
  }

  forget({ key }: { key: string }): void {
    this.#looks.delete(key);
  }
}

/** A minute at first, twice as long with each look, a quarter of an hour at most. */
function patienceMs({ times }: Look): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(times, 10));
}
