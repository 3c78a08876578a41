/** Trusted roots that come from a TUF repository: fetched, checked and kept on disk, so that one that cannot be reached is no outage at once. */
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { makeOwnDirectory } from './own-directory.ts';
import type { PolicyReason } from './reasons.ts';
import { copyOf, currentState, expiryOf, replaceState, textOrNone, writeWhole } from './tuf-cache.ts';

/** The public instance of sigstore, or a repository of one's own with the first root.json that a person has put into the cluster. */
export type TrustedRootSource = { public: true } | { url: string; root: string };

export interface TrustedRootsOptions {
  /** What is in it decides what is trusted from one start to the next: nobody else may write there, or it is refused. Made when it is not there. */
  cacheDirectory: string;
  /** Epoch milliseconds. */
  now?: () => number;
  log?: Pick<Log, 'warn'>;
  /** Milliseconds for one request. */
  timeoutMs?: number;
  /** Further tries of one request. */
  retries?: number;
}

export interface TrustedRoots {
  /**
   * The trusted_root.json. asked of the repository every hour; where that fails, the last good one is given until its own metadata expires, and no longer.
   * @throws TransientError `KeyUnreadable`, StallingError `InvalidKey` for a URL or a first root that is none
   */
  read(from: TrustedRootSource): Promise<string>;
  /** When the repository last answered, also before a restart; undefined when it never did. Epoch milliseconds. */
  lastFetched(from: TrustedRootSource): Promise<number | undefined>;
}

const publicRepository = 'https://tuf-repo-cdn.sigstore.dev';
const target = 'trusted_root.json';
const refreshMs = 60 * 60_000;
/** After a failure. */
const againMs = 5 * 60_000;

interface Repository {
  mirrorURL: string;
  rootPath?: string;
}

interface Held {
  text: string;
  /** When it was asked for: a clock that was set back since says nothing of its age. */
  at: number;
  /** Until then nothing is asked. */
  freshUntil: number;
}

/** What was read of a state on disk, and when its metadata expires. */
interface Vouched {
  text: string;
  expires: number | undefined;
}

export function createTrustedRoots(options: TrustedRootsOptions): TrustedRoots {
  const roots = new Roots(options);
  return { read: from => roots.read(from), lastFetched: from => roots.lastFetched(from) };
}

class Roots {
  readonly #o: TrustedRootsOptions;
  readonly #now: () => number;
  readonly #held = new Map<string, Held>();
  readonly #underWay = new Map<string, Promise<string>>();

  constructor(options: TrustedRootsOptions) {
    this.#o = options;
    this.#now = options.now ?? Date.now;
  }

  async read(from: TrustedRootSource): Promise<string> {
    const directory = this.#directory(from);
    const held = this.#held.get(directory);
    if (held && this.#now() >= held.at && this.#now() < held.freshUntil) return held.text;
    // Two readers of one directory would write the same files.
    const present = this.#underWay.get(directory);
    if (present) return present;
    const reading = this.#refresh(from, directory).finally(() => this.#underWay.delete(directory));
    this.#underWay.set(directory, reading);
    return reading;
  }

  async lastFetched(from: TrustedRootSource): Promise<number | undefined> {
    const text = await textOrNone(join(this.#directory(from), 'fetched'));
    const time = Number(text ?? Number.NaN);
    return Number.isSafeInteger(time) ? time : undefined;
  }

  async #refresh(from: TrustedRootSource, directory: string): Promise<string> {
    await makeOwnDirectory(this.#o.cacheDirectory);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const first = 'public' in from ? {} : { rootPath: await firstRoot(from.root, directory) };
    const of = { mirrorURL: urlOf(from), ...first };
    const at = this.#now();
    try {
      const vouched = await this.#fetched(directory, of);
      await writeWhole(join(directory, 'fetched'), String(at));
      return this.#hold(directory, vouched, { at, forMs: refreshMs });
    } catch (error) {
      return this.#hold(directory, await this.#kept(directory, of, error), { at, forMs: againMs });
    }
  }

  #hold(directory: string, { text, expires = Infinity }: Vouched, { at, forMs }: { at: number; forMs: number }): string {
    this.#held.set(directory, { text, at, freshUntil: Math.min(at + forMs, expires) });
    return text;
  }

  /** Into a copy of what is known, which takes its place only when all of it was good: half of an update would be neither the old nor the new. */
  async #fetched(directory: string, of: Repository): Promise<Vouched> {
    const known = await currentState(directory);
    const next = await copyOf(directory, known);
    try {
      const vouched = await this.#vouched(next, of, false);
      if (await replaceState(directory, known, next)) return vouched;
    } catch (error) {
      await rm(next, { recursive: true, force: true });
      throw error;
    }
    // Another process of ours has refreshed it in the meantime.
    await rm(next, { recursive: true, force: true });
    const theirs = await currentState(directory);
    if (theirs === undefined) throw new Error(`${directory} was emptied`);
    return this.#vouched(theirs, of, true);
  }

  /** The last good one, as long as the metadata that vouches for it has not expired; what is on disk is checked like what comes over the network. */
  async #kept(directory: string, of: Repository, error: unknown): Promise<Vouched> {
    const why = wordsOf(error);
    const known = await currentState(directory);
    if (known === undefined) throw nothingFrom(of, `${why}; there is no earlier one`, error);
    try {
      const vouched = await this.#vouched(known, of, true);
      const message = 'the trusted root could not be refreshed; the last good one is in use until it expires';
      this.#o.log?.warn({ url: of.mirrorURL, error: why }, message);
      return vouched;
    } catch (cached) {
      const expires = await expiryOf(known);
      const until = expires === undefined ? '' : `, whose metadata stands until ${new Date(expires).toISOString()}`;
      throw nothingFrom(of, `${why}; the last good one${until}, does not count: ${wordsOf(cached)}`, error);
    }
  }

  async #vouched(state: string, of: Repository, forceCache: boolean): Promise<Vouched> {
    const text = await this.#target({ ...of, cachePath: state, forceCache });
    return { text, expires: await expiryOf(state) };
  }

  async #target(of: Repository & { cachePath: string; forceCache: boolean }): Promise<string> {
    // Most clusters have no such root, and need not load what reads them.
    const { initTUF } = await import('@sigstore/tuf');
    const { timeoutMs: timeout = 10_000, retries = 2 } = this.#o;
    const client = await initTUF({ ...of, timeout, retry: { retries } });
    return client.getTarget(target);
  }

  /** Of its own for each repository and first root: another first root begins another chain of trust. */
  #directory(from: TrustedRootSource): string {
    const name =
      'public' in from
        ? 'public'
        : createHash('sha256')
            .update(`${urlOf(from)}\n${from.root}`)
            .digest('hex')
            .slice(0, 32);
    return join(this.#o.cacheDirectory, name);
  }
}

function nothingFrom({ mirrorURL }: Repository, why: string, cause: unknown): TransientError {
  return new TransientError('KeyUnreadable' satisfies PolicyReason, `no trusted root from ${mirrorURL}: ${why}`, { cause });
}

/** The library takes the first root from a file. */
async function firstRoot(root: string, directory: string): Promise<string> {
  if (!isJSON(root)) {
    throw new StallingError('InvalidKey' satisfies PolicyReason, 'the first root.json of the TUF repository is not JSON');
  }
  const path = join(directory, 'first-root.json');
  await writeWhole(path, root);
  return path;
}

function urlOf(from: TrustedRootSource): string {
  if ('public' in from) return publicRepository;
  const url = URL.parse(from.url);
  if (url && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.search === '') {
    return url.href.replace(/\/+$/, '');
  }
  // Not quoted: it may hold a password.
  const message = 'the URL of the TUF repository must begin with https:// or http://, without a user and without a query';
  throw new StallingError('InvalidKey' satisfies PolicyReason, message);
}

/** The library hides what happened behind what it was doing. */
function wordsOf(error: unknown): string {
  const words: string[] = [];
  for (let at: unknown = error; at instanceof Error && words.length < 4; at = at.cause) words.push(messageOf(at));
  return [...new Set(words)].join(': ') || messageOf(error);
}

function isJSON(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
