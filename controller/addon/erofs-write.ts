/** Writes an erofs image as it was laid out: little-endian, uncompressed, everything owned by 0:0, modified at 0. From the beginning to the end, without going back. */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import type { AddonBlob } from '../api/addon-artifact.ts';
import {
  blockBytes,
  direntBytes,
  inodeUnit,
  superblockAt,
  xattrEntryBytes,
  xattrHeaderBytes,
  xattrSize,
} from './erofs-layout.ts';
import type { Dirent, Inode, Layout, StoredNode, Xattr } from './erofs-layout.ts';
import type { Spool } from './spool.ts';

const magic = 0xe0f5_e1e2;
const features = { checksum: 0x1 };
const dataLayouts = { plain: 0, inline: 2 };
/** S_IFMT of each, and what a directory says of it. */
const kinds: Readonly<Record<StoredNode['kind'], { format: number; dirent: number }>> = {
  file: { format: 0o100000, dirent: 1 },
  directory: { format: 0o040000, dirent: 2 },
  symlink: { format: 0o120000, dirent: 7 },
};
const symlinkMode = 0o777;
/** Index of the prefix `security.`. */
const securityPrefix = 6;
const pieceBytes = 1024 * 1024;

/**
 * For a thread of its own: it works while it is called. What the file system throws passes through.
 * @param fd of an empty file
 * @returns digest and size of the image
 */
export function writeErofs(layout: Layout, spool: Spool, fd: number): AddonBlob {
  const output = new Output(fd);
  output.padTo(superblockAt);
  output.write(superblockOf(layout));
  for (const inode of layout.inodes) {
    output.padTo(inode.at);
    output.write(head(inode));
    if (inode.inlineBytes > 0) output.write(dataOf(inode, spool, inode.size - inode.inlineBytes, inode.inlineBytes));
  }
  output.padTo(layout.metaBlocks * blockBytes);
  for (const inode of layout.inodes) {
    if (inode.blocks === 0) continue;
    const end = inode.size - inode.inlineBytes;
    for (let at = 0; at < end; at += pieceBytes) output.write(dataOf(inode, spool, at, Math.min(pieceBytes, end - at)));
    output.padTo((inode.block + inode.blocks) * blockBytes);
  }
  return output.end();
}

/** Collects small pieces, and hashes all. */
class Output {
  readonly #fd: number;
  readonly #hash = createHash('sha256');
  readonly #buffer = Buffer.allocUnsafeSlow(pieceBytes);
  #buffered = 0;
  #size = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      const part = bytes.subarray(from, from + this.#room());
      this.#buffer.set(part, this.#buffered);
      this.#took(part.length);
      from += part.length;
    }
  }

  /** Zeros up to a place. */
  padTo(place: number): void {
    while (this.#size < place) {
      const count = Math.min(place - this.#size, this.#room());
      this.#buffer.fill(0, this.#buffered, this.#buffered + count);
      this.#took(count);
    }
  }

  end(): AddonBlob {
    this.#flush();
    return { digest: `sha256:${this.#hash.digest('hex')}`, size: this.#size };
  }

  #room(): number {
    return pieceBytes - this.#buffered;
  }

  #took(count: number): void {
    this.#buffered += count;
    this.#size += count;
    if (this.#buffered === pieceBytes) this.#flush();
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#buffered));
    for (let from = 0; from < this.#buffered;) from += writeSync(this.#fd, this.#buffer, from, this.#buffered - from);
    this.#buffered = 0;
  }
}

/** struct erofs_super_block, with the rest of its block, over which its checksum is. */
function superblockOf({ inodes, blocks, uuid }: Layout): Buffer {
  const bytes = Buffer.alloc(blockBytes - superblockAt);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(features.checksum, 8);
  bytes.writeUInt8(Math.log2(blockBytes), 12);
  bytes.writeUInt16LE((inodes[0]?.at ?? 0) / inodeUnit, 14);
  bytes.writeBigUInt64LE(BigInt(inodes.length), 16);
  bytes.writeUInt32LE(blocks, 36);
  uuid.copy(bytes, 48);
  bytes.writeUInt32LE(crc32c(bytes), 4);
  return bytes;
}

/** Castagnoli's, bit by bit since it is of one block, and as the kernel's function of that name leaves it: not inverted at the end. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0x82f6_3b78);
  }
  return crc >>> 0;
}

/** struct erofs_inode_compact or erofs_inode_extended, and extended attributes. */
function head(inode: Inode): Buffer {
  const { node, isLong, xattrs, xattrBytes, size, links, number } = inode;
  const own = isLong ? 64 : 32;
  const bytes = Buffer.alloc(own + xattrBytes);
  const layout = inode.inlineBytes > 0 ? dataLayouts.inline : dataLayouts.plain;
  bytes.writeUInt16LE((layout << 1) | (isLong ? 1 : 0), 0);
  bytes.writeUInt16LE(1 + (xattrBytes - xattrHeaderBytes) / 4, 2);
  bytes.writeUInt16LE(kinds[node.kind].format | ('mode' in node ? node.mode : symlinkMode), 4);
  if (isLong) {
    bytes.writeBigUInt64LE(BigInt(size), 8);
    bytes.writeUInt32LE(inode.block, 16);
    bytes.writeUInt32LE(number, 20);
    bytes.writeUInt32LE(links, 44);
  } else {
    bytes.writeUInt16LE(links, 6);
    bytes.writeUInt32LE(size, 8);
    bytes.writeUInt32LE(inode.block, 16);
    bytes.writeUInt32LE(number, 20);
  }
  let at = own + xattrHeaderBytes;
  for (const xattr of xattrs) {
    xattrInto(bytes.subarray(at), xattr);
    at += xattrSize(xattr);
  }
  return bytes;
}

/** struct erofs_xattr_entry. */
function xattrInto(bytes: Buffer, { name, value }: Xattr): void {
  bytes.writeUInt8(name.length, 0);
  bytes.writeUInt8(securityPrefix, 1);
  bytes.writeUInt16LE(value.length, 2);
  bytes.write(name, xattrEntryBytes, 'latin1');
  bytes.set(value, xattrEntryBytes + name.length);
}

/** Some of the bytes of an inode. */
function dataOf({ node, dirents }: Inode, spool: Spool, from: number, count: number): Uint8Array {
  if (node.kind === 'symlink') return Buffer.from(node.target).subarray(from, from + count);
  if (node.kind === 'directory') {
    const first = Math.floor(from / blockBytes);
    const blocks = dirents.slice(first, Math.ceil((from + count) / blockBytes)).map(direntsOf);
    return Buffer.concat(blocks).subarray(from - first * blockBytes, from - first * blockBytes + count);
  }
  const bytes = Buffer.allocUnsafe(count);
  if (node.content) spool.read(node.content, from, bytes);
  return bytes;
}

/** A block of a directory: all entries (struct erofs_dirent), then all names. */
function direntsOf(dirents: readonly Dirent[]): Buffer {
  const block = Buffer.alloc(blockBytes);
  let nameAt = dirents.length * direntBytes;
  for (const [i, { name, inode }] of dirents.entries()) {
    const at = i * direntBytes;
    block.writeBigUInt64LE(BigInt(inode.at / inodeUnit), at);
    block.writeUInt16LE(nameAt, at + 8);
    block.writeUInt8(kinds[inode.node.kind].dirent, at + 10);
    nameAt += block.write(name, nameAt);
  }
  return block;
}
