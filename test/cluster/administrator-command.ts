/** Runs a program as an administrator at a terminal would, with nothing of this user's own configuration. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerName } from '../tools/server-binaries.mjs';
import { serverBinary } from '../tools/servers.ts';
import { temporaryDirectory } from './processes.ts';

export interface CommandOptions {
  /** A path. Without it the program has no cluster. */
  kubeconfig?: string;
  cwd?: string;
  /** Standard input; default: none. */
  input?: string;
  /** Added to the environment. */
  env?: NodeJS.ProcessEnv;
}

export interface Said {
  stdout: string;
  stderr: string;
}

/** A program that ended with another exit code than 0. */
export class CommandError extends Error {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: string, code: number | undefined, { stdout, stderr }: Said) {
    super(
      `\`${command}\` ended with ${code === undefined ? 'a signal' : `exit code ${code}`}:\n${stderr.trim() || stdout.trim()}`,
    );
    this.code = code;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

let ownHome: string | undefined;

/** A home without repositories, plugins and a kubeconfig, removed when this process ends. */
function home(): string {
  ownHome ??= temporaryDirectory('administrator');
  return ownHome;
}

/**
 * Runs one of the programs that the set-up brings.
 * @throws CommandError when it fails; Error when it is not on this machine.
 */
export function administratorCommand(
  name: ServerName,
  args: readonly string[],
  { kubeconfig, cwd, input, env }: CommandOptions = {},
): Promise<Said> {
  const directory = home();
  const config = kubeconfig ?? join(directory, 'no-cluster');
  mkdirSync(directory, { recursive: true });
  const environment = { PATH: process.env['PATH'], HOME: directory, KUBECONFIG: config, NO_COLOR: '1', ...env };
  return new Promise((resolve, reject) => {
    const child = execFile(
      serverBinary(name),
      [...args],
      { encoding: 'utf8', env: environment, maxBuffer: 256 * 1024 ** 2, ...(cwd === undefined ? {} : { cwd }) },
      (error, stdout, stderr) => {
        if (!error) resolve({ stdout, stderr });
        else if (typeof error.code === 'string') reject(new Error(`${name} cannot be run: ${error.message}`, { cause: error }));
        else reject(new CommandError([name, ...args].join(' '), error.code ?? undefined, { stdout, stderr }));
      },
    );
    // A program that ends before it has read all says why with its exit code, not with a broken pipe here.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}
