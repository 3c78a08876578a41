/** A pack in memory, read by isomorphic-git. What it gives out has been checked against the caps and against its id. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SystemSourceSpecLimits } from '../api/system-source.ts';
import { type GitObject, type ObjectType, invalid, requireId } from './git-object.ts';
import { type MemoryFiles, createMemoryFiles } from './memory-files.ts';
import { packObjects, scanPack } from './pack-scan.ts';

export interface Pack {
  readonly oids: ReadonlySet<string>;
  /** Bytes it holds in memory. */
  readonly size: number;
  /** The object, checked against its id. Throws when the pack does not hold it. */
  read(oid: string): Promise<GitObject>;
}

/** Where a pack lies in its file system. */
const gitdir = '/g';
const packPath = 'objects/pack/pack-1.pack';

/** Opens the bytes of a pack. Throws as `scanPack`. */
export async function openPack(bytes: Buffer, limits: SystemSourceSpecLimits): Promise<Pack> {
  await scanPack(bytes, limits);
  if (packObjects(bytes) === 0) return emptyPack;
  const files = createMemoryFiles();
  await files.promises.writeFile(`${gitdir}/${packPath}`, bytes);
  const cache = {};
  const git = await isomorphicGit();
  const { oids } = await git.indexPack({ fs: files, dir: gitdir, gitdir, filepath: packPath, cache, onProgress: letGo });
  // isomorphic-git leaves an object out of the index when it cannot resolve it.
  if (oids.length !== packObjects(bytes)) throw invalid('(pack)', 'the pack holds objects that cannot be resolved');
  return packIn({ files, cache, oids, size: bytes.length });
}

/** The pack that isomorphic-git has already indexed in `files`. */
export function packIn(o: { files: MemoryFiles; cache: object; oids: readonly string[]; size: number }): Pack {
  const oids = new Set(o.oids);
  return {
    oids,
    size: o.size,
    async read(oid) {
      if (!oids.has(oid)) throw invalid(oid, 'the server did not send it');
      const git = await isomorphicGit();
      const { type, object } = await git.readObject({ fs: o.files, gitdir, cache: o.cache, oid, format: 'content' });
      if (!isObjectType(type) || !(object instanceof Uint8Array)) throw invalid(oid, `its type is ${type}`);
      return requireId(oid, { type, bytes: object });
    },
  };
}

/** Loaded when first needed: it is the largest part of start-up otherwise. */
export async function isomorphicGit(): Promise<typeof import('isomorphic-git')> {
  return import('isomorphic-git');
}

/** isomorphic-git awaits its progress callback about a hundred times a pack, which is the only place where it lets others run. */
export async function letGo(): Promise<void> {
  await nextTurn();
}

const emptyPack: Pack = {
  oids: new Set(),
  size: 0,
  async read(oid) {
    throw invalid(oid, 'the server did not send it');
  },
};

function isObjectType(type: string | undefined): type is ObjectType {
  return type === 'commit' || type === 'tree' || type === 'blob' || type === 'tag';
}
