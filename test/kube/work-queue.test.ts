import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WorkQueue } from '../../controller/kube/work-queue.ts';

type Step = { do: 'add'; key: string; in: number } | { do: 'take' } | { do: 'done'; which: number } | { do: 'pass'; ms: number };

const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('add' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      in: fc.integer({ min: -5, max: 50 }),
    }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('done' as const), which: fc.nat(3) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 30 }) }),
  ),
  { maxLength: 120 },
);

/** Plays the steps against the queue and against the plain rule: a key waits for its earliest wish, and wishes made while it is worked on come after. */
class Play {
  readonly queue = new WorkQueue();
  readonly active: string[] = [];
  /** The earliest due time of each key's wishes that no worker has begun. */
  readonly wishes = new Map<string, number>();
  now = 0;
  adds = 0;
  takes = 0;

  step(step: Step): void {
    if (step.do === 'add') this.#add(step.key, this.now + step.in);
    else if (step.do === 'take') this.take();
    else if (step.do === 'done') this.done(step.which);
    else this.now += step.ms;
  }

  #add(key: string, dueAt: number): void {
    this.adds++;
    this.queue.add(key, dueAt, this.now);
    this.wishes.set(key, Math.min(dueAt, this.wishes.get(key) ?? Infinity));
  }

  take(): boolean {
    const due = [...this.wishes].filter(([key, at]) => at <= this.now && !this.active.includes(key));
    const next = this.queue.nextDue(this.now);
    assert.equal(next !== undefined && next <= this.now, due.length > 0, 'nextDue tells whether one is due');
    const taken = this.queue.take(this.now);
    assert.equal(taken !== undefined, due.length > 0, 'a key is taken exactly when one is due');
    if (!taken) return false;
    this.takes++;
    assert.ok(!this.active.includes(taken.key), 'one worker a key');
    assert.ok((this.wishes.get(taken.key) ?? Infinity) <= this.now, 'not before its time');
    this.wishes.delete(taken.key);
    this.active.push(taken.key);
    return true;
  }

  done(which: number): void {
    const [key] = this.active.splice(which % Math.max(1, this.active.length), 1);
    if (key !== undefined) this.queue.done(key, this.now);
  }
}

describe('work queue', () => {
  it('gives each key to one worker, at its earliest time, and loses no wish', () => {
    fc.assert(
      fc.property(steps, list => {
        const play = new Play();
        for (const step of list) play.step(step);
        while (play.active.length > 0) play.done(0);
        play.now += 1000;
        while (play.take()) play.done(0);
        assert.deepEqual([...play.wishes], [], 'every wish was worked on');
        assert.ok(play.takes <= play.adds, 'what was added twice is done once');
        assert.equal(play.queue.nextDue(play.now), undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes keys in the order in which they became due', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 60 }), times => {
        const queue = new WorkQueue();
        for (const at of times) queue.add(`k${at}`, at, 0);
        const taken = times.map(() => queue.take(2000)?.key);
        assert.deepEqual(
          taken,
          times.toSorted((a, b) => a - b).map(at => `k${at}`),
        );
      }),
    );
  });

  it('keeps no more than the keys that wait, however often they are woken early', () => {
    const queue = new WorkQueue();
    for (let n = 0; n < 100_000; n++) {
      const key = `k${n % 50}`;
      queue.add(key, n + 10_000_000, n);
      queue.add(key, n, n);
      const taken = queue.take(n);
      assert.equal(taken?.key, key);
      queue.done(key, n);
    }
    assert.equal(queue.nextDue(0), undefined);
  });
});
