/** Which systems are in the images of pools: read once for each image and platform, beside the passes, so that no drain waits for a registry. */
import { StallingError } from '../api/errors.ts';
import type { ImageSystem } from '../addon/image-system.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Hold } from './classify.ts';
import type { PoolReason } from './reasons.ts';
import type { SystemKnown } from './wanted.ts';
import { unreadText } from './unread.ts';

export type ReadSystem = (of: { image: string; platform: string }, auth?: DockerConfig) => Promise<ImageSystem>;

/** While an image is read, a pool looks again after so long, ms. */
const pollMs = 1_000;
/** When it is judged in the pass that asks for it first. */
const judgedMs = 100;
/** When that failed: at first, and at most. To read an image may take all of its layers. */
const retryMs = 30_000;
const longestRetryMs = 120_000;
/** When the image itself is the matter: it is named by its digest, and will be no other. */
const unusableMs = 3_600_000;
/** Images that no pool has asked for lately are forgotten in the end. */
const most = 256;
/** Images that are read at once. */
const atOnce = 2;

interface Failed {
  error: unknown;
  failures: number;
  until: number;
}

type Credentials = () => Promise<DockerConfig | undefined>;

interface Options {
  read: ReadSystem;
  /** Epoch ms. */
  now: () => number;
  /** Whether trust lets the pool have the image: of another, nothing is read. */
  isAllowed: (pool: string, image: string) => boolean;
}

export class Systems {
  readonly #o: Options;
  readonly #known = new Map<string, ImageSystem>();
  readonly #reading = new Set<string>();
  /** By pool and image: another pool may have other credentials. */
  readonly #failed = new Map<string, Failed>();
  /** Asked for before trust had judged them, by pool and image. */
  readonly #unjudged = new Map<string, true>();
  readonly #waiting = new Map<string, number>();

  constructor(options: Options) {
    this.#o = options;
  }

  /** What is known now; what is not is being read from here on. */
  of(pool: string, of: { image: string; platform: string }, credentials: Credentials): SystemKnown {
    const key = `${of.image} ${of.platform}`;
    const known = this.#known.get(key);
    if (known) return known;
    const what = `what system ${of.image} is for ${of.platform}`;
    const failed = this.#failed.get(`${pool} ${key}`);
    const leftMs = failed ? failed.until - this.#o.now() : 0;
    if (failed && leftMs > 0) {
      this.#wait(pool, leftMs);
      return held(unreadText(what, failed.error), failed.error instanceof StallingError);
    }
    if (!this.#o.isAllowed(pool, of.image)) {
      const asked = `${pool} ${key}`;
      this.#wait(pool, this.#unjudged.has(asked) ? retryMs : judgedMs);
      remember(this.#unjudged, asked, true);
      return held(`${what} is read once the image is trusted`);
    }
    this.#wait(pool, pollMs);
    const isWaiting = !this.#reading.has(key) && this.#reading.size >= atOnce;
    if (!this.#reading.has(key) && !isWaiting) this.#start(pool, of, credentials);
    return held(isWaiting ? `${what} is read after other images` : `${what} is being read`);
  }

  /** Milliseconds until a look helps that the last one could not do without; asked once for each. */
  nextMs(pool: string): number | undefined {
    const ms = this.#waiting.get(pool);
    this.#waiting.delete(pool);
    return ms;
  }

  #wait(pool: string, ms: number): void {
    this.#waiting.set(pool, Math.min(ms, this.#waiting.get(pool) ?? Infinity));
  }

  #start(pool: string, of: { image: string; platform: string }, credentials: Credentials): void {
    const key = `${of.image} ${of.platform}`;
    const about = `${pool} ${key}`;
    this.#reading.add(key);
    credentials()
      .then(auth => this.#o.read(of, auth))
      .then(
        system => {
          remember(this.#known, key, system);
          this.#failed.delete(about);
        },
        (error: unknown) => this.#fail(about, error),
      )
      .finally(() => this.#reading.delete(key));
  }

  #fail(about: string, error: unknown): void {
    const failures = (this.#failed.get(about)?.failures ?? 0) + 1;
    const ms = error instanceof StallingError ? unusableMs : Math.min(retryMs * 2 ** (failures - 1), longestRetryMs);
    remember(this.#failed, about, { error, failures, until: this.#o.now() + ms });
  }
}

function held(message: string, stalled = false): { hold: Hold } {
  return { hold: { reason: 'AddonsNotReady' satisfies PoolReason, message, ...(stalled ? { stalled: true } : {}) } };
}

/** The last one, and of the others no more than the latest. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > most && !oldest.done) map.delete(oldest.value);
}
