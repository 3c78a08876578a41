import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { killGroup } from './process-table.ts';

export interface ChildOptions {
  command: string;
  args: readonly string[];
  /** The whole environment. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Kills the process group when aborted; the promise still waits for its end. */
  signal: AbortSignal;
  /** Standard output and standard error in the order they were written. */
  onOutput: (chunk: Uint8Array) => void;
  onStart: (pid: number) => Promise<void>;
}

/**
 * How long output may still come after the child has ended. Long, because the end of it says what failed and a busy machine reads it late;
 * only what left the process group keeps the pipe open for longer.
 */
const drainMs = 5_000;

/**
 * Before the command begins, a process of its group is made that waits for the end of a pipe of which this process alone has the other side. Whichever
 * way this process ends, the kernel closes it, and the group goes. The same pipe on both streams keeps their order.
 */
const script = '{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 & exec "$@" 2>&1 3<&-';

/**
 * Runs a command in a process group of its own and waits for its end; nothing of the group is left then, nor when this process is killed.
 * @throws Error of spawn (ENOENT and so on); the signal's reason when it is aborted before the start.
 */
export async function runChild(options: ChildOptions): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  options.signal.throwIfAborted();
  const child = spawn('/bin/sh', ['-c', script, 'sh', options.command, ...options.args], {
    env: { ...options.env },
    cwd: options.cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const closed = once(child, 'close');
  // Both are awaited below, but may reject before that.
  exited.catch(() => undefined);
  closed.catch(() => undefined);
  await once(child, 'spawn');
  const { pid, stdout } = child;
  if (pid === undefined || !stdout) throw new Error(`${options.command} was not started`);
  const [, , , lifeline] = child.stdio;
  const kill = (): void => void killGroup(pid);
  options.signal.addEventListener('abort', kill, { once: true });
  if (options.signal.aborted) kill();
  stdout.on('data', options.onOutput);
  try {
    await options.onStart(pid);
    const [code, signal] = await exited;
    return { code, signal };
  } finally {
    kill();
    options.signal.removeEventListener('abort', kill);
    lifeline?.destroy();
    await Promise.race([closed, sleep(drainMs)]);
    stdout.destroy();
  }
}
