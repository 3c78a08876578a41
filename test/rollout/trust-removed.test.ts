/** The last policy goes: what a pool has refused stays refused, and nothing new is taken in the first minute. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import type { Condition } from '../../controller/api/meta.ts';
import type { SystemPoolStatus } from '../../controller/api/system-pool.ts';
import { PoolTrust, type Verdict } from '../../controller/rollout/pool-trust.ts';
import { transitionsOf } from '../../controller/rollout/status.ts';
import { trustedTarget, type TrustedTarget } from '../../controller/rollout/target-trust.ts';
import type { Decision, StatusJudgement } from '../../controller/trust/judgement.ts';
import { image, indexOf } from './machine.ts';

const [first, second] = [image(1), image(2)];
const removed = new TransientError('TrustRemoved', 'the last TrustPolicy for images was removed', { retryAfterMs: 60_000 });

function record(of: typeof first, decision: Decision, reason: string = decision): StatusJudgement {
  return { decision, reason, message: `says ${reason}`, digest: indexOf(of), basis: 'b', signers: [] };
}

const condition = (status: Condition['status'], reason: string, message = ''): Condition => ({
  type: 'ImageTrusted',
  status,
  reason,
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

/** A pool that runs the first image, as far as there is a target, and asks for one. */
function decide(
  asked: typeof first,
  o: { target?: StatusJudgement | undefined; said?: Condition; says: Partial<Record<'first' | 'second', Verdict>> },
): TrustedTarget {
  const status: SystemPoolStatus = {
    ...(o.target ? { target: { ...first, digests: [...first.digests], revision: first.revision ?? '', trust: o.target } } : {}),
    ...(o.said ? { conditions: [o.said] } : {}),
  };
  const verdicts = new Map([
    [first.image, o.says.first ?? { record: record(first, 'NotConfigured') }],
    [second.image, o.says.second ?? { record: record(second, 'NotConfigured') }],
  ]);
  const images = [first, second].map(({ image, digests }) => ({ image, digests, recorded: [] }));
  return trustedTarget({ status }, { ...asked }, { images, verdicts });
}

const refused = condition('False', 'Untrusted', 'it is not signed');
const good = record(first, 'Trusted');

describe('what a pool has refused', () => {
  it('is not taken when the policies are gone, nor after their minute, and says what a person can do', () => {
    for (const second of [{ error: removed }, undefined]) {
      const found = decide(image(2), { target: good, said: refused, says: second ? { second } : {} });
      assert.equal(found.target?.image, first.image);
      assert.deepEqual([found.trouble?.reason, found.trouble?.stalls], ['Untrusted', true]);
      assert.deepEqual(
        [found.trusted?.status, found.trusted?.reason],
        ['False', 'Untrusted'],
        'which is what the next pass goes by',
      );
      assert.match(found.trusted?.message ?? '', /policies that are gone since; apply .* scope\.root and mode Skip/i);
    }
  });

  it('is none either where there was no target before', () => {
    const found = decide(second, { said: refused, says: {} });
    assert.deepEqual([found.target, found.frozen?.reason, found.frozen?.stalled], [undefined, 'Untrusted', true]);
  });

  it('stays taken back where it was the target', () => {
    for (const verdict of [
      { record: record(first, 'NotConfigured') },
      { error: removed, record: record(first, 'Refused', 'Revoked') },
    ]) {
      const said = condition('False', 'Revoked');
      const found = decide(first, { target: record(first, 'Refused', 'Revoked'), said, says: { first: verdict } });
      assert.deepEqual(
        found.trust.refused.map(r => [r.image, r.reason]),
        [[first.image, 'Revoked']],
      );
      assert.equal(found.target?.trust?.decision, 'Refused');
    }
  });

  it('is taken when a policy says so: one that allows it, or one that skips all', () => {
    for (const decision of ['Trusted', 'Skipped', 'Warned'] as const) {
      const found = decide(second, { target: good, said: refused, says: { second: { record: record(second, decision) } } });
      assert.equal(found.target?.image, second.image);
    }
  });

  it('is forgotten when what the pool had before is asked for', () => {
    const found = decide(first, { target: good, said: refused, says: {} });
    assert.deepEqual([found.target?.image, found.trust.refused, found.trusted?.reason], [first.image, [], 'NotConfigured']);
  });
});

describe('what a pool has not refused', () => {
  it('waits while the policies may come back, and what is under way with it', () => {
    const found = decide(second, { target: good, says: { first: { record: good, error: removed }, second: { error: removed } } });
    assert.equal(found.target?.image, first.image);
    assert.deepEqual([found.trouble?.reason, found.trouble?.stalls], ['TrustRemoved', false]);
    assert.equal(found.trust.unknown?.reason, 'TrustRemoved');
    assert.deepEqual(found.trust.refused, []);
  });

  it('is taken after that', () => {
    for (const said of [condition('True', 'Trusted'), condition('Unknown', 'TrustRemoved'), condition('False', 'Warned')])
      assert.equal(decide(second, { target: good, said, says: {} }).target?.image, second.image);
  });

  it('is told once as a warning', () => {
    const [trusted, gone] = [condition('True', 'Trusted'), condition('Unknown', 'TrustRemoved', removed.message)];
    const [event, ...others] = transitionsOf({ conditions: [trusted] }, { conditions: [gone] });
    assert.deepEqual([event?.type, event?.reason, event?.note, others], ['Warning', 'TrustRemoved', removed.message, []]);
    assert.deepEqual(transitionsOf({ conditions: [gone] }, { conditions: [gone] }), []);
  });
});

it('nobody is asked again before trust says that the minute is over', async () => {
  const pools = new PoolTrust({
    trust: { basis: () => 'b', withdrawn: () => undefined, judgeImage: () => Promise.reject(removed) },
    now: () => 0,
  });
  const asking = { pool: 'p', credentials: async () => undefined, requestedAt: undefined, again: false };
  const verdicts = await pools.judge(asking, [{ image: first.image, recorded: [good] }]);
  assert.equal(verdicts.get(first.image)?.error, removed);
  assert.equal(pools.nextMs('p'), undefined);
});
