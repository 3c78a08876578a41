/** The inodes of squashfs 4.0: what a path is, without its name. */
import { type Cursor, damaged } from './squashfs-metadata.ts';
import { refuse } from './refusal.ts';

interface Common {
  /** Permissions with setuid, setgid and sticky. */
  mode: number;
  /** Places in the table of ids. */
  owner: { uid: number; gid: number };
  hasAttributes: boolean;
  number: number;
}

export interface FileInode extends Common {
  kind: 'file';
  size: number;
  /** Where its blocks begin, one behind the other. */
  start: number;
  /** Of each block, its size in the image; bit 24: not compressed; 0: all zeros. */
  blocks: Uint32Array;
  /** Where the rest is that fills no block. */
  fragment?: { index: number; offset: number };
}

export interface DirectoryInode extends Common {
  kind: 'directory';
  /** Of the listing, in bytes. */
  size: number;
  block: number;
  offset: number;
}

export interface LinkInode extends Common {
  kind: 'link';
  target: string;
}

/** Devices, pipes and sockets: no addon has them. */
export interface SpecialInode extends Common {
  kind: 'special';
  what: string;
}

export type Inode = FileInode | DirectoryInode | LinkInode | SpecialInode;

export interface InodeBounds {
  blockSize: number;
  /** Of one file. */
  maxFileBytes: number;
}

const none = 0xffffffff;
/** Linux' PATH_MAX: no link is longer. */
const maxTarget = 4096;
const specials: Readonly<Record<number, string>> = { 4: 'block device', 5: 'character device', 6: 'pipe', 7: 'socket' };

/** @throws StallingError `InvalidArchive`, or `ArchiveTooLarge` for a file beyond the bound */
export async function readInode(cursor: Cursor, bounds: InodeBounds): Promise<Inode> {
  const head = await cursor.take(16);
  const type = head.readUInt16LE(0);
  const common: Common = {
    mode: head.readUInt16LE(2) & 0o7777,
    owner: { uid: head.readUInt16LE(4), gid: head.readUInt16LE(6) },
    hasAttributes: false,
    number: head.readUInt32LE(12),
  };
  switch (type) {
    case 1: {
      const body = await cursor.take(16);
      const [size, block] = [body.readUInt16LE(8), body.readUInt32LE(0)];
      return { ...common, kind: 'directory', size: listingBytes(size), block, offset: body.readUInt16LE(10) };
    }
    case 8: {
      const body = await cursor.take(24);
      const size = listingBytes(body.readUInt32LE(4));
      const hasAttributes = body.readUInt32LE(20) !== none;
      const [block, offset] = [body.readUInt32LE(8), body.readUInt16LE(18)];
      return { ...common, hasAttributes, kind: 'directory', size, block, offset };
    }
    case 2: {
      const body = await cursor.take(16);
      const [start, size] = [body.readUInt32LE(0), body.readUInt32LE(12)];
      const fragment = fragmentOf(body.readUInt32LE(4), body.readUInt32LE(8));
      return { ...common, kind: 'file', size, start, ...(await contentOf(cursor, size, fragment, bounds)) };
    }
    case 9: {
      const body = await cursor.take(40);
      const [start, size] = [body.readBigUInt64LE(0), body.readBigUInt64LE(8)];
      if (size > BigInt(bounds.maxFileBytes)) throw tooLarge(bounds);
      if (start > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('a file lies outside of it');
      const hasAttributes = body.readUInt32LE(36) !== none;
      const fragment = fragmentOf(body.readUInt32LE(28), body.readUInt32LE(32));
      const content = await contentOf(cursor, Number(size), fragment, bounds);
      return { ...common, hasAttributes, kind: 'file', size: Number(size), start: Number(start), ...content };
    }
    case 3:
    case 10: {
      const length = (await cursor.take(8)).readUInt32LE(4);
      if (length === 0 || length > maxTarget) throw damaged(`a link of ${length} bytes`);
      const target = textOf(await cursor.take(length));
      const hasAttributes = type === 10 && (await cursor.take(4)).readUInt32LE(0) !== none;
      return { ...common, hasAttributes, kind: 'link', target };
    }
    default: {
      const what = specials[type > 7 ? type - 7 : type];
      if (what === undefined || type > 14) throw damaged(`an inode of type ${type}`);
      return { ...common, kind: 'special', what };
    }
  }
}

/** Sizes of listings count two entries, `.` and `..`, that are not written. */
function listingBytes(size: number): number {
  return Math.max(0, size - 3);
}

function fragmentOf(index: number, offset: number): FileInode['fragment'] {
  return index === none ? undefined : { index, offset };
}

async function contentOf(
  cursor: Cursor,
  size: number,
  fragment: FileInode['fragment'],
  bounds: InodeBounds,
): Promise<Pick<FileInode, 'blocks' | 'fragment'>> {
  if (size > bounds.maxFileBytes) throw tooLarge(bounds);
  const count = fragment ? Math.floor(size / bounds.blockSize) : Math.ceil(size / bounds.blockSize);
  const bytes = await cursor.take(4 * count);
  const blocks = new Uint32Array(count);
  for (let i = 0; i < count; i++) blocks[i] = bytes.readUInt32LE(4 * i);
  return { blocks, ...(fragment ? { fragment } : {}) };
}

function tooLarge({ maxFileBytes }: InodeBounds): Error {
  return refuse('ArchiveTooLarge', `a file in it has more than ${maxFileBytes} bytes`);
}

/** A name or a target. @throws StallingError `InvalidArchive` for what is no text */
export function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damaged(`the name ${JSON.stringify(bytes.toString('latin1'))} is not UTF-8`);
  }
}
