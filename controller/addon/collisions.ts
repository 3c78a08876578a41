/** Files that two addons have, or an addon and the system (pure). An overlay shows one of them and hides the other without a word. */
import type { AddonFile } from '../api/addon-artifact.ts';

/** One name in a file system; of a system's, often no more is known than that it is there. */
export type ListedFile = Pick<AddonFile, 'path' | 'type'> & Partial<Pick<AddonFile, 'mode' | 'digest' | 'target'>>;

/** What is in an addon. */
export interface AddonContent {
  name: string;
  files: Iterable<ListedFile>;
  /** Whether its file may take the place of the system's at a path. Default: nowhere. */
  mayReplace?: (path: string) => boolean;
}

export interface Collision {
  path: string;
  /** The addon that comes later. */
  name: string;
  /** The addon that comes first; absent where it is the system. */
  with?: string;
  /** What takes the place of what, where one of them is a directory: all that is below, or that is found by way of the link, is gone with it. */
  breaks?: { by: ListedFile['type']; of: ListedFile['type'] };
}

export interface Collisions {
  /** Addon by addon in the order given, each in the order of its files, but those that break most come first. */
  found: readonly Collision[];
  /** How many there are in all; and by the addon that comes later. */
  total: number;
  totals: ReadonlyMap<string, number>;
}

/** What systemd-sysext merges over: where one is a link in the system, it merges over the place where that leads. */
const hierarchies: ReadonlySet<string> = new Set(['/usr', '/opt']);

/**
 * Finds paths that are in several of the addons, or in one and in the system. Directories that are directories everywhere are shared, and files that are the same everywhere (content, or where
 * a link leads, and mode) hide nothing; neither collides. For each addon at most `limit` are named.
 */
export function findCollisions(addons: readonly AddonContent[], base: Iterable<ListedFile>, limit: number): Collisions {
  const ofSystem = new Map<string, ListedFile>();
  for (const file of base) if (!hierarchies.has(file.path)) ofSystem.set(file.path, file);
  const first = new Map<string, { file: ListedFile; name: string }>();
  const found: Collision[] = [];
  const totals = new Map<string, number>();
  for (const { name, files, mayReplace } of addons) {
    const named = new FirstOf(limit);
    for (const file of files) {
      const system = ofSystem.get(file.path);
      const breaks = system && brokenBy(file, system);
      if (system && !isSame(system, file) && (breaks || mayReplace?.(file.path) !== true)) {
        named.add({ path: file.path, name, ...(breaks ? { breaks } : {}) });
        continue;
      }
      const before = first.get(file.path);
      if (!before) first.set(file.path, { file, name });
      else if (before.name !== name && !isSame(before.file, file)) {
        const breaks = brokenBy(file, before.file);
        named.add({ path: file.path, name, with: before.name, ...(breaks ? { breaks } : {}) });
      }
    }
    found.push(...named.all());
    if (named.total > 0) totals.set(name, named.total);
  }
  return { found, total: [...totals.values()].reduce((sum, count) => sum + count, 0), totals };
}

/** The first ones, of which those that break most. */
class FirstOf {
  readonly #limit: number;
  readonly #worst: Collision[] = [];
  readonly #others: Collision[] = [];
  total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(collision: Collision): void {
    this.total++;
    const list = collision.breaks ? this.#worst : this.#others;
    if (list.length < this.#limit) list.push(collision);
  }

  all(): Collision[] {
    return [...this.#worst, ...this.#others].slice(0, this.#limit);
  }
}

function brokenBy({ type: by }: ListedFile, { type: of }: ListedFile): Collision['breaks'] {
  return by !== of && (by === 'directory' || of === 'directory') ? { by, of } : undefined;
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
