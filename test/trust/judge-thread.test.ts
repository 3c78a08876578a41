import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { TransientError } from '../../controller/api/errors.ts';
import type { Candidate } from '../../controller/trust/candidate.ts';
import { JudgeThread, type JudgeThreadOptions } from '../../controller/trust/judge-thread.ts';
import type { Judgement } from '../../controller/trust/judgement.ts';
import { bundle, image, keyAuthority, newPair, now, rulesOf, simple } from './signed-fixture.ts';

const pair = newPair();
const rules = rulesOf([keyAuthority('release', [pair])]);

function threadFor(t: TestContext, options: JudgeThreadOptions = {}): JudgeThread {
  const thread = new JudgeThread(options);
  t.after(() => thread.close());
  return thread;
}

/** A thread that does what the job's commit says. */
function misbehaving(t: TestContext): URL {
  const directory = mkdtempSync(join(tmpdir(), 'judge-thread-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'thread.mjs');
  writeFileSync(
    file,
    `import { parentPort } from 'node:worker_threads';
function listOf(count) {
  const list = [];
  for (let i = 0; i < count; i++) list.push({ i });
  return list;
}
parentPort.on('message', ({ id, of }) => {
  if (of.commit === 'hang') for (;;);
  if (of.commit === 'exit') process.exit(3);
  if (of.commit === 'throw') throw new Error('thrown');
  // Small things in lists of some thousand, as judging makes them. V8 ends a thread only at a call or turn of a loop of its own: one that does nothing but call built-in functions goes on.
  if (of.commit === 'memory') for (let all; ; all = { all, list: listOf(1_000) });
  parentPort.postMessage(of.commit === 'fail' ? { id, failure: 'said so' } : { id, judgement: { decision: 'Trusted' } });
});`,
  );
  return pathToFileURL(file);
}

function judged(thread: JudgeThread, candidates: readonly Candidate[] = [], commit?: string): Promise<Judgement> {
  return thread.judge({ rules, image, now, ...(commit === undefined ? {} : { commit }) }, candidates);
}

function failsWith(words: RegExp): (error: unknown) => boolean {
  return error => error instanceof TransientError && error.reason === 'SignatureLookupFailed' && words.test(error.message);
}

function rests(ms: number): (error: unknown) => boolean {
  return error => {
    assert.ok(error instanceof TransientError && error.reason === 'SignatureLookupFailed');
    assert.match(error.message, /took too long or too much memory/);
    assert.equal(error.retryAfterMs, ms);
    return true;
  };
}

void describe('the thread that judges', () => {
  void test('judges as the function does, with bytes of any size', async t => {
    const thread = threadFor(t);
    const large = simple(pair, { payload: `${' '.repeat(100_000)}{}` });
    const judgement = await judged(thread, [large, simple(pair), bundle(pair)]);
    assert.equal(judgement.decision, 'Trusted');
    assert.deepEqual(
      judgement.candidates.map(({ reason }) => reason),
      ['Malformed', 'Accepted', 'Accepted'],
    );
  });

  void test('many at once are judged one after another', async t => {
    const thread = threadFor(t);
    const all = await Promise.all(Array.from({ length: 50 }, () => judged(thread, [simple(pair)])));
    assert.equal(all.filter(({ decision }) => decision === 'Trusted').length, 50);
  });

  void test('a job that hangs is an error, and the next one has another thread', async t => {
    const thread = threadFor(t, { entry: misbehaving(t), limitMs: 2_000 });
    const [hung, next] = await Promise.allSettled([judged(thread, [], 'hang'), judged(thread)]);
    assert.equal(hung.status, 'rejected');
    assert.ok(failsWith(/longer than 2 s/)(hung.reason));
    assert.equal(next.status, 'fulfilled');
  });

  void test('an image that cost a thread rests, longer each time, and then comes after the others', async t => {
    let at = now;
    const thread = threadFor(t, { entry: misbehaving(t), limitMs: 500, now: () => at });
    const of = { rules, image, now };
    for (const ms of [60_000, 120_000, 240_000]) {
      thread.check(of);
      await assert.rejects(judged(thread, [], 'hang'), failsWith(/longer than/));
      assert.throws(() => thread.check(of), rests(ms));
      thread.check({ ...of, rules: { ...rules, basis: 'another' } });
      thread.check({ ...of, image: `${image}0` });
      at += ms;
    }
    const order: string[] = [];
    const judge = (name: string, asked: typeof image) => thread.judge({ ...of, image: asked }, []).then(() => order.push(name));
    await Promise.all([judge('first', `${image}1`), judge('costly', image), judge('second', `${image}2`)]);
    assert.deepEqual(order, ['first', 'second', 'costly']);
    await assert.rejects(judged(thread, [], 'hang'), failsWith(/longer than/));
    assert.throws(() => thread.check(of), rests(60_000));
  });

  for (const [commit, words] of [
    ['exit', /thread ended \(3\)/],
    ['throw', /thrown/],
    ['fail', /said so/],
    ['memory', /memory/],
  ] as const) {
    void test(`${commit}: an error, and the next one is judged`, async t => {
      // To fill the memory takes long where there is much else to do.
      const thread = threadFor(t, { entry: misbehaving(t), limitMs: 240_000 });
      await assert.rejects(judged(thread, [], commit), failsWith(words));
      assert.equal((await judged(thread)).decision, 'Trusted');
    });
  }

  void test('a file that is not there is an error that names it', async t => {
    const thread = threadFor(t, { entry: pathToFileURL('/nowhere/judge-worker.mjs') });
    await assert.rejects(judged(thread), failsWith(/nowhere\/judge-worker.mjs/));
  });

  void test('more than may wait are refused at once', async t => {
    const thread = threadFor(t, { maxWaiting: 2 });
    const all = await Promise.allSettled(Array.from({ length: 5 }, () => judged(thread, [simple(pair)])));
    assert.deepEqual(
      all.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
    );
  });

  void test('closing ends what waits, and what comes later', async t => {
    const thread = threadFor(t, { entry: misbehaving(t) });
    const waiting = Promise.allSettled([judged(thread, [], 'hang'), judged(thread)]);
    await thread.close();
    assert.deepEqual(
      (await waiting).map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    await assert.rejects(judged(thread), failsWith(/stopping/));
  });
});
