/**
 * Unpacks the build context: ustar archives with pax headers for long names (POSIX.1-2017), as Scantling writes them. What could lead out of the
 * directory is refused, though it came by digest: whoever may push to the repository may have made it.
 */
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StallingError } from '../api/errors.ts';

const block = 512;
const maxEntries = 100_000;

export interface TarFile {
  path: string;
  mode: number;
  /** Of a symbolic link. */
  link?: string;
  bytes: Uint8Array;
}

/**
 * The files and symbolic links of an archive.
 * @throws StallingError `InvalidContext` for anything else in it, and for paths that are absolute, contain `..`, or go through a link.
 */
export function readTar(archive: Uint8Array): TarFile[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const files: TarFile[] = [];
  let pax: Record<string, string> = {};
  for (let at = 0; at + block <= bytes.length && bytes[at] !== 0;) {
    const header = bytes.subarray(at, at + block);
    const size = octal(header, 124, 12);
    const body = bytes.subarray(at + block, at + block + size);
    if (!hasChecksum(header) || body.length !== size) throw invalid('it is cut off or no tar archive');
    at += block + Math.ceil(size / block) * block;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'x') {
      pax = paxOf(body);
      continue;
    }
    files.push(fileOf(header, type, body, pax));
    pax = {};
    if (files.length > maxEntries) throw invalid(`it has more than ${maxEntries} entries`);
  }
  checkPaths(files);
  return files;
}

/** Writes the files below `directory`, links last. Throws as readTar, and what the file system throws. */
export async function unpackTar(archive: Uint8Array, directory: string): Promise<void> {
  const files = readTar(archive);
  const inOrder = [...files.filter(file => file.link === undefined), ...files.filter(file => file.link !== undefined)];
  for (const { path, mode, link, bytes } of inOrder) {
    const at = join(directory, path);
    await mkdir(dirname(at), { recursive: true, mode: 0o755 });
    if (link === undefined) {
      await writeFile(at, bytes, { flag: 'wx', mode });
      // The process's umask took some of it.
      await chmod(at, mode);
    } else await symlink(link, at);
  }
}

function fileOf(header: Buffer, type: string, body: Buffer, pax: Readonly<Record<string, string>>): TarFile {
  const prefix = textAt(header, 345, 155);
  const name = textAt(header, 0, 100);
  const path = pax['path'] ?? (prefix === '' ? name : `${prefix}/${name}`);
  if (type !== '0' && type !== '2') throw invalid(`${JSON.stringify(path)} is neither a file nor a symbolic link`);
  const link = type === '2' ? (pax['linkpath'] ?? textAt(header, 157, 100)) : undefined;
  return { path, mode: octal(header, 100, 8) & 0o777, ...(link === undefined ? {} : { link }), bytes: body };
}

/** No two entries of one path, none below another that is no directory. */
function checkPaths(files: readonly TarFile[]): void {
  const paths = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/');
    // A Containerfile's COPY is given such a link as it is; buildah resolves it within the context.
    if (parts.some(part => part === '' || part === '.' || part === '..') || path.includes('\0'))
      throw invalid(`${JSON.stringify(path)} leads out of it`);
    if (paths.has(path)) throw invalid(`${JSON.stringify(path)} is in it twice`);
    paths.add(path);
  }
  for (const { path } of files) {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1))
      if (paths.has(path.slice(0, slash))) throw invalid(`${JSON.stringify(path)} goes through another entry`);
  }
}

/** Records of the form `LENGTH KEY=VALUE\n`. */
function paxOf(body: Buffer): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < body.length;) {
    const blank = body.indexOf(0x20, at);
    const length = Number(body.subarray(at, blank).toString('latin1'));
    const record = body.subarray(blank + 1, at + length - 1).toString('utf8');
    const equals = record.indexOf('=');
    if (blank === -1 || !Number.isSafeInteger(length) || length <= blank - at + 1 || equals <= 0)
      throw invalid('a pax header is no such');
    records[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return records;
}

/** The sum of the header's bytes, its own field taken as blanks. */
function hasChecksum(header: Buffer): boolean {
  let sum = 0;
  header.forEach((byte, i) => (sum += i >= 148 && i < 156 ? 0x20 : byte));
  return sum === octal(header, 148, 8);
}

function octal(header: Buffer, at: number, length: number): number {
  const text = textAt(header, at, length).trim();
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

function textAt(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? length : end).toString('utf8');
}

function invalid(why: string): StallingError {
  return new StallingError('InvalidContext', `the build context cannot be unpacked: ${why}`);
}
