/**
 * The images of the Dockerfile, for pods on a real node. Where they are public it starts from a published image of Node; here from Debian's
 * packages and the Node of this checkout, because a test machine may reach no image registry. Kept in the cache between runs.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../tools/lock.mjs';
import { runCommand } from '../../tools/run-command.mjs';
import { cacheDirectory } from '../../tools/server-binaries.mjs';
import { removeDirectory, temporaryDirectory } from '../processes.ts';
import { programFor } from '../program.ts';

const root = join(import.meta.dirname, '../../..');
const nodeProgram = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin/node');
/** The release that the Dockerfile's own base is of. */
const suite = 'bookworm';
/** An archive has some 400 MB, and each change of the bundle makes another. */
const keptMs = 3_600_000;

/** Commands that must be on the PATH, beside those of a real node. */
export const podImageNeeds = ['buildah', 'mmdebstrap'];

export interface PodImage {
  /** As pods name it; it can be pulled from nowhere. */
  name: string;
  /** A path: an archive to import. */
  archive: string;
}

function digestOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 12);
}

/**
 * Builds one of the Dockerfile's targets from the sources as they are now; at once when nothing has changed since an earlier run, in a few
 * seconds when only the bundle has, in about two minutes on a new machine.
 * @throws Error with the end of what a builder said.
 */
export async function buildPodImage(target: 'controller' | 'builder'): Promise<PodImage> {
  const [, bundle = ''] = await programFor({ source: false });
  const files = [join(root, 'Dockerfile'), join(root, '.dockerignore'), bundle].map(file => readFileSync(file));
  const base = `scantling.test/node:${digestOf(suite, readFileSync(nodeProgram))}`;
  const name = `scantling.test/${target}:${digestOf(target, base, ...files)}`;
  const archive = join(directory, `${name.replaceAll(/[/:]/g, '-')}.tar`);
  mkdirSync(directory, { recursive: true });
  await withLock(join(directory, 'lock'), async () => {
    if (existsSync(archive)) return utimesSync(archive, new Date(), new Date());
    await makeBase(base);
    const local = `scantling.test/${target}:latest`;
    const from = ['--layers', '--build-arg', `NODE_IMAGE=${base}`, '--target', target];
    await buildah('build', '--quiet', ...from, '--tag', local, root);
    const temporary = `${archive}.${process.pid}`;
    rmSync(temporary, { force: true });
    await buildah('push', '--quiet', local, `docker-archive:${temporary}:${name}`);
    renameSync(temporary, archive);
    await buildah('rmi', '--prune');
    forgetOld(directory, target);
  });
  return { name, archive };
}

const directory = join(cacheDirectory(), 'images');

function buildah(...args: string[]): Promise<string> {
  const storage = ['--root', join(directory, 'storage'), '--runroot', join(directory, 'run'), '--storage-driver', 'vfs'];
  return runCommand('buildah', [...storage, ...args], { env: { ...process.env, BUILDAH_ISOLATION: 'chroot' } });
}

/**
 * Pushes an image by plain http and returns its reference there, repository:tag; the tag is that of its name.
 * @throws Error with the end of what buildah said
 */
export async function pushPodImage({ name, archive }: PodImage, repository: string): Promise<string> {
  const reference = `${repository}:${name.slice(name.lastIndexOf(':') + 1)}`;
  await withLock(join(directory, 'lock'), async () => {
    await buildah('pull', '--quiet', `docker-archive:${archive}`);
    await buildah('push', '--quiet', '--tls-verify=false', name, `docker://${reference}`);
    await buildah('rmi', name);
  });
  return reference;
}

/** A Debian of its essential packages and apt, with Node. */
async function makeBase(name: string): Promise<void> {
  const present = (await buildah('images', '--format', '{{.Name}}:{{.Tag}}')).split('\n');
  if (present.includes(name)) return;
  const work = temporaryDirectory('debian');
  try {
    const system = join(work, 'system.tar');
    await runCommand('mmdebstrap', ['--quiet', '--mode=root', '--variant=apt', suite, system]);
    const container = (await buildah('from', 'scratch')).trim();
    await buildah('add', '--quiet', container, system, '/');
    await buildah('copy', '--quiet', container, nodeProgram, '/usr/local/bin/node');
    await buildah('config', '--env', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', container);
    await buildah('commit', '--quiet', '--rm', container, name);
  } finally {
    removeDirectory(work);
  }
}

/** Archives of the same target that nobody has used for a while go. */
function forgetOld(directory: string, target: string): void {
  for (const file of readdirSync(directory)) {
    const path = join(directory, file);
    if (file.startsWith(`scantling.test-${target}-`) && Date.now() - statSync(path).mtimeMs > keptMs) rmSync(path);
  }
}
