/** The last lines of `npm test`: what took long, what failed, what was not run, and what to type for only that. */
import { inOrder } from './test-order.ts';
import { seconds } from './test-report.ts';
import type { TestRun } from './run-tests.ts';

/** How many of the longest files and tests are named after a whole run. */
const namedOfEach = 12;

const linesOf = (of: { what: string; ms: number }[]): string[] =>
  of
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, namedOfEach)
    .map(({ what, ms }) => `  ${seconds(ms)}  ${what}`);

/** The longest files and tests, a line each. */
export function longest({ reports }: Pick<TestRun, 'reports'>): string[] {
  const files = reports.map(({ file, durationMs }) => ({ what: file, ms: durationMs }));
  const tests = reports.flatMap(({ file, tests: ran }) => ran.map(({ name, ms }) => ({ what: `${file}: ${name}`, ms })));
  return ['longest files:', ...linesOf(files), 'longest tests:', ...linesOf(tests)];
}

/** How many tests were run, and how they ended. */
export function counts({ reports }: Pick<TestRun, 'reports'>): string {
  const sum = (of: (report: TestRun['reports'][number]) => number): number =>
    reports.reduce((all, report) => all + of(report), 0);
  const failures = sum(({ failures: all }) => all.length);
  return `ℹ files ${reports.length}, tests ${sum(({ tests }) => tests.length)}, failures ${failures}, skipped ${sum(({ skipped }) => skipped.length)}`;
}

/**
 * What is to be done about a run; nothing when all is well. Each failure is told once more with all that is known, where a log ends.
 * @param checks names of what failed beside the tests
 */
export function complaints(run: TestRun, checks: readonly string[]): string[] {
  const { failed, cutOff, notBegun, reports } = run;
  const failures = reports.flatMap(({ failures: all }) => all);
  const again = inOrder([...new Set([...failed, ...cutOff.map(({ file }) => file), ...notBegun])]);
  return [
    ...(failures.length === 0 ? [] : ['✖ failing tests:', ...failures.flatMap(text => ['', text]), '']),
    ...(checks.length === 0 ? [] : [`✖ beside the tests: ${checks.join(', ')}`]),
    ...cutOff.map(({ file, tests }) => `✖ ended while it ran: ${file}${tests.length === 0 ? '' : ` (${tests.join('; ')})`}`),
    ...(notBegun.length === 0 ? [] : [`✖ not begun: ${notBegun.join(', ')}`]),
    ...(again.length === 0
      ? []
      : [
          `✖ files that failed or were not run to their end: ${again.length}. Only these again:`,
          `npm test -- ${again.join(' ')}`,
        ]),
  ];
}
