/** This machine's clock, for as long as it agrees with the API server's: by it is told which agents are silent and which nodes are late. */
import type { Answer } from '../kube/transport.ts';
import { clockFinding, ClockWatch } from '../preconditions/clock.ts';

export class WrongClockError extends Error {}

export class TrustedClock {
  readonly #watch = new ClockWatch();

  /** Takes an answer of the API server. */
  saw(answer: Answer): void {
    this.#watch.saw(answer);
  }

  /** Epoch ms. Throws WrongClockError when the clock is too far from the API server's, or has been set since that last answered. */
  now(): number {
    if (!this.#watch.isFarOff) return Date.now();
    const message = clockFinding(this.#watch.aheadMs)?.message ?? 'the clock of this machine has just been set';
    throw new WrongClockError(
      `${message}; nothing is written by a clock that is wrong, because agents would seem silent that are not`,
    );
  }
}
