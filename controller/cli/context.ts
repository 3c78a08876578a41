/** `scantling context IMAGE -o DIR`: the exact input of an image as a directory that any engine can build. */
import { mkdir, readdir } from 'node:fs/promises';
import { findContext } from '../build/context-link.ts';
import { pullContext } from '../build/context.ts';
import { UsageError } from '../command-line.ts';
import { createRegistry } from '../registry/client.ts';
import { Reach } from '../registry/places.ts';
import type { Invocation } from '../running.ts';
import { userAgent } from '../version.ts';
import { writeContext } from './context-directory.ts';
import { authFiles, readCredentials, registryOptions } from './registry-access.ts';

export async function context({ config, positionals, stdout }: Invocation): Promise<number> {
  const [image = ''] = positionals;
  const directory = config.output;
  if (directory === '') throw new UsageError('--output is missing (see scantling context --help)');
  await requireEmpty(directory);
  const options = registryOptions(config);
  const registry = createRegistry({ ...options, userAgent: userAgent('context') });
  try {
    const auth = await readCredentials(await authFiles(config['auth-file'], process.env), 'pull');
    const found = await findContext(registry, image, auth);
    const input = await pullContext(registry, found.repository, found.digest, auth);
    const reach = new Reach(await options.configuration(), options.insecureHosts);
    const isPlain = (name: string): boolean => reach.place(name, undefined).origin.startsWith('http:');
    await writeContext(directory, { found, context: input, isPlain });
    stdout.write(`context ${found.repository}@${found.digest} is in ${directory}\n`);
    return 0;
  } finally {
    await registry.close();
  }
}

async function requireEmpty(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) throw new UsageError(`${directory} is not empty`);
}
