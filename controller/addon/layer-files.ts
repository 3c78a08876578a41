/** Layers of an image from its registry to files, for the thread that reads them. */
import { open, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Descriptor } from '../registry/media-types.ts';
import type { Registry } from '../registry/registry.ts';
import { isReadable } from '../trust/layer-stream.ts';
import type { AddonReason } from './reasons.ts';

/** A layer that is a file of this machine, as the registry has it. */
export interface LayerFile {
  file: string;
  mediaType: string;
  /** `sha256:<64 hex>` of the file. */
  digest: string;
  /** Bytes of the file. */
  size: number;
}

/** Of one image's layers together, as the registry has them. */
const maxBytes = 8 * 1024 ** 3;

/**
 * Writes each layer into the directory, one after the other; their digests are checked.
 * @param layers lowest first
 * @throws StallingError `InvalidLayer` or `AddonTooLarge` before anything is transferred; TransientError `ImageFailed` when the disk fails; the signal's reason; what the registry throws
 */
export async function downloadLayers(
  registry: Pick<Registry, 'readBlob'>,
  { repository, layers }: { repository: string; layers: readonly Descriptor[] },
  directory: string,
  auth?: DockerConfig,
  signal?: AbortSignal,
): Promise<LayerFile[]> {
  const other = layers.find(layer => !isReadable(layer));
  if (other) {
    const why = `the layer ${other.digest} has the type ${JSON.stringify(other.mediaType.slice(0, 128))}, which cannot be read`;
    throw new StallingError('InvalidLayer' satisfies AddonReason, why);
  }
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  if (bytes > maxBytes) {
    const why = `the layers are ${bytes} bytes together, more than the ${maxBytes} that are read for one addon`;
    throw new StallingError('AddonTooLarge' satisfies AddonReason, why);
  }
  await onDisk(directory, () => requireRoom(directory, bytes));
  const files: LayerFile[] = [];
  for (const [i, { digest, size, mediaType }] of layers.entries()) {
    signal?.throwIfAborted();
    const file = join(directory, `layer-${i}`);
    await writeTo(file, registry.readBlob(repository, { digest, size }, auth), signal);
    files.push({ file, mediaType, digest, size });
  }
  return files;
}

/**
 * What is made of layers takes at least as much room as they do. A disk that runs full harms more than an addon, and on a node has the controller evicted, which would begin anew.
 * @throws TransientError `ImageFailed` where there is too little
 */
export async function requireRoom(directory: string, bytes: number, free = freeBytes): Promise<void> {
  const room = await free(directory);
  if (room >= 2 * bytes) return;
  const why = `${directory} has room for ${room} bytes, and the layers take ${bytes}, and what is made of them at least as much; name a directory with more (--build-directory)`;
  throw new TransientError('ImageFailed' satisfies AddonReason, why);
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

async function writeTo(file: string, pieces: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<void> {
  const handle = await onDisk(file, () => open(file, 'wx', 0o600));
  try {
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      await onDisk(file, () => handle.writeFile(piece));
    }
  } finally {
    await handle.close();
  }
}

async function onDisk<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TransientError) throw error;
    const why = `${file} cannot be written: ${messageOf(error)}; it is tried again`;
    throw new TransientError('ImageFailed' satisfies AddonReason, why, { cause: error });
  }
}
