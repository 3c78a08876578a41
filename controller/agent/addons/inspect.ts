/** Looks into the raw of an addon before it counts as prepared, with what the system says that it is to be merged over. */
import { open } from 'node:fs/promises';
import { AddonFault } from './addon-fault.ts';
import { ErofsFormatError, hasErofsPath, listErofsDirectory, readErofsFile } from './erofs-file.ts';
import type { ReadAt } from './erofs-file.ts';
import { mismatchOf, parseRelease } from './release.ts';
import type { Release } from './release.ts';

const releases = 'usr/lib/extension-release.d';

/** What an addon is merged over. */
export interface Ground {
  /** os-release of that very system; undefined where it cannot be seen yet, and the boot script alone compares. */
  os: Release | undefined;
  /** systemd's word; undefined where it is not known. */
  architecture: string | undefined;
}

/** @throws AddonFault: one such file would keep systemd from merging any other */
export async function inspectRaw(path: string, name: string, ground: Ground): Promise<void> {
  try {
    await readRaw(path, read => inspect(read, name, ground));
  } catch (error) {
    if (!(error instanceof ErofsFormatError)) throw error;
    throw new AddonFault('NotErofs', `the addon ${name} ${error.message}`, { cause: error });
  }
}

/** Opens a raw for as long as it is looked into. @throws ErofsFormatError; what `look` and the file system throw */
export async function readRaw<T>(path: string, look: (read: ReadAt) => Promise<T>): Promise<T> {
  const file = await open(path, 'r');
  try {
    return await look(async (offset, length) => {
      if (!Number.isSafeInteger(offset)) throw new ErofsFormatError('names a place that no file has');
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    });
  } finally {
    await file.close();
  }
}

async function inspect(read: ReadAt, name: string, { os, architecture }: Ground): Promise<void> {
  const text = await readErofsFile(read, `${releases}/extension-release.${name}`);
  if (!text) {
    const others = (await listErofsDirectory(read, releases)) ?? [];
    const found = others.length === 0 ? 'none' : others.slice(0, 3).join(', ');
    throw new AddonFault('NameMismatch', `the addon ${name} has no /${releases}/extension-release.${name} (it has ${found})`);
  }
  if ((await hasErofsPath(read, 'usr/lib/os-release')) || (await hasErofsPath(read, 'etc/os-release')))
    throw new AddonFault('HasOSRelease', `the addon ${name} brings an os-release, which systemd takes for another system`);
  const mismatch = os && mismatchOf(parseRelease(text.toString('utf8')), os, architecture);
  if (mismatch !== undefined) throw new AddonFault('WrongRelease', `the addon ${name} ${mismatch}`);
}
