/** Git's object formats (gitformat-pack(5), git-mktree(1)), over raw bytes. An object is used only after its id was computed from its bytes. */
import { createHash } from 'node:crypto';
import { TransientError } from '../api/errors.ts';
import type { SourceReason } from './reasons.ts';

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag';

export interface GitObject {
  type: ObjectType;
  bytes: Uint8Array;
}

/** What a directory holds; `submodule` is a commit of another repository. */
export interface TreeItem {
  name: string;
  mode: 'file' | 'executable' | 'symlink' | 'directory' | 'submodule';
  oid: string;
}

export interface Commit {
  tree: string;
  parents: string[];
}

const modes: Readonly<Record<string, TreeItem['mode']>> = {
  '100644': 'file',
  '100664': 'file',
  '100755': 'executable',
  '120000': 'symlink',
  '40000': 'directory',
  '160000': 'submodule',
};

/** The id that Git gives these bytes. */
export function objectId(object: GitObject): string {
  return createHash('sha1').update(`${object.type} ${object.bytes.byteLength}\0`).update(object.bytes).digest('hex');
}

/** Throws unless the bytes have that id: what a server calls an object proves nothing. */
export function requireId(oid: string, object: GitObject): GitObject {
  const actual = objectId(object);
  if (actual !== oid) throw invalid(oid, `its bytes hash to ${actual}`);
  return object;
}

/**
 * The entries of a tree. Names that could leave the directory or mean something to Git are refused, and so is a name that comes twice or not in Git's order,
 * as `verify_ordered` of Git's fsck.c has it: of two entries of one name, one reader would take the first and another the last.
 */
export function parseTree(oid: string, bytes: Uint8Array): TreeItem[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const idBytes = oid.length === 64 ? 32 : 20;
  const items: TreeItem[] = [];
  const names = new Set<string>();
  let before = Buffer.alloc(0);
  let at = 0;
  while (at < buffer.length) {
    const space = buffer.indexOf(0x20, at);
    const zero = buffer.indexOf(0, space);
    if (space < 0 || zero < 0 || zero + 1 + idBytes > buffer.length) throw invalid(oid, 'its tree is cut short');
    const mode = modes[buffer.toString('latin1', at, space)];
    const name = buffer.toString('utf8', space + 1, zero);
    if (!mode) throw invalid(oid, `its tree has an entry of unknown mode`);
    if (name === '' || name === '.' || name === '..' || name.toLowerCase() === '.git' || /[/\\\uFFFD]/.test(name)) {
      throw invalid(oid, `its tree has an entry with the forbidden name ${JSON.stringify(name)}`);
    }
    if (names.has(name)) throw invalid(oid, `its tree has the name ${JSON.stringify(name)} twice`);
    names.add(name);
    // Git sorts a directory as if its name ended in a slash.
    const sorted = Buffer.concat([buffer.subarray(space + 1, zero), Buffer.from(mode === 'directory' ? '/' : '')]);
    if (before.compare(sorted) > 0) throw invalid(oid, `its tree has the name ${JSON.stringify(name)} out of Git's order`);
    before = sorted;
    at = zero + 1 + idBytes;
    items.push({ name, mode, oid: buffer.toString('hex', zero + 1, at) });
  }
  return items;
}

/** Tree and parents of a commit: the header's first lines, in the order Git writes them. */
export function parseCommit(oid: string, bytes: Uint8Array): Commit {
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf('\n\n');
  const lines = Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end))
    .toString('latin1')
    .split('\n');
  const tree = /^tree ([0-9a-f]{40})$/.exec(lines[0] ?? '')?.[1];
  if (!tree) throw invalid(oid, 'its commit names no tree');
  const parents: string[] = [];
  for (const text of lines.slice(1)) {
    const parent = /^parent ([0-9a-f]{40})$/.exec(text)?.[1];
    if (!parent) break;
    parents.push(parent);
  }
  return { tree, parents };
}

export function invalid(oid: string, why: string): TransientError {
  return new TransientError('InvalidGitObject' satisfies SourceReason, `object ${oid} is invalid: ${why}`);
}
