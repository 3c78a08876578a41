import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, lstat, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TransientError, messageOf } from '../api/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { identify, isAlive, killGroup, killRootedIn, mountsBelow } from './process-table.ts';

/** A directory of one build: storage, files for buildah, and a note of the children that work in it. */
export interface Workspace {
  path: string;
  /** Notes a child's process group, so that the next process can end it should this one be killed. */
  noteChild(pid: number): Promise<void>;
  /** Takes away what children that were killed left mounted in it. */
  unmount(): Promise<void>;
  /** Ends what still runs in it and removes it. Never rejects: what stays is removed by a later sweep. */
  remove(): Promise<void>;
}

/** `<directory>/<pid>-<start time of this process>/<random>`: whose it is can be told after any crash. */
export class Workspaces {
  readonly #directory: string;
  readonly #log: Log;
  readonly #buildah: string;
  #own: Promise<string> | undefined;

  /** `buildah` removes what belongs to users that only it knows; default `buildah`, looked for in PATH. */
  constructor(options: { directory: string; log: Log; buildah?: string }) {
    this.#directory = resolve(options.directory);
    this.#log = options.log;
    this.#buildah = options.buildah ?? 'buildah';
  }

  /** Sweeps up after processes that are no more, before anything is to be done here. Never rejects: who opens one tries again. */
  async sweep(): Promise<void> {
    try {
      await this.#prepared();
    } catch (error) {
      this.#log.warn(
        { directory: this.#directory, reason: messageOf(error) },
        'what ended processes left behind could not be looked for',
      );
    }
  }

  /** A new one. The first call sweeps up after processes that are no more. */
  async open(): Promise<Workspace> {
    const path = join(await this.#prepared(), randomBytes(6).toString('hex'));
    await mkdir(path, { recursive: true, mode: 0o700 });
    return {
      path,
      noteChild: async pid => {
        const child = await identify(pid);
        if (child) await appendFile(join(path, 'children'), `${child.pid} ${child.startedAt}\n`);
      },
      unmount: () => unmountBelow(path),
      remove: () => this.#remove(path),
    };
  }

  #prepared(): Promise<string> {
    this.#own ??= this.#prepare().catch((error: unknown) => {
      this.#own = undefined;
      throw new TransientError('BuilderUnavailable', `${this.#directory}: ${messageOf(error)}`, { cause: error });
    });
    return this.#own;
  }

  async #prepare(): Promise<string> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = await lstat(this.#directory);
    // Below the system's temporary directory anyone may have made it first; credentials are written into it.
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) throw new Error('belongs to, or may be written by, someone else');
    for (const entry of await readdir(this.#directory)) {
      const [, pid, startedAt] = /^(\d+)-(\d+)$/.exec(entry) ?? [];
      if (pid === undefined || startedAt === undefined || (await isAlive({ pid: Number(pid), startedAt }))) continue;
      this.#log.info({ directory: entry }, 'removing what a build of an ended process left behind');
      const owned = join(this.#directory, entry);
      for (const workspace of await readdir(owned)) await this.#remove(join(owned, workspace));
      await rm(owned, { recursive: true, force: true });
    }
    const self = await identify(process.pid);
    return join(this.#directory, `${process.pid}-${self?.startedAt ?? '0'}`);
  }

  async #remove(path: string): Promise<void> {
    try {
      await endChildren(path);
      await unmountBelow(path);
      const mounts = await mountsBelow(path);
      // Removing through a mount would remove the host's files.
      if (mounts.length > 0) throw new Error(`still mounted: ${mounts.join(', ')}`);
      await removeTree(path, this.#buildah);
    } catch (error) {
      this.#log.warn({ path, reason: messageOf(error) }, 'a build directory could not be removed');
    }
  }
}

/** For a user that is not root, the files of an image belong to others, of its own user namespace. */
async function removeTree(path: string, buildah: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM'))) throw error;
    // It insists on a directory of the user's own to run in, which a pod has nowhere else, and leaves some in it.
    const runtime = await mkdtemp(join(dirname(path), 'remove-'));
    try {
      const env = { ...process.env, XDG_RUNTIME_DIR: runtime };
      const child = spawn(buildah, ['unshare', 'rm', '--recursive', '--force', '--', path], { stdio: 'ignore', env });
      const [code] = (await once(child, 'close')) as [number | null];
      if (code !== 0) throw error;
    } finally {
      await rm(runtime, { recursive: true, force: true });
    }
  }
}

/** Lazily: what is still in use goes when it no longer is. Where it cannot be done, the mounts stay and are told of by whoever looks. */
async function unmountBelow(path: string): Promise<void> {
  for (const point of await mountsBelow(path)) {
    const child = spawn('umount', ['--lazy', '--no-canonicalize', point], { stdio: 'ignore' });
    await once(child, 'close').catch((error: unknown) => {
      // Without umount there is nothing that could be done.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
  }
}

async function endChildren(path: string): Promise<void> {
  const notes = await readFile(join(path, 'children'), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return '';
    throw error;
  });
  for (const line of notes.split('\n')) {
    const [pid, startedAt] = line.split(' ');
    if (pid && startedAt && (await isAlive({ pid: Number(pid), startedAt }))) killGroup(Number(pid));
  }
  await killRootedIn(path);
}
