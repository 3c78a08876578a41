import { TransientError } from '../api/errors.ts';
import type { BuildError } from './build-error.ts';
import type { BuildahFiles } from './buildah-files.ts';
import { BuildahOutput } from './buildah-output.ts';
import { runChild } from './child.ts';
import type { Workspace } from './workspace.ts';

export interface BuildahOptions {
  /** Default `buildah`, looked for in PATH. */
  command: string | undefined;
  /** PATH and proxy settings. */
  env: Readonly<Record<string, string>>;
  workspace: Workspace;
  files: BuildahFiles;
  mask: (line: string) => string;
  platform: string;
  /** Aborted when the build is no longer wanted. */
  signal: AbortSignal;
  /** Aborted when its time is over, which is after `timeoutMs`. */
  deadline: AbortSignal;
  timeoutMs: number;
  onOutput: ((masked: () => string) => void) | undefined;
  onStep: ((step: string) => void) | undefined;
}

/** buildah in a workspace of its own, until a signal or the deadline ends it. */
export class Buildah {
  readonly #o: BuildahOptions;

  constructor(options: BuildahOptions) {
    this.#o = options;
  }

  /**
   * Runs a subcommand; `step` is what is being done, as a person would say it. Returns how it failed.
   * @throws BuildError when the time is over, the signal's reason, TransientError `BuilderUnavailable`.
   */
  async run(step: string, args: readonly string[], onLine = this.#o.onOutput): Promise<BuildError | undefined> {
    const { signal, deadline, files, platform, mask, onStep } = this.#o;
    const output = new BuildahOutput({ step, mask, onLine, onStep, platform });
    const late = (): BuildError =>
      output.failure({ exitCode: null, how: `not done after ${this.#o.timeoutMs / 1000} s, the time for the whole build` });
    if (deadline.aborted) throw late();
    onStep?.(step);
    const child = await this.#start([...files.global, ...args], AbortSignal.any([signal, deadline]), chunk => output.push(chunk));
    signal.throwIfAborted();
    if (deadline.aborted) throw late();
    output.end();
    if (child.code === 0) return undefined;
    // The shell's codes for "not found" and "not executable" (POSIX, 2.8.2): buildah itself was never there.
    if (child.code === 127 || child.code === 126) await this.#check();
    return output.failure({ exitCode: child.code, how: child.signal === null ? 'unknown' : `killed by ${child.signal}` });
  }

  /** Standard output of a subcommand that says little. Throws as run, and the failure itself. */
  async ask(step: string, args: readonly string[]): Promise<string> {
    const lines: string[] = [];
    const failure = await this.run(step, args, masked => {
      lines.push(masked());
      if (lines.length > 100) lines.shift();
    });
    if (failure) throw failure;
    return lines.join('\n').trim();
  }

  /** A step may end with 127 too; only when buildah cannot even tell its version is it missing. */
  async #check(): Promise<void> {
    const { code } = await this.#start(['--version'], this.#o.deadline, () => undefined);
    if (code !== 0)
      throw new TransientError(
        'BuilderUnavailable',
        'the definition has steps to run, and buildah cannot be run here: install it, or use the builder Job',
      );
  }

  #start(
    args: readonly string[],
    signal: AbortSignal,
    onOutput: (chunk: Uint8Array) => void,
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const { command = 'buildah', env, files, workspace } = this.#o;
    return runChild({
      command,
      args,
      env: { ...env, ...files.environment },
      cwd: workspace.path,
      signal,
      onOutput,
      onStart: pid => workspace.noteChild(pid),
    });
  }
}
