import { TryAgain } from './retry.ts';

/** Requests to one host at once, but for those that stream a blob from it while another request waits for its bytes. */
const slots = 12;
/** Streams are counted apart: one that holds a slot while its reader waits for a slot of the same host would be a deadlock. */
const streamSlots = 4;
/** A host that asks for a longer pause than this is asked again after it. */
const longestPauseMs = 15 * 60_000;
/** The pause after a first 429 without Retry-After; doubled for each one after it. */
const firstPauseMs = 500;
const longestUnaskedPauseMs = 30_000;

export type Sleep = (ms: number) => Promise<void>;

interface Host {
  free: number;
  freeStreams: number;
  waiting: (() => void)[];
  waitingStreams: (() => void)[];
  pausedUntil: number;
  refusals: number;
}

/** How hard each host is asked: so many requests at once, and none while it wants a pause. All callers of a process share it. */
export class Pace {
  readonly #hosts = new Map<string, Host>();
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #sleep: Sleep;

  constructor(options: { now: () => number; random: () => number; sleep: Sleep }) {
    this.#now = options.now;
    this.#random = options.random;
    this.#sleep = options.sleep;
  }

  /**
   * Waits for a turn for the request that `what` names. The caller must call what it gets when its request, with the answer's body, is over.
   * @throws TryAgain with retryAfterMs when the host wants a longer pause than `maxWaitMs`.
   */
  async enter(name: string, o: { stream: boolean; maxWaitMs: number; what: string }): Promise<() => void> {
    const host = this.#host(name);
    for (;;) {
      const leave = await this.#slot(host, o.stream);
      const pauseMs = host.pausedUntil - this.#now();
      if (pauseMs <= 0) return leave;
      leave();
      if (pauseMs > o.maxWaitMs) {
        const seconds = Math.ceil(pauseMs / 1000);
        const message = `${name} wants no request for ${seconds} s more: ${o.what}`;
        throw new TryAgain('RegistryUnavailable', message, { retryAfterMs: pauseMs });
      }
      // Spread, so that those who waited do not all come in the same millisecond.
      await this.#sleep(pauseMs + this.#random() * Math.min(1_000, pauseMs / 4));
    }
  }

  /**
   * Takes note that a host refused a request for its rate; returns for how many milliseconds nobody asks it.
   * @param retryAfterMs what it asked for, if it said
   */
  pause(name: string, retryAfterMs: number | undefined): number {
    const host = this.#host(name);
    const unasked = Math.min(firstPauseMs * 2 ** host.refusals, longestUnaskedPauseMs);
    host.refusals++;
    const pauseMs = Math.min(retryAfterMs ?? unasked, longestPauseMs);
    host.pausedUntil = Math.max(host.pausedUntil, this.#now() + pauseMs);
    return pauseMs;
  }

  /** Takes note that a host served a request. */
  served(name: string): void {
    this.#host(name).refusals = 0;
  }

  async #slot(host: Host, stream: boolean): Promise<() => void> {
    const waiting = stream ? host.waitingStreams : host.waiting;
    const free = stream ? 'freeStreams' : 'free';
    if (host[free] > 0) host[free]--;
    else await new Promise<void>(resolve => waiting.push(resolve));
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = waiting.shift();
      if (next) next();
      else host[free]++;
    };
  }

  #host(name: string): Host {
    const present = this.#hosts.get(name);
    if (present) return present;
    const host = { free: slots, freeStreams: streamSlots, waiting: [], waitingStreams: [], pausedUntil: 0, refusals: 0 };
    this.#hosts.set(name, host);
    return host;
  }
}
