/** Reads torcx's gzipped tar archives. The tar archive is kept in a file, for what is where in it is known only when all of it was read. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { tarMembers, TarError, type TarMember } from '../../trust/tar-members.ts';
import type { ArchiveEntry, ArchiveTree } from './archive-tree.ts';
import type { RandomAccess } from './random-access.ts';
import { quoted, refuse } from './refusal.ts';

const piece = 64 * 1024;
/** What headers and padding take of a tar archive, for each entry. */
const headerBytes = 8192;
const specials: Readonly<Record<string, string>> = { '3': 'character device', '4': 'block device', '6': 'pipe' };

/**
 * Decompresses the archive into a file, no more of it than the limits allow.
 * @throws StallingError `InvalidArchive`, `ArchiveTooLarge`; what the file system throws
 */
export async function unzip(archive: RandomAccess, into: string, { limits }: ArchiveTree): Promise<void> {
  const most = limits.bytes + limits.entries * headerBytes;
  let bytes = 0;
  const bounded = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > most) throw refuse('ArchiveTooLarge', `it has more than ${most} bytes when it is decompressed`);
      yield chunk;
    }
    return undefined;
  };
  try {
    await pipeline(
      piecesOf(archive, 0, archive.size),
      createGunzip(),
      bounded,
      createWriteStream(into, { flags: 'wx', mode: 0o600 }),
    );
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code.startsWith('Z_')) throw refuse('InvalidArchive', `it is no gzipped archive, or is damaged (${code})`);
    throw error;
  }
}

/**
 * Adds all that is in a tar archive to the tree, without keeping the content of files.
 * @throws StallingError `InvalidArchive`, and as the tree refuses
 */
export async function readTarArchive(archive: RandomAccess, tree: ArchiveTree): Promise<void> {
  try {
    let members = 0;
    for await (const member of tarMembers(piecesOf(archive, 0, archive.size))) {
      // Each counts, also those that are nothing in the tree.
      if (++members > 2 * tree.limits.entries) throw refuse('ArchiveTooLarge', `it has more than ${tree.limits.entries} entries`);
      const entry = entryOf(member, archive, tree);
      if (entry) tree.add(entry);
    }
  } catch (error) {
    if (error instanceof TarError) throw refuse('InvalidArchive', `the tar archive cannot be read: ${error.message}`);
    throw error;
  }
  tree.finish();
}

/** Undefined for what says nothing of a path: its root, and headers for all members. */
function entryOf(member: TarMember, archive: RandomAccess, tree: ArchiveTree): ArchiveEntry | undefined {
  const { path, type, mode, owner, hasAttributes, size, link, target, offset } = member;
  const common = { path, owner, hasAttributes };
  const special = specials[type];
  if (special !== undefined) return tree.refuseSpecial(path, special);
  switch (type) {
    case '0':
    case '7':
      return { ...common, kind: 'file', mode, size, bytes: () => piecesOf(archive, offset, size) };
    case '1':
      return sameFile(path, link, tree);
    case '2':
      if (target === '') throw refuse('InvalidArchive', `${quoted(path)} is a link to nothing`);
      return { ...common, kind: 'link', target };
    case '5':
      return path === '' || path === '.' ? undefined : { ...common, kind: 'directory', mode };
    case 'g':
      return undefined;
    default:
      throw refuse('UnsafeArchive', `${quoted(path)} is of a type ${quoted(type)} of tar that no addon may have`);
  }
}

/** Another name of a file, which has to stand before. */
function sameFile(path: string, link: string, tree: ArchiveTree): ArchiveEntry {
  const named = tree.get(link);
  if (named?.kind !== 'file')
    throw refuse(
      'UnsafeArchive',
      `${quoted(path)} is another name of ${quoted(link)}, which is no file that stands before it in the archive`,
    );
  return { ...named, path };
}

async function* piecesOf(archive: RandomAccess, start: number, size: number): AsyncGenerator<Uint8Array, undefined> {
  for (let at = start; at < start + size; at += piece) {
    const wanted = Math.min(piece, start + size - at);
    const bytes = await archive.read(at, wanted);
    if (bytes.length < wanted) throw refuse('InvalidArchive', 'it is cut off');
    yield bytes;
  }
  return undefined;
}
