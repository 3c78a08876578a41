/** A directory that decides what is trusted, and so belongs to nobody else. */
import { lstat, mkdir } from 'node:fs/promises';
import { TransientError } from '../api/errors.ts';
import type { PolicyReason } from './reasons.ts';

/**
 * Makes it where it is not there. One that is there must be ours: its name may be one that others guess, below a directory where everybody may write.
 * A group that may write must be one that this process is in, because a volume is given to the group of its pod.
 * @throws TransientError `KeyUnreadable`
 */
export async function makeOwnDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw unusable(`the directory ${path} cannot be made: ${words}`, error);
  }
  const { uid, gid, mode } = await statOf(path);
  const own = process.getuid?.();
  if (own !== undefined && uid !== own) throw unusable(`${path} belongs to user ${uid}, and this process is user ${own}`);
  if ((mode & 0o002) !== 0) throw unusable(`everybody may write to ${path}`);
  const groups = [...(process.getgroups?.() ?? []), process.getegid?.()];
  if ((mode & 0o020) !== 0 && !groups.includes(gid))
    throw unusable(`group ${gid} may write to ${path}, and this process is not in it`);
}

async function statOf(path: string): Promise<{ uid: number; gid: number; mode: number }> {
  // Not what a link leads to: whoever made the link chooses that.
  const found = await lstat(path);
  if (!found.isDirectory()) throw unusable(`${path} is not a directory`);
  return found;
}

function unusable(what: string, cause?: unknown): TransientError {
  const message = `${what}; trusted roots are kept only where nobody else writes: name another directory with --trust-directory, or take this one away`;
  return new TransientError('KeyUnreadable' satisfies PolicyReason, message, { cause });
}
