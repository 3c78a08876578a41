/** Processes of this machine as /proc shows them. Without /proc nothing is found, and nothing is killed. */
import { readFile, readdir, readlink } from 'node:fs/promises';

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after the machine's start (proc(5), field 22 of stat). */
  startedAt: string;
}

/** Undefined when there is no such process. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(ifGone);
  // The second field is the command in parentheses and may hold anything.
  const startedAt = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export async function isAlive(process: ProcessIdentity): Promise<boolean> {
  return (await identify(process.pid))?.startedAt === process.startedAt;
}

/** Kills a process group; false when there is none. */
export function killGroup(leader: number): boolean {
  try {
    process.kill(-leader, 'SIGKILL');
    return true;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}

/** Kills what runs with its root directory below `directory`: a step's daemons that left the process group. */
export async function killRootedIn(directory: string): Promise<void> {
  for (const entry of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue;
    const root = await readlink(`/proc/${entry}/root`).catch(ifGone);
    if (root?.startsWith(`${directory}/`)) {
      try {
        process.kill(Number(entry), 'SIGKILL');
      } catch (error) {
        if (!isErrno(error, 'ESRCH')) throw error;
      }
    }
  }
}

/** Directories below `directory` that something is mounted on, deepest first. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(ifGone);
  const points = (table ?? '').split('\n').map(line => unescape(line.split(' ')[4] ?? ''));
  return points.filter(point => point.startsWith(`${directory}/`)).toSorted((a, b) => b.length - a.length);
}

/** proc(5): blank, tab, newline and backslash are written in octal. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Processes end while they are looked at, and those of others may not be looked into. */
function ifGone(error: unknown): undefined {
  if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH') || isErrno(error, 'EACCES') || isErrno(error, 'EPERM'))
    return undefined;
  throw error;
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
