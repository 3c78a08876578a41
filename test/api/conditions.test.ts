import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { conditionOf, conditionsOf, isTrue, timestamp, type Outcome } from '../../controller/api/conditions.ts';
import { StallingError, TransientError, WaitingError } from '../../controller/api/errors.ts';

const at = new Date('2026-01-02T03:04:05.678Z');
const later = new Date('2026-01-02T04:00:00Z');

const outcomes: Outcome[] = [
  { kind: 'Ready', reason: 'Succeeded', message: 'applied' },
  { kind: 'Progressing', reason: 'Building', message: 'building' },
  { kind: 'Failed', error: new StallingError('InvalidURL', 'no such scheme') },
  { kind: 'Failed', error: new WaitingError('DefinitionNotReady', 'waits for edge', 1000) },
  { kind: 'Failed', error: new TransientError('GitOperationFailed', 'connection refused') },
  { kind: 'Failed', error: new Error('boom') },
];

test('Ready is always there, and Reconciling and Stalled never both', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...outcomes), { minLength: 1 }), steps => {
      let conditions = undefined;
      for (const step of steps) conditions = conditionsOf(conditions, 1, step, at);
      assert.ok(conditionOf(conditions, 'Ready'));
      assert.ok(!(isTrue(conditions, 'Reconciling') && isTrue(conditions, 'Stalled')));
      assert.ok(conditions?.every(c => c.type === 'Ready' || c.status === 'True'));
    }),
  );
});

test('each outcome gives the conditions that kstatus reads', () => {
  const table = outcomes.map(o =>
    conditionsOf(undefined, 3, o, at)
      .map(c => `${c.type}=${c.status}:${c.reason}`)
      .join(' '),
  );
  assert.deepEqual(table, [
    'Ready=True:Succeeded',
    'Ready=False:Building Reconciling=True:Building',
    'Ready=False:InvalidURL Stalled=True:InvalidURL',
    'Ready=False:DefinitionNotReady Reconciling=True:DefinitionNotReady',
    'Ready=False:GitOperationFailed Reconciling=True:ProgressingWithRetry',
    'Ready=False:Error Reconciling=True:ProgressingWithRetry',
  ]);
});

test('a condition keeps its transition time until its status changes', () => {
  const first = conditionsOf(undefined, 1, outcomes[0] as Outcome, at);
  const same = conditionsOf(first, 2, { kind: 'Ready', reason: 'Succeeded', message: 'other words' }, later);
  assert.equal(conditionOf(same, 'Ready')?.lastTransitionTime, '2026-01-02T03:04:05Z');
  assert.equal(conditionOf(same, 'Ready')?.observedGeneration, 2);
  const failed = conditionsOf(same, 2, outcomes[5] as Outcome, later);
  assert.equal(conditionOf(failed, 'Ready')?.lastTransitionTime, timestamp(later));
});

test('extra conditions come, stay and go', () => {
  const blocked = { status: 'True', reason: 'TooManyRemovals', message: '9 of 10' } as const;
  const set = conditionsOf(undefined, 1, outcomes[0] as Outcome, at, { PruneBlocked: blocked });
  assert.ok(isTrue(set, 'PruneBlocked'));
  assert.ok(isTrue(conditionsOf(set, 1, outcomes[1] as Outcome, later), 'PruneBlocked'));
  assert.equal(
    conditionOf(conditionsOf(set, 1, outcomes[0] as Outcome, later, { PruneBlocked: undefined }), 'PruneBlocked'),
    undefined,
  );
});
