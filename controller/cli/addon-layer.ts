/** The tree of an addon as the one layer of an image: a tar archive whose bytes follow from the tree alone. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { TranslatedEntry } from '../addon/torcx/translate.ts';
import { tarHeader } from '../definition/tar.ts';

export interface Layer {
  file: string;
  /** `sha256:<64 hex>`, also its diff id: it is not compressed. */
  digest: string;
  /** In bytes. */
  size: number;
}

const block = 512;

/**
 * Writes the layer into a file that must not exist. Directories are written as well, so that empty ones stay.
 * @param entries in order, none twice
 */
export async function writeLayer(entries: readonly TranslatedEntry[], file: string): Promise<Layer> {
  const hash = createHash('sha256');
  let size = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array, undefined> {
    for await (const piece of piecesOf(entries)) {
      hash.update(piece);
      size += piece.length;
      yield piece;
    }
    return undefined;
  };
  await pipeline(counted, createWriteStream(file, { flags: 'wx' }));
  return { file, digest: `sha256:${hash.digest('hex')}`, size };
}

async function* piecesOf(entries: readonly TranslatedEntry[]): AsyncGenerator<Uint8Array, undefined> {
  for (const entry of entries) {
    if (entry.kind === 'directory') yield tarHeader(`${entry.path}/`, { type: '5', mode: entry.mode });
    else if (entry.kind === 'link') yield tarHeader(entry.path, { type: '2', mode: 0o777, link: entry.target });
    else {
      yield tarHeader(entry.path, { type: '0', mode: entry.mode, size: entry.size });
      let size = 0;
      for await (const piece of entry.bytes()) {
        size += piece.length;
        yield piece;
      }
      if (size !== entry.size) throw new Error(`${entry.path} has changed while it was read; begin again`);
      const rest = entry.size % block;
      if (rest > 0) yield new Uint8Array(block - rest);
    }
  }
  // Two blocks of zeros end an archive.
  yield new Uint8Array(2 * block);
  return undefined;
}
