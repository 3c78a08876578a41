/**
 * Where everything lies in an erofs image (Linux' Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h), without compression: block 0 with the
 * superblock, inodes with the ends of files behind them, then whole blocks of data. Decided from the tree alone, so that equal trees have equal images.
 */
import { createHash } from 'node:crypto';
import { selinuxLabel } from './selinux-labels.ts';
import { inOrder } from './tree.ts';
import type { Directory, RegularFile, SymbolicLink, TreeNode } from './tree.ts';

export const blockBytes = 4096;
/** Where the superblock is; it has the rest of the first block, and inodes begin with the second. */
export const superblockAt = 1024;
/** Inodes are numbered by their place, in units of so many bytes. */
export const inodeUnit = 32;
/** A longer end of a file gets a block of its own: behind the inode it would seldom fit. */
const maxInlineBytes = blockBytes / 2;
/** Of a directory entry, without its name. */
export const direntBytes = 12;
/** Of extended attributes: the header of an inode's, and of each one. */
export const xattrHeaderBytes = 12;
export const xattrEntryBytes = 4;
/** What the short form of an inode holds. */
const short = { bytes: 32, maxSize: 0xffff_ffff, maxLinks: 0xffff };
const long = { bytes: 64 };

export type StoredNode = Directory | RegularFile | SymbolicLink;

/** A name in a directory. */
export interface Dirent {
  name: string;
  inode: Inode;
}

export interface Xattr {
  /** Without its prefix. */
  name: string;
  value: Uint8Array;
}

export interface Inode {
  node: StoredNode;
  /** From 1. */
  number: number;
  links: number;
  size: number;
  /** Of the image's beginning, in bytes. */
  at: number;
  isLong: boolean;
  /** Of the prefix `security.`. */
  xattrs: readonly Xattr[];
  /** Of extended attributes, behind the inode. */
  xattrBytes: number;
  /** How much of the end of its data lies behind the inode, rather than in blocks. */
  inlineBytes: number;
  /** First of its blocks, 0 when it has none. */
  block: number;
  blocks: number;
  /** Of a directory: what each of its blocks has, `.` and `..` included. */
  dirents: readonly (readonly Dirent[])[];
}

export interface Layout {
  /** In the order of their places: the root is the first. */
  inodes: readonly Inode[];
  /** Blocks before the data. */
  metaBlocks: number;
  blocks: number;
  /** Follows from all that is in the image. */
  uuid: Buffer;
}

/** @throws TypeError when there is something in the tree that an image cannot hold: it is refused before. */
export function layOut(root: Directory): Layout {
  const inodes = inodesOf(root);
  const end = place(inodes);
  const metaBlocks = Math.ceil(end / blockBytes);
  let next = metaBlocks;
  for (const inode of inodes) {
    inode.blocks = Math.ceil((inode.size - inode.inlineBytes) / blockBytes);
    if (inode.blocks > 0) inode.block = next;
    next += inode.blocks;
  }
  return { inodes, metaBlocks, blocks: next, uuid: uuidOf(inodes) };
}

/** One for each node: a directory, what is in it, and then its directories one after the other. */
function inodesOf(root: Directory): Inode[] {
  const inodes: Inode[] = [];
  const known = new Map<TreeNode, Inode>();
  const labels = new Map<string, Uint8Array>();
  const inodeOf = (node: TreeNode, path: string): Inode => {
    const found = known.get(node);
    if (found) {
      found.links++;
      return found;
    }
    if (node.kind === 'special') throw new TypeError(`${node.what} is nothing that an image of an addon holds`);
    const inode = newInode(node, inodes.length + 1, xattrsOf(node, path, labels));
    known.set(node, inode);
    inodes.push(inode);
    return inode;
  };
  const open = [{ directory: root, own: inodeOf(root, '/'), path: '', parent: undefined as Inode | undefined }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { directory, own, path } = next;
    const dirents: Dirent[] = [];
    const directories: typeof open = [];
    for (const name of inOrder([...directory.children.keys(), '.', '..'])) {
      const node = directory.children.get(name)?.node;
      if (!node) {
        dirents.push({ name, inode: name === '.' ? own : (next.parent ?? own) });
        continue;
      }
      const inode = inodeOf(node, `${path}/${name}`);
      dirents.push({ name, inode });
      if (node.kind !== 'directory') continue;
      directories.push({ directory: node, own: inode, path: `${path}/${name}`, parent: own });
      // The `..` in it.
      own.links++;
    }
    own.dirents = intoBlocks(dirents);
    own.size = directoryBytes(own.dirents);
    open.push(...directories.toReversed());
  }
  return inodes;
}

function newInode(node: StoredNode, number: number, xattrs: readonly Xattr[]): Inode {
  const isDirectory = node.kind === 'directory';
  return {
    node,
    number,
    // A directory has its name and its own `.`; the root has both as well.
    links: isDirectory ? 2 : 1,
    size: sizeOf(node),
    at: 0,
    isLong: false,
    xattrs,
    xattrBytes: xattrHeaderBytes + xattrs.reduce((sum, xattr) => sum + xattrSize(xattr), 0),
    inlineBytes: 0,
    block: 0,
    blocks: 0,
    dirents: [],
  };
}

function sizeOf(node: StoredNode): number {
  if (node.kind === 'symlink') return Buffer.byteLength(node.target);
  if (node.kind === 'directory') return 0;
  if (!node.content) throw new TypeError('a file of the tree has no content');
  return node.content.size;
}

/** `labels`: those that were made, by their text; there are few. A file with several names has the label of the first. */
function xattrsOf(node: StoredNode, path: string, labels: Map<string, Uint8Array>): Xattr[] {
  const text = selinuxLabel(path);
  // With the zero at its end, as setfiles(8) writes it.
  const value = labels.get(text) ?? Buffer.from(`${text}\0`);
  labels.set(text, value);
  const label = { name: 'selinux', value };
  return node.kind === 'file' && node.capability ? [label, { name: 'capability', value: node.capability }] : [label];
}

/** What one extended attribute takes. */
export function xattrSize({ name, value }: Xattr): number {
  return roundUp(xattrEntryBytes + name.length + value.length, 4);
}

/** A block has as many as fit, since the kernel searches the blocks by their first names. */
function intoBlocks(dirents: readonly Dirent[]): Dirent[][] {
  const blocks: Dirent[][] = [];
  let used = blockBytes;
  for (const dirent of dirents) {
    const bytes = direntBytes + Buffer.byteLength(dirent.name);
    if (used + bytes > blockBytes) {
      blocks.push([]);
      used = 0;
    }
    blocks.at(-1)?.push(dirent);
    used += bytes;
  }
  return blocks;
}

function directoryBytes(blocks: readonly (readonly Dirent[])[]): number {
  const last = blocks.at(-1) ?? [];
  const used = last.reduce((sum, { name }) => sum + direntBytes + Buffer.byteLength(name), 0);
  return (blocks.length - 1) * blockBytes + used;
}

/** Gives each inode its place. An inode and what lies behind it are in one block. Returns where the last one ends. */
function place(inodes: readonly Inode[]): number {
  let at = blockBytes;
  for (const inode of inodes) {
    inode.isLong = inode.size > short.maxSize || inode.links > short.maxLinks;
    const own = (inode.isLong ? long.bytes : short.bytes) + inode.xattrBytes;
    const end = inode.size % blockBytes;
    inode.inlineBytes = end <= maxInlineBytes ? end : 0;
    const bytes = own + inode.inlineBytes;
    if ((at % blockBytes) + bytes > blockBytes) at = roundUp(at, blockBytes);
    inode.at = at;
    at = roundUp(at + bytes, inodeUnit);
  }
  return at;
}

/** Of what is in the image, in the form of RFC 9562 for those that somebody makes by a rule of their own (version 8). */
function uuidOf(inodes: readonly Inode[]): Buffer {
  const hash = createHash('sha256');
  for (const { node, size, links, xattrs, dirents } of inodes) {
    hash.update(`${node.kind} ${'mode' in node ? node.mode : 0} ${links} ${size}\n`);
    for (const { name, value } of xattrs) hash.update(`${name} ${Buffer.from(value).toString('hex')}\n`);
    if (node.kind === 'file') hash.update(`${node.content?.digest}\n`);
    else if (node.kind === 'symlink') hash.update(`${node.target}\n`);
    for (const { name, inode } of dirents.flat()) hash.update(`${inode.number} ${name}\0`);
  }
  const uuid = hash.digest().subarray(0, 16);
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}

export function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
