import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { messageOf } from '../api/errors.ts';
import { TryAgain, withRetries } from './retry.ts';
import type { Persistence } from './retry.ts';
import type { Answer } from './transport.ts';

/** The bytes of an upload, in order. */
export interface Content {
  digest: string;
  size: number;
  /** The next `count` bytes, fewer only at the end; good until the next call. */
  next(count: number): Promise<Uint8Array>;
  /** @throws TryAgain `DigestMismatch` unless what was read is what the digest says. */
  verify(): void;
  close(): void;
}

/** Bytes that are in memory, and whose digest was made of them. */
export function contentOf(bytes: Uint8Array, digest: string): Content {
  let offset = 0;
  return {
    digest,
    size: bytes.length,
    next(count) {
      const piece = bytes.subarray(offset, offset + count);
      offset += piece.length;
      return Promise.resolve(piece);
    },
    verify() {
      // Hashed by who made the digest.
    },
    close() {
      // Nothing is open.
    },
  };
}

/** Opens the blob at an offset: 206 from there on, or 200 with the whole. */
export type Open = (offset: number) => Promise<Answer>;

/** The beginning of a blob, which was read before. */
export interface Begun {
  /** How many bytes of it. */
  offset: number;
  /** Over these bytes; those that follow are added to it. */
  hash: Hash;
}

/**
 * A blob that is read from a registry while it is written to another. Holds one piece of it in memory; a broken connection is opened again where
 * it broke, with a Range request, and the digest is checked over all that was handed out.
 */
export class BlobSource implements Content {
  readonly digest: string;
  readonly size: number;
  readonly #open: Open;
  readonly #persistence: Persistence;
  readonly #what: string;
  readonly #hash: Hash;
  #buffer = Buffer.alloc(0);
  #offset: number;
  #chunks: AsyncIterator<Uint8Array, undefined> | undefined;
  #rest: Uint8Array = new Uint8Array(0);
  #answer: Answer | undefined;

  constructor(blob: { from: string; digest: string; size: number }, open: Open, persistence: Persistence, begun?: Begun) {
    this.digest = blob.digest;
    this.size = blob.size;
    this.#what = `${blob.from}@${blob.digest}`;
    this.#open = open;
    this.#persistence = persistence;
    this.#hash = begun?.hash ?? createHash('sha256');
    this.#offset = begun?.offset ?? 0;
  }

  async next(count: number): Promise<Uint8Array> {
    const wanted = Math.min(count, this.size - this.#offset);
    // The same memory for every piece: a new one of megabytes each time would pile up until the collector comes.
    if (this.#buffer.length < wanted) this.#buffer = Buffer.allocUnsafeSlow(wanted);
    const start = this.#offset;
    const retrying = start === 0 ? this.#persistence.begin : this.#persistence.goOn;
    const complete = await withRetries(retrying, () => this.#fill(start, wanted));
    if (!complete) throw new TryAgain('DigestMismatch', `${this.#what} has ${this.#offset} bytes, not ${this.size}`);
    const piece = this.#buffer.subarray(0, wanted);
    this.#hash.update(piece);
    if (this.#offset === this.size && (await this.#hasMore()))
      throw new TryAgain('DigestMismatch', `${this.#what} has more than ${this.size} bytes`);
    return piece;
  }

  verify(): void {
    if (`sha256:${this.#hash.digest('hex')}` !== this.digest) {
      throw new TryAgain('DigestMismatch', `${this.#what} does not have the bytes of its digest`);
    }
  }

  close(): void {
    // A body that is given up reports that as an error, which nobody needs any more.
    this.#answer?.body.on('error', () => undefined).destroy();
    this.#answer = undefined;
    this.#chunks = undefined;
    this.#rest = new Uint8Array(0);
  }

  /** False when the blob ends too soon. */
  async #fill(start: number, wanted: number): Promise<boolean> {
    while (this.#offset < start + wanted) {
      const chunk = await this.#chunk();
      if (chunk === undefined) return false;
      const used = chunk.subarray(0, start + wanted - this.#offset);
      this.#buffer.set(used, this.#offset - start);
      this.#rest = chunk.subarray(used.length);
      this.#offset += used.length;
    }
    return true;
  }

  async #hasMore(): Promise<boolean> {
    // A connection that breaks behind the last byte has brought all that counts.
    const more = await this.#chunk().catch(() => undefined);
    this.close();
    return more !== undefined;
  }

  /** Some bytes that follow, undefined at the end. */
  async #chunk(): Promise<Uint8Array | undefined> {
    if (this.#rest.length > 0) return this.#rest;
    this.#chunks ??= await this.#reopen();
    try {
      for (;;) {
        const { done, value } = await this.#chunks.next();
        if (done) return undefined;
        if (value.length > 0) return value;
      }
    } catch (error) {
      this.close();
      throw new TryAgain('RegistryUnavailable', `${this.#what}: ${messageOf(error)}`, { cause: error });
    }
  }

  async #reopen(): Promise<AsyncIterator<Uint8Array, undefined>> {
    const answer = await this.#open(this.#offset);
    this.#answer = answer;
    const skip = answer.status === 206 ? 0 : this.#offset;
    return from(answer, skip);
  }
}

async function* from(answer: Answer, skip: number): AsyncGenerator<Uint8Array, undefined> {
  let left = skip;
  for await (const chunk of answer.body) {
    const bytes = chunk as Uint8Array;
    if (left < bytes.length) yield bytes.subarray(left);
    left = Math.max(0, left - bytes.length);
  }
  return undefined;
}
