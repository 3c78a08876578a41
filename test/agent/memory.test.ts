import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, describe } from 'node:test';
import { createMemoryFile } from '../../controller/agent/memory-file.ts';
import {
  MemoryFormatError,
  barredBy,
  emptyMemory,
  parseMemory,
  recall,
  revisionOf,
  withFailure,
  withRevision,
  withVerdict,
} from '../../controller/agent/memory.ts';
import { targetOf } from '../../controller/agent/target.ts';
import { digest, specOf } from './world.ts';

const directory = mkdtempSync(join(tmpdir(), 'scantling-memory-'));
after(() => rmSync(directory, { recursive: true }));

const failure = (n: number, approval?: string) => ({
  digest: digest(n),
  reason: 'FellBack',
  time: '2026-01-01T00:00:00Z',
  ...(approval === undefined ? {} : { approval }),
});

test('the file is empty at first, and keeps what it is given', async () => {
  const path = join(directory, 'deep', 'memory.json');
  const file = createMemoryFile(path);
  assert.deepEqual(await file.load(), emptyMemory());
  const memory = withFailure(withRevision(emptyMemory(), specOf(2)), failure(2, 'a'));
  await file.save(memory);
  assert.deepEqual(await createMemoryFile(path).load(), memory);
  await file.save(emptyMemory());
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), emptyMemory());
});

for (const text of [
  '',
  '{"version":1,"failed":[',
  'null',
  '{}',
  '{"version":2}',
  '{"version":1,"failed":{},"spent":[],"revisions":[]}',
  '{"version":1,"failed":[null],"spent":[],"revisions":[]}',
  '{"version":1,"failed":[],"spent":[7],"revisions":[]}',
  '{"version":1,"failed":[],"spent":[],"revisions":[],"intent":{"approval":"a","digest":"d","bootID":"b"}}',
]) {
  test(`a file with ${JSON.stringify(text)} is named, and not taken for an empty one`, async () => {
    const path = join(directory, 'bad.json');
    writeFileSync(path, text);
    await assert.rejects(createMemoryFile(path).load(), (error: Error) => {
      assert.match(error.message, new RegExp(path));
      assert.match(error.message, /Remove it/);
      return error.cause instanceof MemoryFormatError;
    });
    assert.equal(readFileSync(path, 'utf8'), text);
  });
}

test('an intent without its parts is refused', () => {
  assert.throws(() => parseMemory(JSON.stringify({ ...emptyMemory(), intent: { approval: 'a' } })), MemoryFormatError);
});

test('every list is bounded, and the newest stays', () => {
  let memory = emptyMemory();
  for (let n = 0; n < 90; n++) {
    memory = withRevision(withFailure(memory, failure(n)), specOf(n));
    memory = withVerdict(memory, { type: 'FellBack', digest: digest(n), approval: `${n}/x`, bootID: 'b', time: 't' }, [
      digest(n),
    ]);
  }
  assert.equal(memory.failed.length, 20);
  assert.equal(memory.spent.length, 64);
  assert.equal(memory.revisions.length, 64);
  assert.equal(memory.failed.at(-1)?.digest, digest(89));
  assert.equal(revisionOf(memory, digest(89)), specOf(89).revision);
  assert.equal(revisionOf(memory, digest(1)), undefined);
});

test('a digest has one failure, and success clears it', () => {
  const twice = withFailure(withFailure(emptyMemory(), failure(2, 'a')), failure(2, 'b'));
  assert.deepEqual(
    twice.failed.map(f => f.approval),
    ['b'],
  );
  const cleared = withVerdict(twice, { type: 'Succeeded', digest: digest(9), approval: 'c', bootID: 'b', time: 't' }, [
    digest(9),
    digest(2),
  ]);
  assert.deepEqual(cleared.failed, []);
});

test('a revision that is known already changes nothing', () => {
  const memory = withRevision(emptyMemory(), specOf(2));
  assert.equal(withRevision(memory, specOf(2)), memory);
  const { revision: _revision, ...without } = specOf(3);
  assert.equal(withRevision(memory, without), memory);
});

test('a failure bars its digest until a fresh approval or a word', () => {
  const memory = { ...withFailure(emptyMemory(), failure(2, 'first')), spent: ['first', 'second'] };
  const barred = (approval: string | undefined, retried: string[] = []) =>
    barredBy(memory, { digests: [digest(2)], approval, retried }) !== undefined;
  assert.equal(barred(undefined), true);
  assert.equal(barred('first'), true);
  assert.equal(barred('second'), true);
  assert.equal(barred('third'), false);
  assert.equal(barred(undefined, [`${digest(2)}/2026-01-01T00:00:00Z`]), false);
  assert.equal(barredBy(memory, { digests: [digest(3)], approval: undefined, retried: [] }), undefined);
});

describe('an empty memory and a reboot that was reported', () => {
  const approval = `2026-01-01T00:00:00Z/${digest(2)}`;
  const order = { spec: specOf(2, { state: 'Booted', approval }), generation: 3 };
  const host = {
    phase: 'Rebooting',
    bootID: 'boot-1',
    booted: { digest: digest(1) },
    staged: { digest: digest('aa') },
    reportedAt: '2026-01-01T00:01:00Z',
  } as const;
  const at = Date.parse(host.reportedAt);
  const common = { bootID: 'boot-1', before: digest(1), rebootAt: at, toldAt: at };

  test('it was for the go-ahead that stands', () => {
    const { intent } = recall(emptyMemory(), { observedGeneration: 3, host }, order);
    assert.deepEqual(intent, { approval, digest: digest(2), digests: [digest(2)], ...common });
  });
  test('when that was taken back since, it was for what was staged', () => {
    const of = { approval: `${host.reportedAt}/${digest('aa')}`, digest: digest('aa'), digests: [digest('aa')], ...common };
    assert.deepEqual(recall(emptyMemory(), { observedGeneration: 2, host }, order).intent, of);
    assert.deepEqual(recall(emptyMemory(), { observedGeneration: 3, host }, { spec: specOf(2), generation: 3 }).intent, of);
  });
  test('it was for the addons of the target, or for those that were prepared', () => {
    const [set, prepared] = [digest('5e'), { image: digest('aa'), set: digest('5f') }];
    const spec = specOf(2, { addonSet: set });
    const approved = { spec: { ...spec, state: 'Booted' as const, approval: `now/${targetOf(spec)}` }, generation: 3 };
    assert.equal(recall(emptyMemory(), { observedGeneration: 3, host }, approved).intent?.set, set);
    assert.equal(recall(emptyMemory(), { observedGeneration: 2, host: { ...host, prepared } }, order).intent?.set, prepared.set);
  });
  test('it is over when there is a verdict, or another phase', () => {
    const verdict = { type: 'FellBack', digest: digest(2), approval, bootID: 'boot-2', time: 't' } as const;
    assert.equal(recall(emptyMemory(), { observedGeneration: 3, host, verdict }, order).intent, undefined);
    const staged = { ...host, phase: 'Staged' } as const;
    assert.equal(recall(emptyMemory(), { observedGeneration: 3, host: staged }, order).intent, undefined);
  });
});

test('an empty memory is filled from what was reported, any other is not', () => {
  const verdict = { type: 'FellBack', digest: digest(2), approval: 'a', bootID: 'b', time: 't' } as const;
  const status = { verdict, host: { failed: [failure(2, 'a')] } };
  const filled = recall(emptyMemory(), status);
  assert.deepEqual(filled.verdict, verdict);
  assert.deepEqual(filled.spent, ['a']);
  assert.equal(filled.failed.length, 1);
  const own = withFailure(emptyMemory(), failure(3));
  assert.equal(recall(own, status), own);
  assert.deepEqual(recall(emptyMemory(), undefined), emptyMemory());
});
