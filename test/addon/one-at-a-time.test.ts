import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { OneAtATime } from '../../controller/addon/one-at-a-time.ts';

/** Lets everything go on that can. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await setImmediate();
};

test('one works at a time, in the order in which they came, whatever becomes of each', async () => {
  const turn = new OneAtATime();
  const { signal } = new AbortController();
  const said: string[] = [];
  const ends: (() => void)[] = [];
  const work = (name: string) =>
    turn.run(signal, async () => {
      said.push(`${name} begins`);
      await new Promise<void>(resolve => ends.push(resolve));
      said.push(`${name} ends`);
      if (name === 'b') throw new Error('b failed');
      return name;
    });
  const all = Promise.allSettled(['a', 'b', 'c'].map(work));
  for (let i = 0; i < 3; i++) {
    await settle();
    assert.equal(ends.length, i + 1);
    ends[i]?.();
  }
  assert.deepEqual(
    (await all).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(said, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('who gives up while waiting is never run, and holds up nobody', async () => {
  const turn = new OneAtATime();
  const { signal } = new AbortController();
  const given = new AbortController();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const first = turn.run(signal, () => ended);
  const second = turn.run(given.signal, async () => assert.fail('it was given up'));
  const third = turn.run(signal, async () => 'done');
  await settle();
  given.abort(new Error('another now'));
  await assert.rejects(second, /another now/);
  await settle();
  end();
  await first;
  assert.equal(await third, 'done');
  await assert.rejects(
    turn.run(given.signal, async () => assert.fail('it was given up before')),
    /another now/,
  );
});

test('who gives up at work is not waited for, and the next one begins', async () => {
  const turn = new OneAtATime();
  const given = new AbortController();
  const first = turn.run(given.signal, () => new Promise<void>(() => undefined));
  const second = turn.run(new AbortController().signal, async () => 'done');
  await settle();
  given.abort(new Error('another now'));
  await assert.rejects(first, /another now/);
  assert.equal(await second, 'done');
});
