/** What is in an archive, whatever its format: entries by path, of which none leads out. Readers add to it; nothing is written anywhere. */
import { quoted, refuse } from './refusal.ts';

interface Owned {
  /** From the root of the archive, without slashes at either end. */
  path: string;
  owner: { uid: number; gid: number };
  /** Whether it has extended attributes; they are not read. */
  hasAttributes: boolean;
}

export interface ArchiveFile extends Owned {
  kind: 'file';
  /** Permissions, with setuid and setgid where these are allowed. */
  mode: number;
  /** In bytes. */
  size: number;
  /** Its content, in pieces; may be asked for as often as needed while the archive is open. @throws StallingError `InvalidArchive` */
  bytes(): AsyncIterable<Uint8Array>;
}

export interface ArchiveLink extends Owned {
  kind: 'link';
  target: string;
}

export interface ArchiveDirectory extends Owned {
  kind: 'directory';
  mode: number;
}

export type ArchiveEntry = ArchiveFile | ArchiveLink | ArchiveDirectory;

/** What an archive may hold at most. */
export interface ArchiveLimits {
  entries: number;
  /** Of all files, as often as a path names them. */
  bytes: number;
  /** Levels of directories. */
  depth: number;
  /** Of one path. */
  pathBytes: number;
}

/** More than any addon that is worth one has; a node keeps them all in memory or on its disk. */
export const archiveLimits: ArchiveLimits = { entries: 100_000, bytes: 4 * 1024 ** 3, depth: 64, pathBytes: 2048 };

export interface TreeOptions {
  limits: ArchiveLimits;
  /** Files that run as another user are kept as such; otherwise they are refused. */
  allowSetuid: boolean;
}

/** As many links as Linux follows for one path. */
const maxLinks = 40;
const setId = 0o6000;

export class ArchiveTree {
  readonly #options: TreeOptions;
  readonly #entries = new Map<string, ArchiveEntry>();
  #sorted: readonly ArchiveEntry[] | undefined;
  #bytes = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  get limits(): ArchiveLimits {
    return this.#options.limits;
  }

  /**
   * @throws StallingError `UnsafeArchive` for a path that is none or is there already, `SetuidFile`, `ArchiveTooLarge`
   */
  add(entry: ArchiveEntry): void {
    const { path } = entry;
    checkPath(path, this.limits);
    const before = this.#entries.get(path);
    // Archivers write directories again, as often as they come by.
    if (before && (before.kind !== 'directory' || entry.kind !== 'directory'))
      throw refuse('UnsafeArchive', `${quoted(path)} is in it twice, so that readers could see different ones`);
    if (!before && this.#entries.size >= this.limits.entries)
      throw refuse('ArchiveTooLarge', `it has more than ${this.limits.entries} entries`);
    if (entry.kind === 'file') this.#count(entry);
    this.#entries.set(path, entry);
    this.#sorted = undefined;
  }

  #count({ path, size, mode }: ArchiveFile): void {
    this.#bytes += size;
    if (this.#bytes > this.limits.bytes) throw refuse('ArchiveTooLarge', `its files have more than ${this.limits.bytes} bytes`);
    if ((mode & setId) !== 0 && !this.#options.allowSetuid)
      throw refuse(
        'SetuidFile',
        `${quoted(path)} has mode ${mode.toString(8).padStart(4, '0')} and runs as its owner or group; allow it with --allow-setuid, or make the archive without`,
      );
  }

  /** A device, a pipe or a socket. */
  refuseSpecial(path: string, what: string): never {
    throw refuse('UnsafeArchive', `${quoted(path)} is a ${what}, which no addon may have`);
  }

  /**
   * Of a whole archive: nothing lies below what is no directory, so that nothing is found through a link. Where links lead is looked at when
   * something is made of the archive; reading it never follows one.
   * @throws StallingError `UnsafeArchive`
   */
  finish(): void {
    for (const { path } of this.#entries.values())
      for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
        const parent = this.#entries.get(path.slice(0, slash));
        if (parent && parent.kind !== 'directory')
          throw refuse('UnsafeArchive', `${quoted(path)} goes through ${quoted(parent.path)}, which is no directory`);
      }
  }

  get(path: string): ArchiveEntry | undefined {
    return this.#entries.get(path);
  }

  /** In the order of their paths' code units. */
  entries(): readonly ArchiveEntry[] {
    return (this.#sorted ??= [...this.#entries.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1)));
  }

  /** What is below a directory, at every depth, in order. */
  below(path: string): ArchiveEntry[] {
    const sorted = this.entries();
    if (path === '') return [...sorted];
    const prefix = `${path}/`;
    let [from, to] = [0, sorted.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((sorted[middle]?.path ?? '') < prefix) from = middle + 1;
      else to = middle;
    }
    const isBelow = (i: number): boolean => sorted[i]?.path.startsWith(prefix) ?? false;
    let end = from;
    while (isBelow(end)) end++;
    return sorted.slice(from, end);
  }

  /**
   * Where a path leads when every link on the way is followed as the kernel would, were the archive unpacked somewhere: what is not there is where it
   * would be. The target of a link where that is absolute; `outside` where the path climbs above the archive, or goes round.
   */
  resolve(path: string): string {
    const left = path.split('/').filter(part => part !== '' && part !== '.');
    const at: string[] = [];
    for (let links = 0; left.length > 0;) {
      const part = left.shift() ?? '';
      if (part === '..') {
        if (at.pop() === undefined) return outside;
        continue;
      }
      at.push(part);
      const entry = this.#entries.get(at.join('/'));
      if (entry?.kind !== 'link') continue;
      if (entry.target.startsWith('/')) return entry.target;
      if (++links > maxLinks) return outside;
      at.pop();
      left.unshift(...entry.target.split('/').filter(piece => piece !== '' && piece !== '.'));
    }
    return at.join('/');
  }
}

/** What `resolve` says of a path that leaves the archive: no path at all. */
export const outside = '\0';

function checkPath(path: string, { depth, pathBytes }: ArchiveLimits): void {
  const parts = path.split('/');
  if (path.includes('\0') || !path.isWellFormed() || /\p{Cc}/u.test(path))
    throw refuse('UnsafeArchive', `${quoted(path)} has a control character in it`);
  if (parts.some(part => part === '' || part === '.' || part === '..'))
    throw refuse(
      'UnsafeArchive',
      `${quoted(path)} is no plain path: it has an empty part, "." or "..", and may lead out of the archive`,
    );
  if (parts.some(part => part.startsWith('.wh.')))
    throw refuse('UnsafeArchive', `${quoted(path)} has a part that begins with ".wh.", which removes files of other layers`);
  if (parts.length > depth) throw refuse('ArchiveTooLarge', `${quoted(path)} lies more than ${depth} levels deep`);
  if (Buffer.byteLength(path) > pathBytes || parts.some(part => Buffer.byteLength(part) > 255))
    throw refuse('ArchiveTooLarge', `${quoted(path)} is too long a path`);
}
