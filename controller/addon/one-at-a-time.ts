/** A turn that one holds at a time, in the order in which they came: making an image takes a thread, a disk and a registry's patience. */
export class OneAtATime {
  #last: Promise<void> = Promise.resolve();

  /**
   * Runs the work when its turn comes. Given up before that, it is not run; given up then, its end is not waited for, as a registry that says nothing could
   * hold up everybody: it should look at the signal itself.
   * @throws the signal's reason, and what the work throws
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise: done, resolve: leave } = Promise.withResolvers<void>();
    this.#last = before.then(() => done);
    try {
      await unless(signal, before);
      signal.throwIfAborted();
      return await unless(signal, work());
    } finally {
      leave();
    }
  }
}

/** Waits for the promise, or throws the signal's reason as soon as it is aborted. */
async function unless<T>(signal: AbortSignal, wait: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const give = (): void => reject(signal.reason);
  if (signal.aborted) give();
  else signal.addEventListener('abort', give, { once: true });
  try {
    return await Promise.race([wait, aborted]);
  } finally {
    signal.removeEventListener('abort', give);
  }
}
