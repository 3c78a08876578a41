/**
 * How many requests run at once. The agent itself is not bounded, because a watch keeps its connection for minutes and enough of
 * them would starve every other request; so the bound is here, and a watch takes no slot.
 */
export class RequestSlots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number) {
    this.#free = slots;
  }

  /** Runs `work` when a slot is free, in the order of asking. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // undici reuses a connection one turn of the event loop after its answer ended; a request sent before would open another.
      setImmediate(() => this.#release());
    }
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
