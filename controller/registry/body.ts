import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { TransientError, messageOf } from '../api/errors.ts';
import { TryAgain } from './retry.ts';
import type { Answer } from './transport.ts';

/**
 * Reads a body of at most `limitBytes`.
 * @throws TryAgain when it is cut, TransientError `RegistryRefused` when it is larger.
 */
export async function readBody(answer: Answer, limitBytes: number, what: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body) {
      const bytes = chunk as Uint8Array;
      size += bytes.length;
      if (size > limitBytes) break;
      chunks.push(bytes);
    }
  } catch (error) {
    throw new TryAgain('RegistryUnavailable', `${what}: ${messageOf(error)}`, { cause: error });
  }
  // Leaving the loop early has destroyed the body.
  if (size > limitBytes) throw new TransientError('RegistryRefused', `${what} is larger than ${limitBytes} bytes`);
  return Buffer.concat(chunks);
}

/** The body as a stream that fails unless it has exactly the bytes of the digest. */
export function checkedStream(answer: Answer, blob: { digest: string; size: number }, what: string): Readable {
  async function* check(): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of answer.body) {
      const bytes = chunk as Uint8Array;
      size += bytes.length;
      if (size > blob.size) break;
      hash.update(bytes);
      yield bytes;
    }
    if (size !== blob.size || `sha256:${hash.digest('hex')}` !== blob.digest) {
      throw new TryAgain('DigestMismatch', `${what} does not have the bytes of its digest`);
    }
  }
  return Readable.from(check(), { objectMode: false });
}
