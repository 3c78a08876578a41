/** One set-up at a time: a file that names the process that works. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { say, seconds } from './progress.mjs';

const sayEveryMs = 60_000;

/** @param {unknown} error */
const codeOf = error => (error instanceof Error && 'code' in error ? error.code : undefined);

/** @param {number} pid */
function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH'; // EPERM: it lives, under another user
  }
}

/**
 * Whether the lock was taken. One whose holder is dead is removed, for the next try.
 * @param {string} path
 * @returns {{ taken: true } | { taken: false, holder: number }}
 */
function tryLock(path) {
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, path); // unlike creating the file and then writing, this is one step
    return { taken: true };
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(mine, { force: true });
  }
  let holder = 0;
  try {
    holder = Number(readFileSync(path, 'utf8'));
    if (alive(holder)) return { taken: false, holder };
    // Renamed first, so that of two who see the dead holder only one removes, and never a lock that was taken since.
    renameSync(path, `${mine}.dead`);
    rmSync(`${mine}.dead`, { force: true });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  return { taken: false, holder };
}

/**
 * Does some work while no other process does work under the same lock. A wait is told at once, and then once a minute.
 * @template T
 * @param {string} path of the lock file
 * @param {() => Promise<T>} work
 * @param {{ waitsFor?: string, tell?: (line: string) => void }} [options] what the holder of this lock does
 * @returns {Promise<T>}
 */
export async function withLock(path, work, { waitsFor = 'another set-up', tell = say } = {}) {
  mkdirSync(dirname(path), { recursive: true });
  const start = Date.now();
  let told = 0;
  for (let attempt = tryLock(path); !attempt.taken; attempt = tryLock(path)) {
    if (alive(attempt.holder) && Date.now() - told > sayEveryMs) {
      const holder = `(process ${attempt.holder})`;
      tell(told === 0 ? `waiting for ${waitsFor} ${holder}` : `still waiting ${holder}, for ${seconds(Date.now() - start)} now`);
      told = Date.now();
    }
    await new Promise(resolve => setTimeout(resolve, 200));
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
