/** One directory of small files that a power cut must not harm: each effect by itself, so that a test can end the power between any two. */
import { link, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Names are those of files in the directory. What is not synced may be lost, or be there in part, after a power cut. */
export interface DurableDirectory {
  /** Names of what is in it; empty where there is no such directory. */
  list(): Promise<string[]>;
  /** Undefined where there is no such file. Rejects whatever else keeps it from being read. */
  read(name: string): Promise<string | undefined>;
  /** Writes a file anew. */
  write(name: string, text: string): Promise<void>;
  /** The content of a file is on the disk. */
  syncFile(name: string): Promise<void>;
  /** A second name for a file; rejects where there is one already. */
  link(from: string, to: string): Promise<void>;
  /** In place of what has that name, in one step. */
  rename(from: string, to: string): Promise<void>;
  /** Also where there is none. */
  remove(name: string): Promise<void>;
  /** The names are on the disk: links, renames and removals (fsync(2) of the directory). */
  sync(): Promise<void>;
}

const mode = 0o644;

/** The directory at a path; it is made by the first write. */
export function durableDirectory(path: string): DurableDirectory {
  const at = (name: string): string => join(path, name);
  return {
    list: async () => (await absent(readdir(path))) ?? [],
    read: name => absent(readFile(at(name), 'utf8')),
    async write(name, text) {
      await mkdir(path, { recursive: true, mode: 0o755 });
      await writeFile(at(name), text, { mode, flush: false });
    },
    syncFile: name => syncPath(at(name)),
    link: (from, to) => link(at(from), at(to)),
    rename: (from, to) => rename(at(from), at(to)),
    remove: name => rm(at(name), { force: true }),
    sync: () => syncPath(path),
  };
}

/** What a file or a directory holds is on the disk. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Replaces a file whole: whoever reads it, also after a power cut, finds the old text or the new. */
export async function replaceDurably(directory: DurableDirectory, name: string, text: string): Promise<void> {
  const temporary = `.${name}.new`;
  await directory.write(temporary, text);
  await directory.syncFile(temporary);
  await directory.rename(temporary, name);
  await directory.sync();
}

async function absent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
