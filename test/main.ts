/**
 * `npm test`: types, lint, generated files, then every test; `npm test -- PATTERN…`: only the test files whose path contains
 * one of the patterns. Everything is run even when something before it failed; the exit code says whether all was well, and the last
 * lines what to run again.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { callsVariable } from './cluster/audit.ts';
import { comparedRights, compareRights, readCalls } from './tools/compare-rights.ts';
import { runTests, type TestRun } from './tools/run-tests.ts';
import { inOrder } from './tools/test-order.ts';

const root = dirname(import.meta.dirname);
const bin = join(root, 'node_modules', '.bin');

/** Stages before the tests: what a compiler, linters and the generator find in the whole checkout. */
const checks: readonly { name: string; command: string; args: readonly string[] }[] = [
  { name: 'types', command: join(bin, 'tsc'), args: ['--noEmit'] },
  { name: 'lint', command: join(bin, 'oxlint'), args: ['--type-aware', '--deny-warnings'] },
  { name: 'format', command: join(bin, 'prettier'), args: ['--check', '--log-level=warn', '.'] },
  { name: 'unused code', command: join(bin, 'knip'), args: ['--no-progress'] },
  { name: 'generated files', command: process.execPath, args: ['test/tools/generate.ts', '--check'] },
];

/** Test files start servers of their own; more than two at once only make each other slow on a small machine. */
const concurrency = 2;

/** No test takes this long: a hang must end as a failure that names it, in good time before CI's own limit. */
const timeoutMs = 15 * 60_000;

function run(command: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
  const end = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGTERM', end).on('SIGHUP', end); // Ctrl-C reaches the child from the terminal itself
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', code => {
      process.off('SIGTERM', end).off('SIGHUP', end);
      resolve(code === 0);
    });
  });
}

async function runChecks(): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, command, args } of checks) {
    const start = performance.now();
    const passed = await run(command, args);
    if (!passed) failed.push(name);
    console.log(`${passed ? '✔' : '✖'} ${name} (${Math.round(performance.now() - start)} ms)`);
  }
  return failed;
}

/** How many of the longest files are named after a whole run. */
const namedFiles = 12;

function sayTimes(times: TestRun['times']): void {
  const longest = [...times].toSorted(([, a], [, b]) => b - a).slice(0, namedFiles);
  console.log('longest files:');
  for (const [file, ms] of longest) console.log(`  ${Math.round(ms / 1000)} s  ${file}`);
}

/** Runs the files; of a whole run, also says where the rights in manifests/ are not what the tests asked for. Returns the files that failed, and whether rights are right. */
async function runAll(names: readonly string[], whole: boolean, signal: AbortSignal): Promise<TestRun & { rightsFit: boolean }> {
  const options = { cwd: root, concurrency, timeoutMs, signal };
  if (!whole) {
    const tests = await runTests(names, options);
    console.log('ℹ rights are not compared with what was asked for: only a whole run shows that');
    return { ...tests, rightsFit: true };
  }
  const directory = mkdtempSync(join(tmpdir(), 'scantling-calls-'));
  process.env[callsVariable] = directory;
  try {
    const tests = await runTests(names, options);
    // What a failed file has not come to may be what a right is for.
    const wrong = compareRights(await comparedRights(), readCalls(directory)).filter(
      line => tests.failed.length === 0 || !line.startsWith('never used'),
    );
    for (const line of wrong) console.error(`  ${line}`);
    console.log(
      `${wrong.length === 0 ? '✔' : '✖'} rights in manifests/ against what was asked for${tests.failed.length > 0 ? ' (only what is missing, as files failed)' : ''}`,
    );
    return { ...tests, rightsFit: wrong.length === 0 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function sayFailures(checksFailed: readonly string[], filesFailed: readonly string[]): void {
  if (checksFailed.length > 0) console.error(`✖ beside the tests: ${checksFailed.join(', ')}`);
  if (filesFailed.length === 0) return;
  console.error(`✖ failed files: ${filesFailed.length}. Only these again:`);
  console.error(`npm test -- ${filesFailed.join(' ')}`);
}

const usage = `Usage: npm test [-- PATTERN…]
  Without a pattern: types, lint, format, unused code, generated files, and every test.
  PATTERN…              only the test files whose path contains one of the patterns, as npm test -- test/rollout
  --kubernetes VERSION  the servers of Kubernetes are of this supported version
`;

const patterns = process.argv.slice(2);
const flag = patterns.find(pattern => pattern.startsWith('-'));
if (flag === '--help' || flag === '-h') {
  process.stdout.write(usage);
  process.exit(0);
}
if (flag !== undefined) {
  process.stderr.write(`there is no flag ${flag}\n${usage}`);
  process.exit(2);
}
const files = inOrder(
  globSync('test/**/*.test.ts', { cwd: root }).filter(
    file => patterns.length === 0 || patterns.some(pattern => file.includes(pattern)),
  ),
);
if (files.length === 0) {
  console.error(`no test file's path contains ${patterns.join(' or ')}`);
  process.exit(1);
}
const failed = patterns.length === 0 ? await runChecks() : [];
const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ending.abort());
const tests = await runAll(files, patterns.length === 0, ending.signal);
if (!tests.rightsFit) failed.push('rights');
if (patterns.length === 0) sayTimes(tests.times);
sayFailures(failed, tests.failed);
process.exitCode = tests.failed.length === 0 && failed.length === 0 ? 0 : 1;
