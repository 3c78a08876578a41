/** Writers of this process that change one thing do so one after the other, and do not race with one another. */
export class Turns {
  /** The last one for each key. */
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `work` when those before it with the same key have ended, however they did. */
  async take(key: string, work: () => Promise<void>): Promise<void> {
    const before = this.#last.get(key);
    // The one before may have failed; that is its caller's matter.
    const turn = (before ?? Promise.resolve()).then(work, work);
    const settled = turn.catch(() => undefined);
    this.#last.set(key, settled);
    try {
      await turn;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }
}
