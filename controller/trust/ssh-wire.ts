/** Values in the wire format of SSH (RFC 4251 §5): pure. */

/** The bytes are not what they should be; the message is for people, and begins in the middle of a sentence. */
export class MalformedSSH extends Error {}

export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many bytes were read. */
  get at(): number {
    return this.#at;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new MalformedSSH('it is cut short');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  uint64(): bigint {
    return this.take(8).readBigUInt64BE();
  }

  string(): Buffer {
    return this.take(this.uint32());
  }

  text(): string {
    return this.string().toString('latin1');
  }

  /** A number of 0 or more, without leading zeros; encoded in the one way there is. */
  unsigned(): Buffer {
    const bytes = this.string();
    const [first = 0, second = 0] = bytes;
    if (first & 0x80) throw new MalformedSSH('it has a negative number');
    if (bytes.length > 0 && first === 0 && !(second & 0x80)) throw new MalformedSSH('it has a number with leading zeros');
    return first === 0 ? bytes.subarray(1) : bytes;
  }

  /** Throws when there is more. */
  end(): void {
    if (!this.ended) throw new MalformedSSH('it has bytes after its end');
  }
}

/** A string as it is written. */
export function wireString(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
