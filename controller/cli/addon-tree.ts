/** The tree of an addon as files in a directory, to look at or to keep in Git. */
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { TranslatedEntry } from '../addon/torcx/translate.ts';

/** Writes it below a directory that must not exist; links last, so that nothing is written through one. They belong to who runs this. */
export async function writeTree(entries: readonly TranslatedEntry[], directory: string): Promise<void> {
  await mkdir(directory);
  for (const entry of entries) {
    if (entry.kind === 'link') continue;
    const at = join(directory, entry.path);
    await mkdir(entry.kind === 'directory' ? at : dirname(at), { recursive: true });
    if (entry.kind !== 'file') continue;
    await pipeline(entry.bytes(), createWriteStream(at, { flags: 'wx' }));
    // The process's umask took some of it.
    await chmod(at, entry.mode);
  }
  for (const entry of entries) {
    if (entry.kind !== 'link') continue;
    const at = join(directory, entry.path);
    await mkdir(dirname(at), { recursive: true });
    await symlink(entry.target, at);
  }
  // A directory may be one that nothing can be written into.
  for (const entry of entries.toReversed())
    if (entry.kind === 'directory') await chmod(join(directory, entry.path), entry.mode | 0o700);
}
