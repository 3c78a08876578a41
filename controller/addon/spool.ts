/** Contents of files while an image is made: one after the other in one file on disk, so that neither memory nor the number of files bounds them. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { StallingError } from '../api/errors.ts';
import type { AddonReason } from './reasons.ts';

/** A content in the spool. */
export interface Spooled {
  /** Bytes from the spool's beginning. */
  at: number;
  size: number;
  /** `sha256:<64 hex>`. */
  digest: string;
}

const bufferBytes = 1024 * 1024;

/** For a thread of its own: it reads and writes while it is called. What the file system throws passes through. */
export class Spool {
  readonly #fd: number;
  readonly #limitBytes: number;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  /** How much of the buffer is not in the file yet. */
  #buffered = 0;
  #written = 0;

  /** @param file is made, and must not exist */
  constructor(file: string, limitBytes: number) {
    this.#fd = openSync(file, 'wx+', 0o600);
    this.#limitBytes = limitBytes;
  }

  /** @throws StallingError `AddonTooLarge`; what the source throws */
  async add(pieces: AsyncIterable<Uint8Array>): Promise<Spooled> {
    const at = this.#size;
    const hash = createHash('sha256');
    for await (const piece of pieces) {
      hash.update(piece);
      this.#append(piece);
    }
    return { at, size: this.#size - at, digest: `sha256:${hash.digest('hex')}` };
  }

  /** @throws StallingError `AddonTooLarge` */
  addBytes(bytes: Uint8Array): Spooled {
    const at = this.#size;
    this.#append(bytes);
    return { at, size: bytes.length, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
  }

  /** Fills `into` with a content's bytes from `offset` on. */
  read(content: Spooled, offset: number, into: Uint8Array): void {
    this.#flush();
    for (let read = 0; read < into.length;) {
      const got = readSync(this.#fd, into, read, into.length - read, content.at + offset + read);
      if (got === 0) throw new Error('the spool is shorter than its contents');
      read += got;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  get #size(): number {
    return this.#written + this.#buffered;
  }

  #append(bytes: Uint8Array): void {
    if (this.#size + bytes.length > this.#limitBytes)
      throw new StallingError(
        'AddonTooLarge' satisfies AddonReason,
        `the files of the source are more than ${this.#limitBytes} bytes together, which is the most for one addon; leave out what it does not need`,
      );
    for (let from = 0; from < bytes.length;) {
      const part = bytes.subarray(from, from + bufferBytes - this.#buffered);
      this.#buffer.set(part, this.#buffered);
      this.#buffered += part.length;
      from += part.length;
      if (this.#buffered === bufferBytes) this.#flush();
    }
  }

  #flush(): void {
    for (let from = 0; from < this.#buffered;) from += writeSync(this.#fd, this.#buffer, from, this.#buffered - from);
    this.#written += this.#buffered;
    this.#buffered = 0;
  }
}
