import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Lease } from '../../controller/api/core.ts';
import { leaseStep, observe, type ObservedLease } from '../../controller/kube/lease.ts';
import { microTime } from '../../controller/kube/microtime.ts';

const lease = (holderIdentity: string, resourceVersion = '1'): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'l', namespace: 'n', resourceVersion },
  spec: { holderIdentity, leaseDurationSeconds: 15 },
});

describe('lease', () => {
  const cases: [string, ObservedLease, number, string][] = [
    ['there is none', { lease: undefined, seenAt: 0 }, 0, 'create'],
    ['it is gone, and its holder may not know', { lease: undefined, seenAt: 1000, believedMs: 15_000 }, 16_000, 'wait'],
    ['it is gone, and its holder knows', { lease: undefined, seenAt: 1000, believedMs: 15_000 }, 16_001, 'create'],
    ['ours', { lease: lease('me'), seenAt: 0 }, 99_999, 'renew'],
    ['given up', { lease: lease(''), seenAt: 0 }, 0, 'take'],
    ["another's, just seen", { lease: lease('other'), seenAt: 1000 }, 1000, 'wait'],
    ["another's, seen unchanged for just its duration", { lease: lease('other'), seenAt: 1000 }, 16_000, 'wait'],
    ["another's, expired", { lease: lease('other'), seenAt: 1000 }, 16_001, 'take'],
  ];
  for (const [name, observed, now, step] of cases) it(name, () => assert.equal(leaseStep(observed, 'me', now), step));

  it('counts the age from the first sight of a version', () => {
    const first = observe(undefined, lease('other', '7'), 1000);
    assert.equal(observe(first, lease('other', '7'), 9000).seenAt, 1000);
    assert.equal(observe(first, lease('other', '8'), 9000).seenAt, 9000);
    assert.equal(observe(first, undefined, 9000).seenAt, 9000);
  });

  it('counts the time that a Lease is gone from the first look that missed it, not from its last renewal', () => {
    const gone = observe(observe(undefined, lease('other'), 1000), undefined, 20_000);
    assert.deepEqual(gone, { lease: undefined, seenAt: 20_000, believedMs: 15_000 });
    assert.deepEqual(observe(gone, undefined, 30_000), gone);
    assert.equal(leaseStep(observe(observe(undefined, lease(''), 1000), undefined, 1001), 'me', 1001), 'create');
    assert.equal(leaseStep(observe(undefined, undefined, 1000), 'me', 1000), 'create');
  });

  it('writes times with six fractional digits', () => {
    assert.equal(microTime(new Date(1_700_000_000_123)), '2023-11-14T22:13:20.123000Z');
  });

  // The rule of the elector on a simulated server: two candidates with clocks of any offset, any pauses, any lost renewals, and somebody who deletes the
  // Lease: at a time when everyone has seen that it is held, because who has not takes it for free (ADR 26).
  it('never lets two lead at once, whatever the schedule', () => {
    const schedule = fc.array(
      fc.record({
        who: fc.nat(1),
        pause: fc.integer({ min: 0, max: 6000 }),
        late: fc.integer({ min: 0, max: 12_000 }),
        remove: fc.boolean(),
      }),
      {
        minLength: 5,
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(schedule, fc.tuple(fc.nat(10_000_000), fc.nat(10_000_000)), (turns, offsets) => {
        let now = 0;
        let stored: Lease | undefined;
        // A server gives no version twice, also not to an object that was deleted and made again.
        let version = 0;
        const candidates = ['a', 'b'].map((identity, i) => ({
          identity,
          offset: offsets[i] ?? 0,
          observed: undefined as ObservedLease | undefined,
          until: -1,
          lost: false,
        }));
        for (const { who, pause, late, remove } of turns) {
          now += pause;
          const me = candidates[who];
          if (remove && candidates.every(c => c.observed?.lease?.spec?.holderIdentity)) stored = undefined;
          if (!me || me.lost) continue;
          if (me.until > now && !stored) {
            me.until = -1;
            me.lost = true;
            continue;
          }
          const started = now;
          me.observed = observe(me.observed, stored, now + me.offset);
          const step = leaseStep(me.observed, me.identity, now + me.offset);
          if (step === 'wait') continue;
          stored = lease(me.identity, String(++version));
          now += late;
          // As the elector does it: held from the start of the write, for ten seconds of the fifteen; a late answer counts for nothing.
          if (started + 10_000 > now) me.until = started + 10_000;
          assert.ok(candidates.filter(c => c.until > now).length <= 1, 'one leader');
        }
      }),
      { numRuns: Number(process.env['FC_RUNS'] ?? 1000) },
    );
  });
});
