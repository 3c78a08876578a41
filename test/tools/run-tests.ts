/**
 * Runs test files, each in a process of its own, and says at once what failed in them and how each ended. Each is a run of Node's of its own:
 * of many files in one run Node reports in their order, so that nothing is heard of all those that follow one which takes long, or hangs.
 */
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { FileReport } from './test-report.ts';

export interface RunOptions {
  /** The paths of files are relative to it. */
  cwd: string;
  /** How many files are run at once, beside one of `oneAtATime`. */
  concurrency: number;
  /** Files of which no two can be run at once. They have a lane of their own, where they keep no others waiting, until they are over. */
  oneAtATime: ReadonlySet<string>;
  /** The longest that a single test, or a hook, may take. */
  timeoutMs: number;
  /** A file of which nothing is heard for so long is ended: longer than a test or a hook may take, because what outlives them has no limit. */
  silenceMs: number;
  /** Ends what is running; nothing else is begun. */
  signal: AbortSignal;
  /** Names tests that passed, too. */
  namesPassed: boolean;
  /** Given what people read, a line or more. */
  say: (text: string) => void;
}

export interface TestRun {
  /** Files with a test that failed, and those that ended before their tests did. */
  failed: string[];
  /** Files that the signal ended, with the tests that were running. */
  cutOff: { file: string; tests: string[] }[];
  /** Files that were not begun before the signal. */
  notBegun: string[];
  /** What was run of each file, in the order in which they were begun. */
  reports: FileReport[];
}

/** Runs the files, begun in the order given within their lane. `files` are paths relative to `cwd`. */
export async function runTests(files: readonly string[], o: RunOptions): Promise<TestRun> {
  const reports: FileReport[] = [];
  const failed = new Set<string>();
  const cutOff: TestRun['cutOff'] = [];
  const lane = async (waiting: string[]): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !o.signal.aborted; file = waiting.shift()) {
      const report = new FileReport(file, o.cwd);
      reports.push(report);
      const end = await runFile(report, o);
      if (end === 'cut off') cutOff.push({ file, tests: report.running });
      if (end === 'failed' || report.failures.length > 0) failed.add(file);
    }
  };
  const alone = files.filter(file => o.oneAtATime.has(file));
  const others = files.filter(file => !o.oneAtATime.has(file));
  const lanes = Array.from({ length: o.concurrency }, () => lane(others));
  // Where what had to be run by itself is over in the middle of a run, its lane goes on with others.
  if (alone.length > 0) lanes.push(lane(alone).then(() => lane(others)));
  await Promise.all(lanes);
  const begun = new Set(reports.map(({ file }) => file));
  return {
    failed: files.filter(file => failed.has(file)),
    cutOff,
    notBegun: files.filter(file => !begun.has(file)),
    reports,
  };
}

async function runFile(report: FileReport, o: RunOptions): Promise<'passed' | 'failed' | 'cut off'> {
  const start = performance.now();
  const silent = new AbortController();
  const watchdog = setTimeout(() => silent.abort(), o.silenceMs);
  const stream = run({
    files: [report.file],
    cwd: o.cwd,
    concurrency: 1,
    execArgv: [`--test-timeout=${o.timeoutMs}`],
    signal: AbortSignal.any([o.signal, silent.signal]),
  });
  let success = false;
  for await (const { type, data } of stream as AsyncIterable<TestEvent>) {
    watchdog.refresh();
    if (type === 'test:dequeue') report.began(data);
    else if (type === 'test:stdout' || type === 'test:stderr') report.printed(data.message);
    else if (type === 'test:summary' && data.file === undefined) success = data.success;
    else if (type === 'test:complete') {
      const failure = report.completed(data);
      if (failure !== undefined) o.say(failure);
    }
  }
  clearTimeout(watchdog);
  report.durationMs = performance.now() - start;
  if (silent.signal.aborted) o.say(report.fellSilent(o.silenceMs));
  if (o.signal.aborted && !success) return 'cut off';
  o.say(report.ended(success, { tests: o.namesPassed }));
  return success ? 'passed' : 'failed';
}
