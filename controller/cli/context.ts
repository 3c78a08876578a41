/** `scantling context IMAGE -o DIR`. */
import type { Invocation } from '../running.ts';

export async function context({ stdout }: Invocation): Promise<number> {
  stdout.write('');
  return Promise.resolve(0);
}
