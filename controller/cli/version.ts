/** `scantling version`. */
import type { Invocation } from '../running.ts';
import { version as programVersion } from '../version.ts';

export async function version({ stdout }: Invocation): Promise<number> {
  stdout.write(`${programVersion}\n`);
  return Promise.resolve(0);
}
