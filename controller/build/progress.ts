/** What runs beside the controller, said in a build's status: the latest step, and seldom enough for the API server. */
import { messageOf } from '../api/errors.ts';
import type { Log } from '../telemetry/log.ts';

export interface Step {
  platform: string;
  /** As buildah names it, masked; or what is done in place of one. */
  step: string;
}

/** A step that is over at once is not worth a write: so long one must last. */
export const settleMs = 1_000;
/** Between two writes. */
export const leastMs = 10_000;

/** Milliseconds until a step that begins at `now` may be written, when the last write was at `written`. */
export function progressDelayMs(now: number, written: number | undefined): number {
  return Math.max(settleMs, written === undefined ? 0 : written + leastMs - now);
}

/** Of one pass over one build. What is not written is lost, and matters to nobody. */
export class Progress {
  readonly #write: (step: Step) => Promise<void>;
  readonly #log: Log;
  #latest: Step | undefined;
  #said: Step | undefined;
  #writtenAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(write: (step: Step) => Promise<void>, log: Log) {
    this.#write = write;
    this.#log = log;
  }

  readonly note = (step: Step): void => {
    this.#latest = step;
    this.#plan();
  };

  /** Nothing is written after this, and nothing is being written. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#writing;
  }

  #plan(): void {
    if (this.#ended || this.#timer !== undefined) return;
    const write = (): void => {
      this.#writing = this.#say();
    };
    this.#timer = setTimeout(write, progressDelayMs(performance.now(), this.#writtenAt));
  }

  async #say(): Promise<void> {
    const step = this.#latest;
    if (step && (step.step !== this.#said?.step || step.platform !== this.#said.platform)) {
      this.#said = step;
      try {
        await this.#write(step);
      } catch (error) {
        // The build goes on; its end is written by who can wait.
        this.#log.info({ step: step.step }, `the step could not be written to the status: ${messageOf(error)}`);
      }
      this.#writtenAt = performance.now();
    }
    this.#timer = undefined;
    if (this.#latest !== step) this.#plan();
  }
}
