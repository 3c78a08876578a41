/** The tags that definitions follow: one look-up for all that follow the same tag with the same credentials. */
import { createHmac, randomBytes } from 'node:crypto';
import { StallingError, TransientError } from '../api/errors.ts';
import { backoffMs, reconcileBackoff } from '../kube/backoff.ts';
import { type DockerConfig, credentialsFor } from '../registry/credentials.ts';
import { formatReference, parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';

export interface FollowedImagesOptions {
  registry: Pick<Registry, 'resolve'>;
  /** Epoch ms. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  /** Tags remembered at once; one that is forgotten is looked up again when it is asked for. */
  limit?: number;
}

export interface LookOptions {
  auth: DockerConfig | undefined;
  intervalMs: number;
  /** What is known from before this process; it saves the look-up until its turn comes. */
  known?: string | undefined;
  /** Looks now, whenever it was looked up last. */
  force?: boolean;
}

export interface Sight {
  /** What the tag named when it was last looked up, or what was known; undefined when neither is. */
  digest: string | undefined;
  /** Why the last look-up failed. */
  error?: Error;
  /** False while only what was known is told. */
  looked: boolean;
  /** Milliseconds until it is to be asked for again. */
  againMs: number;
}

interface Entry {
  digest?: string;
  /** When it was last looked up with success. */
  at?: number;
  error?: Error;
  failures: number;
  /** Not to be looked up before: after a failure, or when it is first asked for with a known digest. */
  notBefore: number;
  pending?: Promise<void>;
}

/** Tags are looked up within this share of the interval after it has passed, so that what began together does not stay together. */
const jitter = 0.1;

/**
 * Asked for at each pass, it looks a tag up when its interval has passed since anyone's last look-up. After a start, tags whose digest is known
 * are looked up within a tenth of the interval and not all at once.
 */
export class FollowedImages {
  readonly #o: FollowedImagesOptions;
  readonly #limit: number;
  /** The least recently asked for first. */
  readonly #entries = new Map<string, Entry>();
  /** Credentials are part of the key and must not lie about in memory. */
  readonly #salt = randomBytes(32);

  constructor(options: FollowedImagesOptions) {
    this.#o = options;
    this.#limit = options.limit ?? 10_000;
  }

  /** How many tags are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * What the tag names. A registry that does not answer, or says that there is no such tag, is an error in the result beside the last digest.
   * @throws StallingError `InvalidImage`.
   */
  async look(image: string, o: LookOptions): Promise<Sight> {
    const name = formatReference(parseReference(image));
    const entry = this.#entry(name, o);
    if (o.force || this.#isDue(entry, o)) await this.#lookUp(name, entry, o);
    else if (entry.pending) await entry.pending;
    return this.#sight(entry, o);
  }

  #entry(name: string, { auth, known, intervalMs }: LookOptions): Entry {
    const key = `${name} ${this.#credentialsKey(name, auth)}`;
    const notBefore = known === undefined ? 0 : this.#o.now() + this.#o.random() * jitter * intervalMs;
    const entry = this.#entries.get(key) ?? { failures: 0, notBefore };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > this.#limit && !oldest.done) this.#entries.delete(oldest.value);
    return entry;
  }

  #credentialsKey(name: string, auth: DockerConfig | undefined): string {
    const credentials = credentialsFor(auth, repositoryOf(parseReference(name)));
    if (!credentials) return '';
    const { username, password, identityToken = '' } = credentials;
    return createHmac('sha256', this.#salt)
      .update(JSON.stringify([username, password, identityToken]))
      .digest('base64url');
  }

  #isDue({ at, error, notBefore, pending }: Entry, { intervalMs, known }: LookOptions): boolean {
    if (pending) return false;
    const now = this.#o.now();
    if (error || at === undefined) return now >= notBefore || (!error && known === undefined);
    return now - at >= intervalMs;
  }

  /** A look-up that is under way when one is forced may have begun before what it is forced for: another follows it. */
  async #lookUp(name: string, entry: Entry, o: LookOptions): Promise<void> {
    while (entry.pending) await entry.pending;
    entry.pending = this.#resolve(name, entry, o).finally(() => {
      delete entry.pending;
    });
    await entry.pending;
  }

  async #resolve(name: string, entry: Entry, { auth, intervalMs }: LookOptions): Promise<void> {
    const { registry, now, random } = this.#o;
    const started = now();
    try {
      entry.digest = (await registry.resolve(name, auth)).digest;
      entry.at = started;
      entry.failures = 0;
      delete entry.error;
    } catch (error) {
      if (error instanceof StallingError || !(error instanceof Error)) throw error;
      entry.error = error;
      entry.failures++;
      const asked = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0;
      const backoff = Math.min(intervalMs, backoffMs(reconcileBackoff, entry.failures, random()));
      entry.notBefore = now() + Math.max(asked, backoff);
    }
  }

  #sight({ digest, at, error, notBefore }: Entry, { intervalMs, known }: LookOptions): Sight {
    const due = error || at === undefined ? notBefore : at + intervalMs * (1 + jitter * this.#o.random());
    return {
      digest: digest ?? known,
      ...(error ? { error } : {}),
      looked: error !== undefined || at !== undefined,
      againMs: Math.max(0, Math.ceil(due - this.#o.now())),
    };
  }
}
