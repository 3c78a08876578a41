import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../controller/api/core.ts';
import { Store } from '../../controller/kube/store.ts';
import { maxUnavailableOf } from '../../controller/rollout/budget.ts';
import { formatCordon, parseCordon } from '../../controller/rollout/cordon.ts';
import { drainPaceMs } from '../../controller/rollout/drain.ts';
import { placesOf } from '../../controller/rollout/order.ts';
import { podStep } from '../../controller/rollout/pod.ts';
import { matches, membersOf } from '../../controller/rollout/select.ts';
import { Written } from '../../controller/rollout/written.ts';

describe('budget', () => {
  const cases: [number | string, number, number][] = [
    [1, 5, 1],
    [0, 5, 0],
    [3, 2, 3],
    ['0%', 100, 0],
    ['10%', 5, 1],
    ['34%', 5, 1],
    ['40%', 5, 2],
    ['100%', 5, 5],
    ['10%', 0, 1],
    ['banana', 5, 0],
    [-1, 5, 0],
  ];
  for (const [value, total, expected] of cases) {
    it(`${value} of ${total} is ${expected}`, () => assert.equal(maxUnavailableOf(value, total), expected));
  }
});

const pool = (name: string, deleting = false) => ({ name, deleting, spec: { nodeSelector: { matchLabels: { zone: 'a' } } } });

describe('node selector', () => {
  const labels = { zone: 'a', 'node-role.kubernetes.io/worker': '' };
  it('needs all of matchLabels and matchExpressions', () => {
    assert.equal(matches({ matchLabels: { zone: 'a' } }, labels), true);
    assert.equal(matches({ matchLabels: { zone: 'b' } }, labels), false);
    assert.equal(matches({ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a', 'b'] }] }, labels), true);
    assert.equal(matches({ matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }, labels), false);
    assert.equal(matches({ matchExpressions: [{ key: 'rack', operator: 'NotIn', values: ['a'] }] }, labels), true);
    assert.equal(matches({ matchExpressions: [{ key: 'node-role.kubernetes.io/worker', operator: 'Exists' }] }, labels), true);
    assert.equal(
      matches({ matchLabels: { zone: 'a' }, matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] }, labels),
      false,
    );
  });
  it('selects nothing when it is empty', () => assert.equal(matches({}, labels), false));
  it('names the other pools of a node, but not one that is being deleted', () => {
    const members = membersOf(pool('p'), [pool('r'), pool('p'), pool('q'), pool('gone', true)], [{ name: 'n', labels }]);
    assert.deepEqual(members, [{ node: { name: 'n', labels }, conflicts: ['q', 'r'] }]);
    assert.deepEqual(membersOf(pool('p', true), [], [{ name: 'n', labels }]), []);
  });
});

const node = (name: string, zone: string, controlPlane = false) => ({
  name,
  labels: { 'topology.kubernetes.io/zone': zone, ...(controlPlane ? { 'node-role.kubernetes.io/control-plane': '' } : {}) },
});

describe('order', () => {
  it('goes round the zones, and the control plane comes last', () => {
    const nodes = [node('c', 'z2', true), node('b', 'z1'), node('a', 'z1'), node('d', 'z2'), node('e', 'z1')];
    const order = [...placesOf(nodes)].toSorted(([, x], [, y]) => x.position - y.position).map(([name]) => name);
    assert.deepEqual(order, ['a', 'd', 'b', 'e', 'c']);
    assert.deepEqual(placesOf(nodes.toReversed()), placesOf(nodes));
  });
});

describe('cordon annotation', () => {
  const cordon = { pool: 'p', since: 1_767_225_600_123, target: 'sha256:a', wasUnschedulable: true };
  it('survives the round trip', () => assert.deepEqual(parseCordon(formatCordon(cordon)), cordon));
  for (const text of [
    undefined,
    '',
    'x',
    '[]',
    'null',
    '{}',
    '{"pool":"p"}',
    '{"pool":"","since":"2026-01-01T00:00:00Z"}',
    '{"pool":"p","since":"never"}',
  ]) {
    it(`is not ours when it is ${text}`, () => assert.equal(parseCordon(text), undefined));
  }
  it('leaves the cordon in doubt', () =>
    assert.equal(parseCordon('{"pool":"p","since":"2026-01-01T00:00:00Z"}')?.wasUnschedulable, true));
});

const pod = (o: { owner?: string; phase?: string; mirror?: boolean; deleted?: string; emptyDir?: boolean }): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'x',
    namespace: 'n',
    ...(o.owner ? { ownerReferences: [{ apiVersion: 'v1', kind: o.owner, name: 'o', uid: 'u', controller: true }] } : {}),
    ...(o.mirror ? { annotations: { 'kubernetes.io/config.mirror': 'x' } } : {}),
    ...(o.deleted ? { deletionTimestamp: o.deleted } : {}),
  },
  spec: { volumes: o.emptyDir ? [{ name: 'v', emptyDir: {} }] : [] },
  status: { phase: o.phase ?? 'Running' },
});

describe('pod', () => {
  const now = Date.parse('2026-01-01T00:10:00Z');
  const rules = { force: false, deleteEmptyDirData: true, nodeReady: true };
  const cases: [string, Pod, typeof rules, string][] = [
    ['of a ReplicaSet', pod({ owner: 'ReplicaSet' }), rules, 'evict'],
    ['of a DaemonSet', pod({ owner: 'DaemonSet' }), rules, 'ignore'],
    ['static', pod({ mirror: true, owner: 'Node' }), rules, 'ignore'],
    ['that succeeded', pod({ phase: 'Succeeded' }), rules, 'ignore'],
    ['that failed', pod({ phase: 'Failed' }), rules, 'ignore'],
    ['bare', pod({}), rules, 'blocked UnmanagedPod'],
    ['bare, forced', pod({}), { ...rules, force: true }, 'evict'],
    ['with emptyDir', pod({ owner: 'ReplicaSet', emptyDir: true }), rules, 'evict'],
    [
      'with emptyDir that must stay',
      pod({ owner: 'ReplicaSet', emptyDir: true }),
      { ...rules, deleteEmptyDirData: false },
      'blocked EmptyDirPod',
    ],
    ['on its way out', pod({ deleted: '2026-01-01T00:10:10Z' }), rules, 'going'],
    ['late', pod({ deleted: '2026-01-01T00:09:00Z' }), rules, 'blocked PodTerminating'],
    ['late on a node that is not Ready', pod({ deleted: '2026-01-01T00:09:00Z' }), { ...rules, nodeReady: false }, 'ignore'],
  ];
  for (const [name, object, r, expected] of cases) {
    it(`${name}: ${expected}`, () => {
      const step = podStep(object, r, now);
      assert.equal(step.kind === 'blocked' ? `blocked ${step.reason}` : step.kind, expected);
    });
  }
});

it('a drain is looked at every second at first, and every 30 s in the end', () => {
  assert.deepEqual([0, 5_000, 20_000, 120_000, 3_600_000].map(drainPaceMs), [1000, 1000, 2000, 12_000, 30_000]);
});

const view = (resourceVersion: string, uid = 'u') => ({ name: 'x', uid, resourceVersion });

describe('own writes over a store', () => {
  it('shows a write until the store is as new', () => {
    const store = new Store<ReturnType<typeof view>>();
    const written = new Written(store, () => 0);
    store.set(view('9'));
    written.wrote(view('10'));
    assert.equal(written.get('x')?.resourceVersion, '10');
    assert.equal(written.list()[0]?.resourceVersion, '10');
    store.set(view('11'));
    assert.equal(written.get('x')?.resourceVersion, '11');
    store.delete('x');
    assert.equal(written.get('x'), undefined);
  });
  it('does not bring back what somebody deleted', () => {
    const store = new Store<ReturnType<typeof view>>();
    const written = new Written(store, () => 0);
    store.set(view('1'));
    written.wrote(view('2'));
    store.delete('x');
    assert.deepEqual(written.list(), []);
  });
  it('shows what was created before the store does, and hides what was deleted', () => {
    const store = new Store<ReturnType<typeof view>>();
    let now = 0;
    const written = new Written(store, () => now);
    written.wrote(view('1'));
    assert.equal(written.get('x')?.uid, 'u');
    store.set(view('1'));
    written.removed(view('1'));
    assert.deepEqual(written.list(), []);
    store.set(view('5', 'another'));
    assert.equal(written.get('x')?.uid, 'another');
    store.delete('x');
    written.wrote(view('7', 'third'));
    now = 31_000;
    assert.equal(written.get('x'), undefined, 'a creation that never shows was deleted');
  });
});
