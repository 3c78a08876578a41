import type { CommandLine } from './command-line.ts';
import type { discover } from './trust/discovery.ts';

/** A command that works until it is told to stop, and has been started. */
export interface Running {
  /** Ends it in order; resolves when nothing of it is left. */
  stop(): Promise<void>;
}

/** What a command that ends by itself is given. */
export interface Invocation extends CommandLine {
  /** Default: that of the process. */
  stdin?: NodeJS.ReadableStream & { isTTY?: boolean };
  /** Where a prefix is asked for its keys. Default: by the system's resolver and authorities. */
  discover?: typeof discover;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  /** Aborted by the first SIGTERM or SIGINT. */
  signal: AbortSignal;
}

/** A command that ends by itself; resolves with its exit code. Throws UsageError for a command line that cannot be used. */
export type OneShot = (invocation: Invocation) => Promise<number>;
