/** The first 96 bytes of a squashfs 4.0 image (Documentation/filesystems/squashfs.rst of Linux). Pure. */
import { quoted, refuse } from './refusal.ts';

export interface Superblock {
  inodes: number;
  /** Bytes of a data block: a power of two from 4 KiB to 1 MiB. */
  blockSize: number;
  fragments: number;
  compression: number;
  ids: number;
  /** Place of the root directory's inode: the block's, relative to the table of inodes, and the offset in it. */
  root: { block: number; offset: number };
  /** Of the image; what stands behind is padding. */
  bytesUsed: number;
  idTable: number;
  inodeTable: number;
  directoryTable: number;
  fragmentTable: number;
}

export const superblockBytes = 96;

/** @throws StallingError `InvalidArchive`, or `UnsupportedArchive` for another version */
export function readSuperblock(bytes: Buffer, size: number): Superblock {
  if (bytes.length < superblockBytes) throw refuse('InvalidArchive', `it has ${bytes.length} bytes, and is no squashfs image`);
  const magic = bytes.toString('latin1', 0, 4);
  if (magic === 'sqsh')
    throw refuse('UnsupportedArchive', 'it is a big-endian squashfs image; only version 4.0, little-endian, is read');
  if (magic !== 'hsqs') throw refuse('InvalidArchive', `it begins with ${quoted(magic)}, and is no squashfs image`);
  const [major, minor] = [bytes.readUInt16LE(28), bytes.readUInt16LE(30)];
  if (major !== 4 || minor !== 0)
    throw refuse('UnsupportedArchive', `it is a squashfs image of version ${major}.${minor}; only 4.0 is read`);
  const blockSize = bytes.readUInt32LE(12);
  const blockLog = bytes.readUInt16LE(22);
  if (blockLog < 12 || blockLog > 20 || blockSize !== 2 ** blockLog)
    throw refuse('InvalidArchive', `its superblock is damaged: blocks of ${blockSize} bytes`);
  const bytesUsed = place(bytes, 40);
  if (bytesUsed > size) throw refuse('InvalidArchive', `it is cut off: it should have ${bytesUsed} bytes, and has ${size}`);
  const superblock = {
    inodes: bytes.readUInt32LE(4),
    blockSize,
    fragments: bytes.readUInt32LE(16),
    compression: bytes.readUInt16LE(20),
    ids: bytes.readUInt16LE(26),
    root: { block: Math.floor(place(bytes, 32) / 2 ** 16), offset: bytes.readUInt16LE(32) },
    bytesUsed,
    idTable: place(bytes, 48),
    inodeTable: place(bytes, 64),
    directoryTable: place(bytes, 72),
    fragmentTable: place(bytes, 80),
  };
  const { inodeTable, directoryTable, idTable } = superblock;
  if (inodeTable < superblockBytes || directoryTable <= inodeTable || directoryTable >= bytesUsed || idTable >= bytesUsed)
    throw refuse('InvalidArchive', 'its superblock is damaged: tables lie outside of it');
  return superblock;
}

/** Of 64 bits; what is too large for a number is larger than any image. */
function place(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
}
