/**
 * One file out of an erofs image, without mounting it: an image that is refused must not have been given to the kernel. Reads what Scantling
 * writes (plain or inline data, no compression, no chunks) and refuses the rest. Layout: Documentation/filesystems/erofs.rst of Linux and its
 * fs/erofs/erofs_fs.h. All numbers are little-endian.
 */

/** Bytes of the image from an offset on; fewer only where the image ends. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>;

/** Not an erofs image, or one that Scantling has not written. */
export class ErofsFormatError extends Error {}

interface Image {
  read: ReadAt;
  blockSize: number;
  metadata: number;
  root: number;
}

interface Inode {
  type: 'file' | 'directory' | 'other';
  size: number;
  /** Where the whole blocks begin. */
  blocks: number;
  /** Where the rest behind them is; absent where that is in a block too. */
  tail?: number;
}

const superblockAt = 1024;
const magic = 0xe0f5e1e2;
/** Of feature_incompat: another device, addresses of 48 bits, metadata in boxes. Compression shows itself in the inode. */
const unknownFeatures = 0x8 | 0x80 | 0x100;
const maxDirectory = 1 << 24;

/**
 * The content of a regular file, undefined where the image has none at that path. Links are not followed.
 * @param path from the root of the image, without a leading slash
 * @throws ErofsFormatError for an image that cannot be read, and a file that is larger than `limit` bytes
 */
export async function readErofsFile(read: ReadAt, path: string, limit = 1 << 16): Promise<Buffer | undefined> {
  const image = await openImage(read);
  const found = await lookUp(image, path.split('/'));
  if (found?.type !== 'file') return undefined;
  if (found.size > limit) throw new ErofsFormatError(`has ${path} with ${found.size} bytes`);
  return content(image, found);
}

/** Whether the image has anything at a path. */
export async function hasErofsPath(read: ReadAt, path: string): Promise<boolean> {
  return (await lookUp(await openImage(read), path.split('/'))) !== undefined;
}

/** Names in a directory of the image; undefined where there is no such directory. */
export async function listErofsDirectory(read: ReadAt, path: string): Promise<string[] | undefined> {
  const image = await openImage(read);
  const found = await lookUp(image, path.split('/'));
  if (found?.type !== 'directory') return undefined;
  return [...(await entries(image, found)).keys()].filter(name => name !== '.' && name !== '..').toSorted();
}

async function openImage(read: ReadAt): Promise<Image> {
  const superblock = await read(superblockAt, 128);
  if (superblock.length < 128 || superblock.readUInt32LE(0) !== magic) throw new ErofsFormatError('is no erofs image');
  const bits = superblock.readUInt8(12);
  const features = superblock.readUInt32LE(80);
  if (bits < 9 || bits > 16 || (features & unknownFeatures) !== 0)
    throw new ErofsFormatError(`is an erofs image with features that are not known here (0x${features.toString(16)})`);
  const blockSize = 1 << bits;
  return { read, blockSize, metadata: superblock.readUInt32LE(40) * blockSize, root: superblock.readUInt16LE(14) };
}

async function lookUp(image: Image, parts: readonly string[]): Promise<Inode | undefined> {
  let inode = await inodeAt(image, image.root);
  for (const part of parts) {
    if (inode.type !== 'directory') return undefined;
    const next = (await entries(image, inode)).get(part);
    if (next === undefined) return undefined;
    inode = await inodeAt(image, next);
  }
  return inode;
}

async function inodeAt(image: Image, number: number): Promise<Inode> {
  const at = image.metadata + number * 32;
  const bytes = await image.read(at, 64);
  if (bytes.length < 32) throw new ErofsFormatError('ends before one of its inodes');
  const format = bytes.readUInt16LE(0);
  const extended = (format & 1) === 1;
  if (extended && bytes.length < 64) throw new ErofsFormatError('ends before one of its inodes');
  const size = extended ? Number(bytes.readBigUInt64LE(8)) : bytes.readUInt32LE(8);
  const layout = (format >> 1) & 7;
  const type = { 0o040000: 'directory', 0o100000: 'file' }[bytes.readUInt16LE(4) & 0o170000] ?? 'other';
  // A link, a device: what is in it is not asked for.
  if (type !== 'file' && type !== 'directory') return { type: 'other', size: 0, blocks: 0 };
  if (layout !== 0 && layout !== 2) throw new ErofsFormatError('holds compressed data, which Scantling does not write');
  const attributes = bytes.readUInt16LE(2);
  const head = (extended ? 64 : 32) + (attributes === 0 ? 0 : 12 + (attributes - 1) * 4);
  const blocks = bytes.readUInt32LE(16) * image.blockSize;
  return { type, size, blocks, ...(layout === 2 ? { tail: at + head } : {}) };
}

async function content(image: Image, { size, blocks, tail }: Inode): Promise<Buffer> {
  const inline = tail === undefined ? 0 : size % image.blockSize;
  const parts = [await image.read(blocks, size - inline), tail === undefined ? Buffer.alloc(0) : await image.read(tail, inline)];
  const bytes = Buffer.concat(parts);
  if (bytes.length !== size) throw new ErofsFormatError('ends before the data of one of its files');
  return bytes;
}

/** Names and inode numbers of a directory. Each of its blocks begins with its entries; the names are behind them. */
async function entries(image: Image, directory: Inode): Promise<Map<string, number>> {
  if (directory.size > maxDirectory) throw new ErofsFormatError(`has a directory of ${directory.size} bytes`);
  const bytes = await content(image, directory);
  const found = new Map<string, number>();
  for (let at = 0; at < bytes.length; at += image.blockSize) {
    readBlock(bytes.subarray(at, at + image.blockSize), found);
  }
  return found;
}

function readBlock(block: Buffer, found: Map<string, number>): void {
  const names = block.length < 12 ? 0 : block.readUInt16LE(8);
  const count = names / 12;
  if (!Number.isInteger(count) || count === 0 || names > block.length) throw new ErofsFormatError('has a damaged directory');
  for (let i = 0; i < count; i++) {
    const start = block.readUInt16LE(i * 12 + 8);
    const end = i + 1 < count ? block.readUInt16LE((i + 1) * 12 + 8) : block.length;
    if (start < names || end < start || end > block.length) throw new ErofsFormatError('has a damaged directory');
    // Behind the last name of a block there may be zeros.
    const name = block.toString('utf8', start, end).replace(/\0[\s\S]*$/, '');
    found.set(name, Number(block.readBigUInt64LE(i * 12)));
  }
}
