/** `scantling context IMAGE -o DIR`: the exact input of an image as a directory that any engine can build. */
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findContext } from '../build/context-link.ts';
import type { FoundContext } from '../build/context-link.ts';
import { pullContext } from '../build/context.ts';
import type { Context } from '../build/context.ts';
import { unpackTar } from '../build/unpack-tar.ts';
import { UsageError } from '../command-line.ts';
import { renderContainerfile } from '../definition/containerfile.ts';
import { createRegistry } from '../registry/client.ts';
import type { Invocation } from '../running.ts';
import { userAgent } from '../version.ts';
import { authFiles, readCredentials, registryOptions } from './registry-access.ts';

const unknownBase = '${SCANTLING_BASE}';

export async function context({ config, positionals, stdout }: Invocation): Promise<number> {
  const [image = ''] = positionals;
  const directory = config.output;
  if (directory === '') throw new UsageError('--output is missing (see scantling context --help)');
  await requireEmpty(directory);
  const registry = createRegistry({ ...registryOptions(config), userAgent: userAgent('context') });
  try {
    const auth = await readCredentials(await authFiles(config['auth-file'], process.env), 'pull');
    const found = await findContext(registry, image, auth);
    await writeContext(directory, found, await pullContext(registry, found.repository, found.digest, auth));
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

/** plan.json, Containerfile, README.md, and in context/ what the Containerfile reads. */
async function writeContext(directory: string, found: FoundContext, context: Context): Promise<void> {
  const { containerfile, files } = renderContainerfile(context, found.base ?? unknownBase);
  const buildContext = join(directory, 'context');
  await mkdir(buildContext);
  if (context.buildContext) await unpackTar(context.buildContext, buildContext);
  for (const [name, bytes] of files) {
    const file = join(buildContext, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes, { flag: 'wx' });
    await chmod(file, 0o644);
  }
  await writeFile(join(directory, 'Containerfile'), found.base === undefined ? withBaseArgument(containerfile) : containerfile);
  await writeFile(join(directory, 'plan.json'), `${JSON.stringify(context.plan, undefined, 2)}\n`);
  await writeFile(join(directory, 'README.md'), readme(found, context));
}

/** The base is then what the build argument says. */
function withBaseArgument(containerfile: string): string {
  const given = containerfile.replace(`ARG SCANTLING_BASE=${unknownBase}\n`, 'ARG SCANTLING_BASE\n');
  return given === containerfile ? `ARG SCANTLING_BASE\n${containerfile}` : given;
}

function readme({ repository, digest, base }: FoundContext, { plan }: Context): string {
  const { args = {}, secrets = [] } = plan.foundation ?? {};
  const given = [
    ...(base === undefined ? ['--build-arg SCANTLING_BASE=BASE'] : []),
    ...Object.entries(args).map(([name, value]) => `--build-arg ${quoted(`${name}=${value}`)}`),
    ...secrets.map(id => `--secret id=${id},src=FILE`),
  ];
  const command = ['buildah build --timestamp 0', ...given, '-f Containerfile context'].join(' \\\n  ');
  const on =
    base === undefined ? 'It does not say which base: the image that was built from it does.' : `It was built on ${base}.`;
  return `# Input of a build of ${plan.definition}

Context ${repository}@${digest}. ${on}

- plan.json: what is done, in order. Its layers are named by digest.
- context/: what the Containerfile reads; the finish layers are its finish-N.tar, byte for byte as they are in the image.
- Containerfile: the same as the plan, for any engine:

\`\`\`
${command}
\`\`\`

The file tree is the image's. Layers and digests are equal only when Scantling assembles them, for engines say more about how an image came about.
`;
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w=.,:/@+-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
