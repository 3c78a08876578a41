/** Makes images of the Dockerfile with buildah, or with docker and its buildx. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { debianBase, type Buildah } from './image-base.ts';
import {
  baseOf,
  buildahArguments,
  buildxArguments,
  labelsFor,
  publishedBase,
  snapshotAt,
  type Architecture,
  type Base,
  type Release,
  type Target,
} from './image-plan.ts';
import { runCommand } from './run-command.mjs';

const root = join(import.meta.dirname, '../..');

/** The name of a base that is made here. */
export const debianPackages = 'debian-packages';

export interface ImageRequest {
  target: Target;
  /** At least one; of several an index is made. */
  architectures: readonly Architecture[];
  /** repository:tag */
  name: string;
  /** Whether it is pushed to the registry that the name says, instead of kept here. */
  push: boolean;
  /** IMAGE@sha256:… or debian-packages; default: what the Dockerfile says. */
  base?: string;
  /** A second of Debian's snapshots, or `commit` for that of the commit; default: the newest packages. */
  snapshot?: string;
  /** Registries are spoken to by plain http. */
  plainHttp?: boolean;
}

export interface MadeImage {
  name: string;
  /** Of the manifest or the index. The one in a registry is another than that of the image kept here: its layers are compressed. */
  digest: string;
}

/** buildah on the user's own storage. Steps run in its chroot isolation, which needs no runtime. */
export const userBuildah: Buildah = (...args) =>
  runCommand('buildah', args, { env: { ...process.env, BUILDAH_ISOLATION: 'chroot' } });

/** What the commit and package.json say. A checkout that differs from its commit is said to. */
export async function releaseOf(source: string | undefined): Promise<Release> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const [revision = '', time = ''] = (await runCommand('git', ['log', '-1', '--format=%H %ct'], { cwd: root })).trim().split(' ');
  const changed = (await runCommand('git', ['status', '--porcelain'], { cwd: root })).trim() !== '';
  return {
    version,
    revision: changed ? `${revision}-dirty` : revision,
    epoch: Number(time),
    ...(source === undefined ? {} : { source }),
  };
}

const snapshotOf = ({ snapshot }: ImageRequest, { epoch }: Release): { snapshot?: string } =>
  snapshot === undefined ? {} : { snapshot: snapshot === 'commit' ? snapshotAt(epoch) : snapshot };

const publishedOr = (base: string | undefined): Base =>
  baseOf(base ?? publishedBase(readFileSync(join(root, 'Dockerfile'), 'utf8')));

/**
 * Makes an image from nothing that an earlier build left, so that the same commit on the same base has the same digest.
 * @throws Error with the end of what buildah said
 */
export async function makeWithBuildah(
  request: ImageRequest,
  release: Release,
  buildah: Buildah = userBuildah,
): Promise<MadeImage> {
  const { target, architectures, name } = request;
  const { epoch } = release;
  const work = temporaryDirectory('image');
  const digestFile = join(work, 'digest');
  try {
    const built: string[] = [];
    for (const architecture of architectures) {
      const base = request.base === debianPackages ? await debianBase(buildah, architecture, 0) : publishedOr(request.base);
      const labels = labelsFor(release, base);
      const tag = architectures.length === 1 ? name : `${name}-${architecture}`;
      const build = { target, architecture, base, epoch, labels, ...snapshotOf(request, release) };
      await buildah(...buildahArguments(build, { tag, cached: false, context: root }));
      built.push(tag);
    }
    const index = built.length > 1;
    if (index) {
      await removeIndex(buildah, name);
      await buildah('manifest', 'create', name, ...built);
    }
    if (!index && !request.push) return { name, digest: await digestOf(buildah, name) };
    const destination = request.push ? `docker://${name}` : `oci:${join(work, 'layout')}`;
    const command = index ? ['manifest', 'push', '--all'] : ['push'];
    const tls = request.plainHttp ? ['--tls-verify=false'] : [];
    await buildah(...command, '--quiet', ...tls, '--digestfile', digestFile, name, destination);
    return { name, digest: readFileSync(digestFile, 'utf8').trim() };
  } finally {
    removeDirectory(work);
  }
}

/** Of an image in the storage, where its layers are not compressed. */
async function digestOf(buildah: Buildah, name: string): Promise<string> {
  return (await buildah('inspect', '--type', 'image', '--format', '{{.FromImageDigest}}', name)).trim();
}

/** `manifest create` adds nothing to an index that exists. */
async function removeIndex(buildah: Buildah, name: string): Promise<void> {
  const names = (await buildah('images', '--format', '{{.Name}}:{{.Tag}}')).split('\n');
  if (names.includes(name)) await buildah('manifest', 'rm', name);
}

/**
 * The same with docker's buildx.
 * @throws Error with the end of what docker said, or for what only buildah can
 */
export async function makeWithDocker(request: ImageRequest, release: Release): Promise<MadeImage> {
  const { target, architectures, name, push } = request;
  const [architecture] = architectures;
  if (architecture === undefined) throw new Error('no platform is named');
  if (request.base === debianPackages) throw new Error('only buildah can make a base of Debian packages (--tool buildah)');
  if (request.plainHttp) throw new Error("docker's builder says itself which registries are spoken to by plain http");
  if (architectures.length > 1 && !push)
    throw new Error('docker keeps no image of several platforms: use --push, or --tool buildah');
  const base = publishedOr(request.base);
  const work = temporaryDirectory('image');
  const metadata = join(work, 'metadata.json');
  const build = {
    target,
    architecture,
    base,
    epoch: release.epoch,
    labels: labelsFor(release, base),
    ...snapshotOf(request, release),
  };
  try {
    await runCommand('docker', buildxArguments(build, { architectures, reference: name, push, metadata, context: root }));
    const written = JSON.parse(readFileSync(metadata, 'utf8')) as { 'containerimage.digest'?: string };
    const digest = written['containerimage.digest'];
    if (digest === undefined) throw new Error('docker did not say which digest the image has');
    return { name, digest };
  } finally {
    removeDirectory(work);
  }
}
