/** The memory on disk. */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../api/errors.ts';
import { emptyMemory, parseMemory } from './memory.ts';
import type { Memory } from './memory.ts';

/** Where the memory is kept; the agent's own is a file. */
export interface MemoryStore {
  /** What is kept, empty when nothing ever was. Rejects, naming the file, when it cannot be read. */
  load(): Promise<Memory>;
  /** Resolves when a power cut cannot lose it. */
  save(memory: Memory): Promise<void>;
}

export function createMemoryFile(path: string): MemoryStore {
  return {
    async load() {
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return emptyMemory();
        throw error;
      }
      try {
        return parseMemory(text);
      } catch (error) {
        throw new Error(
          `${path} on the node ${messageOf(error)}; while it is unreadable nothing is staged or booted. Remove it once you have seen that no image failed here`,
          { cause: error },
        );
      }
    },
    async save(memory) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const file = await open(`${path}.new`, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(memory));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
      await syncDirectory(dirname(path));
    },
  };
}

/** The rename itself is in the directory, which has to reach the disk too (fsync(2)). */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
