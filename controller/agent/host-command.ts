/** Runs one command on the host: a fixed list of programs, never a shell. */
import { spawn } from 'node:child_process';
import type { Outcome } from './host.ts';

export interface CommandOptions {
  /** PATH on the host. */
  path: string;
  /** nsenter: into the mount and pid namespaces of PID 1, from a pod. direct: on the host itself. */
  exec: 'nsenter' | 'direct';
}

/** The command took too long and was killed. */
export class CommandTimeoutError extends Error {}

/** Output beyond this is dropped; a status document has some 10 kB. */
const limit = 1 << 20;

/**
 * Runs a command to its end. The environment is PATH and HOME and nothing else: images of Fedora set `container=oci`, with which bootc
 * takes the host for a container. Rejects with CommandTimeoutError, and with spawn's error when there is no such program.
 */
export function runCommand(command: readonly string[], timeoutMs: number | undefined, o: CommandOptions): Promise<Outcome> {
  const [file = '', ...args] =
    o.exec === 'nsenter' ? ['nsenter', '--target', '1', '--mount', '--pid', '--', ...command] : command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: { PATH: o.path, HOME: '/root' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own: nsenter --pid forks, and a kill has to reach its child.
      detached: true,
      cwd: '/',
    });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (out[name].length < limit) out[name] += text;
      });
    }
    let timedOut = false;
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            killGroup(child.pid);
          }, timeoutMs);
    child.on('error', error => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', code => {
      clearTimeout(timer);
      if (timedOut) reject(new CommandTimeoutError(`${command.join(' ')} did not end within ${(timeoutMs ?? 0) / 1000} s`));
      else resolve(code === null ? out : { ...out, code });
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it has ended in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
