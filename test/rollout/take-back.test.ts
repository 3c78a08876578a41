/** Which nodes are called back when trust refuses what is before them, or nobody can judge it any more, and which are too far on their way into it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentAfterMs } from '../../controller/rollout/classify.ts';
import { plan } from '../../controller/rollout/plan.ts';
import type { PoolState } from '../../controller/rollout/pool-state.ts';
import type { HostView } from '../../controller/rollout/host-view.ts';
import type { NodeView } from '../../controller/rollout/projection.ts';
import { image, minute } from './machine.ts';
import { run, running } from './rounds.ts';

const [before, refused] = [image(1), image(2)];

interface Change {
  host?: Partial<HostView>;
  node?: Partial<NodeView>;
  /** How long ago it got its go-ahead. */
  agoMs?: number;
  /** How long ago its agent reported; default: as long. */
  saidAgoMs?: number;
}

/** One node with a go-ahead for an image that is refused from now on. */
function approved({ host, node, agoMs = minute, saidAgoMs = agoMs }: Change): PoolState {
  const fleet = running({ nodes: 1 });
  run(fleet, f => f.machines.every(m => m.nodeTarget?.state === 'Booted' && m.nodeTarget.image === refused.image));
  const state = fleet.state();
  const [member] = state.members;
  assert(member?.nodeTarget?.host && !fleet.at(0).told);
  const since = state.now - agoMs;
  const trust = { refused: [{ ...refused, reason: 'Revoked', message: 'it leaked' }] };
  const nodeTarget = {
    ...member.nodeTarget,
    since,
    host: { ...member.nodeTarget.host, reportedAt: state.now - saidAgoMs, ...host },
  };
  // Long enough that an agent may be silent before its reboot counts as failed.
  const timeouts = { ...state.timeouts, reboot: 2 * silentAfterMs };
  return { ...state, timeouts, trust, members: [{ ...member, nodeTarget, node: { ...member.node, ...node } }] };
}

const silentMs = silentAfterMs + minute;
const cases: [of: string, change: Change, isCalledBack: boolean][] = [
  ['has not used its go-ahead', {}, true],
  ['has not used its go-ahead, and is silent', { agoMs: silentMs }, true],
  ['is told to reboot', { host: { phase: 'Rebooting' } }, false],
  ['was told to reboot and is silent since', { host: { phase: 'Rebooting' }, agoMs: silentMs }, false],
  [
    'hangs on its way down past its time, and says so',
    { host: { phase: 'Rebooting' }, agoMs: 2.5 * silentAfterMs, saidAgoMs: minute },
    false,
  ],
  ['has booted since its agent last reported', { node: { bootID: 'boot-later' } }, false],
  ['was told to reboot long ago and never came back', { host: { phase: 'Rebooting' }, agoMs: 3 * silentAfterMs }, true],
];

describe('a node with a go-ahead for an image that is refused then', () => {
  for (const [of, change, isCalledBack] of cases) {
    it(`${isCalledBack ? 'is called back' : 'is beyond recall'} when it ${of}`, () => {
      const { actions } = plan(approved(change));
      const [back] = actions.filter(a => a.type === 'target');
      assert.deepEqual(back && [back.back, back.target.image], isCalledBack ? [true, before.image] : undefined);
      assert.ok(
        actions.every(a => a.type !== 'remove' && (isCalledBack || a.type !== 'uncordon')),
        JSON.stringify(actions),
      );
    });

    it(`${isCalledBack ? 'is let go' : 'is waited for'} when it ${of} and leaves the pool`, () => {
      const { members, ...state } = approved(change);
      const departed = members.map(({ node, nodeTarget }) => ({ name: node.name, node, ...(nodeTarget ? { nodeTarget } : {}) }));
      const { actions, departing } = plan({ ...state, members: [], departed });
      const { length } = departing;
      assert.deepEqual([length, actions.map(a => a.type)], isCalledBack ? [0, ['remove', 'uncordon']] : [1, []]);
    });
  }
});

const unjudged = (change: Change, trust: PoolState['trust']): PoolState => ({ ...approved(change), trust });

describe('a node with a go-ahead for an image that nobody can judge any more', () => {
  const why = { reason: 'SignatureLookupFailed', message: 'the registry says 503' };
  const asTarget = { refused: [], unknown: why };
  const asFormer = { refused: [], unjudged: [{ ...refused, ...why }] };

  for (const [of, change, isCalledBack] of cases) {
    // It counts as one that failed, and is tried again by a person.
    const isLate = (change.agoMs ?? 0) > 2 * silentAfterMs;
    it(`${isCalledBack && !isLate ? 'keeps what it has staged and loses its go-ahead' : 'is left alone'} when it ${of}`, () => {
      const { actions } = plan(unjudged(change, asTarget));
      const [back] = actions.filter(a => a.type === 'target');
      const recalled = isCalledBack && !isLate;
      assert.deepEqual(back && [back.back, back.target.image], recalled ? [true, refused.image] : undefined);
      assert.equal(
        actions.some(a => a.type === 'uncordon'),
        recalled,
      );
    });
  }

  it('loses it too when the pool has moved on to another target, which it goes to at once', () => {
    const state = unjudged({}, asFormer);
    const { actions } = plan({ ...state, target: image(3) });
    assert.deepEqual(
      actions.filter(a => a.type === 'target').map(a => [a.target.image, a.back]),
      [
        [refused.image, true],
        [image(3).image, undefined],
      ],
    );
  });

  it('is let go when it leaves the pool', () => {
    const { members, ...state } = unjudged({}, asFormer);
    const departed = members.map(({ node, nodeTarget }) => ({ name: node.name, node, ...(nodeTarget ? { nodeTarget } : {}) }));
    const { actions, departing } = plan({ ...state, members: [], departed });
    assert.deepEqual([departing, actions.map(a => a.type)], [[], ['remove', 'uncordon']]);
  });
});
