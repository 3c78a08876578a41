/** Images on which a thread that judges was lost: they come after all others, and not again at once, or a few of them would keep the thread from everybody. */

interface Cost {
  losses: number;
  /** Epoch ms. */
  restsUntil: number;
}

const firstMs = 60_000;
const longestMs = 900_000;
/** What is forgotten is tried again. */
const most = 1_000;

export class CostlyImages {
  readonly #now: () => number;
  readonly #images = new Map<string, Cost>();

  /** `now`: epoch ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** `image` with the rules that it was judged by: under other rules it may cost less. */
  note(image: string): void {
    const losses = (this.#images.get(image)?.losses ?? 0) + 1;
    this.#images.delete(image);
    this.#images.set(image, { losses, restsUntil: this.#now() + Math.min(longestMs, firstMs * 2 ** (losses - 1)) });
    const [oldest] = this.#images.keys();
    if (this.#images.size > most && oldest !== undefined) this.#images.delete(oldest);
  }

  forget(image: string): void {
    this.#images.delete(image);
  }

  has(image: string): boolean {
    return this.#images.has(image);
  }

  /** Milliseconds until it may be tried again; 0 when it may. */
  restMs(image: string): number {
    return Math.max(0, (this.#images.get(image)?.restsUntil ?? 0) - this.#now());
  }
}
