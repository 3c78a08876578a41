/** A sleep that a notice ends early; a notice that comes while nobody sleeps ends the next one at once. */
export class Wakeup {
  #noticed = false;
  #wake: (() => void) | undefined;

  notify(): void {
    this.#noticed = true;
    this.#wake?.();
  }

  /** Resolves after `ms`, or at a notice. */
  async wait(ms: number): Promise<void> {
    if (!this.#noticed) {
      await new Promise<void>(resolve => {
        // setTimeout takes 2^31-1 ms at most, and fires at once beyond that.
        const timer = setTimeout(resolve, Math.min(Math.max(ms, 0), 2 ** 31 - 1));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#noticed = false;
  }
}
