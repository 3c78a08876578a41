/** Runs test files, each in a process of its own, and says which of them failed. */
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

export interface TestRun {
  /** Files with a test that failed, and those that ended before their tests did. */
  failed: string[];
  /** How long each file took, ms. */
  times: Map<string, number>;
}

/**
 * Runs the files, begun in the order given, and writes a report to standard output.
 * @param files paths relative to `cwd`
 * @param o `timeoutMs` is the longest that a single test may take; the signal ends what is running
 */
export async function runTests(
  files: readonly string[],
  o: { cwd: string; concurrency: number; timeoutMs: number; signal: AbortSignal },
): Promise<TestRun> {
  const failed = new Set<string>();
  const times = new Map<string, number>();
  const prefix = `${o.cwd}/`;
  const relative = (path: string): string => (path.startsWith(prefix) ? path.slice(prefix.length) : path);
  const known = new Set(files);
  const stream = run({
    files: [...files],
    cwd: o.cwd,
    concurrency: o.concurrency,
    execArgv: [`--test-timeout=${o.timeoutMs}`],
    signal: o.signal,
  });
  // The end of a file is reported like that of a test which has the file's name; `file` alone may be where a shared test is written.
  stream.on('test:complete', ({ name, details }) => {
    if (known.has(relative(name))) times.set(relative(name), details.duration_ms);
  });
  stream.on('test:fail', ({ name }) => {
    if (known.has(relative(name))) failed.add(relative(name));
  });
  let allPassed = false;
  stream.on('test:summary', ({ file, success }) => {
    if (file === undefined) allPassed = success;
    else if (!success) failed.add(relative(file));
  });
  for await (const text of stream.compose(new spec())) process.stdout.write(String(text));
  if (!allPassed && failed.size === 0) throw new Error('the test run failed, and no file says why');
  return { failed: files.filter(file => failed.has(file)), times };
}
