/** The blocks of squashfs that inodes, directories and tables are in: each up to 8 KiB, behind two bytes that say its size and whether it is compressed. */
import type { Decompress } from './squashfs-compression.ts';
import type { RandomAccess } from './random-access.ts';
import { refuse } from './refusal.ts';

/** What a block holds at most, and all but the last of a table exactly. */
export const metadataBytes = 8192;
const plainFlag = 0x8000;
/** Neighbours are read one after the other, so a few are enough. */
const remembered = 64;

interface Block {
  bytes: Buffer;
  /** Where the next one begins. */
  next: number;
}

export class Metadata {
  readonly #image: RandomAccess;
  readonly #end: number;
  readonly #decompress: Decompress;
  readonly #known = new Map<number, Block>();

  /** `end`: nothing behind belongs to the image. */
  constructor(image: RandomAccess, end: number, decompress: Decompress) {
    this.#image = image;
    this.#end = end;
    this.#decompress = decompress;
  }

  /** Reads from a place in a block on; @throws StallingError `InvalidArchive` for a place that is none */
  cursor(block: number, offset: number): Cursor {
    return new Cursor(this, block, offset);
  }

  /** @throws StallingError `InvalidArchive` */
  async block(at: number): Promise<Block> {
    const known = this.#known.get(at);
    if (known) return known;
    const block = await this.#read(at);
    this.#known.set(at, block);
    const [oldest] = this.#known.keys();
    if (this.#known.size > remembered && oldest !== undefined) this.#known.delete(oldest);
    return block;
  }

  async #read(at: number): Promise<Block> {
    const head = at < 0 || at + 2 > this.#end ? Buffer.alloc(0) : await this.#image.read(at, 2);
    if (head.length < 2) throw damaged('a block lies outside of it');
    const word = head.readUInt16LE(0);
    const size = word & (plainFlag - 1);
    const next = at + 2 + size;
    if (size === 0 || next > this.#end) throw damaged('a block leads out of it');
    const bytes = await this.#image.read(at + 2, size);
    if (bytes.length < size) throw damaged('it is cut off');
    if ((word & plainFlag) !== 0 && size > metadataBytes) throw damaged('a block is too large');
    return { bytes: (word & plainFlag) === 0 ? decompressed(this.#decompress, bytes, metadataBytes) : bytes, next };
  }
}

/** What a block holds. @throws StallingError `InvalidArchive` */
export function decompressed(decompress: Decompress, bytes: Uint8Array, limit: number): Buffer {
  try {
    const out = decompress(bytes, limit);
    return Buffer.from(out.buffer, out.byteOffset, out.length);
  } catch (error) {
    throw damaged(`a block of it cannot be decompressed (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** A place in metadata, which moves on with what is read. */
export class Cursor {
  readonly #metadata: Metadata;
  #block: number;
  #offset: number;

  constructor(metadata: Metadata, block: number, offset: number) {
    this.#metadata = metadata;
    this.#block = block;
    this.#offset = offset;
  }

  /** The next bytes, over as many blocks as they take. @throws StallingError `InvalidArchive` where they end before */
  async take(count: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let left = count; left > 0;) {
      const { bytes, next } = await this.#metadata.block(this.#block);
      if (this.#offset > bytes.length || bytes.length === 0) throw damaged('a place lies behind its block');
      if (this.#offset === bytes.length) {
        [this.#block, this.#offset] = [next, 0];
        continue;
      }
      const piece = bytes.subarray(this.#offset, this.#offset + left);
      this.#offset += piece.length;
      left -= piece.length;
      pieces.push(piece);
    }
    const [only] = pieces;
    return pieces.length === 1 && only ? only : Buffer.concat(pieces);
  }
}

/** The error for it. */
export function damaged(what: string): Error {
  return refuse('InvalidArchive', `the squashfs image is damaged: ${what}`);
}
