import { messageOf } from '../api/errors.ts';
import { TooLargeError } from './errors.ts';
import { TryAgain } from './retry.ts';
import type { Answer } from './transport.ts';

/**
 * Reads a body of at most `limitBytes`, and of exactly `size` bytes where that is known.
 * @throws TryAgain when it is cut or of another size, TooLargeError when it is larger than the limit.
 */
export async function readBody(
  answer: Answer,
  what: string,
  { limitBytes, size }: { limitBytes: number; size?: number | undefined },
): Promise<Uint8Array> {
  const most = Math.min(limitBytes, size ?? limitBytes);
  const chunks: Uint8Array[] = [];
  let read = 0;
  try {
    for await (const chunk of answer.body) {
      const bytes = chunk as Uint8Array;
      read += bytes.length;
      if (read > most) break;
      chunks.push(bytes);
    }
  } catch (error) {
    throw new TryAgain('RegistryUnavailable', `${what}: ${messageOf(error)}`, { cause: error });
  }
  // Leaving the loop early has destroyed the body.
  if (read > limitBytes) throw new TooLargeError(`${what} is larger than ${limitBytes} bytes`);
  if (size !== undefined && read !== size) {
    const found = read > size ? 'more' : `only ${read}`;
    throw new TryAgain('DigestMismatch', `${what} is declared with ${size} bytes, and the registry sent ${found}`);
  }
  return Buffer.concat(chunks);
}
