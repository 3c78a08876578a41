/** Which systems are in the images of pools: read once for each image and platform, beside the passes, so that no drain waits for a registry. */
import { messageOf, reasonOf, StallingError } from '../api/errors.ts';
import type { ImageSystem } from '../addon/image-system.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { PoolReason } from './reasons.ts';
import type { SystemKnown } from './wanted.ts';

export type ReadSystem = (of: { image: string; platform: string }, auth?: DockerConfig) => Promise<ImageSystem>;

/** While an image is read, or when that failed, a pool looks again after so long, ms. */
const pollMs = 1_000;
const retryMs = 30_000;
/** Images that no pool has asked for lately are forgotten in the end. */
const most = 256;

type Known = ImageSystem | { error: unknown; until: number } | 'reading';

export class Systems {
  readonly #read: ReadSystem;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();
  readonly #waiting = new Map<string, number>();

  constructor({ read, now }: { read: ReadSystem; now: () => number }) {
    this.#read = read;
    this.#now = now;
  }

  /** What is known now; what is not is being read from here on. */
  of(pool: string, of: { image: string; platform: string }, credentials: () => Promise<DockerConfig | undefined>): SystemKnown {
    const key = `${of.image} ${of.platform}`;
    const known = this.#known.get(key);
    if (known !== undefined && known !== 'reading' && 'os' in known) return known;
    const isOver = known === undefined || (known !== 'reading' && this.#now() >= known.until);
    if (isOver) this.#start(key, of, credentials);
    const failed = known !== undefined && known !== 'reading' ? known : undefined;
    this.#waiting.set(pool, failed && !isOver ? Math.max(0, failed.until - this.#now()) : pollMs);
    const reason = 'AddonsNotReady' satisfies PoolReason;
    if (!failed) return { hold: { reason, message: `what system ${of.image} is for ${of.platform} is being read` } };
    const message = `what system ${of.image} is for ${of.platform} cannot be read: ${reasonOf(failed.error)}: ${messageOf(failed.error)}`;
    return { hold: { reason, message, ...(failed.error instanceof StallingError ? { stalled: true } : {}) } };
  }

  /** Milliseconds until a look helps that the last one could not do without; asked once for each. */
  nextMs(pool: string): number | undefined {
    const ms = this.#waiting.get(pool);
    this.#waiting.delete(pool);
    return ms;
  }

  #start(key: string, of: { image: string; platform: string }, credentials: () => Promise<DockerConfig | undefined>): void {
    this.#known.delete(key);
    this.#known.set(key, 'reading');
    for (const old of this.#known.keys()) {
      if (this.#known.size <= most) break;
      if (this.#known.get(old) !== 'reading') this.#known.delete(old);
    }
    credentials()
      .then(auth => this.#read(of, auth))
      .then(
        system => this.#known.set(key, system),
        (error: unknown) => this.#known.set(key, { error, until: this.#now() + retryMs }),
      );
  }
}
