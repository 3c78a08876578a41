/**
 * What is on disk of a TUF repository: one directory for each state of it, and a file that names the one in use. That file alone is replaced, which every file system does
 * at once, so that neither a process that is killed nor another one on the same volume (one ReadWriteMany for all pods) leaves or sees half of a state.
 */
import { cp, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

const pointer = 'current';
const prefix = 'state-';
/** Nobody takes so long for one refresh: what is older was left by somebody who was killed, or replaced. */
const leftMs = 60 * 60_000;

/** The state in use; undefined when there is none yet. */
export async function currentState(directory: string): Promise<string | undefined> {
  const name = await textOrNone(join(directory, pointer));
  if (name === undefined || !/^state-[A-Za-z0-9]+$/.test(name)) return undefined;
  return (await isThere(join(directory, name))) ? join(directory, name) : undefined;
}

/** A copy of a state for oneself, to be changed; an empty one without a state. */
export async function copyOf(directory: string, state: string | undefined): Promise<string> {
  const copy = await mkdtemp(join(directory, prefix));
  if (state !== undefined) await cp(state, copy, { recursive: true });
  return copy;
}

/** Puts `next` in the place of `before`. False when meanwhile another one is there: a copy of what was before could take back what that one knows. */
export async function replaceState(directory: string, before: string | undefined, next: string): Promise<boolean> {
  if ((await currentState(directory)) !== before) return false;
  await writeWhole(join(directory, pointer), basename(next));
  await removeLeft(directory, next);
  return true;
}

/** Whole, or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const part = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}`;
  await writeFile(part, text);
  await rename(part, path);
}

/** The text of a file; undefined when there is none. */
export async function textOrNone(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** When the first part of a state's metadata expires, epoch ms; undefined when that cannot be told. */
export async function expiryOf(state: string): Promise<number | undefined> {
  const parts = new Set(['root.json', 'timestamp.json', 'snapshot.json', 'targets.json']);
  const files = (await readdir(state, { recursive: true })).filter(name => parts.has(basename(name)));
  const times = await Promise.all(files.map(async file => expiresOf(await readFile(join(state, file), 'utf8'))));
  return times.length === 0 || times.some(Number.isNaN) ? undefined : Math.min(...times);
}

function expiresOf(text: string): number {
  const { signed } = JSON.parse(text) as { signed?: { expires?: string } };
  return Date.parse(signed?.expires ?? '');
}

async function removeLeft(directory: string, current: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (!name.startsWith(prefix) || path === current) continue;
    try {
      const { mtimeMs } = await stat(path);
      if (Date.now() - mtimeMs > leftMs) await rm(path, { recursive: true, force: true });
    } catch (error) {
      // Another process was quicker.
      if (!isMissing(error)) throw error;
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
