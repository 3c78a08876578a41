import { StallingError, TransientError } from '../api/errors.ts';
import { isAbsent, path } from './blobs.ts';
import { readBody } from './body.ts';
import { NotFoundError } from './errors.ts';
import { contentType, imageName, maxManifestBytes, parseManifest } from './manifests.ts';
import type { Manifests } from './manifests.ts';
import { mediaTypes } from './media-types.ts';
import type { Descriptor } from './media-types.ts';
import type { Place } from './places.ts';
import { bytesOf, entriesOf, merged, nextPage, referrerOf, referrersTag, withEntry, withoutEntries } from './referrers-index.ts';
import type { IndexDocument } from './referrers-index.ts';
import { TryAgain, withRetries } from './retry.ts';
import type { Retrying } from './retry.ts';
import { dump } from './transport.ts';
import type { RegistryTransport } from './transport.ts';
import { Turns } from './turns.ts';

/** A registry that gives more is given up: the list would not fit what it is for. */
const maxPages = 100;
const maxEntries = 10_000;
/** How often an entry is looked for, and put in, before the push is said to have failed. */
const maxRounds = 20;
/** A written entry is looked for after so long, or after as many of its own rounds where the registry is slow. */
export const settleMs = 100;
const settleRounds = 3;

export interface ReferrersOptions {
  transport: RegistryTransport;
  manifests: Manifests;
  retrying: Retrying;
  deadlineMs: number;
  settleMs: number;
  now: () => number;
}

/** The referrers tag as it was read. */
interface Tagged {
  index: IndexDocument;
  entries: Descriptor[];
  digest: string;
}

/** What is to be added to a list, and who is told when it has been written. */
interface Batch {
  entries: Descriptor[];
  written: (() => void)[];
}

/** What refers to a manifest: read from the referrers API and the referrers tag, and kept in the tag where the API is missing. */
export class Referrers {
  readonly #o: ReferrersOptions;
  readonly #turns = new Turns();
  /** What is added to a list next, all in one write. */
  readonly #batches = new Map<string, Batch & { kept: Promise<void> }>();

  constructor(options: ReferrersOptions) {
    this.#o = options;
  }

  /**
   * All referrers, of one artifact type if that is given. A registry that got the API after the tag was written may know only what came later,
   * so both are read, always.
   * @throws whatever reading either of them throws: a failed look-up is never "none"
   */
  async list(place: Place, digest: string, artifactType?: string): Promise<Descriptor[]> {
    const [served, tagged] = await Promise.all([this.#served(place, digest, artifactType), this.#tagged(place, digest)]);
    const all = merged(served ?? [], tagged?.entries ?? []);
    if (artifactType === undefined) return all;
    const typed = await Promise.all(all.map(entry => this.#typed(place, entry)));
    return typed.flatMap(entry => (entry?.artifactType === artifactType ? [entry] : []));
  }

  /**
   * Makes sure that manifests which have just been pushed are found from their subject. Whether the registry serves it is asked, not taken from
   * the OCI-Subject header: registries have been seen to send the header without the API, and to have the API without the header.
   * @param written called once they are in the list, before it is known that they stay
   */
  async ensure(place: Place, subject: string, entries: readonly Descriptor[], written?: () => void): Promise<void> {
    const served = new Set((await this.#served(place, subject, undefined))?.map(({ digest }) => digest));
    const unserved = entries.filter(({ digest }) => !served.has(digest));
    if (unserved.length === 0) {
      written?.();
      return;
    }
    const key = `${place.name} ${subject}`;
    const told = written ? [written] : [];
    const waiting = this.#batches.get(key);
    if (waiting) {
      waiting.entries.push(...unserved);
      waiting.written.push(...told);
      return waiting.kept;
    }
    const batch: Batch = { entries: unserved, written: told };
    const kept = this.#turns.take(key, () => {
      this.#batches.delete(key);
      return this.#keep(place, subject, batch);
    });
    this.#batches.set(key, { ...batch, kept });
    return kept;
  }

  /** Takes an entry out of the referrers tag, where there is one. */
  async drop(place: Place, subject: string, digest: string): Promise<void> {
    await this.#turns.take(`${place.name} ${subject}`, async () => {
      for (let round = 1; round <= maxRounds; round++) {
        const begun = this.#o.now();
        const tagged = await this.#tagged(place, subject);
        if (!tagged?.entries.some(entry => entry.digest === digest)) return;
        await this.#write(place, subject, withoutEntries(tagged.index, new Set([digest])));
        await this.#settle(this.#o.now() - begun);
      }
      throw new TransientError('RegistryRefused', `${tagName(place, subject)}: ${digest} comes back each time it is taken out`);
    });
  }

  /** Removes the referrers tag of a manifest that is gone, unless something is still in it. */
  async forget(place: Place, subject: string): Promise<void> {
    await this.#turns.take(`${place.name} ${subject}`, async () => {
      const tagged = await this.#tagged(place, subject);
      if (tagged?.entries.length !== 0) return;
      try {
        await this.#retried(() => this.#o.manifests.remove(place, tagged.digest));
      } catch (error) {
        // Another deletion was faster, or the registry keeps tags; an empty index does no harm.
        if (!(error instanceof NotFoundError) && !(error instanceof StallingError)) throw error;
      }
    });
  }

  /**
   * Reads the index, adds the entries, writes it, and looks again, until they have been there twice with a pause between. The specification
   * has no conditional write, so whoever read before this write and writes after it takes them away; that is why they are looked for again, and
   * why writers that meet wait for different times.
   *
   * What remains possible: a writer that is held up between its read and its write for longer than the others look (two pauses, of three of
   * their own rounds each) takes away what was added in between, and nobody notices until that manifest is pushed again, which adds it
   * again. Only a registry with the API is free of that.
   */
  async #keep(place: Place, subject: string, { entries, written }: Batch): Promise<void> {
    let seen = 0;
    let missing: readonly Descriptor[] = entries;
    for (let round = 1; round <= maxRounds; round++) {
      const begun = this.#o.now();
      const tagged = await this.#tagged(place, subject);
      const present = new Set(tagged?.entries.map(({ digest }) => digest));
      missing = entries.filter(({ digest }) => !present.has(digest));
      seen = missing.length === 0 ? seen + 1 : 0;
      if (seen === 2) return;
      const index = missing.reduce<IndexDocument | undefined>(withEntry, tagged?.index);
      if (missing.length > 0 && index) await this.#write(place, subject, index);
      for (const tell of written.splice(0)) tell();
      await this.#settle(this.#o.now() - begun);
    }
    throw new TransientError(
      'RegistryUnavailable',
      `${tagName(place, subject)}: ${missing[0]?.digest ?? entries[0]?.digest} does not stay in the index, others write it too fast`,
    );
  }

  async #write(place: Place, subject: string, index: IndexDocument): Promise<void> {
    const tag = referrersTag(subject);
    const put = (document: IndexDocument): Promise<string> => {
      const bytes = bytesOf(document);
      if (bytes.length > maxManifestBytes)
        throw new TransientError('RegistryRefused', `${tagName(place, subject)} has no room for another referrer`);
      return this.#retried(() => this.#o.manifests.put(place, tag, { mediaType: mediaTypes.index, bytes }));
    };
    try {
      await put(index);
    } catch (error) {
      if (!(error instanceof TransientError) || error.reason !== 'RegistryRefused') throw error;
      // Registries take no index with an entry that is gone; somebody deleted the manifest and left the entry.
      const gone = await this.#gone(place, entriesOf(index) ?? []);
      if (gone.size === 0) throw error;
      await put(withoutEntries(index, gone));
    }
  }

  /** Those that the registry says definitely are not there. */
  async #gone(place: Place, entries: readonly Descriptor[]): Promise<Set<string>> {
    const gone = new Set<string>();
    for (const { digest } of entries) {
      try {
        await this.#retried(() => this.#o.manifests.resolve(place, digest));
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
        gone.add(digest);
      }
    }
    return gone;
  }

  /** What the API says, undefined where the registry has none. */
  async #served(place: Place, digest: string, artifactType: string | undefined): Promise<Descriptor[] | undefined> {
    const filter = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
    let target: string | undefined = path(place, `referrers/${digest}${filter}`);
    const found: Descriptor[] = [];
    const what = `referrers of ${imageName(place, digest)}`;
    for (let page = 1; target !== undefined; page++) {
      const at: string = target;
      const got = await this.#retried(() => this.#page(place, at, what));
      if (got === undefined && page === 1) return undefined;
      if (got === undefined) throw new TransientError('RegistryUnavailable', `${what}: page ${page} is not there`);
      found.push(...got.entries);
      if (found.length > maxEntries || page === maxPages) throw new TransientError('RegistryRefused', `${what} are too many`);
      target = got.next === undefined ? undefined : sameOrigin(got.next, { place, at, what });
    }
    return found;
  }

  /** The entry with its own artifact type: some registries list none, or that of the empty configuration. Undefined when its manifest is gone. */
  async #typed(place: Place, entry: Descriptor): Promise<Descriptor | undefined> {
    if (entry.artifactType !== undefined && entry.artifactType !== mediaTypes.empty) return entry;
    try {
      const manifest = await this.#retried(() => this.#o.manifests.read(place, entry.digest, entry.size));
      return { ...entry, artifactType: referrerOf(manifest.json, entry)?.entry.artifactType ?? mediaTypes.empty };
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  async #page(
    place: Place,
    target: string,
    what: string,
  ): Promise<{ entries: Descriptor[]; next: string | undefined } | undefined> {
    const answer = await this.#o.transport.send({
      place,
      method: 'GET',
      target,
      actions: 'pull',
      headers: { accept: mediaTypes.index },
      accept: [200, 404, 405],
      deadlineMs: this.#o.deadlineMs,
    });
    if (isAbsent(answer) || answer.status === 405) {
      await dump(answer);
      return undefined;
    }
    const bytes = await readBody(answer, what, { limitBytes: maxManifestBytes });
    const entries =
      contentType(answer) === mediaTypes.index ? entriesOf(parseManifest(bytes, what, { pinned: false })) : undefined;
    if (!entries) throw new TryAgain('RegistryUnavailable', `${what}: the registry did not answer with an index`);
    const applied = [answer.headers['oci-filters-applied']].flat().join(',').split(',');
    const wanted = new URL(target, place.origin).searchParams.get('artifactType');
    // A registry that has looked at the types knows them better than its list may say.
    const filtered = wanted !== null && applied.some(filter => filter.trim() === 'artifactType');
    return {
      entries: filtered ? entries.map(entry => ({ ...entry, artifactType: wanted })) : entries,
      next: nextPage([answer.headers['link']].flat().join(', ')),
    };
  }

  /** The index behind the referrers tag, undefined when there is none. */
  async #tagged(place: Place, subject: string): Promise<Tagged | undefined> {
    try {
      const { json, digest } = await this.#retried(() => this.#o.manifests.read(place, referrersTag(subject)));
      const index = { ...(json as IndexDocument) };
      const entries = entriesOf(index);
      if (entries) return { index, entries, digest };
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
    throw new TransientError('RegistryRefused', `${tagName(place, subject)} is no index of referrers; it is left as it is`);
  }

  async #settle(roundMs: number): Promise<void> {
    const { random, sleep } = this.#o.retrying;
    await sleep(pauseMs(this.#o.settleMs, roundMs, random()));
  }

  #retried<T>(work: () => Promise<T>): Promise<T> {
    return withRetries(this.#o.retrying, work);
  }
}

/**
 * Milliseconds between a write and the look whether it stayed: writers that meet wait for different times, and longer where the registry is slow. None is
 * much shorter than another, for a short one is a bad look; and an image has several lists, of which the longest is waited for.
 */
export function pauseMs(settleMs: number, roundMs: number, random: number): number {
  return Math.max(settleMs, settleRounds * roundMs) * (0.75 + random / 2);
}

function tagName(place: Place, digest: string): string {
  return imageName(place, referrersTag(digest));
}

/** Where the next page is. One on another host would be another registry's word. */
function sameOrigin(next: string, { place, at, what }: { place: Place; at: string; what: string }): string {
  const base = new URL(at, place.origin);
  const url = URL.canParse(next, base.href) ? new URL(next, base.href) : undefined;
  if (url?.host === base.host) return url.pathname + url.search;
  throw new TransientError('RegistryRefused', `${what}: the next page is not on the registry (${next.slice(0, 200)})`);
}
