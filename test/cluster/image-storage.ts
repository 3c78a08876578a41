/**
 * The images of the Dockerfile for tests, in a storage of buildah's that is kept between runs. Their base is made of Debian's packages,
 * because a test machine may reach no image registry.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { debianBase, type Buildah } from '../tools/image-base.ts';
import { buildahArguments, hostArchitecture, type Target } from '../tools/image-plan.ts';
import { withLock } from '../tools/lock.mjs';
import { runCommand } from '../tools/run-command.mjs';
import { cacheDirectory } from '../tools/server-binaries.mjs';
import { programFor } from './program.ts';

const root = join(import.meta.dirname, '../..');

/** Each change of the bundle makes another image, and each archive of one is hundreds of megabytes. */
const keptMs = 3_600_000;

const commands = ['buildah', 'mmdebstrap'];

const onPath = (command: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some(directory => existsSync(join(directory, command)));

/**
 * Why no images can be made here; false when they can.
 * @throws Error instead where CI is set: there they must be.
 */
export function withoutImages(alsoNeeded: readonly string[] = []): string | false {
  const missing = [...commands, ...alsoNeeded].filter(command => !onPath(command));
  if (process.getuid?.() === 0 && missing.length === 0) return false;
  const reason = missing.length > 0 ? `images need ${missing.join(' and ')}` : 'images need root';
  if (process.env['CI']) throw new Error(`${reason}, and CI must run these tests`);
  return reason;
}

/** Where images are kept between runs and shared by all checkouts of this user. */
export const imageDirectory = join(cacheDirectory(), 'images');

let driver: Promise<'overlay' | 'vfs'> | undefined;

function buildahWith(driver: string): Buildah {
  const storage = ['--root', join(imageDirectory, driver), '--runroot', join(imageDirectory, `run-${driver}`)];
  return (...args) =>
    runCommand('buildah', [...storage, '--storage-driver', driver, ...args], {
      env: { ...process.env, BUILDAH_ISOLATION: 'chroot' },
    });
}

/** overlay where it can be mounted; else vfs, which takes several times as long and as much room. */
async function storageDriver(): Promise<'overlay' | 'vfs'> {
  try {
    await buildahWith('overlay')('info');
    return 'overlay';
  } catch {
    return 'vfs'; // the file system below, or a container around us, forbids it
  }
}

/** Variables that make buildah use this storage without being told. `directory` keeps its configuration. Whoever uses it so clears up. */
export async function storageEnvironment(directory: string): Promise<NodeJS.ProcessEnv> {
  driver ??= storageDriver();
  const name = await driver;
  const [graph, run] = [name, `run-${name}`].map(of => JSON.stringify(join(imageDirectory, of)));
  const file = join(directory, 'storage.conf');
  writeFileSync(file, `[storage]\ndriver = "${name}"\ngraphroot = ${graph}\nrunroot = ${run}\n`);
  return { CONTAINERS_STORAGE_CONF: file };
}

/** Does something with the storage, alone: of several test files that run at once one builds and the others wait for it. */
export async function withImageStorage<T>(work: (buildah: Buildah) => Promise<T>): Promise<T> {
  mkdirSync(imageDirectory, { recursive: true });
  const run = async (): Promise<T> => {
    driver ??= storageDriver();
    return work(buildahWith(await driver));
  };
  return withLock(join(imageDirectory, 'lock'), run, { waitsFor: 'another run that makes images' });
}

/**
 * Makes sure of an image of the sources as they are now, and returns its name in the storage. At once when nothing has changed since an
 * earlier run, in a few seconds when only the bundle has, in about two minutes on a new machine.
 * @throws Error with the end of what a builder said
 */
export async function storedImage(buildah: Buildah, target: Target): Promise<string> {
  const [, bundle = ''] = await programFor({ source: false });
  const hash = createHash('sha256').update(target);
  const base = await debianBase(buildah, hostArchitecture, 0);
  hash.update(base.name);
  for (const file of ['Dockerfile', '.dockerignore']) hash.update('\0').update(readFileSync(join(root, file)));
  hash.update('\0').update(readFileSync(bundle));
  const name = `scantling.test/${target}:${hash.digest('hex').slice(0, 12)}`;
  const present = (await buildah('images', '--format', '{{.Name}}:{{.Tag}}')).split('\n');
  if (!present.includes(name)) {
    const build = { target, architecture: hostArchitecture, base, epoch: 0, labels: {} };
    await buildah(...buildahArguments(build, { tag: name, cached: true, context: root }));
  }
  await forgetOthers(buildah, name, present);
  return name;
}

/** Images that no test has used for a while go, with what was made of them. */
async function forgetOthers(buildah: Buildah, name: string, present: readonly string[]): Promise<void> {
  const used = join(imageDirectory, 'used');
  mkdirSync(used, { recursive: true });
  writeFileSync(join(used, fileNameOf(name)), '');
  const old = readdirSync(used).filter(file => Date.now() - statSync(join(used, file)).mtimeMs > keptMs);
  for (const file of old) {
    const other = present.find(each => fileNameOf(each) === file);
    if (other !== undefined) await buildah('rmi', other);
    rmSync(join(imageDirectory, `${file}.tar`), { force: true });
    rmSync(join(used, file));
  }
}

/** A file's name for an image's. */
export function fileNameOf(name: string): string {
  return name.replaceAll(/[/:]/g, '-');
}
