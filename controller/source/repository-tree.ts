/** The files of one commit, read as needed: only the directories on the way and the files that are asked for are ever fetched. */
import { StallingError } from '../api/errors.ts';
import type { SystemSourceSpecLimits } from '../api/system-source.ts';
import { type Commit, type GitObject, type TreeItem, invalid, parseTree } from './git-object.ts';
import { exceeded } from './pack-scan.ts';
import type { SourceReason } from './reasons.ts';

export interface TreeEntry {
  /** Relative to the repository, without a leading slash; empty for its root. */
  path: string;
  mode: 'file' | 'executable' | 'symlink' | 'directory';
  oid: string;
}

export interface RepositoryTree {
  /** What is at the path; undefined when nothing is. Links are not followed. Throws StallingError `UnsupportedGitFeature` at a submodule. */
  entry(path: string): Promise<TreeEntry | undefined>;
  /** Files and links below a directory, at any depth, sorted by path. Throws `PathNotFound` when it is no directory, and as `entry`. */
  list(directory: string): Promise<TreeEntry[]>;
  /** Content by id, in one request. Throws StallingError `UnsupportedGitFeature` at a Git LFS pointer. */
  read(entries: readonly TreeEntry[]): Promise<Map<string, Uint8Array>>;
}

/** Where the objects of the commit come from. */
export interface TreeObjects {
  limits: SystemSourceSpecLimits;
  commit(): Promise<Commit>;
  objects(oids: readonly string[]): Promise<Map<string, GitObject>>;
}

/** What a walk leaves out, unread. */
export type Skip = (item: Found) => boolean;

/** As `RepositoryTree`, with a list that may leave parts out, and a read that takes content as it is. */
export interface SourceTree extends RepositoryTree {
  list(directory: string, skip?: Skip): Promise<TreeEntry[]>;
  readRaw(entries: readonly TreeEntry[]): Promise<Map<string, Uint8Array>>;
}

type Found = TreeEntry | { path: string; mode: 'submodule'; oid: string };

export function createRepositoryTree(source: TreeObjects): SourceTree {
  let root: Promise<TreeEntry> | undefined;
  let objects = 0;

  const load = async (oids: readonly string[]): Promise<Map<string, GitObject>> => {
    if (oids.length === 0) return new Map();
    objects += oids.length;
    if (objects > source.limits.objects)
      throw exceeded('objects', source.limits.objects, 'more are needed to read the documents');
    return source.objects(oids);
  };
  const parsed = new Map<string, TreeItem[]>();
  const items = async (directories: readonly Found[]): Promise<{ directory: Found; items: TreeItem[] }[]> => {
    const missing = [...new Set(directories.map(d => d.oid))].filter(oid => !parsed.has(oid));
    const loaded = await load(missing);
    for (const oid of missing) parsed.set(oid, parseTree(oid, bytesOf(loaded, oid, 'tree')));
    return directories.map(directory => ({ directory, items: parsed.get(directory.oid) ?? [] }));
  };
  const find = async (path: string): Promise<Found | undefined> => {
    let at: Found = await (root ??= rootOf(source));
    for (const name of namesOf(path)) {
      if (at.mode === 'submodule') return at;
      if (at.mode !== 'directory') return undefined;
      const [read] = await items([at]);
      const item = read?.items.find(i => i.name === name);
      if (!item) return undefined;
      at = { ...item, path: join(at.path, name) };
    }
    return at;
  };
  const entry = async (path: string): Promise<TreeEntry | undefined> => {
    const found = await find(path);
    return found && requireSupported(found);
  };

  const readRaw = async (entries: readonly TreeEntry[]): Promise<Map<string, Uint8Array>> => {
    const loaded = await load([...new Set(entries.map(e => e.oid))]);
    const out = new Map<string, Uint8Array>();
    for (const { oid, path } of entries) {
      const bytes = bytesOf(loaded, oid, 'blob');
      if (bytes.byteLength > source.limits.fileBytes) {
        throw exceeded('fileBytes', source.limits.fileBytes, `${path} has ${bytes.byteLength} bytes`);
      }
      out.set(oid, bytes);
    }
    return out;
  };

  return {
    entry,
    async list(directory, skip: Skip = () => false) {
      const top = await entry(directory);
      if (top?.mode !== 'directory')
        throw new StallingError('PathNotFound' satisfies SourceReason, `${directory} is not a directory of the commit`);
      const out: TreeEntry[] = [];
      for (let level = [top]; level.length > 0;) {
        const below = (await items(level)).flatMap(({ directory: d, items: list }) =>
          list.map(i => ({ ...i, path: join(d.path, i.name) })),
        );
        const kept = below.filter(i => !skip(i)).map(requireSupported);
        out.push(...kept.filter(i => i.mode !== 'directory'));
        level = kept.filter(i => i.mode === 'directory');
      }
      return out.toSorted((a, b) => (a.path < b.path ? -1 : 1));
    },
    readRaw,
    async read(entries) {
      const out = await readRaw(entries);
      for (const { oid, path } of entries) {
        if (isLfsPointer(out.get(oid))) throw unsupported(`${path} is a Git LFS pointer`);
      }
      return out;
    },
  };
}

/** The names on the way to a path; `.` and empty ones say nothing. A path that leaves the repository names nothing in it. */
function namesOf(path: string): string[] {
  return path.split('/').filter(name => name !== '' && name !== '.');
}

async function rootOf(source: TreeObjects): Promise<TreeEntry> {
  const { tree } = await source.commit();
  return { path: '', mode: 'directory', oid: tree };
}

function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}

function bytesOf(loaded: ReadonlyMap<string, GitObject>, oid: string, type: 'tree' | 'blob'): Uint8Array {
  const object = loaded.get(oid);
  if (object?.type !== type) throw invalid(oid, `it is a ${object?.type ?? 'missing object'} where a ${type} belongs`);
  return object.bytes;
}

function requireSupported(found: Found): TreeEntry {
  const { path, mode, oid } = found;
  if (mode === 'submodule') throw unsupported(`${path} is a submodule`);
  return { path, mode, oid };
}

/** https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: a pointer is under 1024 bytes and starts with its version. */
export function isLfsPointer(bytes: Uint8Array | undefined): boolean {
  return (
    bytes !== undefined &&
    bytes.byteLength < 1024 &&
    Buffer.from(bytes.subarray(0, 42)).toString('latin1') === 'version https://git-lfs.github.com/spec/v1'
  );
}

function unsupported(what: string): StallingError {
  return new StallingError('UnsupportedGitFeature' satisfies SourceReason, `${what}, which is not supported`);
}
