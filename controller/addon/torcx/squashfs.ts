/**
 * Reads squashfs 4.0 images, compressed with gzip, lz4 or zstd, as the format is described in Documentation/filesystems/squashfs.rst of Linux and
 * written by mksquashfs. Nothing is mounted, so no right is needed; whatever the bytes are, there is an end to time and memory. Why our own: ADR 42.
 */
import type { ArchiveTree, ArchiveFile, ArchiveEntry } from './archive-tree.ts';
import type { RandomAccess } from './random-access.ts';
import { quoted, refuse } from './refusal.ts';
import { decompressorOf, type Decompress } from './squashfs-compression.ts';
import { readInode, textOf, type DirectoryInode, type FileInode, type Inode } from './squashfs-inode.ts';
import { damaged, decompressed, Metadata, metadataBytes } from './squashfs-metadata.ts';
import { readSuperblock, superblockBytes, type Superblock } from './squashfs-superblock.ts';

/** Bit 24 of a block's size: it is not compressed. */
const plainBlock = 0x1000000;
const idBytes = 4;
const fragmentBytes = 16;

/**
 * Adds all that is in the image to the tree, without reading the content of files.
 * @throws StallingError `InvalidArchive`, `UnsupportedArchive`, and as the tree refuses
 */
export async function readSquashfs(image: RandomAccess, tree: ArchiveTree): Promise<void> {
  const superblock = readSuperblock(await image.read(0, superblockBytes), image.size);
  const reader = new SquashfsReader(image, superblock, tree);
  await reader.walk();
  tree.finish();
}

interface Waiting {
  path: string;
  inode: DirectoryInode;
}

class SquashfsReader {
  readonly #image: RandomAccess;
  readonly #super: Superblock;
  readonly #tree: ArchiveTree;
  readonly #decompress: Decompress;
  readonly #metadata: Metadata;
  #ids: number[] = [];
  /** The last fragment block that was read: small files stand side by side in them. */
  #fragment: { at: number; bytes: Buffer } | undefined;

  constructor(image: RandomAccess, superblock: Superblock, tree: ArchiveTree) {
    this.#image = image;
    this.#super = superblock;
    this.#tree = tree;
    this.#decompress = decompressorOf(superblock.compression);
    this.#metadata = new Metadata(image, superblock.bytesUsed, this.#decompress);
  }

  async walk(): Promise<void> {
    this.#ids = await this.#readIds();
    const { block, offset } = this.#super.root;
    const root = await this.#inode(block, offset);
    if (root.kind !== 'directory') throw damaged('its root is no directory');
    // A directory that is in two places is in itself, or could be.
    const seen = new Set([root.number]);
    const waiting: Waiting[] = [{ path: '', inode: root }];
    for (let at = waiting.pop(); at; at = waiting.pop()) {
      for await (const { name, inode } of this.#list(at)) {
        const path = at.path === '' ? name : `${at.path}/${name}`;
        // Of archives of tar a directory may be there again; here that could go on without an end.
        if (this.#tree.get(path))
          throw refuse('UnsafeArchive', `${quoted(path)} is in it twice, so that readers could see different ones`);
        if (inode.kind === 'directory') {
          if (seen.has(inode.number)) throw damaged(`the directory ${quoted(path)} is in it twice`);
          seen.add(inode.number);
        }
        this.#tree.add(this.#entry(path, inode));
        if (inode.kind === 'directory') waiting.push({ path, inode });
      }
    }
  }

  #entry(path: string, inode: Inode): ArchiveEntry {
    const { mode, hasAttributes } = inode;
    const common = { path, hasAttributes, owner: this.#ownerOf(inode) };
    switch (inode.kind) {
      case 'directory':
        return { ...common, kind: 'directory', mode };
      case 'link':
        return { ...common, kind: 'link', target: inode.target };
      case 'file':
        return { ...common, kind: 'file', mode, size: inode.size, bytes: () => this.#content(path, inode) };
      case 'special':
        return this.#tree.refuseSpecial(path, inode.what);
    }
  }

  #ownerOf({ owner }: Inode): ArchiveFile['owner'] {
    const [uid, gid] = [this.#ids[owner.uid], this.#ids[owner.gid]];
    if (uid === undefined || gid === undefined) throw damaged('an owner is not in its table');
    return { uid, gid };
  }

  async #inode(block: number, offset: number): Promise<Inode> {
    const { inodeTable, directoryTable, blockSize } = this.#super;
    if (inodeTable + block >= directoryTable) throw damaged('an inode lies outside of its table');
    return readInode(this.#metadata.cursor(inodeTable + block, offset), {
      blockSize,
      maxFileBytes: this.#tree.limits.bytes,
    });
  }

  /** The entries of a directory. Runs of them share a header that says in which block their inodes are. */
  async *#list({ path, inode }: Waiting): AsyncGenerator<{ name: string; inode: Inode }, undefined> {
    const cursor = this.#metadata.cursor(this.#super.directoryTable + inode.block, inode.offset);
    for (let left = inode.size; left > 0;) {
      const header = await cursor.take(12);
      left -= 12;
      const count = header.readUInt32LE(0) + 1;
      if (count > 256) throw damaged(`the directory ${quoted(path)} has a run of ${count} entries`);
      for (let i = 0; i < count; i++) {
        const entry = await cursor.take(8);
        const length = entry.readUInt16LE(6) + 1;
        left -= 8 + length;
        if (left < 0 || length > 256) throw damaged(`the directory ${quoted(path)} is cut off`);
        const name = textOf(await cursor.take(length));
        if (name.includes('/')) throw refuse('UnsafeArchive', `the name ${quoted(name)} has a slash in it`);
        yield { name, inode: await this.#inode(header.readUInt32LE(4), entry.readUInt16LE(0)) };
      }
    }
    return undefined;
  }

  async *#content(path: string, inode: FileInode): AsyncGenerator<Uint8Array, undefined> {
    const { blockSize } = this.#super;
    let at = inode.start;
    let left = inode.size;
    for (const word of inode.blocks) {
      const wanted = Math.min(blockSize, left);
      const size = word & (plainBlock - 1);
      const bytes = size === 0 ? Buffer.alloc(wanted) : await this.#block(at, word);
      if (bytes.length !== wanted) throw damaged(`the file ${quoted(path)} has a block of ${bytes.length} bytes, not ${wanted}`);
      yield bytes;
      at += size;
      left -= wanted;
    }
    if (left === 0) return undefined;
    if (!inode.fragment) throw damaged(`the file ${quoted(path)} is cut off`);
    const { index, offset } = inode.fragment;
    const bytes = (await this.#fragmentBlock(index)).subarray(offset, offset + left);
    if (bytes.length !== left) throw damaged(`the file ${quoted(path)} is cut off`);
    yield bytes;
    return undefined;
  }

  async #block(at: number, word: number): Promise<Buffer> {
    const { blockSize, bytesUsed } = this.#super;
    const size = word & (plainBlock - 1);
    if (word >= 2 * plainBlock || size > blockSize || at < superblockBytes || at + size > bytesUsed)
      throw damaged('a block of a file leads out of it');
    const bytes = await this.#image.read(at, size);
    if (bytes.length < size) throw damaged('it is cut off');
    return (word & plainBlock) === 0 ? decompressed(this.#decompress, bytes, blockSize) : bytes;
  }

  async #fragmentBlock(index: number): Promise<Buffer> {
    if (index >= this.#super.fragments) throw damaged('a fragment is not in its table');
    const entry = await this.#fromTable(this.#super.fragmentTable, index, fragmentBytes);
    const at = numberAt(entry, 0);
    if (this.#fragment?.at === at) return this.#fragment.bytes;
    const word = entry.readUInt32LE(8);
    // A block of no bytes is one of zeros only in files.
    if ((word & (plainBlock - 1)) === 0) throw damaged('a fragment is empty');
    const bytes = await this.#block(at, word);
    this.#fragment = { at, bytes };
    return bytes;
  }

  async #readIds(): Promise<number[]> {
    const { ids, idTable } = this.#super;
    const found: number[] = [];
    for (let i = 0; i < ids; i++) found.push((await this.#fromTable(idTable, i, idBytes)).readUInt32LE(0));
    return found;
  }

  /** A row of a table whose blocks stand anywhere, each with as many rows as it has room for; at `table` is the list of these blocks. */
  async #fromTable(table: number, row: number, rowBytes: number): Promise<Buffer> {
    const perBlock = metadataBytes / rowBytes;
    const at = table + 8 * Math.floor(row / perBlock);
    const pointer = at + 8 > this.#super.bytesUsed ? Buffer.alloc(0) : await this.#image.read(at, 8);
    if (pointer.length < 8) throw damaged('a table lies outside of it');
    return this.#metadata.cursor(numberAt(pointer, 0), (row % perBlock) * rowBytes).take(rowBytes);
  }
}

/** Of 64 bits; what is too large for a number lies outside of any image. */
function numberAt(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
}
