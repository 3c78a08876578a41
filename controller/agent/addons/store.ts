/**
 * The addons that a host has, by the digest of their bytes. Outside of what systemd searches: what is in here has no effect until the boot script links it.
 * A file that has its final name was whole when it got it; that it still is, the boot script checks before each merge.
 */
import { chmod, link, lstat, mkdir, open, readdir, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isAddonName } from '../../api/addon-set.ts';
import { syncPath } from './durable-file.ts';

/** Below the host's root. */
export const storePath = 'var/lib/scantling/addons';

/** One raw: whose it is, and what it is to be. */
export interface Raw {
  name: string;
  /** `sha256:<64 hex>`. */
  digest: string;
  /** Bytes. */
  size: number;
}

/** A file of the store, whole or in part. */
export interface Stored {
  name: string;
  /** `sha256:<64 hex>`. */
  digest: string;
  /** A part of it alone. */
  partial: boolean;
}

export class AddonStore {
  readonly #root: string;

  /** `root` is where the host's file system is seen. */
  constructor(root: string) {
    this.#root = join(root, storePath);
  }

  /** Makes the directory where there is none, for what asks about its file system. */
  async prepare(): Promise<string> {
    await mkdir(this.#root, { recursive: true, mode: 0o755 });
    return this.#root;
  }

  pathOf(raw: Pick<Raw, 'name' | 'digest'>): string {
    return join(this.#root, raw.name, `${hexOf(raw)}.raw`);
  }

  /** The file is there, with its size. */
  async has(raw: Raw): Promise<boolean> {
    const found = await statOf(this.pathOf(raw));
    return found?.isFile() === true && found.size === raw.size;
  }

  /** Lets go of a file that has the name and not the bytes. */
  async recheck(raw: Raw): Promise<void> {
    const path = this.pathOf(raw);
    if (!(await this.has(raw))) return;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    if (`sha256:${hash.digest('hex')}` !== raw.digest) await rm(path, { force: true });
  }

  /** Bytes that an earlier attempt has brought. */
  async partialSize(raw: Raw): Promise<number> {
    return (await statOf(this.#partOf(raw)))?.size ?? 0;
  }

  /** What an earlier attempt has brought, open for reading and for writing behind it. */
  async openPart(raw: Raw): Promise<FileHandle> {
    const path = this.#partOf(raw);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    // Never through a link: what is at this name is ours alone.
    if ((await statOf(path))?.isFile() === false) await rm(path, { recursive: true });
    try {
      return await open(path, 'r+');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return open(path, 'wx+', 0o600);
    }
  }

  async dropPart(raw: Raw): Promise<void> {
    await rm(this.#partOf(raw), { force: true });
  }

  /** A part that is whole and was checked gets its name, and is on the disk with it. */
  async complete(raw: Raw): Promise<void> {
    const [part, path] = [this.#partOf(raw), this.pathOf(raw)];
    await chmod(part, 0o444);
    await syncPath(part);
    // What has the name and another size was harmed; a link to it may be merged, so that it goes by its name only.
    await rm(path, { force: true });
    await link(part, path);
    await rm(part, { force: true });
    await syncPath(dirname(path));
    await syncPath(this.#root);
  }

  /** All that is in the store; what has no name of ours is passed over. */
  async list(): Promise<Stored[]> {
    const found: Stored[] = [];
    for (const name of await namesIn(this.#root)) {
      if (!isAddonName(name)) continue;
      for (const file of await namesIn(join(this.#root, name))) {
        const [, dot, hex = '', end] = /^(\.?)([0-9a-f]{64})\.(raw|part)$/.exec(file) ?? [];
        if (hex !== '' && (dot === '.') === (end === 'part'))
          found.push({ name, digest: `sha256:${hex}`, partial: end === 'part' });
      }
    }
    return found;
  }

  async remove(stored: Stored): Promise<void> {
    await rm(stored.partial ? this.#partOf(stored) : this.pathOf(stored), { force: true });
  }

  #partOf(raw: Pick<Raw, 'name' | 'digest'>): string {
    return join(this.#root, raw.name, `.${hexOf(raw)}.part`);
  }
}

function hexOf({ name, digest }: Pick<Raw, 'name' | 'digest'>): string {
  const hex = digest.replace(/^sha256:/, '');
  if (!isAddonName(name) || !/^[0-9a-f]{64}$/.test(hex)) throw new RangeError(`${name} with ${digest} is no addon`);
  return hex;
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).toSorted();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
