import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainTable, shortDigest, table, type StepReport } from './report.ts';
import { brokenDefinition, firstFiles, paths } from './repository.ts';

const files = { baseImage: 'registry.example.com/base:1', output: 'registry.example.com/worker', maxUnavailable: 2 };

test('a table aligns its columns', () => {
  assert.deepEqual(table(['A', 'LONG'], [['wide', 'x']]), ['A     LONG', 'wide  x']);
});

test('the last table says which commit each node booted', () => {
  const step = {
    name: 'first commit',
    commit: 'c'.repeat(40),
    imageDigest: `sha256:${'a'.repeat(64)}`,
    nodes: [{ name: 'node-1', bootedDigest: `sha256:${'b'.repeat(64)}`, bootID: 'boot' }],
  } as StepReport;
  const [, line] = chainTable([step]);
  assert.match(line ?? '', /^first commit +cccccccccc +sha256:aaaaaaaaaaaa +node-1 +sha256:bbbbbbbbbbbb +boot$/);
  assert.equal(shortDigest(step.imageDigest), 'sha256:aaaaaaaaaaaa');
});

test('the broken document is broken on the line that is named', () => {
  const { text, line } = brokenDefinition(files);
  const good = firstFiles(files)[paths.definition]?.split('\n');
  const broken = text.split('\n');
  assert.equal(good?.length, broken.length);
  assert.deepEqual(
    broken.flatMap((l, i) => (l === good?.[i] ? [] : [i + 1])),
    [line],
  );
});
