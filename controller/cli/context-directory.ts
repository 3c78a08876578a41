/** A context as a directory to read, and to build from with buildah. What is the author's and what is ours are kept apart in it. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FoundContext } from '../build/context-link.ts';
import type { Context } from '../build/context.ts';
import { stageImages } from '../build/stage-images.ts';
import { unpackTar } from '../build/unpack-tar.ts';
import { renderContainerfile } from '../definition/containerfile.ts';

const unknownBase = '${SCANTLING_BASE}';

export interface ContextDirectory {
  found: FoundContext;
  context: Context;
  /** Whether an image is to be had over plain http only. */
  isPlain: (image: string) => boolean;
}

/**
 * Writes plan.json and README.md; in `finish/` the finish layers with a Containerfile that adds them; and where there are steps, these as
 * `Containerfile`, with the author's files and no others in `context/`.
 */
export async function writeContext(directory: string, input: ContextDirectory): Promise<void> {
  const { found, context } = input;
  const { foundation, ...finish } = context.plan;
  const at = (...names: string[]): string => join(directory, ...names);
  if (foundation) {
    const steps = { ...context, plan: { ...context.plan, layers: [], labels: {} }, layers: [] };
    await writeFile(at('Containerfile'), onBase(renderContainerfile(steps, found.base ?? unknownBase).containerfile, found));
    await mkdir(at('context'));
    if (context.buildContext) await unpackTar(context.buildContext, at('context'));
  }
  const on = foundation ? stepsName(context) : (found.base ?? unknownBase);
  const { containerfile, files } = renderContainerfile({ ...context, plan: finish }, on);
  for (const [name, bytes] of files) {
    const file = at('finish', name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes, { flag: 'wx' });
    await chmod(file, 0o644);
  }
  await mkdir(at('finish'), { recursive: true });
  await writeFile(at('finish', 'Containerfile'), foundation ? containerfile : onBase(containerfile, found));
  await writeFile(at('plan.json'), `${JSON.stringify(context.plan, undefined, 2)}\n`);
  await writeFile(at('README.md'), readme(input));
}

/** Where the base is not known, it is what the build argument says. */
function onBase(containerfile: string, { base }: FoundContext): string {
  if (base !== undefined) return containerfile;
  const given = containerfile.replace(`ARG SCANTLING_BASE=${unknownBase}\n`, 'ARG SCANTLING_BASE\n');
  return given === containerfile ? `ARG SCANTLING_BASE\n${containerfile}` : given;
}

/** What the image of the steps is called on the machine that it is built on. */
function stepsName({ plan }: Context): string {
  return `localhost/${plan.definition}-foundation`;
}

function readme(input: ContextDirectory): string {
  const { found, context } = input;
  const { repository, digest, base } = found;
  const { foundation, definition } = context.plan;
  const secrets = foundation?.secrets ?? [];
  const before = [
    ...(base === undefined ? ['Set `BASE` to the image to build on, as `BASE=registry.example.com/os/base@sha256:...`.'] : []),
    ...(secrets.length > 0
      ? [`Put the values of its secrets into files first: ${secrets.map(id => `\`secrets/${id}\``).join(', ')}.`]
      : []),
  ];
  const steps = `- Containerfile: the steps that run in the base. It reads context/, which holds the author's files and no others.\n`;
  return `# Input of a build of ${definition}

Context ${repository}@${digest}. ${base === undefined ? 'It does not say which base: the image that was built from it does.' : `It was built on ${base}.`}

- plan.json: what is done, in order. Its layers are named by digest.
${foundation ? steps : ''}- finish/: the files that are placed on top. Each finish-N.tar is a layer, byte for byte as it is in the image; the Containerfile beside them adds them.

To build it by hand, with buildah, in this directory:
${before.map(line => `\n${line}\n`).join('')}
\`\`\`sh
${commands(input).join('\n')}
\`\`\`

The image is then localhost/${definition}. Its file tree is that of the image that Scantling builds. Layers and digests are equal only when Scantling assembles them, for engines say
more about how an image came about.
`;
}

function commands(input: ContextDirectory): string[] {
  const { found, context } = input;
  const { foundation, definition } = context.plan;
  const base = found.base === undefined ? ['--build-arg SCANTLING_BASE="$BASE"'] : [];
  const images = [
    ...(found.base === undefined ? [found.repository] : [found.base]),
    ...stageImages(foundation?.containerfile ?? ''),
  ];
  const pull = images.some(input.isPlain) ? ['--tls-verify=false'] : [];
  const finish = `--tag localhost/${definition} -f finish/Containerfile finish`;
  if (!foundation) return [build([...pull, ...base, finish])];
  const { args, secrets } = foundation;
  return [
    build([
      ...pull,
      // Within a container, as most of them have it, no other isolation works; elsewhere it does too.
      '--isolation chroot',
      ...base,
      ...Object.entries(args).map(([name, value]) => `--build-arg ${quoted(`${name}=${value}`)}`),
      ...secrets.map(id => `--secret id=${id},src=secrets/${id}`),
      `--tag ${stepsName(context)} -f Containerfile context`,
    ]),
    build([finish]),
  ];
}

function build(options: readonly string[]): string {
  return ['buildah build --timestamp 0', ...options].join(' \\\n  ');
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w=.,:/@+-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
