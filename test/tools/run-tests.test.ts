import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { RunOptions } from './run-tests.ts';
import { FileReport } from './test-report.ts';
import { inOrder, longestFirst, oneAtATime } from './test-order.ts';

const root = join(import.meta.dirname, '../..');

const npmTest = (flag: string) => spawnSync(process.execPath, [join(root, 'test/main.ts'), flag], { encoding: 'utf8' });

test('npm test says how it is used, and that a flag is none', () => {
  const help = npmTest('--help');
  assert.deepEqual([help.status, help.stderr, help.stdout.split('\n')[0]], [0, '', 'Usage: npm test [-- PATTERN…]']);
  const wrong = npmTest('--watch');
  assert.deepEqual([wrong.status, wrong.stdout, wrong.stderr.split('\n')[0]], [2, '', 'there is no flag --watch']);
});

interface Ran {
  out: string;
  failed: string[];
  cutOff: { file: string; tests: string[] }[];
  notBegun: string[];
  timed: string[];
  complaints: string[];
}

/** Test files by name, run by a process that is no test itself, which is told to end once all of these words were printed by it or by files. */
async function runAll(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  o: Partial<RunOptions> & { endAt?: string } = {},
): Promise<Ran> {
  const cwd = mkdtempSync(join(tmpdir(), 'scantling-run-tests-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(cwd, name), `import { suite, test } from 'node:test';\n${text}`);
  const { endAt = '', oneAtATime, ...more } = o;
  const options = JSON.stringify({ cwd, concurrency: 2, timeoutMs: 60_000, silenceMs: 60_000, namesPassed: true, ...more });
  const program = `
    import { existsSync } from 'node:fs';
    import { runTests } from ${JSON.stringify(join(import.meta.dirname, 'run-tests.ts'))};
    import { complaints } from ${JSON.stringify(join(import.meta.dirname, 'run-summary.ts'))};
    const names = ${JSON.stringify(Object.keys(files).filter(name => name.endsWith('.test.mjs')))};
    const ending = new AbortController();
    const endAt = ${JSON.stringify(endAt)};
    if (endAt) setInterval(() => { if (existsSync(endAt)) ending.abort(); }, 10).unref();
    const oneAtATime = new Set(${JSON.stringify([...(oneAtATime ?? [])])});
    const run = await runTests(names, { ...${options}, oneAtATime, signal: ending.signal, say: console.log });
    const { failed, cutOff, notBegun, reports } = run;
    console.log('\\n' + JSON.stringify({ failed, cutOff, notBegun, timed: reports.map(r => r.file), complaints: complaints(run, []) }));
    process.exit();`;
  writeFileSync(join(cwd, 'program.mjs'), program);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout: out } = await promisify(execFile)(process.execPath, ['program.mjs'], { cwd, env });
  return { out, ...(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Omit<Ran, 'out'>) };
}

test('files are named that have a test which fails, wherever it is written, that cannot be loaded, or that die', async t => {
  const files = {
    'shared.mjs': "export const shared = () => test('of all', () => { throw new Error('no'); });",
    'good.test.mjs': "test('good', () => {});",
    'bad.test.mjs': "import { shared } from './shared.mjs'; shared();",
    'below.test.mjs': "suite('s', () => test('t', () => { throw new Error('no'); }));",
    'unloadable.test.mjs': "throw new Error('no');",
    'dead.test.mjs': "process.kill(process.pid, 'SIGKILL');",
  };
  const { failed, timed, out, complaints } = await runAll(t, files);
  assert.deepEqual(failed, ['bad.test.mjs', 'below.test.mjs', 'unloadable.test.mjs', 'dead.test.mjs']);
  assert.deepEqual(
    timed.toSorted(),
    Object.keys(files)
      .filter(name => name.includes('.test.'))
      .toSorted(),
  );
  assert.match(out, /✔ good/);
  assert.match(complaints.join('\n'), /✖ s > t \([\d.]+ms\)\n {2}Error: no/);
  assert.match(complaints.join('\n'), /✖ dead.test.mjs \([\d.]+ms\)\n {2}it ended by SIGKILL before its tests did/);
  assert.equal(complaints.at(-1), `npm test -- ${failed.toSorted().join(' ')}`);
});

test('nothing is complained of when all is well, and of what passes only files are named', async t => {
  const files = {
    'good.test.mjs': "console.log('talk'); test('good', () => {}); test('other', { skip: 'no reason' }, () => {});",
  };
  const { failed, complaints, out } = await runAll(t, files, { namesPassed: false });
  assert.deepEqual([failed, complaints], [[], []]);
  assert.match(out, /^✔ good\.test\.mjs \([\d.]+ s, 1 skipped: no reason\)\n/);
});

test('what fails is said while others are running, with what its file printed', async t => {
  // The first ends once the failure of the second was told, which the program's standard output is to show.
  const files = {
    'long.test.mjs':
      "import { existsSync } from 'node:fs'; test('long', async () => { while (!existsSync('over')) await new Promise(r => setTimeout(r, 10)); });",
    'bad.test.mjs': "console.log('talk'); suite('s', () => test('bad', () => { throw new Error('no'); }));",
    'last.test.mjs': "import { writeFileSync } from 'node:fs'; test('last', () => writeFileSync('over', ''));",
  };
  const { out, failed } = await runAll(t, files, { namesPassed: false });
  assert.deepEqual(failed, ['bad.test.mjs']);
  const told =
    /^test at bad\.test\.mjs:2:\d+\n✖ s > bad \([\d.]+ms\)\n {2}Error: no\n[^]*what bad\.test\.mjs printed:\n {2}talk\n✖ bad\.test\.mjs \([\d.]+ s\)\n[^]*✔ long/;
  assert.match(out, told);
});

test('a run that is ended names what was running and what was not begun, and how to run only that', async t => {
  const files = {
    'done.test.mjs': "test('done', () => {});",
    'bad.test.mjs': "test('bad', () => { throw new Error('no'); });",
    'hangs.test.mjs':
      "import { writeFileSync } from 'node:fs'; suite('s', () => { test('over', () => {}); test('hangs', async () => { writeFileSync('hangs', ''); await new Promise(r => setTimeout(r, 60_000)); }); });",
    'later.test.mjs': "test('later', () => {});",
  };
  const { failed, cutOff, notBegun, complaints } = await runAll(t, files, { concurrency: 1, endAt: 'hangs' });
  assert.deepEqual(
    [failed, cutOff.map(({ file }) => file), notBegun],
    [['bad.test.mjs'], ['hangs.test.mjs'], ['later.test.mjs']],
  );
  assert.match(complaints.at(-4) ?? '', /^✖ ended while it ran: hangs\.test\.mjs( \(s > hangs\))?$/);
  assert.deepEqual(complaints.slice(-3), [
    '✖ not begun: later.test.mjs',
    '✖ files that failed or were not run to their end: 3. Only these again:',
    'npm test -- bad.test.mjs hangs.test.mjs later.test.mjs',
  ]);
});

test('a test that takes too long is a failure that names it, and a file that does not end is ended', async t => {
  const files = {
    'long.test.mjs': "test('long', () => new Promise(r => setTimeout(r, 2_000)));",
    'hangs.test.mjs': "import { createServer } from 'node:http'; test('leaves a server', () => { createServer().listen(0); });",
  };
  const { failed, complaints } = await runAll(t, files, { timeoutMs: 500, silenceMs: 4_000 });
  assert.deepEqual(failed, ['long.test.mjs', 'hangs.test.mjs']);
  const said = complaints.join('\n');
  assert.match(said, /✖ long \([\d.]+ms\)\n {2}.*test timed out after 500ms/);
  assert.match(
    said,
    /✖ hangs\.test\.mjs \(4000ms\)\n {2}nothing was heard of it for 4\.0 s, so it was ended; its tests were over/,
  );
});

/** What Node says of a test that begins. */
function begins(testId: number, parentId: number, name: string) {
  return { testId, parentId, name, tags: [], nesting: parentId === 0 ? 0 : 1, type: 'test' as const };
}

test('what runs is named with its suites, and a suite only while none of it runs', () => {
  const report = new FileReport('a.test.ts', '/cwd');
  report.began(begins(1, 0, '/cwd/a.test.ts'));
  report.began(begins(1, 0, 's'));
  assert.deepEqual(report.running, ['s']);
  report.began(begins(2, 1, 'one'));
  report.began(begins(3, 1, 'two'));
  assert.deepEqual(report.running, ['s > one', 's > two']);
  report.completed({ ...begins(2, 1, 'one'), testNumber: 1, details: { passed: true, duration_ms: 2, type: 'test' } });
  assert.deepEqual(report.running, ['s > two']);
  assert.deepEqual(report.tests, [{ name: 's > one', ms: 2 }]);
});

test('files that cannot run at once have a lane of their own, beside the others', async t => {
  // Each of the first two fails when the other has begun and not ended; the first ends when the third was run.
  const taken = "import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';";
  const files = {
    'one.test.mjs': `${taken} test('one', async () => { mkdirSync('taken'); while (!existsSync('over')) await new Promise(r => setTimeout(r, 10)); rmdirSync('taken'); });`,
    'two.test.mjs': `${taken} test('two', () => { mkdirSync('taken'); rmdirSync('taken'); });`,
    'other.test.mjs': `${taken} test('other', () => writeFileSync('over', ''));`,
  };
  const { failed } = await runAll(t, files, { concurrency: 1, oneAtATime: new Set(['one.test.mjs', 'two.test.mjs']) });
  assert.deepEqual(failed, []);
});

test('npm test ends a run whose time is over, and fails', async () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const started = String(Date.now() - 3_600_000); // a set-up that took so long
  const ended = spawnSync(process.execPath, [join(root, 'test/main.ts'), '--minutes', '60', 'test/tools/test-options.test.ts'], {
    encoding: 'utf8',
    env: { ...env, SCANTLING_STARTED: started },
  });
  assert.equal(ended.status, 1);
  assert.match(ended.stdout, /^✖ the run has taken 60 minutes, its set-up included \(--minutes\); what runs is ended\n/);
  assert.match(ended.stdout, /\nnpm test -- test\/tools\/test-options\.test\.ts\n$/);
});

test('the long files are begun first, and are there', () => {
  const [first = '', second = ''] = longestFirst;
  assert.deepEqual(inOrder(['test/z.test.ts', second, 'test/a.test.ts', first]), [
    first,
    second,
    'test/a.test.ts',
    'test/z.test.ts',
  ]);
  for (const file of [...longestFirst, ...oneAtATime])
    assert.ok(existsSync(join(root, file)), `${file} is no more: name its successor in test-order.ts`);
});
