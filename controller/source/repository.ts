/** One repository as one credential sees it: refs, objects, ancestry. Objects are cached by id, in bytes bounded over all repositories. */
import { StallingError, TransientError } from '../api/errors.ts';
import type { SystemSourceSpecLimits } from '../api/system-source.ts';
import { descends } from './ancestry.ts';
import { createBreather } from './breather.ts';
import type { ByteCache } from './byte-cache.ts';
import { GitClient } from './git-client.ts';
import type { GitHttp, Wire } from './git-http.ts';
import { type Commit, type GitObject, parseCommit } from './git-object.ts';
import type { Pack } from './pack.ts';
import type { ResolvedRef } from './protocol.ts';
import type { SourceReason } from './reasons.ts';
import { fetchShallow } from './shallow-fetch.ts';

/** What is fetched, for whom, and how much of it at most. */
export interface FetchContext extends Wire {
  /** The commit that the objects belong to. */
  commit: string;
  limits: SystemSourceSpecLimits;
  /** Where the whole pack of the commit is held while its tree is read, with the transport that knows no less. */
  held?: { pack?: Promise<Pack> };
}

export type Cached = { object: GitObject } | { pack: Pack };

export interface Transport {
  transport: 'v2-filter' | 'v1-shallow';
  /** Why a lesser transport is used. */
  transportReason?: string;
}

/** Commits of history that the shallow transport looks through for the last applied one. */
const shallowHistory = 50;
/** Bytes of read commits that each pack of history keeps: enough for deltas, and little for dozens of packs. */
const keptOfHistory = 256 * 1024;
/** Bytes that an object takes beside its own. */
const overhead = 200;

export class Repository {
  readonly #key: string;
  readonly #client: GitClient;
  readonly #cache: ByteCache<Cached>;
  readonly #now: () => number;
  readonly #polls = new Map<string, { at: number; found: Promise<ResolvedRef> }>();
  readonly #underWay = new Map<string, Promise<Map<string, GitObject>>>();
  readonly #packs = new Map<string, Promise<Pack>>();

  constructor(o: { key: string; http: GitHttp; cache: ByteCache<Cached>; now: () => number }) {
    this.#key = o.key;
    this.#client = new GitClient(o.http);
    this.#cache = o.cache;
    this.#now = o.now;
  }

  /** Which transport the server allows; asks it when that is not known yet. */
  async transport(wire: Wire): Promise<Transport> {
    const lesser = await this.#client.lesser(wire);
    return lesser === undefined ? { transport: 'v2-filter' } : { transport: 'v1-shallow', transportReason: lesser };
  }

  /**
   * What a full ref name stands for. An answer younger than `maxAgeMs` is taken from the last poll, so that many sources that follow one
   * ref poll it as often as one would.
   */
  resolve(ref: string, maxAgeMs: number, wire: Wire): Promise<ResolvedRef> {
    const last = this.#polls.get(ref);
    if (last && this.#now() - last.at < maxAgeMs) return last.found;
    const poll = { at: this.#now(), found: this.#client.resolve(ref, wire) };
    this.#polls.set(ref, poll);
    poll.found.catch(() => {
      if (this.#polls.get(ref) === poll) this.#polls.delete(ref);
    });
    return poll.found;
  }

  /** The commit; its tree is where reading starts. */
  async commit(context: FetchContext): Promise<Commit> {
    const objects = await this.objects([context.commit], context);
    const object = objects.get(context.commit);
    if (object?.type !== 'commit') {
      throw new StallingError(
        'RefNotFound' satisfies SourceReason,
        `${context.commit} is a ${object?.type ?? 'missing object'}, not a commit`,
      );
    }
    return parseCommit(context.commit, object.bytes);
  }

  /** The objects by id, each checked against it, from the cache or in one request. */
  async objects(oids: readonly string[], context: FetchContext): Promise<Map<string, GitObject>> {
    const found = new Map<string, GitObject>();
    const missing: string[] = [];
    const waiting = new Set<Promise<Map<string, GitObject>>>();
    for (const oid of new Set(oids)) {
      const cached = this.#cache.get(this.#keyOf(oid));
      const underWay = this.#underWay.get(oid);
      if (cached && 'object' in cached) found.set(oid, cached.object);
      else if (underWay) waiting.add(underWay);
      else missing.push(oid);
    }
    if (missing.length > 0) waiting.add(this.#load(missing, context));
    for (const loaded of await Promise.all(waiting)) for (const [oid, object] of loaded) found.set(oid, object);
    return found;
  }

  /** True when `context.commit` descends from `ancestor`. */
  async descends(ancestor: string, context: FetchContext): Promise<boolean> {
    const partial = (await this.#client.lesser(context)) === undefined;
    const pack = partial
      ? await this.#client.commitsBetween(context.commit, ancestor, context.limits, context)
      : await fetchShallow(this.#client.http, { commit: context.commit, depth: shallowHistory, limits: context.limits }, context);
    return pack !== undefined && descends(context.commit, ancestor, await commitsOf(pack, context.commit));
  }

  /**
   * Commits from one backwards, or an annotated tag with its commit: so many generations, and no trees. Not cached: who walks history keeps what it needs.
   * The lesser transport has one depth, and what it leaves out there is not to be had.
   */
  async history(oid: string, depth: number, context: FetchContext): Promise<Pack> {
    const partial = (await this.#client.lesser(context)) === undefined;
    if (partial) return this.#client.fetch([oid], { depth, limits: context.limits, keepBytes: keptOfHistory }, context);
    return fetchShallow(
      this.#client.http,
      { commit: oid, depth: Math.min(depth, shallowHistory), limits: context.limits },
      context,
    );
  }

  async close(): Promise<void> {
    await this.#client.http.close();
  }

  #load(oids: readonly string[], context: FetchContext): Promise<Map<string, GitObject>> {
    const load = this.#fetch(oids, context).finally(() => {
      for (const oid of oids) if (this.#underWay.get(oid) === load) this.#underWay.delete(oid);
    });
    for (const oid of oids) this.#underWay.set(oid, load);
    return load;
  }

  async #fetch(oids: readonly string[], context: FetchContext): Promise<Map<string, GitObject>> {
    const partial = (await this.#client.lesser(context)) === undefined;
    const pack = partial
      ? await this.#client.fetch(oids, { depth: oids.includes(context.commit) ? 1 : undefined, limits: context.limits }, context)
      : await this.#shallowPack(context);
    // The pack may hold more than was asked for (all trees, where the server filters no finer); it is worth keeping.
    const asked = new Set(oids);
    const out = new Map<string, GitObject>();
    const breathe = createBreather();
    for (const oid of partial ? new Set([...asked, ...pack.oids]) : asked) {
      const object = pack.read(oid);
      await breathe();
      if (asked.has(oid)) out.set(oid, object);
      this.#cache.set(this.#keyOf(oid), { object }, object.bytes.byteLength + overhead);
    }
    return out;
  }

  /** The whole pack of a commit: held by whoever reads its tree, and kept while there is room. */
  #shallowPack(context: FetchContext): Promise<Pack> {
    const { held } = context;
    const pack = held?.pack ?? this.#sharedPack(context);
    if (held) held.pack = pack;
    pack.catch(() => {
      if (held?.pack === pack) delete held.pack;
    });
    return pack;
  }

  async #sharedPack(context: FetchContext): Promise<Pack> {
    const key = `${this.#keyOf(context.commit)} pack`;
    const cached = this.#cache.get(key);
    if (cached && 'pack' in cached) return cached.pack;
    const underWay = this.#packs.get(key);
    if (underWay) return underWay;
    const shallow = { commit: context.commit, depth: 1, limits: context.limits };
    const fetching = fetchShallow(this.#client.http, shallow, context);
    this.#packs.set(key, fetching);
    try {
      const pack = await fetching;
      this.#cache.set(key, { pack }, pack.size);
      return pack;
    } finally {
      this.#packs.delete(key);
    }
  }

  #keyOf(oid: string): string {
    return `${this.#key} ${oid}`;
  }
}

/** The commits of a pack that are reachable from the tip. */
async function commitsOf(pack: Pack, tip: string): Promise<Map<string, Commit>> {
  const commits = new Map<string, Commit>();
  const open = [tip];
  const breathe = createBreather();
  for (let oid = open.pop(); oid !== undefined; oid = open.pop()) {
    if (commits.has(oid) || !pack.has(oid)) continue;
    const object = pack.read(oid);
    await breathe();
    if (object.type !== 'commit')
      throw new TransientError('InvalidGitObject' satisfies SourceReason, `${oid} is a ${object.type}, not a commit`);
    const commit = parseCommit(oid, object.bytes);
    commits.set(oid, commit);
    open.push(...commit.parents);
  }
  return commits;
}
