/** Child processes that cannot outlive the program that started them, free ports for them, and directories that go with them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, mkdtempSync, openSync, readSync, rmSync, statfsSync, statSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ProcessOptions {
  /** What messages call it. */
  name: string;
  command: string;
  args: readonly string[];
  /** The whole environment, but for GOGC; default: this process's own. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Standard output and standard error are appended here. */
  logFile: string;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * Kills what it was told of once its standard input ends, which the kernel sees to however the parent dies.
 * One for all children of this process: `+ PID` and `- PID` note a process group, `d PATH` a directory to remove.
 */
const watchdogScript = `
pids= dirs=
while read -r verb what; do
  case $verb in
    +) pids="$pids $what " ;;
    -) pids=$(printf %s "$pids" | sed "s/ $what / /") ;;
    d) dirs="$dirs $what " ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done
for dir in $dirs; do rm -rf -- "$dir"; done
`;

let watchdog: ChildProcess | undefined;

function tellWatchdog(line: string): void {
  if (!watchdog) {
    // Its own session: Ctrl-C on the terminal must end this program, not the guard that cleans up after it.
    watchdog = spawn('/bin/sh', ['-c', watchdogScript], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' });
    watchdog.unref();
    const input = watchdog.stdin;
    if (input instanceof Socket) input.unref();
    input?.on('error', () => {
      // The guard was killed by someone; the children are still stopped by an orderly end.
    });
  }
  watchdog.stdin?.write(`${line}\n`);
}

/** A new directory, by default under the system's temporary one, removed when this process ends, however it ends. */
export function temporaryDirectory(name: string, parent = tmpdir()): string {
  const directory = mkdtempSync(join(parent, `scantling-${name}-`));
  if (/\s/.test(directory)) return directory; // the guard's lines are split at blanks: better left behind than the wrong one removed
  tellWatchdog(`d ${directory}`);
  return directory;
}

const memoryFileSystem = '/dev/shm';
/** What it must have left to be used. */
const roomBytes = 4 * 1024 ** 3;

/**
 * The same in memory where there is room: for servers that wait for the disk after each file that they write, which nobody needs of what is
 * thrown away.
 */
export function directoryInMemory(name: string): string {
  return temporaryDirectory(name, hasRoom(memoryFileSystem) ? memoryFileSystem : tmpdir());
}

function hasRoom(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize > roomBytes;
  } catch {
    return false; // there is none on this machine, or not for this user
  }
}

/** The last `lines` lines of a file, '' when there is none. Reads at most 64 KiB. */
export function tailOf(file: string, lines: number): string {
  let size: number;
  try {
    size = statSync(file).size;
  } catch {
    return ''; // the process failed before it had a log
  }
  const length = Math.min(size, 65_536);
  const buffer = Buffer.alloc(length);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, buffer, 0, length, size - length);
  } finally {
    closeSync(handle);
  }
  return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

/** A running program, leader of its own process group. */
export class ServerProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when the process has ended, for whatever reason; never rejects. */
  readonly exited: Promise<Exit>;
  #exit: Exit | undefined;

  constructor(name: string, child: ChildProcess, logFile: string) {
    if (child.pid === undefined) throw new Error(`${name}: not started`);
    this.name = name;
    this.pid = child.pid;
    this.logFile = logFile;
    this.exited = new Promise(resolve => {
      child.once('exit', (code, signal) => {
        this.kill('SIGKILL'); // what it started itself must not stay behind
        this.#exit = { code, signal };
        tellWatchdog(`- ${this.pid}`);
        resolve(this.#exit);
      });
    });
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** Sends a signal to the process and all it started in its group; nothing happens when they are gone. */
  kill(signal: NodeJS.Signals): void {
    if (!this.running) return;
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Asks it to end, and makes it after `graceMs`. */
  async stop(graceMs = 5_000): Promise<Exit> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  tail(lines = 20): string {
    return tailOf(this.logFile, lines);
  }

  /**
   * Resolves once `probe` returns true, asked every `everyMs`.
   * @throws Error with the log's tail when the process ends first or `timeoutMs` pass.
   */
  async ready(probe: () => Promise<boolean>, { timeoutMs = 60_000, everyMs = 100 } = {}): Promise<void> {
    const end = performance.now() + timeoutMs;
    let last: unknown;
    while (performance.now() < end) {
      if (this.#exit)
        throw this.#failure(`ended with ${this.#exit.signal ?? `exit code ${this.#exit.code}`} before it was ready`);
      try {
        if (await probe()) return;
      } catch (error) {
        last = error; // not listening yet; named if it stays so
      }
      await new Promise(resolve => setTimeout(resolve, everyMs));
    }
    throw this.#failure(`not ready after ${timeoutMs / 1_000} s${last instanceof Error ? ` (${last.message})` : ''}`);
  }

  #failure(what: string): Error {
    return new Error(`${this.name} ${what}. The end of ${this.logFile}:\n${this.tail()}`);
  }
}

/** For the servers, which are written in Go: a quarter of their processor time would go into keeping a memory small that is small anyway. */
const GOGC = '400';

/**
 * Starts a program that ends with this process at the latest, also when this process is killed.
 * @throws Error when the program cannot be executed.
 */
export async function startProcess(options: ProcessOptions): Promise<ServerProcess> {
  const log = openSync(options.logFile, 'a');
  try {
    const child = spawn(options.command, options.args, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { GOGC, ...(options.env ?? process.env) },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', error => reject(new Error(`${options.name}: ${options.command} cannot be started: ${error.message}`)));
    });
    const started = new ServerProcess(options.name, child, options.logFile);
    tellWatchdog(`+ ${started.pid}`);
    return started;
  } finally {
    closeSync(log);
  }
}

/** Removes a directory and all below it. */
export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}

const taken = new Set<number>();

/**
 * A TCP port of the loopback address that nothing listens on. From below the range that the kernel gives to outgoing connections,
 * so that it is still free when a server is restarted on it.
 */
export async function freePort(random: () => number = Math.random): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 20_000 + Math.floor(random() * 12_000);
    if (taken.has(port)) continue;
    const free = await new Promise<boolean>(resolve => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (!free) continue;
    taken.add(port);
    return port;
  }
  throw new Error('no free port between 20000 and 32000 after 100 attempts');
}
