/** An archive of torcx in a file, read as far as its entries; their content is read where it is wanted. */
import { join } from 'node:path';
import { ArchiveTree, archiveLimits, type TreeOptions } from './archive-tree.ts';
import type { ArchiveName } from './archive-name.ts';
import { openFile, type OpenFile } from './random-access.ts';
import { refuse } from './refusal.ts';
import { readSquashfs } from './squashfs.ts';
import { readTarArchive, unzip } from './tgz.ts';

export interface OpenArchive {
  tree: ArchiveTree;
  /** Afterwards the content of its files cannot be read any more. */
  close(): Promise<void>;
}

export interface ReadOptions extends Partial<TreeOptions> {
  /** Exists; a decompressed copy of a tar archive is put there, for the caller to remove. */
  directory: string;
}

const gzipMagic = 0x1f8b;

/**
 * Opens an archive of a format.
 * @throws StallingError of importReasons; what the file system throws
 */
export async function readArchive(file: string, format: ArchiveName['format'], options: ReadOptions): Promise<OpenArchive> {
  const { limits = archiveLimits, allowSetuid = false, directory } = options;
  const tree = new ArchiveTree({ limits, allowSetuid });
  const archive = await openFile(file);
  let tar: OpenFile | undefined;
  const close = async (): Promise<void> => {
    await archive.close();
    await tar?.close();
  };
  try {
    if (format === 'squashfs') await readSquashfs(archive, tree);
    else {
      const magic = await archive.read(0, 2);
      if (magic.length < 2 || magic.readUInt16BE(0) !== gzipMagic)
        throw refuse('InvalidArchive', 'it is no gzipped archive, though its name ends in .tgz');
      const unzipped = join(directory, 'archive.tar');
      await unzip(archive, unzipped, tree);
      tar = await openFile(unzipped);
      await readTarArchive(tar, tree);
    }
    return { tree, close };
  } catch (error) {
    await close();
    throw error;
  }
}
