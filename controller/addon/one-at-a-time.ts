/** A turn that one holds at a time, in the order in which they came: making an image takes a thread, a disk and a registry's patience. */
export class OneAtATime {
  #last: Promise<void> = Promise.resolve();

  /**
   * Runs the work when its turn comes. Given up before that, it is not run.
   * @throws the signal's reason, and what the work throws
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise: done, resolve: leave } = Promise.withResolvers<void>();
    this.#last = before.then(() => done);
    try {
      await unless(signal, before);
      return await work();
    } finally {
      leave();
    }
  }
}

/** Waits for the promise, or throws the signal's reason as soon as it is aborted. */
async function unless(signal: AbortSignal, wait: Promise<void>): Promise<void> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const give = (): void => reject(signal.reason);
  signal.addEventListener('abort', give, { once: true });
  try {
    await Promise.race([wait, aborted]);
  } finally {
    signal.removeEventListener('abort', give);
  }
}
