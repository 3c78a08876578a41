import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inOrder, longestFirst } from './test-order.ts';

const root = join(import.meta.dirname, '../..');

const npmTest = (flag: string) => spawnSync(process.execPath, [join(root, 'test/main.ts'), flag], { encoding: 'utf8' });

test('npm test says how it is used, and that a flag is none', () => {
  const help = npmTest('--help');
  assert.deepEqual([help.status, help.stderr, help.stdout.split('\n')[0]], [0, '', 'Usage: npm test [-- PATTERN…]']);
  const wrong = npmTest('--watch');
  assert.deepEqual([wrong.status, wrong.stdout, wrong.stderr.split('\n')[0]], [2, '', 'there is no flag --watch']);
});

/** Test files by name, run by a process that is no test itself. */
function runAll(
  t: TestContext,
  files: Readonly<Record<string, string>>,
): Promise<{ out: string; failed: string[]; timed: string[] }> {
  const cwd = mkdtempSync(join(tmpdir(), 'scantling-run-tests-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  const options = JSON.stringify({ cwd, concurrency: 2, timeoutMs: 60_000 });
  const program = `
    import { runTests } from ${JSON.stringify(join(import.meta.dirname, 'run-tests.ts'))};
    const names = ${JSON.stringify(Object.keys(files).filter(name => name.endsWith('.test.mjs')))};
    const { failed, times } = await runTests(names, { ...${options}, signal: new AbortController().signal });
    console.log('\\n' + JSON.stringify({ failed, timed: [...times.keys()] }));`;
  writeFileSync(join(cwd, 'program.mjs'), program);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['program.mjs'], { cwd, env }, (error, out) => {
      if (error) reject(error);
      else resolve({ out, ...(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as { failed: string[]; timed: string[] }) });
    });
  });
}

test('files are named that have a test which fails, wherever it is written, that cannot be loaded, or that die', async t => {
  const files = {
    'shared.mjs':
      "import { test } from 'node:test'; export const shared = () => test('of all', () => { throw new Error('no'); });",
    'good.test.mjs': "import { test } from 'node:test'; test('good', () => {});",
    'bad.test.mjs': "import { shared } from './shared.mjs'; shared();",
    'below.test.mjs': "import { suite, test } from 'node:test'; suite('s', () => test('t', () => { throw new Error('no'); }));",
    'unloadable.test.mjs': "throw new Error('no');",
    'dead.test.mjs': "process.kill(process.pid, 'SIGKILL');",
  };
  const { failed, timed, out } = await runAll(t, files);
  assert.deepEqual(failed, ['bad.test.mjs', 'below.test.mjs', 'unloadable.test.mjs', 'dead.test.mjs']);
  assert.deepEqual(
    timed.toSorted(),
    Object.keys(files)
      .filter(name => name.includes('.test.'))
      .toSorted(),
  );
  assert.match(out, /✔ good/);
});

test('none is named when all is well', async t => {
  const { failed } = await runAll(t, { 'good.test.mjs': "import { test } from 'node:test'; test('good', () => {});" });
  assert.deepEqual(failed, []);
});

test('the long files are begun first, and are there', () => {
  const [first = '', second = ''] = longestFirst;
  assert.deepEqual(inOrder(['test/z.test.ts', second, 'test/a.test.ts', first]), [
    first,
    second,
    'test/a.test.ts',
    'test/z.test.ts',
  ]);
  for (const file of longestFirst)
    assert.ok(existsSync(join(root, file)), `${file} is no more: name its successor in test-order.ts`);
});
