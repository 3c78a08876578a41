/** Wakes at the earliest of many times. */

export interface AlarmOptions {
  /** Epoch ms. */
  now: () => number;
  wake: () => void;
  /** Calls back after so many ms; returns how to stop it. Default: a timer that keeps no process alive. */
  timer?: (ms: number, wake: () => void) => () => void;
}

/** setTimeout takes no longer time; it is set again when it fires. */
const longestMs = 2 ** 31 - 1;
/** What expires together, or nearly, is one call. */
const togetherMs = 1_000;

export class Alarm {
  readonly #now: () => number;
  readonly #wake: () => void;
  readonly #timer: (ms: number, wake: () => void) => () => void;
  readonly #times = new Set<number>();
  #set: { at: number; stop: () => void } | undefined;
  #stopped = false;

  constructor({ now, wake, timer = realTimer }: AlarmOptions) {
    this.#now = now;
    this.#wake = wake;
    this.#timer = timer;
  }

  /** Asks to be woken at a time (epoch ms). One that is past is none. */
  at(time: number): void {
    if (this.#stopped || !(time > this.#now())) return;
    this.#times.add(Math.ceil(time / togetherMs) * togetherMs);
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#set?.stop();
    this.#times.clear();
  }

  #arm(): void {
    if (this.#stopped || this.#times.size === 0) return;
    const at = Math.min(...this.#times);
    if (this.#set && this.#set.at <= at) return;
    this.#set?.stop();
    const stop = this.#timer(Math.min(longestMs, Math.max(0, at - this.#now())), () => this.#fire());
    this.#set = { at, stop };
  }

  #fire(): void {
    this.#set = undefined;
    const now = this.#now();
    const due = [...this.#times].filter(time => time <= now);
    for (const time of due) this.#times.delete(time);
    this.#arm();
    if (due.length > 0) this.#wake();
  }
}

function realTimer(ms: number, wake: () => void): () => void {
  const timer = setTimeout(wake, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
