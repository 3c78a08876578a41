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
import { complaints, counts, longest } from './tools/run-summary.ts';
import { runTests, type TestRun } from './tools/run-tests.ts';
import { readOptions, thoroughVariable, usage, type TestOptions } from './tools/test-options.ts';
import { inOrder, oneAtATime } from './tools/test-order.ts';

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

/** Test files start servers of their own; more of them at once only make each other slow on a small machine. */
const concurrency = 2;

/** No test takes this long: a hang must end as a failure that names it, while there is time for the others. */
const timeoutMs = 6 * 60_000;

/** Longer than any test may take, also one that says for itself how long that is. */
const silenceMs = 11 * 60_000;

/** What was ended has so long to stop its servers. */
const graceMs = 20_000;

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

/** Runs the files; of a whole run, also says where the rights in manifests/ are not what the tests asked for. */
async function runAll(names: readonly string[], whole: boolean, signal: AbortSignal): Promise<TestRun & { rightsFit: boolean }> {
  const options = { cwd: root, concurrency, oneAtATime, timeoutMs, silenceMs, signal, namesPassed: !whole, say: console.log };
  if (!whole) {
    const tests = await runTests(names, options);
    console.log('ℹ rights are not compared with what was asked for: only a whole run shows that');
    return { ...tests, rightsFit: true };
  }
  const directory = mkdtempSync(join(tmpdir(), 'scantling-calls-'));
  process.env[callsVariable] = directory;
  try {
    const tests = await runTests(names, options);
    const isComplete = tests.failed.length + tests.cutOff.length + tests.notBegun.length === 0;
    // What a file that failed has not come to may be what a right is for.
    const wrong = compareRights(await comparedRights(), readCalls(directory)).filter(
      line => isComplete || !line.startsWith('never used'),
    );
    for (const line of wrong) console.error(`  ${line}`);
    console.log(
      `${wrong.length === 0 ? '✔' : '✖'} rights in manifests/ against what was asked for${isComplete ? '' : ' (only what is missing, as files failed)'}`,
    );
    return { ...tests, rightsFit: wrong.length === 0 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The arguments; ends the program where they cannot be used, or ask how they are. */
function readArguments(): TestOptions {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options) return options;
    process.stdout.write(usage);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

/** Ends the run in time for it to say what was left, or when it is told to end. Returns what is aborted then. */
function startClock(minutes: number): AbortSignal {
  const ending = new AbortController();
  const end = (why: string): void => {
    console.log(`✖ ${why}; what runs is ended`);
    ending.abort();
    setTimeout(() => process.exit(1), graceMs).unref();
  };
  const started = Number(process.env['SCANTLING_STARTED'] ?? Date.now());
  const late = `the run has taken ${minutes} minutes, its set-up included (--minutes)`;
  setTimeout(() => end(late), started + minutes * 60_000 - Date.now()).unref();
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => end(`the run was sent ${signal}`));
  return ending.signal;
}

const { patterns, thorough, minutes } = readArguments();
if (thorough) {
  process.env[thoroughVariable] = 'true';
  process.env['FC_RUNS'] ??= '800'; // of properties; more would take longer than a test may
}
const isWhole = patterns.length === 0;
const files = inOrder(
  globSync('test/**/*.test.ts', { cwd: root }).filter(file => isWhole || patterns.some(pattern => file.includes(pattern))),
);
if (files.length === 0) {
  console.error(`no test file's path contains ${patterns.join(' or ')}`);
  process.exit(1);
}
const signal = startClock(minutes);
const failed = isWhole ? await runChecks() : [];
const tests = await runAll(files, isWhole, signal);
if (!tests.rightsFit) failed.push('rights');
if (isWhole) for (const line of longest(tests)) console.log(line);
console.log(counts(tests));
const left = complaints(tests, failed);
for (const line of left) console.log(line);
process.exitCode = left.length === 0 ? 0 : 1;
