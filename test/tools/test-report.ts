/** What people read of a test file: each failure at once, with all that is known of it, and a line when the file has ended. */
import type { EventData } from 'node:test';
import { inspect } from 'node:util';

/** How much of what a file printed is kept for the case that it fails, characters. */
const keptOutput = 64 * 1024;

interface Running {
  name: string;
  parentId: number | undefined;
}

export class FileReport {
  /** The file, as the run was told it. */
  readonly file: string;
  /** What is known of each test that failed, and of the file when it ended before its tests did. */
  readonly failures: string[] = [];
  /** Tests that were run, as their suites and they are called, with how long they took, ms. */
  readonly tests: { name: string; ms: number }[] = [];
  /** How long the file took, ms. */
  durationMs = 0;
  /** Tests that were not run, with what is said for a reason. */
  readonly skipped: { name: string; why: string }[] = [];
  /** By the number that each test of the file has. */
  readonly #running = new Map<number, Running>();
  readonly #passed: string[] = [];
  readonly #cwd: string;
  #output = '';

  constructor(file: string, cwd: string) {
    this.file = file;
    this.#cwd = cwd;
  }

  /** The tests that have begun and not ended, in the order of their beginning; a suite only while none of it runs. */
  get running(): string[] {
    const parents = new Set([...this.#running.values()].map(({ parentId }) => parentId));
    return [...this.#running].filter(([id]) => !parents.has(id)).map(([, { name, parentId }]) => this.#named(name, parentId));
  }

  /** Keeps what the file printed. */
  printed(text: string): void {
    this.#output = (this.#output + text).slice(-keptOutput);
  }

  /** A test or a suite begins to run. */
  began({ name, testId, parentId }: EventData.TestDequeue): void {
    if (!this.#isFile(name)) this.#running.set(testId, { name, parentId });
  }

  /** A test or a suite has ended, or was skipped. Returns what is to be said of it at once. */
  completed(test: EventData.TestComplete): string | undefined {
    const { name, parentId, testId, skip, details } = test;
    const isFile = this.#isFile(name);
    if (!isFile) this.#running.delete(testId);
    const { passed, duration_ms: ms, error, type } = details;
    const title = this.#named(name, parentId);
    if (skip !== undefined) this.skipped.push({ name: title, why: skip === true ? '' : String(skip) });
    else if (!isFile && type !== 'suite') this.tests.push({ name: title, ms });
    if (passed && !isFile && type !== 'suite') this.#passed.push(`  ${skip === undefined ? '✔' : '﹣'} ${title} (${ms}ms)`);
    return passed || !error ? undefined : this.#failed(test, error);
  }

  /** The file was ended, as it said nothing for longer than any test may take. Returns what is to be said of it. */
  fellSilent(afterMs: number): string {
    const { running } = this;
    const what = running.length === 0 ? 'its tests were over, and something of them was not' : `running: ${running.join('; ')}`;
    const said = `test at ${this.file}\n✖ ${this.file} (${afterMs}ms)\n  nothing was heard of it for ${seconds(afterMs)}, so it was ended; ${what}`;
    this.failures.push(said);
    return said;
  }

  /**
   * The file has ended. Returns what is to be said of it: one line, after what a file that failed has printed.
   * @param o `tests`: each test that passed is named as well
   */
  ended(success: boolean, o: { tests: boolean }): string {
    const why = [...new Set(this.skipped.map(skipped => skipped.why).filter(reason => reason !== ''))].join('; ');
    const skipped = this.skipped.length === 0 ? '' : `, ${this.skipped.length} skipped${why && `: ${why}`}`;
    return [
      ...(success || this.#output.trim() === '' ? [] : [`what ${this.file} printed:`, indented(this.#output.trimEnd())]),
      `${success ? '✔' : '✖'} ${this.file} (${seconds(this.durationMs)}${skipped})`,
      ...(o.tests ? this.#passed : []),
    ].join('\n');
  }

  #failed({ name, parentId, line, column, details }: EventData.TestComplete, error: Failure): string | undefined {
    const isFile = this.#isFile(name);
    // What is in it says why; and what was ended from outside has not failed.
    if (error.failureType === 'subtestsFailed' || error.failureType === 'testAborted') return undefined;
    if (isFile && this.failures.length > 0) return undefined;
    const { exitCode, signal } = error;
    const ended = signal ? `by ${signal}` : `with exit code ${exitCode ?? 'unknown'}`;
    const why = isFile ? `it ended ${ended} before its tests did` : inspect(error.cause instanceof Error ? error.cause : error);
    const where = isFile ? this.file : `${this.file}:${line ?? 0}:${column ?? 0}`;
    const title = isFile ? this.file : this.#named(name, parentId);
    const said = `test at ${where}\n✖ ${title} (${details.duration_ms}ms)\n${indented(why)}`;
    this.failures.push(said);
    return said;
  }

  /** With the names of the suites and tests around it, which are still running. */
  #named(name: string, parentId: number | undefined): string {
    const parent = parentId === undefined ? undefined : this.#running.get(parentId);
    return parent ? `${this.#named(parent.name, parent.parentId)} > ${name}` : name;
  }

  #isFile(name: string): boolean {
    return name === this.file || name === `${this.#cwd}/${this.file}`;
  }
}

/** What Node says of a test that failed; of a file, how its process ended. */
type Failure = Error & { failureType?: string; exitCode?: number | null; signal?: NodeJS.Signals | null };

const indented = (text: string): string => text.replaceAll(/^/gm, '  ');

/** A duration for people. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
