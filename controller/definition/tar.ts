/**
 * Writes ustar archives (POSIX.1-2017, pax "ustar Interchange Format") whose bytes follow from their entries alone: sorted by path,
 * owned by 0:0, modified at 0. What ustar cannot say (long or non-ASCII names) is said by pax extended headers.
 */

/** A file or a symbolic link; `path` is relative, without `.` or `..`. Directories are never written. */
export type TarEntry = { path: string; mode: number; bytes: Uint8Array } | { path: string; link: string };

const block = 512;
const text = new TextEncoder();
const empty = new Uint8Array(0);

/** The archive of the entries, in the byte order of their paths. Paths must differ. */
export function writeTar(entries: readonly TarEntry[]): Uint8Array {
  const sorted = entries
    .map(entry => ({ entry, key: text.encode(entry.path) }))
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
    .map(({ entry }) => record(entry));
  const size = sorted.reduce((sum, { header, body }) => sum + header.length + padded(body.length), 0);
  // Two blocks of zeros end an archive.
  const archive = new Uint8Array(size + 2 * block);
  let at = 0;
  for (const { header, body } of sorted) {
    archive.set(header, at);
    archive.set(body, at + header.length);
    at += header.length + padded(body.length);
  }
  return archive;
}

interface Record {
  /** The entry's header block, after that of its pax extended header. */
  header: Uint8Array;
  body: Uint8Array;
}

function record(entry: TarEntry): Record {
  const body = 'bytes' in entry ? entry.bytes : empty;
  const what =
    'link' in entry
      ? { type: '2' as const, mode: 0o777, link: entry.link }
      : { type: '0' as const, mode: entry.mode, size: body.length };
  return { header: tarHeader(entry.path, what), body };
}

/** A file (0), a symbolic link (2) or a directory (5), whose path ends in a slash. */
export interface TarMemberKind {
  type: '0' | '2' | '5';
  mode: number;
  /** Of a file, in bytes. */
  size?: number;
  /** Of a link. */
  link?: string;
}

/** What stands before the bytes of a member, for who writes them as they come; they end at a whole block of 512 bytes. */
export function tarHeader(path: string, { type, mode, size = 0, link = '' }: TarMemberKind): Uint8Array {
  const split = splitName(path);
  const pax = [...(split ? [] : [paxRecord('path', path)]), ...(fits(link, 100) ? [] : [paxRecord('linkpath', link)])];
  const own = header({
    ...(split ?? { name: ascii(path).slice(0, 100), prefix: '' }),
    mode,
    size,
    type,
    link: ascii(link).slice(0, 100),
  });
  if (pax.length === 0) return own;
  const extended = Buffer.concat(pax);
  const paxHeader = header({ name: 'PaxHeaders/entry', prefix: '', mode: 0o644, size: extended.length, type: 'x', link: '' });
  const whole = new Uint8Array(block + padded(extended.length) + block);
  whole.set(paxHeader, 0);
  whole.set(extended, block);
  whole.set(own, block + padded(extended.length));
  return whole;
}

interface Header {
  name: string;
  prefix: string;
  mode: number;
  size: number;
  type: '0' | '2' | '5' | 'x';
  link: string;
}

function header({ name, prefix, mode, size, type, link }: Header): Uint8Array {
  const bytes = Buffer.alloc(block);
  bytes.write(name, 0, 100, 'latin1');
  bytes.write(octal(mode, 7), 100, 'latin1');
  bytes.write(octal(0, 7), 108, 'latin1'); // uid
  bytes.write(octal(0, 7), 116, 'latin1'); // gid
  bytes.write(octal(size, 11), 124, 'latin1');
  bytes.write(octal(0, 11), 136, 'latin1'); // mtime
  bytes.fill(' ', 148, 156); // The checksum is taken with its own field blank.
  bytes.write(type, 156, 'latin1');
  bytes.write(link, 157, 100, 'latin1');
  bytes.write('ustar\x0000', 257, 'latin1');
  bytes.write(octal(0, 7), 329, 'latin1'); // devmajor
  bytes.write(octal(0, 7), 337, 'latin1'); // devminor
  bytes.write(prefix, 345, 155, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 6)}\x00 `, 148, 'latin1');
  return bytes;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** Name and prefix as ustar splits them, or undefined when it cannot hold the path. */
function splitName(path: string): { name: string; prefix: string } | undefined {
  if (fits(path, 100)) return { name: path, prefix: '' };
  if (!fits(path, 256)) return undefined;
  const slash = path.lastIndexOf('/', 155);
  const name = path.slice(slash + 1);
  return slash > 0 && name.length > 0 && name.length <= 100 ? { name, prefix: path.slice(0, slash) } : undefined;
}

function fits(value: string, length: number): boolean {
  return value.length <= length && ascii(value) === value;
}

function ascii(value: string): string {
  return value.replace(/[^\x20-\x7e]/gu, '_');
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = text.encode(` ${key}=${value}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([text.encode(String(length)), rest]);
}

function padded(length: number): number {
  return Math.ceil(length / block) * block;
}
