/**
 * The keys that wait for a worker. Pure bookkeeping: time is passed in, and nothing here runs by itself.
 *
 * A key is in the queue once, however often it is added, and its earliest due time counts. While a worker has it, further adds are
 * kept for afterwards, so that no two workers ever have one key and no wish is lost.
 */
export class WorkQueue {
  readonly #ready = new Map<string, number>();
  readonly #due = new DueTimes();
  readonly #active = new Map<string, number | undefined>();

  /** Adds a key that is due at `dueAt` (a time like `now`; in the past is at once). */
  add(key: string, dueAt: number, now: number): void {
    if (this.#active.has(key)) {
      const again = this.#active.get(key);
      this.#active.set(key, again === undefined ? dueAt : Math.min(again, dueAt));
    } else if (this.#ready.has(key)) {
      return;
    } else if (dueAt <= now) {
      this.#due.delete(key);
      this.#ready.set(key, now);
    } else {
      this.#due.add(key, dueAt);
    }
  }

  /** The next key that is due, in the order in which they became so, and since when; undefined when none is. The key is the worker's until `done`. */
  take(now: number): { key: string; since: number } | undefined {
    for (let due = this.#due.shift(now); due; due = this.#due.shift(now)) this.#ready.set(due.key, due.at);
    const first = this.#ready.entries().next();
    if (first.done) return undefined;
    const [key, since] = first.value;
    this.#ready.delete(key);
    this.#active.set(key, undefined);
    return { key, since };
  }

  /** Gives a key back; it waits again when it was added meanwhile. */
  done(key: string, now: number): void {
    const again = this.#active.get(key);
    this.#active.delete(key);
    if (again !== undefined) this.add(key, again, now);
  }

  /** When the next key is due (at most `now` when one is); undefined when none waits. */
  nextDue(now: number): number | undefined {
    return this.#ready.size > 0 ? now : this.#due.first();
  }

  /** Keys that are due. */
  get depth(): number {
    return this.#ready.size;
  }

  /** Keys that workers have. */
  get active(): number {
    return this.#active.size;
  }
}

/** A heap of keys by due time, in which each key counts once, with its earliest time; entries that were overtaken are skipped. */
class DueTimes {
  readonly #times = new Map<string, number>();
  #heap: { key: string; at: number }[] = [];

  add(key: string, at: number): void {
    const before = this.#times.get(key);
    if (before !== undefined && before <= at) return;
    this.#times.set(key, at);
    // What events woke before its time leaves its entry behind, perhaps for hours. A sorted array is a heap.
    if (this.#heap.length > 2 * this.#times.size + 64) {
      this.#heap = Array.from(this.#times, ([k, time]) => ({ key: k, at: time })).toSorted((a, b) => a.at - b.at);
    } else this.#push({ key, at });
  }

  delete(key: string): void {
    this.#times.delete(key);
  }

  first(): number | undefined {
    this.#skipOvertaken();
    return this.#heap[0]?.at;
  }

  /** Takes the earliest key if it is due. */
  shift(now: number): { key: string; at: number } | undefined {
    this.#skipOvertaken();
    const first = this.#heap[0];
    if (!first || first.at > now) return undefined;
    this.#times.delete(first.key);
    this.#pop();
    return first;
  }

  #skipOvertaken(): void {
    for (let first = this.#heap[0]; first && this.#times.get(first.key) !== first.at; first = this.#heap[0]) this.#pop();
  }

  #push(entry: { key: string; at: number }): void {
    const heap = this.#heap;
    heap.push(entry);
    for (let child = heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.#swapUnlessOrdered(parent, child)) return;
      child = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    heap[0] = last;
    for (let parent = 0; ;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      const least = (heap[right]?.at ?? Infinity) < (heap[left]?.at ?? Infinity) ? right : left;
      if (least >= heap.length || !this.#swapUnlessOrdered(parent, least)) return;
      parent = least;
    }
  }

  #swapUnlessOrdered(parent: number, child: number): boolean {
    const heap = this.#heap;
    const upper = heap[parent];
    const lower = heap[child];
    if (!upper || !lower || upper.at <= lower.at) return false;
    heap[parent] = lower;
    heap[child] = upper;
    return true;
  }
}
