/** Whether the addons of a set hide files of each other or of the system: compared once for each set and image, beside the passes, and one after the other, since lists of files are large. */
import { StallingError } from '../api/errors.ts';
import type { Compared, CompareRequest } from '../addon/compare-addons.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Hold } from './classify.ts';
import type { Comparison } from './comparison.ts';
import type { PoolReason } from './reasons.ts';
import { unreadText } from './unread.ts';

export type CompareAddons = (request: CompareRequest, auth?: DockerConfig) => Promise<Compared>;

/** While sets are compared, a pool looks again after so long, ms. */
const pollMs = 1_000;
/** When that failed; and when an artifact itself is the matter, which is named by its digest and will be no other. */
const retryMs = 60_000;
const unusableMs = 3_600_000;
/** Sets that were not asked for lately are forgotten in the end. */
const most = 256;

interface Options {
  compare: CompareAddons;
  /** Epoch ms. */
  now: () => number;
}

type Credentials = () => Promise<DockerConfig | undefined>;

export class Comparisons {
  readonly #o: Options;
  readonly #known = new Map<string, Compared>();
  /** By pool and comparison: another pool may have other credentials. */
  readonly #failed = new Map<string, { error: unknown; until: number }>();
  #comparing: string | undefined;
  readonly #waiting = new Map<string, number>();

  constructor(options: Options) {
    this.#o = options;
  }

  /** What is known now; what is not is being compared from here on, or after another set. */
  of(pool: string, comparison: Comparison, credentials: Credentials): Compared | { hold: Hold } {
    const { digest, addons, system } = comparison;
    const known = this.#known.get(digest);
    if (known) return known;
    const what = `whether the addons ${namesOf(addons)} hide files of each other or of the system ${system.image}`;
    const about = `${pool} ${digest}`;
    const failed = this.#failed.get(about);
    const leftMs = failed ? failed.until - this.#o.now() : 0;
    if (failed && leftMs > 0) {
      this.#wait(pool, leftMs);
      return held(unreadText(what, failed.error), failed.error instanceof StallingError);
    }
    this.#wait(pool, pollMs);
    if (this.#comparing === undefined) this.#start(about, comparison, credentials);
    return held(`${what} is looked up`);
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

  #start(about: string, { digest, addons, system }: Comparison, credentials: Credentials): void {
    this.#comparing = digest;
    credentials()
      .then(auth => this.#o.compare({ addons, system }, auth))
      .then(
        compared => {
          remember(this.#known, digest, compared);
          this.#failed.delete(about);
        },
        (error: unknown) => {
          const ms = error instanceof StallingError ? unusableMs : retryMs;
          remember(this.#failed, about, { error, until: this.#o.now() + ms });
        },
      )
      .finally(() => (this.#comparing = undefined));
  }
}

function namesOf(addons: readonly { name: string }[]): string {
  const names = addons.slice(0, 5).map(({ name }) => name);
  return addons.length > names.length ? `${names.join(', ')} and ${addons.length - names.length} more` : names.join(', ');
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
