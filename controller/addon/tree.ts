/** The files of an addon before they are an image: names in directories, with contents elsewhere. */
import type { Spooled } from './spool.ts';

export interface Directory {
  kind: 'directory';
  /** 0 to 0o7777, as of every node. */
  mode: number;
  /** Whose rights its setgid bit gives, in words, where that is not root. */
  owner?: string | undefined;
  children: Map<string, Entry>;
}

export interface RegularFile {
  kind: 'file';
  mode: number;
  /** Undefined where nobody asked for it, because it is outside of what an addon may have. */
  content: Spooled | undefined;
  /** Value of the extended attribute security.capability. */
  capability?: Uint8Array | undefined;
  /** Whose rights its setuid or setgid bit gives, in words, where that is not root. */
  owner?: string | undefined;
}

export interface SymbolicLink {
  kind: 'symlink';
  target: string;
}

/** What is in layers and never in an addon. */
export interface SpecialFile {
  kind: 'special';
  /** In words: a character device. */
  what: string;
}

/** One file with several names is one node in several entries. */
export type TreeNode = Directory | RegularFile | SymbolicLink | SpecialFile;

/** A name's meaning, and the number of the layer that gave it: 0 is the lowest. */
export interface Entry {
  node: TreeNode;
  layer: number;
}

/** Of directories that no archive describes. */
const directoryMode = 0o755;

export function newDirectory(mode = directoryMode, owner?: string): Directory {
  return { kind: 'directory', mode, owner, children: new Map() };
}

/** What an absolute path names: undefined when it names nothing, or leads through what is no directory. Links are not followed. */
export function nodeAt(root: Directory, path: string): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const name of segmentsOf(path)) {
    if (node?.kind !== 'directory') return undefined;
    node = node.children.get(name)?.node;
  }
  return node;
}

/** `/usr/lib` and `usr/lib/` are `usr` and `lib`. */
export function segmentsOf(path: string): string[] {
  return path.split('/').filter(segment => segment !== '' && segment !== '.');
}

/** Names in the order of their bytes in UTF-8, which is that of the file system and of every list. */
export function inOrder(names: readonly string[]): string[] {
  // The order of UTF-16 is that of UTF-8 unless there are surrogates.
  if (!names.some(name => /[\ud800-\udfff\ue000-\uffff]/.test(name))) return names.toSorted(byUnit);
  return names
    .map(name => ({ name, bytes: Buffer.from(name) }))
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ name }) => name);
}

function byUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Every name below the root with its absolute path, a directory before what is in it, in the order of inOrder. */
export function* walk(root: Directory): Generator<{ path: string; node: TreeNode }, undefined> {
  // A stack of its own: paths may be deeper than calls.
  const open = [{ path: '', directory: root, names: inOrder([...root.children.keys()]).values() }];
  for (let top = open.at(-1); top; top = open.at(-1)) {
    const { done, value: name } = top.names.next();
    const node = done ? undefined : top.directory.children.get(name)?.node;
    if (done || !node) {
      open.pop();
      continue;
    }
    const path = `${top.path}/${name}`;
    yield { path, node };
    if (node.kind === 'directory') open.push({ path, directory: node, names: inOrder([...node.children.keys()]).values() });
  }
  return undefined;
}
