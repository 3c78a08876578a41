/** `npm run image`: the two images, for one platform or several, kept here or pushed. */
import { parseArgs } from 'node:util';
import { messageOf } from '../../controller/api/errors.ts';
import { programFor } from '../cluster/program.ts';
import { debianPackages, makeWithBuildah, makeWithDocker, releaseOf, type ImageRequest, type MadeImage } from './image-build.ts';
import {
  adviceFor,
  architectures,
  baseOf,
  hostArchitecture,
  pushedTo,
  repositoryOf,
  targets,
  type Release,
} from './image-plan.ts';
import { refuseFlagsOfNpm } from './npm-flags.ts';
import { has } from './run-command.mjs';

const usage = `Usage: npm run image -- [options]

Makes the image of the controller and the agents, scantling:TAG, and that of the pods of builds, scantling-builder:TAG.
The same commit on the same base gives the same digests.

  --target TARGET,…      which: controller, builder (default: both)
  --tag TAG              default: the version in package.json
  --push REPOSITORY      to REPOSITORY:TAG and REPOSITORY-builder:TAG, instead of keeping them here
  --platform OS/ARCH,…   linux/amd64, linux/arm64; of several an index is made (default: this machine's)
  --base BASE            IMAGE@sha256:… of Node 24 on Debian, or ${debianPackages}: made here, where no image registry can be reached
                         (default: what the Dockerfile says)
  --snapshot WHEN        the builder's packages as Debian had them at YYYYMMDDTHHMMSSZ, or at the commit's time: commit
                         (default: the newest)
  --source URL           where the sources are published, for a label
  --tool TOOL            buildah or docker (default: the first that is there)
  --plain-http           the registry has no TLS
  --json                 print [{"name", "digest"}, …]
`;

/** Wrong words on the command line. */
class UsageError extends Error {}

function oneOf<const T extends string>(flag: string, known: readonly T[], given: string): T {
  const found = known.find(each => each === given);
  if (found === undefined) throw new UsageError(`--${flag} can be ${known.join(' or ')}, not "${given}"`);
  return found;
}

const flagsOfNpm = ['target', 'push', 'platform', 'base', 'snapshot', 'source', 'tool', 'plain-http'];

function options() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const names = { target: text, tag: text, push: text, platform: text, base: text, snapshot: text, source: text, tool: text };
  try {
    // --tag and --json are settings of npm's own as well, which a user may have for good reason.
    refuseFlagsOfNpm(flagsOfNpm);
    return parseArgs({ options: { ...names, 'plain-http': flag, json: flag, help: flag } }).values;
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

async function toolOf(given: string | undefined): Promise<'buildah' | 'docker'> {
  if (given !== undefined) return oneOf('tool', ['buildah', 'docker'], given);
  if (await has('buildah')) return 'buildah';
  if (await has('docker')) return 'docker';
  throw new UsageError('an image needs buildah, or docker with buildx: install one of them (on Debian: apt install buildah)');
}

/** Reads an argument. @throws UsageError with the words of what reads it */
function checked<T>(read: (text: string) => T, text: string): T {
  try {
    return read(text);
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}

/** Makes one image. @throws Error with what can be done, where that is known */
async function make(tool: 'buildah' | 'docker', request: ImageRequest, release: Release): Promise<MadeImage> {
  try {
    return tool === 'buildah' ? await makeWithBuildah(request, release) : await makeWithDocker(request, release);
  } catch (error) {
    const words = messageOf(error);
    throw new Error(words + adviceFor(words, { base: request.base, tool }), { cause: error });
  }
}

async function main(): Promise<void> {
  const o = options();
  if (o.help) return void process.stdout.write(usage);
  const chosen = (o.target ?? targets.join(',')).split(',').map(each => oneOf('target', targets, each));
  const platforms = architectures.map(each => `linux/${each}` as const);
  const wanted = (o.platform ?? `linux/${hostArchitecture}`).split(',').map(each => oneOf('platform', platforms, each));
  if (o.base !== undefined && o.base !== debianPackages) checked(baseOf, o.base);
  if (o.snapshot !== undefined && !/^(commit|\d{8}T\d{6}Z)$/.test(o.snapshot))
    throw new UsageError(`--snapshot can be commit or YYYYMMDDTHHMMSSZ, not "${o.snapshot}"`);
  const push = o.push === undefined ? undefined : checked(pushedTo, o.push);
  const tool = await toolOf(o.tool);
  await programFor({ source: false });
  const release = await releaseOf(o.source);
  // A name without a registry is Docker Hub's to buildah, unless it says that it is of here.
  const repository = push ?? (tool === 'buildah' ? 'localhost/scantling' : 'scantling');
  const made = [];
  for (const target of chosen) {
    const request: ImageRequest = {
      target,
      architectures: architectures.filter(each => wanted.includes(`linux/${each}`)),
      name: `${repositoryOf(target, repository)}:${o.tag ?? release.version}`,
      push: o.push !== undefined,
      plainHttp: o['plain-http'],
      ...(o.base === undefined ? {} : { base: o.base }),
      ...(o.snapshot === undefined ? {} : { snapshot: o.snapshot }),
    };
    const image = await make(tool, request, release);
    made.push(image);
    if (!o.json) process.stdout.write(`${image.name}@${image.digest}\n`);
  }
  if (o.json) process.stdout.write(`${JSON.stringify(made, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
