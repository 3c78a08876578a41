/**
 * A pack in memory and the objects in it. Read by our own code and not by isomorphic-git, whose indexPack has no caps, leaves out what
 * it cannot resolve, and held the event loop for three seconds over 27,000 objects; here a lease is renewed meanwhile. An object is
 * found by the hash of its bytes and by nothing else, so what is read under an id has that id.
 */
import type { SystemSourceSpecLimits } from '../api/system-source.ts';
import { createBreather } from './breather.ts';
import { ByteCache } from './byte-cache.ts';
import { DeltaError, applyDelta } from './delta.ts';
import { type GitObject, invalid, objectId, requireId } from './git-object.ts';
import { type PackEntry, exceeded, inflateEntry, scanPack } from './pack-scan.ts';

export interface Pack {
  readonly oids: Iterable<string>;
  has(oid: string): boolean;
  /** Bytes that it always holds in memory. */
  readonly size: number;
  /** Bytes of all its objects. */
  readonly inflated: number;
  /** The object, checked against its id. Throws when the pack does not hold it. */
  read(oid: string): GitObject;
}

/** Inflated objects kept while deltas are resolved. */
const cacheBytes = 16 * 1024 * 1024;
/** Git makes chains of at most 4,095 deltas (pack.depth). */
const longestChain = 4_095;
/** Bytes made while resolving, in multiples of limits.packBytes: chains whose bases fall out of the cache are resolved again and again. */
const mostWork = 64;

/**
 * Reads where everything is. `keepBytes` of objects that were read stay in memory, by default those of the largest.
 * @throws StallingError `LimitExceeded` naming the cap, or `InvalidGitObject`
 */
export async function openPack(bytes: Buffer, limits: SystemSourceSpecLimits, keepBytes = limits.fileBytes): Promise<Pack> {
  const reader = new PackReader(bytes, limits);
  await reader.index(keepBytes);
  return reader;
}

class PackReader implements Pack {
  readonly #pack: Buffer;
  readonly #limits: SystemSourceSpecLimits;
  readonly #entries = new Map<number, PackEntry>();
  readonly #offsets = new Map<string, number>();
  #resolved = new ByteCache<GitObject>(cacheBytes);
  #work = 0;
  #inflated = 0;

  constructor(pack: Buffer, limits: SystemSourceSpecLimits) {
    this.#pack = pack;
    this.#limits = limits;
  }

  get size(): number {
    return this.#pack.length;
  }

  get inflated(): number {
    return this.#inflated;
  }

  get oids(): Iterable<string> {
    return this.#offsets.keys();
  }

  has(oid: string): boolean {
    return this.#offsets.has(oid);
  }

  read(oid: string): GitObject {
    const offset = this.#offsets.get(oid);
    const object = offset === undefined ? undefined : this.#resolve(offset);
    if (!object) throw invalid(oid, 'the server did not send it');
    this.#work = 0;
    return requireId(oid, object);
  }

  async index(keepBytes: number): Promise<void> {
    const deltas: number[] = [];
    await scanPack(this.#pack, this.#limits, (entry, bytes) => {
      this.#entries.set(entry.offset, entry);
      if ('type' in entry.content) this.#found(entry.offset, { type: entry.content.type, bytes });
      else deltas.push(entry.offset);
    });
    await this.#indexDeltas(deltas);
    this.#resolved = new ByteCache(keepBytes);
  }

  /** A base may come after its delta when it is named by id, so what cannot be resolved yet is tried again while others still can. */
  async #indexDeltas(deltas: readonly number[]): Promise<void> {
    const breathe = createBreather();
    for (let open = deltas; open.length > 0;) {
      const left: number[] = [];
      for (const offset of open) {
        const object = this.#resolve(offset);
        if (object) this.#found(offset, object);
        else left.push(offset);
        await breathe();
      }
      if (left.length === open.length) throw invalid('(pack)', `${left.length} objects of the pack cannot be resolved`);
      open = left;
    }
  }

  #found(offset: number, object: GitObject): void {
    this.#offsets.set(objectId(object), offset);
    this.#inflated += object.bytes.byteLength;
    this.#resolved.set(String(offset), object, object.bytes.byteLength);
  }

  /** The object at an offset; undefined while a base of it is not known. */
  #resolve(offset: number): GitObject | undefined {
    const chain: PackEntry[] = [];
    let at: number | undefined = offset;
    for (;;) {
      const cached: GitObject | undefined = this.#resolved.get(String(at));
      if (cached) return this.#apply(chain, cached);
      const entry: PackEntry | undefined = at === undefined ? undefined : this.#entries.get(at);
      if (!entry) return undefined;
      const { content }: PackEntry = entry;
      if ('type' in content) return this.#apply(chain, { type: content.type, bytes: inflateEntry(this.#pack, entry).bytes });
      if (chain.push(entry) > longestChain) throw invalid('(pack)', `a chain of more than ${longestChain} deltas`);
      at = 'baseOid' in content ? this.#offsets.get(content.baseOid) : content.baseOffset;
    }
  }

  #apply(chain: readonly PackEntry[], base: GitObject): GitObject {
    let object = base;
    for (const entry of chain.toReversed()) {
      const bytes = deltaResult(inflateEntry(this.#pack, entry).bytes, object.bytes);
      object = { type: base.type, bytes };
      this.#work += bytes.length;
      if (this.#work > this.#limits.packBytes * mostWork) {
        throw exceeded('packBytes', this.#limits.packBytes, `resolving its deltas makes over ${mostWork} times that`);
      }
      this.#resolved.set(String(entry.offset), object, bytes.length);
    }
    return object;
  }
}

function deltaResult(delta: Buffer, base: Uint8Array): Buffer {
  try {
    return applyDelta(delta, Buffer.from(base.buffer, base.byteOffset, base.byteLength));
  } catch (error) {
    if (error instanceof DeltaError) throw invalid('(pack)', error.message);
    throw error;
  }
}
