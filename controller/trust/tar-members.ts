/**
 * Reads the members of a tar archive as it comes, for what is too large for memory: ustar with pax headers (POSIX.1-2017) and GNU's long names, as the
 * layers of images have them. Nothing is written anywhere, so a name is only a text.
 */

export interface TarMember {
  /** Without `./` and slashes at either end. */
  path: string;
  /** As ustar has it: 0 a file, 1 another name of a file, 2 a symbolic link, 5 a directory. */
  type: string;
  size: number;
  /** Of a link, as a path of the archive: without `./` and slashes at either end. */
  link: string;
  /** The same as it is written: of a symbolic link, what it says. */
  target: string;
  /** Permissions with setuid (04000), setgid (02000) and sticky (01000). */
  mode: number;
  /** Numeric; what pax says of larger ones is not read. */
  owner: { uid: number; gid: number };
  /** Whether it has extended attributes, as file capabilities are; pax records SCHILY.xattr.* say so. */
  hasAttributes: boolean;
  /** Value of the attribute security.capability. */
  capability?: Buffer;
  /** Its bytes are not those of the file, but the parts of it that are not empty (GNU tar). */
  isSparse: boolean;
  /** Where its bytes begin in the archive. */
  offset: number;
  /** The bytes as they come. What is not read of them is passed over when the next member is asked for. */
  bytes(): AsyncGenerator<Uint8Array, undefined>;
}

/** The archive is damaged, or none. */
export class TarError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TarError';
  }
}

const block = 512;
/** Of what pax says of one member, attributes of files included. */
const maxHeaderBytes = 1024 * 1024;
/** Linux' PATH_MAX: nothing unpacks a longer one. */
const maxName = 4096;
const capabilityKey = 'SCHILY.xattr.security.capability';

/** @throws TarError; what the source throws */
export async function* tarMembers(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember, undefined> {
  const input = new Input(source);
  let long: Said = {};
  try {
    for (;;) {
      const header = await input.take(block);
      // Two blocks of zeros end an archive; some end without.
      if (!header || header.every(byte => byte === 0)) return undefined;
      const member = memberOf(header);
      if (member.type === 'x' || member.type === 'L' || member.type === 'K') {
        if (member.size > maxHeaderBytes) throw new TarError('a name in it is too long');
        const body = await input.take(Math.ceil(member.size / block) * block);
        if (!body) throw new TarError('it is cut off');
        long = { ...long, ...longOf(member.type, body.subarray(0, member.size)) };
        continue;
      }
      const size = long.size ?? member.size;
      const end = input.offset + Math.ceil(size / block) * block;
      yield {
        ...member,
        size,
        path: nameOf(long.path ?? member.path),
        link: nameOf(long.link ?? member.link),
        target: long.link ?? member.link,
        hasAttributes: long.hasAttributes ?? false,
        ...(long.capability ? { capability: long.capability } : {}),
        isSparse: member.type === 'S' || long.isSparse === true,
        offset: input.offset,
        bytes: () => input.some(size),
      };
      long = {};
      await input.skip(end - input.offset);
    }
  } finally {
    await input.close();
  }
}

/** The bytes of a source, as many at a time as are wanted. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  offset = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes; undefined when there is nothing left at all. */
  async take(count: number): Promise<Buffer | undefined> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.some(count)) pieces.push(piece);
    return pieces.length === 0 ? undefined : Buffer.concat(pieces);
  }

  /** @throws TarError when they end in the middle */
  async *some(count: number): AsyncGenerator<Uint8Array, undefined> {
    for (let left = count; left > 0;) {
      if (this.#chunk.length === 0 && !(await this.#more())) {
        if (left === count) return undefined;
        throw new TarError('it is cut off');
      }
      const piece = this.#chunk.subarray(0, left);
      this.#chunk = this.#chunk.subarray(piece.length);
      this.offset += piece.length;
      left -= piece.length;
      yield piece;
    }
    return undefined;
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0;) {
      if (this.#chunk.length === 0 && !(await this.#more())) throw new TarError('it is cut off');
      const passed = Math.min(left, this.#chunk.length);
      this.#chunk = this.#chunk.subarray(passed);
      this.offset += passed;
      left -= passed;
    }
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      if (value.length === 0) continue;
      this.#chunk = value;
      return true;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

function memberOf(header: Buffer): Omit<TarMember, 'hasAttributes' | 'capability' | 'isSparse' | 'offset' | 'target' | 'bytes'> {
  if (!hasChecksum(header)) throw new TarError('a header in it is damaged');
  const size = numberAt(header, 124, 12);
  if (!Number.isSafeInteger(size) || size < 0) throw new TarError('a size in it is none');
  const magic = header.toString('latin1', 257, 262);
  const prefix = magic === 'ustar' && header[262] === 0 ? textAt(header, 345, 155) : '';
  const name = textAt(header, 0, 100);
  const type = header[156] ? String.fromCharCode(header[156]) : '0';
  // Only files, and what says more of the next member, have bytes behind the header.
  const bodiless = type === '1' || type === '2' || type === '3' || type === '4' || type === '5' || type === '6';
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    type,
    size: bodiless ? 0 : size,
    link: textAt(header, 157, 100),
    mode: numberAt(header, 100, 8) & 0o7777,
    owner: { uid: numberAt(header, 108, 8), gid: numberAt(header, 116, 8) },
  };
}

/** What is said of the next member before its own header, because that has no room for it. */
interface Said {
  path?: string;
  link?: string;
  size?: number;
  hasAttributes?: boolean;
  capability?: Buffer;
  isSparse?: boolean;
}

function longOf(type: string, body: Buffer): Said {
  const text = body.toString('utf8').replace(/\0.*$/s, '');
  if (type === 'L') return { path: text };
  if (type === 'K') return { link: text };
  const { records, capability } = paxOf(body);
  const { path, linkpath, size } = records;
  if (size !== undefined && !/^\d{1,15}$/.test(size)) throw new TarError('a size in it is none');
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkpath === undefined ? {} : { link: linkpath }),
    ...(size === undefined ? {} : { size: Number(size) }),
    ...(Object.keys(records).some(key => key.startsWith('SCHILY.xattr.')) ? { hasAttributes: true } : {}),
    ...(capability ? { capability } : {}),
    ...(Object.keys(records).some(key => key.startsWith('GNU.sparse.')) ? { isSparse: true } : {}),
  };
}

/** Records of the form `LENGTH KEY=VALUE\n`. */
function paxOf(body: Buffer): { records: Record<string, string>; capability?: Buffer } {
  const records: Record<string, string> = {};
  let capability: Buffer | undefined;
  for (let at = 0; at < body.length;) {
    const blank = body.indexOf(0x20, at);
    const length = Number(body.subarray(at, blank).toString('latin1'));
    if (blank === -1 || !Number.isSafeInteger(length) || length <= blank - at + 1) throw new TarError('a pax header is no such');
    const bytes = body.subarray(blank + 1, at + length - 1);
    const record = bytes.toString('utf8');
    const equals = record.indexOf('=');
    if (equals > 0) records[record.slice(0, equals)] = record.slice(equals + 1);
    // Of all values this is the one that is no text.
    if (record.startsWith(`${capabilityKey}=`)) capability = Buffer.from(bytes.subarray(capabilityKey.length + 1));
    at += length;
  }
  return { records, ...(capability ? { capability } : {}) };
}

/** The sum of the header's bytes, its own field taken as blanks. */
function hasChecksum(header: Buffer): boolean {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 0x20 : (header[i] ?? 0);
  return sum === numberAt(header, 148, 8);
}

/** Octal digits, or GNU's numbers to the base of 256. */
function numberAt(header: Buffer, at: number, length: number): number {
  if (((header[at] ?? 0) & 0x80) !== 0) return header.readUIntBE(at + length - 6, 6);
  const text = textAt(header, at, length).trim();
  return text === '' ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

function textAt(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? length : end);
}

/** Without `./` and slashes at either end. */
function nameOf(path: string): string {
  if (path.length > maxName) throw new TarError('a name in it is too long');
  let [start, end] = [0, path.length];
  while (path[start] === '/' || path.startsWith('./', start)) start++;
  while (end > start && path[end - 1] === '/') end--;
  return path.slice(start, end);
}
