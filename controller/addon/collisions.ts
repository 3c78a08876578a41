/** Files that two addons have, or an addon and the system (pure). An overlay shows one of them and hides the other without a word. */
import type { AddonFile } from '../api/addon-artifact.ts';

/** One name in a file system; of a system's, often no more is known than that it is there. */
export type ListedFile = Pick<AddonFile, 'path' | 'type'> & Partial<Pick<AddonFile, 'mode' | 'digest' | 'target'>>;

/** What is in an addon. */
export interface AddonContent {
  name: string;
  files: Iterable<ListedFile>;
}

export interface Collision {
  path: string;
  /** The addon that comes later. */
  name: string;
  /** The addon that comes first; absent where it is the system. */
  with?: string;
}

export interface Collisions {
  /** The first ones, addon by addon in the order given, each in the order of its files. */
  found: readonly Collision[];
  /** How many there are in all. */
  total: number;
}

/**
 * Finds paths that are in several of the addons, or in one and in the system. Directories that are directories everywhere are shared, and files that are the same everywhere (content, or where
 * a link leads, and mode) hide nothing; neither collides. At most `limit` are named.
 */
export function findCollisions(addons: readonly AddonContent[], base: Iterable<ListedFile>, limit: number): Collisions {
  const first = new Map<string, { file: ListedFile; name?: string }>();
  for (const file of base) first.set(file.path, { file });
  const found: Collision[] = [];
  let total = 0;
  for (const { name, files } of addons) {
    for (const file of files) {
      const before = first.get(file.path);
      if (!before) first.set(file.path, { file, name });
      else if (before.name !== name && !isSame(before.file, file)) {
        total++;
        if (found.length < limit)
          found.push({ path: file.path, name, ...(before.name === undefined ? {} : { with: before.name }) });
      }
    }
  }
  return { found, total };
}

function isSame(a: ListedFile, b: ListedFile): boolean {
  if (a.type !== b.type) return false;
  switch (a.type) {
    case 'directory':
      return true;
    case 'symlink':
      return a.target !== undefined && a.target === b.target;
    case 'file':
      return a.digest !== undefined && a.digest === b.digest && a.mode !== undefined && a.mode === b.mode;
  }
}
