/** Files of the host, seen from outside of it: a link is followed as the host's own processes would, and never into the agent's own file system. */
import { open, readdir, readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

const maxLinks = 40;

/** The text of a file, at most `limit` bytes of it; undefined where there is none. Throws whatever else keeps it from being read. */
export async function readHostFile(root: string, path: string, limit = 1 << 22): Promise<string | undefined> {
  const real = await realPath(root, path);
  return real === undefined ? undefined : readText(join(root, real), limit);
}

/** Names in a directory, sorted; undefined where there is none. */
export async function listHostDirectory(root: string, path: string): Promise<string[] | undefined> {
  const real = await realPath(root, path);
  return real === undefined ? undefined : absent(readdir(join(root, real)).then(names => names.toSorted()));
}

/** Where a path leads without links, as far as it is there, and whether all of it is. */
export async function findHostPath(root: string, path: string): Promise<{ path: string; exists: boolean }> {
  let done = '/';
  let todo = path.split('/').filter(part => part !== '');
  let links = 0;
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    const next = resolve(done, part);
    const target = await linkTarget(join(root, next));
    if (target === null) return { path: resolve(next, ...todo), exists: false };
    if (target === undefined) {
      done = next;
      continue;
    }
    if (++links > maxLinks) throw new Error(`${path} on the host leads through more than ${maxLinks} links`);
    todo = [...target.split('/').filter(p => p !== ''), ...todo];
    done = target.startsWith('/') ? '/' : dirname(next);
  }
  return { path: done, exists: true };
}

async function readText(path: string, limit: number): Promise<string | undefined> {
  const file = await absent(open(path));
  if (!file) return undefined;
  try {
    const length = Math.min(limit, (await file.stat()).size);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The path without links; undefined where one of its parts is missing. */
async function realPath(root: string, path: string): Promise<string | undefined> {
  const found = await findHostPath(root, path);
  return found.exists ? found.path : undefined;
}

/** Where a link leads; undefined for what is no link, null for what is not there. */
async function linkTarget(path: string): Promise<string | undefined | null> {
  try {
    return await readlink(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EINVAL') return undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}

async function absent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
