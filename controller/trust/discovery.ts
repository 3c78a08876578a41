/**
 * Looks for keys where a name says that they are: GET https://NAME?ac-discovery=1, walked up the path to the host, and the meta tags of the page
 * that names keys. What is found is nothing but a proposal to a person.
 */
import { messageOf } from '../api/errors.ts';
import { createBoundedGet, Refused, type BoundedGet, type BoundedGetOptions, type Got } from './bounded-get.ts';
import { keyTagsOf, type KeyTag } from './discovery-page.ts';
import { maxKeyBytes, readKeyMaterial, type KeyMaterial } from './key-material.ts';
import { plainText } from './plain-text.ts';
import { covers, scopeOf } from './scope.ts';

export interface FoundKey extends KeyMaterial {
  /** URL. */
  location: string;
}

export interface Discovery {
  found: FoundKey[];
  /** What was looked at and gave nothing, with why, in order. */
  attempts: string[];
  /** Every page and key that was asked for was answered: what is not found is not there. */
  complete: boolean;
}

export interface DiscoverOptions extends Omit<BoundedGetOptions, 'allowHTTP'> {
  /** As spec.scope.prefix. */
  prefix: string;
  /** For all of it; default 60 s. */
  timeoutMs?: number;
}

const wholeMs = 60_000;
const pageBytes = 1024 ** 2;
/** A longer path begins with its first so many parts. */
const maxLevels = 16;
/** As many as a policy's status holds. */
const maxFound = 32;
/** What a status holds of a key. */
const maxKeptCharacters = 16_384;

/** Never throws for what others serve: what failed is in `attempts`. */
export async function discover({ prefix, timeoutMs = wholeMs, ...options }: DiscoverOptions): Promise<Discovery> {
  const bounded = createBoundedGet(options);
  try {
    return await new Walk(bounded, AbortSignal.timeout(timeoutMs)).up(scopeOf({ prefix }));
  } finally {
    await bounded.close();
  }
}

/** The pages that are looked at for a name: the name itself, then each name above it, to the host. Pure. */
export function pagesOf(name: string): string[] {
  const parts = name.split('/').slice(0, maxLevels);
  return parts.map((_, i) => `https://${parts.slice(0, parts.length - i).join('/')}?ac-discovery=1`);
}

/** One run of discovery, with what it has come to. */
class Walk {
  readonly #bounded: BoundedGet;
  readonly #signal: AbortSignal;
  readonly #found = new Map<string, FoundKey>();
  readonly #attempts: string[] = [];
  #complete = true;

  constructor(bounded: BoundedGet, signal: AbortSignal) {
    this.#bounded = bounded;
    this.#signal = signal;
  }

  /** Ends at the first page that has tags for the name. */
  async up(name: string): Promise<Discovery> {
    for (const page of pagesOf(name)) {
      const tags = await this.#tagsOn(page, name);
      if (tags === 'unreachable') break;
      if (tags.length === 0) continue;
      for (const url of new Set(tags.map(tag => tag.url))) await this.#take(url);
      break;
    }
    return { found: [...this.#found.values()], attempts: this.#attempts, complete: this.#complete };
  }

  /** 'unreachable' when the host cannot be asked, which it cannot for the names above either. */
  async #tagsOn(page: string, name: string): Promise<KeyTag[] | 'unreachable'> {
    const { got, failure, isHost } = await this.#get(page, pageBytes);
    if (!got) {
      this.#failed(page, failure);
      return isHost ? 'unreachable' : [];
    }
    const { status, body } = got;
    if (status !== 200) {
      if (status < 400 || status >= 500 || status === 408 || status === 429) this.#failed(page, `answered ${status}`);
      else this.#say(page, `answered ${status}`);
      return [];
    }
    const tags = keyTagsOf(body.toString('utf8'));
    const ours = tags.filter(tag => covers(tag.prefix.replace(/\/$/, ''), name));
    if (ours.length === 0) {
      const others = tags.length > 0 ? ` for ${name}, only for ${tags.map(tag => plainText(tag.prefix, 128)).join(', ')}` : '';
      this.#say(page, `no meta tag ac-discovery-pubkeys${others}`);
    }
    return ours;
  }

  async #take(url: string): Promise<void> {
    const { got, failure } = await this.#get(url, maxKeyBytes);
    if (!got) return this.#failed(url, failure);
    if (got.status !== 200) return this.#failed(url, `answered ${got.status}`);
    try {
      for (const key of await readKeyMaterial(got.body)) this.#keep({ ...key, location: got.url });
    } catch (error) {
      // What was answered is no key: that is what is there.
      this.#say(url, messageOf(error));
    }
  }

  #keep(key: FoundKey): void {
    if (this.#found.has(key.fingerprint)) return;
    if (key.text.length > maxKeptCharacters)
      this.#say(
        key.location,
        `the key ${key.fingerprint} has ${key.text.length} characters; ${maxKeptCharacters} are kept at most`,
      );
    else if (this.#found.size >= maxFound) this.#say(key.location, `the key ${key.fingerprint} is one of more than ${maxFound}`);
    else this.#found.set(key.fingerprint, key);
  }

  async #get(url: string, limitBytes: number): Promise<Asked> {
    try {
      return { got: await this.#bounded.get(url, { limitBytes, signal: this.#signal }), failure: '', isHost: false };
    } catch (error) {
      const isHost = !(error instanceof Refused) || error.ofHost;
      return { failure: this.#signal.aborted ? 'not answered in time' : messageOf(error), isHost };
    }
  }

  #failed(url: string, why: string): void {
    this.#complete = false;
    this.#say(url, why);
  }

  #say(url: string, why: string): void {
    this.#attempts.push(`${plainText(url, 512)}: ${why}`);
  }
}

interface Asked {
  got?: Got;
  failure: string;
  /** Whether it is the host that failed, and not what was asked of it. */
  isHost: boolean;
}
