/** How often calls may cause polls: pure. The first of a burst at once, the others together, once, when the pause is over. */

export class WebhookPace {
  readonly #pauseMs: number;
  readonly #sources = new Map<string, { last: number; waiting: boolean }>();

  constructor(pauseMs: number) {
    this.#pauseMs = pauseMs;
  }

  /** In how many ms to poll for this call: 0 for at once, undefined when a poll is to come that stands for it. `now` never goes back. */
  admit(source: string, now: number): number | undefined {
    const known = this.#sources.get(source);
    if (known?.waiting) return undefined;
    const waitMs = known ? Math.max(0, known.last + this.#pauseMs - now) : 0;
    this.#sources.set(source, { last: now + waitMs, waiting: waitMs > 0 });
    return waitMs;
  }

  /** The poll that was to come has been asked for. */
  begun(source: string): void {
    const known = this.#sources.get(source);
    if (known) known.waiting = false;
  }

  forget(source: string): void {
    this.#sources.delete(source);
  }
}
