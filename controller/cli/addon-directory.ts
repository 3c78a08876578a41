/** A directory of this machine as the tree of an addon, as root's. */
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StallingError } from '../api/errors.ts';
import type { TranslatedEntry } from '../addon/torcx/translate.ts';

/** As many as an addon may have. */
const maxEntries = 100_000;

/**
 * Everything below it, in order, without following links.
 * @throws StallingError `ContentRefused` for what is neither file, directory nor link; what the file system throws
 */
export async function entriesOf(directory: string): Promise<TranslatedEntry[]> {
  const found: TranslatedEntry[] = [];
  const waiting = [''];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const name of await readdir(join(directory, path))) {
      const below = path === '' ? name : `${path}/${name}`;
      const entry = await entryOf(join(directory, below), below);
      if (entry.kind === 'directory') waiting.push(below);
      found.push(entry);
      if (found.length > maxEntries) throw new StallingError('AddonTooLarge', `${directory} has more than ${maxEntries} entries`);
    }
  }
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function entryOf(at: string, path: string): Promise<TranslatedEntry> {
  const stat = await lstat(at);
  const mode = stat.mode & 0o7777;
  if (stat.isDirectory()) return { kind: 'directory', path, mode };
  if (stat.isSymbolicLink()) return { kind: 'link', path, target: await readlink(at) };
  if (stat.isFile()) return { kind: 'file', path, mode, size: stat.size, bytes: () => createReadStream(at) };
  throw new StallingError('ContentRefused', `${at} is neither a file, a directory nor a link; leave it out`);
}
