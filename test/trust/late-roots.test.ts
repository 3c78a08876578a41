import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { LateRoots } from '../../controller/trust/late-roots.ts';

interface Answer {
  give: (text: string) => void;
  fail: (error: Error) => void;
}

/** Roots whose answers the test gives. */
function scene(waitMs = 1) {
  const answers: Answer[] = [];
  const wakes: string[] = [];
  const roots = new LateRoots({
    waitMs,
    read: () =>
      new Promise((resolve, reject) => {
        answers.push({ give: resolve, fail: reject });
      }),
  });
  const read = (policy = 'a') => roots.read({ public: true }, () => wakes.push(policy));
  const answered = async (act: (answer: Answer) => void): Promise<void> => {
    const last = answers.at(-1);
    assert.ok(last);
    act(last);
    await new Promise(resolve => {
      setImmediate(resolve);
    });
  };
  return { answers, wakes, read, answered };
}

const unreadable = (words: RegExp) => (error: unknown) =>
  error instanceof TransientError && error.reason === 'KeyUnreadable' && words.test(error.message);

void describe('trusted roots that are long in coming', () => {
  void test('one that comes at once is given, and asked for each time', async () => {
    const { answers, wakes, read } = scene(60_000);
    const reading = read();
    answers[0]?.give('first');
    assert.equal(await reading, 'first');
    const again = read();
    answers[1]?.give('second');
    assert.equal(await again, 'second');
    assert.deepEqual(wakes, []);
  });

  void test('one that is late is an error that says so; it is asked for once, and all who wait are woken', async () => {
    const { answers, wakes, read, answered } = scene();
    for (const policy of ['a', 'b', 'c']) {
      await assert.rejects(read(policy), unreadable(/^its trusted root is still to come from the public repository/));
    }
    assert.equal(answers.length, 1);
    await answered(answer => answer.give('text'));
    assert.deepEqual(wakes, ['a', 'b', 'c']);
    assert.equal(await read(), 'text');
  });

  void test('one that fails late says why, and goes on saying it until there is a good one', async () => {
    const { answers, wakes, read, answered } = scene();
    await assert.rejects(read(), unreadable(/still to come/));
    await answered(answer => answer.fail(new TransientError('KeyUnreadable', 'no route')));
    assert.deepEqual(wakes, ['a']);
    await assert.rejects(read(), unreadable(/no route/));
    await assert.rejects(read(), unreadable(/no route/));
    assert.equal(answers.length, 2);
    await answered(answer => answer.give('text'));
    assert.equal(await read(), 'text');
  });

  void test('while a newer one is late the one before counts, and not after it has failed', async () => {
    const { read, answered } = scene();
    await assert.rejects(read(), unreadable(/still to come/));
    await answered(answer => answer.give('before'));
    assert.equal(await read(), 'before');
    assert.equal(await read(), 'before');
    await answered(answer => answer.fail(new TransientError('KeyUnreadable', 'it has expired')));
    await assert.rejects(read(), unreadable(/it has expired/));
    await assert.rejects(read(), unreadable(/it has expired/));
  });
});
