/** A file that several commands may change at the same time. */
import { randomBytes } from 'node:crypto';
import { lstat, open, readFile, realpath, rename, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { UsageError } from '../command-line.ts';

/** A command holds the lock while it reads and writes one file. */
const patience = { tries: 50, pauseMs: 100 };

/**
 * Replaces the text of a file by what `changed` makes of it ('' where there is none), one command after the other. Where a link leads to it, the link stays. The file is whole
 * at any moment. Throws UsageError where the lock stays, and what `changed` throws.
 */
export async function changeFile(path: string, changed: (text: string) => string): Promise<void> {
  const file = await targetOf(path);
  const lock = join(dirname(file), `.${basename(file)}.lock`);
  await take(lock);
  try {
    const text = changed(await textIfThere(file));
    const beside = join(dirname(file), `.${randomBytes(6).toString('hex')}.tmp`);
    await writeFile(beside, text, { flag: 'wx' });
    await rename(beside, file);
  } finally {
    await unlink(lock);
  }
}

/** Where the text is: at the end of all links. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    const isLink = await lstat(path).then(
      () => true,
      () => false,
    );
    if (isLink) throw new UsageError(`${path} is a link to what is not there`, { cause: error });
    return path;
  }
}

async function take(lock: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await (await open(lock, 'wx')).close();
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      if (tries === patience.tries)
        throw new UsageError(`another command is changing the file; if there is none, remove ${lock}`, { cause: error });
      await setTimeout(patience.pauseMs);
    }
  }
}

async function textIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return '';
    throw error;
  }
}

/** Whether the error says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
