/** The compressions of squashfs, by the number in its superblock. */
// As a whole: a Node that is too old for the program lacks a name of it, and would say so before it could say that it is too old.
import * as zlib from 'node:zlib';
import { decompressLz4Block } from './lz4-block.ts';
import { refuse } from './refusal.ts';

/** Gives what a block holds, at most `limit` bytes of it; throws for what is none of its blocks or holds more. */
export type Decompress = (bytes: Uint8Array, limit: number) => Uint8Array;

/** Blocks have at most 1 MiB; a larger window would only take memory. */
const largestWindowLog = 20;

const read: Readonly<Record<number, Decompress>> = {
  1: (bytes, maxOutputLength) => zlib.inflateSync(bytes, { maxOutputLength }),
  5: decompressLz4Block,
  6: (bytes, maxOutputLength) =>
    zlib.zstdDecompressSync(bytes, {
      maxOutputLength,
      params: { [zlib.constants.ZSTD_d_windowLogMax]: largestWindowLog },
    }),
};
const notRead: Readonly<Record<number, string>> = { 2: 'lzma', 3: 'lzo', 4: 'xz' };

/** @throws StallingError `UnsupportedArchive` that says what to do instead */
export function decompressorOf(id: number): Decompress {
  const found = read[id];
  if (found) return found;
  const name = notRead[id];
  if (name === undefined) throw refuse('UnsupportedArchive', `it names a compression ${id} that squashfs does not have`);
  throw refuse(
    'UnsupportedArchive',
    `it is compressed with ${name}, which is not read here; make it anew with unsquashfs and mksquashfs -comp zstd (gzip and lz4 are read too)`,
  );
}
