import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Content } from './blob-source.ts';
import { TryAgain } from './retry.ts';

/** A blob that is a file of this machine. */
export interface FileBlob {
  file: string;
  digest: string;
  size: number;
}

/** A file that is read while it is sent. Holds one piece of it in memory; the digest is checked over all that was handed out. */
export class FileContent implements Content {
  readonly digest: string;
  readonly size: number;
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #buffer = Buffer.alloc(0);
  #offset = 0;

  /** @param handle of the file; whoever opened it closes it */
  constructor({ file, digest, size }: FileBlob, handle: FileHandle) {
    this.digest = digest;
    this.size = size;
    this.#file = file;
    this.#handle = handle;
  }

  async next(count: number): Promise<Uint8Array> {
    const wanted = Math.min(count, this.size - this.#offset);
    // The same memory for every piece: a new one of megabytes each time would pile up until the collector comes.
    if (this.#buffer.length < wanted) this.#buffer = Buffer.allocUnsafeSlow(wanted);
    const piece = this.#buffer.subarray(0, wanted);
    for (let read = 0; read < wanted;) {
      const { bytesRead } = await this.#handle.read(piece, read, wanted - read, this.#offset + read);
      if (bytesRead === 0) throw new TryAgain('DigestMismatch', `${this.#file} has fewer bytes than ${this.size}`);
      read += bytesRead;
    }
    this.#offset += wanted;
    this.#hash.update(piece);
    return piece;
  }

  verify(): void {
    if (`sha256:${this.#hash.digest('hex')}` !== this.digest)
      throw new TryAgain('DigestMismatch', `${this.#file} does not have the bytes of ${this.digest}`);
  }

  close(): void {
    // The handle is its owner's.
  }
}
