/** The content of a layer, as it comes. */
import { Readable, pipeline } from 'node:stream';
// As a whole: a Node that is too old for the program lacks a name of it, and would say so before it could say that it is too old.
import * as zlib from 'node:zlib';
import { mediaTypes } from '../registry/media-types.ts';
import type { Descriptor } from '../registry/media-types.ts';
import { TarError } from './tar-members.ts';

export type Layer = Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;

/** Whether layers of that type can be read here. */
export function isReadable({ mediaType }: Layer): boolean {
  return plainTypes.includes(mediaType) || mediaType in decoders;
}

const plainTypes: readonly string[] = [mediaTypes.layer, mediaTypes.dockerLayer];
const decoders: Readonly<Record<string, () => ReturnType<typeof zlib.createGunzip>>> = {
  [mediaTypes.layerGzip]: zlib.createGunzip,
  [mediaTypes.dockerLayerGzip]: zlib.createGunzip,
  [mediaTypes.layerZstd]: zlib.createZstdDecompress,
};

/**
 * The tar archive of a layer. More than `limitBytes` of it are not given.
 * @throws TarError when it cannot be decompressed, or is larger; what the source throws
 */
export async function* layerStream(
  { mediaType }: Layer,
  source: AsyncIterable<Uint8Array>,
  limitBytes: number,
): AsyncGenerator<Uint8Array, undefined> {
  const decoder = decoders[mediaType]?.();
  let read = 0;
  try {
    for await (const chunk of decoder ? through(source, decoder) : source) {
      read += chunk.length;
      if (read > limitBytes) throw new TarError(`it is larger than ${limitBytes} bytes`);
      yield chunk;
    }
  } catch (error) {
    if (isBroken(error)) throw new TarError('it cannot be decompressed');
    throw error;
  }
  return undefined;
}

async function* through(
  source: AsyncIterable<Uint8Array>,
  decoder: NodeJS.ReadWriteStream & AsyncIterable<Buffer | string>,
): AsyncGenerator<Uint8Array, undefined> {
  const input = Readable.from(source);
  // Each is destroyed with the other, whichever ends first; what went wrong comes out of the iteration.
  pipeline(input, decoder, () => undefined);
  try {
    for await (const chunk of decoder) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  } finally {
    input.destroy();
  }
  return undefined;
}

/** What zlib and zstd say of bytes that are none of theirs. */
function isBroken(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('Z_') || code.startsWith('ZSTD_');
}
