import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StallingError, TransientError, WaitingError } from '../../controller/api/errors.ts';
import { backoffMs, reconcileBackoff, watchBackoff } from '../../controller/kube/backoff.ts';
import { ApiError } from '../../controller/kube/errors.ts';
import { requeueOf, type Outcome, type Requeue } from '../../controller/kube/requeue.ts';
import { retryDelayMs } from '../../controller/kube/retry.ts';

const conflict = new ApiError({ status: 409, reason: 'Conflict', message: 'newer' });

describe('requeue', () => {
  const cases: [string, Outcome, Requeue][] = [
    ['success', { requeueAfterMs: undefined }, { afterMs: undefined, failures: 0, result: 'success', kind: 'done' }],
    ['a wish', { requeueAfterMs: 5000 }, { afterMs: 5000, failures: 0, result: 'requeue_after', kind: 'done' }],
    [
      'waiting',
      { error: new WaitingError('Soon', 'soon', 7000) },
      { afterMs: 7000, failures: 0, result: 'requeue_after', kind: 'waiting' },
    ],
    [
      'stalled',
      { error: new StallingError('Bad', 'bad') },
      { afterMs: undefined, failures: 0, result: 'error', kind: 'stalled' },
    ],
    [
      'stalled, and following something',
      { error: new StallingError('Bad', 'bad', { lookAgainMs: 9000 }) },
      { afterMs: 9000, failures: 0, result: 'error', kind: 'stalled' },
    ],
    ['conflict', { error: conflict }, { afterMs: 800, failures: 4, result: 'requeue', kind: 'conflict' }],
    [
      'transient',
      { error: new TransientError('Net', 'net') },
      { afterMs: 6000, failures: 4, result: 'error', kind: 'transient' },
    ],
    [
      'asked to wait',
      { error: new TransientError('Busy', 'busy', { retryAfterMs: 60_000 }) },
      { afterMs: 60_000, failures: 4, result: 'error', kind: 'transient' },
    ],
    ['a bug', { error: new TypeError('undefined') }, { afterMs: 6000, failures: 4, result: 'error', kind: 'unexpected' }],
    ['not even an error', { error: 'text' }, { afterMs: 6000, failures: 4, result: 'error', kind: 'unexpected' }],
  ];
  for (const [name, outcome, expected] of cases) {
    it(`after three failures: ${name}`, () => assert.deepEqual(requeueOf(outcome, 3, 0), expected));
  }
});

describe('backoff', () => {
  it('begins at its base, ends at its maximum, and never shrinks by more than its jitter', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, random) => {
        for (const backoff of [reconcileBackoff, watchBackoff]) {
          const ms = backoffMs(backoff, failures, random);
          assert.ok(ms >= backoff.baseMs && ms <= backoff.maxMs, `${ms}`);
          assert.ok(backoffMs(backoff, failures + 1, random) >= ms);
        }
      }),
    );
    assert.equal(backoffMs(reconcileBackoff, 1, 0), 750);
    assert.equal(backoffMs(reconcileBackoff, 40, 1), 15 * 60_000);
  });
});

describe('retry of a request', () => {
  const cases: [string, Parameters<typeof retryDelayMs>[0], number | undefined][] = [
    ['a read without an answer', { method: 'GET', attempts: 1 }, 250],
    ['a write without an answer: it may have been carried out', { method: 'PATCH', attempts: 1 }, undefined],
    ['a read, 500', { method: 'GET', attempts: 2, status: 500 }, 500],
    ['a read, 503 with Retry-After', { method: 'GET', attempts: 1, status: 503, retryAfterMs: 2000 }, 2000],
    ['a write, 503', { method: 'POST', attempts: 1, status: 503, retryAfterMs: 1000 }, undefined],
    ['a write, 429 with Retry-After', { method: 'POST', attempts: 1, status: 429, retryAfterMs: 1000 }, 1000],
    ['a write, 429 without', { method: 'PATCH', attempts: 3, status: 429 }, 1000],
    ['asked to wait for longer than a worker may', { method: 'GET', attempts: 1, status: 429, retryAfterMs: 60_000 }, undefined],
    ['not found', { method: 'GET', attempts: 1, status: 404 }, undefined],
    ['conflict', { method: 'PATCH', attempts: 1, status: 409 }, undefined],
    ['enough', { method: 'GET', attempts: 4, status: 500 }, undefined],
  ];
  for (const [name, attempt, expected] of cases) it(name, () => assert.equal(retryDelayMs(attempt, 0), expected));
});
