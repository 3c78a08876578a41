/** Whether the store has room for what is to be fetched, asked before it is begun: a disk that runs full harms more than an addon. */
import { statfs } from 'node:fs/promises';
import { TransientError } from '../../api/errors.ts';

/** Of a file system. */
export interface Room {
  /** Bytes that may still be written, without the share that is root's alone. */
  free: number;
  /** Bytes of all. */
  total: number;
}

/** The part of a file system that is never filled: container images, logs and the next system are on it too. */
const share = 0.05;
/** A large disk is not in need with so many bytes left. */
const mostMargin = 1 << 30;

/**
 * Nothing where there is room for `needed` more bytes.
 * @param where the store's path, as the message is to name it
 * @throws TransientError `DiskFull` that says how much is missing where: the room may be made by others
 */
export function checkRoom({ free, total }: Room, needed: number, where: string): void {
  if (needed === 0) return;
  const margin = Math.min(mostMargin, Math.floor(total * share));
  const missing = needed + margin - free;
  if (missing <= 0) return;
  throw new TransientError(
    'DiskFull',
    `${where} on the node has ${inWords(free)} free, and the addons that are to come need ${inWords(needed)} besides the ${inWords(margin)} that are kept free: ${inWords(missing)} are missing`,
  );
}

/** Room of the file system that holds a path. */
export async function roomAt(path: string): Promise<Room> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { free: bavail * bsize, total: blocks * bsize };
}

function inWords(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
  const power = Math.min(units.length - 1, bytes === 0 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const scaled = bytes / 2 ** (10 * power);
  return `${power === 0 ? bytes : scaled.toFixed(scaled < 10 ? 1 : 0)} ${units[power]}`;
}
