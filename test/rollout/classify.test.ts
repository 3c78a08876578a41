import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classify, type Member, type NodeState, type Surroundings } from '../../controller/rollout/classify.ts';
import type { Cordon } from '../../controller/rollout/cordon.ts';
import { digestOf } from '../../controller/rollout/digest.ts';
import type { HostView } from '../../controller/rollout/host-view.ts';
import { projectNodeTarget, type NodeTargetView, type NodeView } from '../../controller/rollout/projection.ts';
import { image, minute, timeouts } from './machine.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const target = image(1);
const platform = target.digests[1] ?? '';
const other = `sha256:${'e'.repeat(64)}`;
const around: Surroundings = { pool: 'p', target, timeouts, now };

function node(over: Partial<NodeView> = {}): NodeView {
  return {
    name: 'n',
    uid: 'u',
    resourceVersion: '1',
    ready: true,
    readySince: 0,
    unschedulable: false,
    bootID: 'b1',
    labels: {},
    ...over,
  };
}

function host(over: Partial<HostView> = {}): HostView {
  return { bootID: 'b1', booted: other, canLock: true, reportedAt: now, failures: [], ...over };
}

function nodeTarget(over: Partial<NodeTargetView> = {}): NodeTargetView {
  const base = {
    name: 'n',
    uid: 't',
    resourceVersion: '1',
    pool: 'p',
    deleting: false,
    finalizers: [],
    state: 'Staged' as const,
    retried: [],
  };
  return { ...base, image: target.image, digests: target.digests, since: now - minute, host: host(), ...over };
}

const cordon = (over: Partial<Cordon> = {}): Cordon => ({
  pool: 'p',
  since: now - 1000,
  target: digestOf(target.image),
  wasUnschedulable: false,
  ...over,
});
const staged = host({ staged: { digest: platform, locked: true } });
const approved = { state: 'Booted' as const, approval: 'go' };
const succeeded = { type: 'Succeeded', approval: 'go', bootID: 'b2' };
const failure = { digest: platform, reason: 'Bad', message: 'no', time: '2026-01-01T11:00:00Z' };

const table: [string, Partial<NodeTargetView> | undefined, Partial<NodeView>, Partial<NodeState>][] = [
  ['no target', undefined, {}, { kind: 'New' }],
  ["another pool's target", { pool: 'q' }, {}, { kind: 'Held', pool: 'q' }],
  ['a target on its way out', { deleting: true }, {}, { kind: 'Held' }],
  ['not heard of yet', {}, {}, { kind: 'Staging', deadline: now + 29 * minute }],
  ['runs the index digest', { host: host({ booted: target.digests[0] ?? '' }) }, {}, { kind: 'Updated' }],
  ['runs the platform digest', { host: host({ booted: platform }) }, {}, { kind: 'Updated' }],
  ['staged and locked', { host: staged }, {}, { kind: 'Staged', locked: true }],
  [
    'staged, not locked though it could be',
    { host: host({ staged: { digest: platform, locked: false } }) },
    {},
    { kind: 'Staging' },
  ],
  [
    'staged and unlocked by a go-ahead that was taken back',
    { host: host({ phase: 'Staged', staged: { digest: platform, locked: false } }) },
    {},
    { kind: 'Staged', locked: false },
  ],
  [
    'staged on a host without locks',
    { host: host({ canLock: false, staged: { digest: platform, locked: false } }) },
    {},
    { kind: 'Staged', locked: false },
  ],
  ['staged something else', { host: host({ staged: { digest: other, locked: true } }) }, {}, { kind: 'Staging' }],
  ['stage deadline', { since: now - 31 * minute }, {}, { kind: 'Failed', reason: 'StageTimeout', rebooted: false }],
  [
    'stage deadline counts from when the node became Ready',
    { since: now - 31 * minute },
    { readySince: now - minute },
    { kind: 'Staging' },
  ],
  [
    'stage deadline counts from when the staging was lost',
    { since: now - 31 * minute, unstagedAt: now - minute },
    {},
    { kind: 'Staging' },
  ],
  ['no stage deadline for a node that is not Ready', { since: now - 31 * minute }, { ready: false }, { kind: 'Staging' }],
  ['stage failure', { host: host({ failures: [failure] }) }, {}, { kind: 'Failed', reason: 'Bad', rebooted: false }],
  [
    'stage failure that is over',
    { host: host({ failures: [failure], staged: { digest: platform, locked: true } }) },
    {},
    { kind: 'Staged' },
  ],
  [
    'boot failure of an earlier go-ahead',
    { host: { ...staged, failures: [{ ...failure, approval: 'old' }] } },
    {},
    { kind: 'Failed', rebooted: false },
  ],
  [
    'boot failure that may be tried again',
    { host: { ...staged, failures: [{ ...failure, approval: 'old' }] }, retried: [`${platform}/${failure.time}`] },
    {},
    { kind: 'Staged' },
  ],
  ['failure of another digest', { host: { ...staged, failures: [{ ...failure, digest: other }] } }, {}, { kind: 'Staged' }],
  ['not bootable from an image', { host: host({ phase: 'Unmanaged' }) }, {}, { kind: 'Failed', reason: 'Unmanaged' }],
  [
    'draining',
    { host: staged },
    { cordon: cordon(), unschedulable: true },
    { kind: 'Draining', deadline: now - 1000 + 30 * minute },
  ],
  ['cordoned for another image', { host: staged }, { cordon: cordon({ target: other }) }, { kind: 'Staged' }],
  [
    'cordoned before the target was given again',
    { host: staged },
    { cordon: cordon({ since: now - 2 * minute }) },
    { kind: 'Staged' },
  ],
  ["another pool's cordon", { host: staged }, { cordon: cordon({ pool: 'q' }) }, { kind: 'Staged' }],
  [
    'drain deadline',
    { host: staged, since: now - 60 * minute },
    { cordon: cordon({ since: now - 31 * minute }) },
    { kind: 'Failed', reason: 'DrainTimeout', rebooted: false, settled: true },
  ],
  ['approved', { ...approved, host: staged }, {}, { kind: 'Rebooting', deadline: now + 14 * minute }],
  ['verdict of an earlier go-ahead', { ...approved, verdict: { ...succeeded, approval: 'old' } }, {}, { kind: 'Rebooting' }],
  [
    'reboot deadline',
    { ...approved, since: now - 16 * minute },
    {},
    { kind: 'Failed', reason: 'RebootTimeout', rebooted: true, settled: false },
  ],
  [
    'on the target without a verdict, in time',
    { ...approved, host: host({ booted: platform }) },
    { cordon: cordon() },
    { kind: 'Rebooting' },
  ],
  [
    'on the target without a verdict, after the deadline',
    { ...approved, since: now - 16 * minute, host: host({ booted: platform }) },
    { cordon: cordon() },
    { kind: 'Returned' },
  ],
  [
    'fell back',
    { ...approved, verdict: { ...succeeded, type: 'FellBack' } },
    {},
    { kind: 'Failed', reason: 'FellBack', rebooted: true, settled: true },
  ],
  [
    'refused by the agent',
    { ...approved, host: host({ failures: [{ ...failure, approval: 'go' }] }) },
    {},
    { kind: 'Failed', reason: 'Bad', rebooted: true },
  ],
  [
    'back, and Ready in the same boot',
    { ...approved, verdict: succeeded, host: host({ booted: platform, bootID: 'b2' }) },
    { bootID: 'b2', cordon: cordon() },
    { kind: 'Returned' },
  ],
  [
    'back, but the kubelet speaks of the boot before',
    { ...approved, verdict: succeeded, host: host({ booted: platform, bootID: 'b2' }) },
    { bootID: 'b1', cordon: cordon() },
    { kind: 'Rebooting' },
  ],
  [
    'back, but not Ready in time',
    { ...approved, since: now - 16 * minute, verdict: succeeded, host: host({ booted: platform, bootID: 'b2' }) },
    { ready: false, bootID: 'b2', cordon: cordon() },
    { kind: 'Failed', reason: 'NotReady', settled: false },
  ],
  [
    'done',
    { ...approved, verdict: succeeded, host: host({ booted: platform, bootID: 'b2' }) },
    { bootID: 'b2' },
    { kind: 'Updated' },
  ],
  [
    'done, and something else runs in that boot',
    { ...approved, verdict: succeeded, host: host({ bootID: 'b2' }) },
    {},
    { kind: 'Failed', reason: 'WrongImage' },
  ],
  [
    'left the target in a later boot',
    { ...approved, verdict: succeeded, host: host({ bootID: 'b3' }) },
    {},
    { kind: 'Outdated', away: false },
  ],
];

/** The state of a node whose go-ahead was taken back, by what its agent reports. */
function takenBack(h: HostView, n: Partial<NodeView> = {}): NodeState['kind'] {
  return classify({ node: node(n), nodeTarget: nodeTarget({ host: h }), conflicts: [] }, around).kind;
}

describe('a node that is not back in time', () => {
  const late = { ...approved, since: now - 16 * minute };

  it('is explained with what its agent says', () => {
    const member: Member = {
      node: node(),
      nodeTarget: nodeTarget({ ...late, trouble: 'StatusUnreadable: no JSON' }),
      conflicts: [],
    };
    const state = classify(member, around);
    assert.equal(state.kind, 'Failed');
    assert.match(state.kind === 'Failed' ? state.message : '', /^is not back .*; its agent says StatusUnreadable: no JSON$/);
  });

  it('is explained also when its agent fails on the way down', () => {
    const troubles = (['Rebooting', 'StatusUnreadable'] as const).map(reason => {
      const conditions = [{ type: 'Ready', status: 'False' as const, reason, message: 'no JSON', lastTransitionTime: '' }];
      const spec = { poolRef: { name: 'p' }, image: target.image, digests: [...target.digests], state: 'Booted' as const };
      const status = { host: { phase: 'Rebooting' as const }, conditions };
      const object = { apiVersion: 'scantling.dev/v1alpha1', kind: 'NodeTarget', metadata: { name: 'n' } } as const;
      return projectNodeTarget({ ...object, spec: { ...spec, since: '2026-01-01T00:00:00Z' }, status }).trouble;
    });
    assert.deepEqual(troubles, [undefined, 'StatusUnreadable: no JSON']);
  });

  const hangs = host({ phase: 'Rebooting', staged: { digest: platform, locked: false } });

  it('may still go down when its go-ahead was taken back', () => {
    assert.equal(takenBack(hangs), 'Rebooting');
    assert.equal(takenBack(hangs, { bootID: 'b2' }), 'Staging', 'that was the boot before');
    assert.equal(takenBack({ ...hangs, reportedAt: now - 16 * minute }), 'Staging', 'nobody says so any more');
    assert.equal(takenBack({ ...hangs, phase: 'Staged' }), 'Staged', 'the agent has given it up');
  });
});

describe('classify', () => {
  for (const [name, t, n, expected] of table) {
    it(name, () => {
      const member: Member = { node: node(n), conflicts: [], ...(t ? { nodeTarget: nodeTarget(t) } : {}) };
      const state = classify(member, around);
      for (const [key, value] of Object.entries(expected))
        assert.deepEqual((state as Record<string, unknown>)[key], value, JSON.stringify(state));
    });
  }

  const newer: Surroundings = { ...around, target: image(2) };
  const moved: [string, Partial<NodeTargetView>, Partial<NodeState>][] = [
    ['pulling the older one', {}, { kind: 'Outdated', pulling: true, runs: false, away: false }],
    ['runs the newer one already', { host: host({ booted: image(2).digests[1] ?? '' }) }, { kind: 'Outdated', runs: true }],
    ['approved for the older one', { ...approved }, { kind: 'Rebooting' }],
    ['failed on the older one', { ...approved, verdict: { ...succeeded, type: 'FellBack' } }, { kind: 'Outdated', away: false }],
    ['not back on the older one: may still reboot', { ...approved, since: now - 16 * minute }, { kind: 'Outdated', away: true }],
  ];
  for (const [name, t, expected] of moved) {
    it(`after the pool moved on: ${name}`, () => {
      const state = classify({ node: node(), nodeTarget: nodeTarget(t), conflicts: [] }, newer);
      for (const [key, value] of Object.entries(expected))
        assert.deepEqual((state as Record<string, unknown>)[key], value, JSON.stringify(state));
    });
  }
});
