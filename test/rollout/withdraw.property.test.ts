/** Taking Scantling away, from any state of a rollout, broken off anywhere, ends with nothing of ours on any node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeTargetFinalizer, poolFinalizer, sourceFinalizer } from '../../controller/api/names.ts';
import { formatCordon } from '../../controller/rollout/cordon.ts';
import type { NodeTargetView } from '../../controller/rollout/projection.ts';
import { isOutstanding, leftOf, type MarkedNode, type Remains, type Step, withdraw } from '../../controller/rollout/withdraw.ts';
import { image, minute, timeouts } from './machine.ts';

/** How often each property is tried; more by FC_RUNS. */
const numRuns = Number(process.env['FC_RUNS'] ?? 400);
const now = 1_000 * minute;
const [old, wanted] = [image(1), image(2)];
const finalizers = (ours: string) => fc.constantFrom([], [ours], ['other/one', ours], ['other/one']);
const recent = fc.integer({ min: 0, max: 40 }).map(m => now - m * minute);

const nodeOf = (name: string): fc.Arbitrary<MarkedNode> =>
  fc
    .record({
      mark: fc.constantFrom('none', 'ours', 'foreign', 'unreadable'),
      ready: fc.boolean(),
      bootID: fc.constantFrom('boot-1', 'boot-2'),
    })
    .map(({ mark, ready, bootID }) => {
      const cordon = { pool: 'edge', since: now - minute, target: wanted.digests[0] ?? '', wasUnschedulable: mark === 'foreign' };
      const ours = mark === 'ours' || mark === 'foreign';
      return {
        name,
        uid: `uid-${name}`,
        resourceVersion: '1',
        ready,
        readySince: now - minute,
        labels: {},
        bootID,
        unschedulable: mark !== 'none',
        ...(ours ? { cordon, mark: formatCordon(cordon) } : {}),
        ...(mark === 'unreadable' ? { mark: '{' } : {}),
      };
    });

const targetOf = (name: string): fc.Arbitrary<NodeTargetView> =>
  fc
    .record({
      pool: fc.constantFrom('edge', 'gone'),
      booted: fc.boolean(),
      runs: fc.boolean(),
      phase: fc.constantFrom('Idle' as const, 'Staged' as const, 'Rebooting' as const),
      bootID: fc.constantFrom('boot-1', 'boot-2'),
      judged: fc.boolean(),
      another: fc.boolean(),
      since: recent,
      reportedAt: recent,
      finalizers: finalizers(nodeTargetFinalizer),
      deleting: fc.boolean(),
    })
    .map(({ booted, runs, phase, bootID, judged, another, reportedAt, ...rest }) => ({
      ...rest,
      ...wanted,
      name,
      uid: name,
      resourceVersion: '1',
      nodeUID: another ? 'another' : `uid-${name}`,
      retried: [],
      ...(booted ? { state: 'Booted' as const, approval: 'one' } : { state: 'Staged' as const }),
      host: { phase, bootID, reportedAt, canLock: true, failures: [], booted: (runs ? wanted : old).digests[1] ?? '' },
      ...(judged ? { verdict: { type: 'Succeeded', approval: 'one', bootID } } : {}),
    }));

const names = ['node-1', 'node-2', 'node-3'];
const remainsOf: fc.Arbitrary<Remains> = fc.record({
  nodes: fc.tuple(...names.map(nodeOf)),
  nodeTargets: fc.tuple(...names.map(targetOf)),
  pools: finalizers(poolFinalizer).map(f => [{ name: 'edge', resourceVersion: '1', finalizers: f, timeouts }]),
  sources: finalizers(sourceFinalizer).map(f => [{ name: 'systems', resourceVersion: '1', finalizers: f }]),
  jobs: fc.constantFrom([], ['job-1', 'job-2']),
  pods: fc.constantFrom([], [{ name: 'pod-1', goingSince: now }]),
  secrets: fc.constantFrom([], ['pool-edge']),
});

function named<T extends { name: string }>(objects: readonly T[], name: string, change: (object: T) => T): T[] {
  return objects.map(o => (o.name === name ? change(o) : o));
}

function takenBack(target: NodeTargetView): NodeTargetView {
  const { approval: _, ...rest } = target;
  return { ...rest, state: 'Staged', since: now };
}

function uncordoned(node: MarkedNode, keep: boolean): MarkedNode {
  const { mark: _, cordon: __, ...rest } = node;
  return { ...rest, unschedulable: rest.unschedulable && keep };
}

/** What the API server has after the step, written here once more. */
function apply(remains: Remains, step: Step): Remains {
  switch (step.do) {
    case 'TakeBack':
      return {
        ...remains,
        nodeTargets: named(remains.nodeTargets, step.node, takenBack),
      };
    case 'Uncordon':
      return {
        ...remains,
        nodes: named(remains.nodes, step.node, n => uncordoned(n, step.keep !== false)),
      };
    case 'Release': {
      const without = <T extends { name: string; finalizers: readonly string[] }>(objects: readonly T[]): T[] =>
        named(objects, step.name, o => ({ ...o, finalizers: o.finalizers.filter(f => f !== step.finalizer) }));
      if (step.kind === 'NodeTarget') return { ...remains, nodeTargets: without(remains.nodeTargets) };
      if (step.kind === 'SystemPool') return { ...remains, pools: without(remains.pools) };
      return { ...remains, sources: without(remains.sources) };
    }
    case 'DeleteJob':
      return { ...remains, jobs: remains.jobs.filter(j => j !== step.name), pods: [] };
    case 'DeleteSecret':
      return { ...remains, secrets: remains.secrets.filter(s => s !== step.name) };
  }
}

/** Looks and acts until nothing is left to do; each look is broken off after the next of `kills` writes. */
function run(
  begin: Remains,
  kills: readonly number[],
  clock: { now: number; deadline: number },
): { end: Remains; steps: Step[] } {
  let remains = begin;
  const steps: Step[] = [];
  for (let look = 0; look < 60; look++) {
    const { steps: planned } = withdraw(structuredClone(remains), clock);
    if (planned.length === 0) return { end: remains, steps };
    for (const step of planned.slice(0, kills[look] ?? planned.length)) {
      remains = apply(remains, step);
      steps.push(step);
    }
  }
  return assert.fail('it never ends');
}

const kills = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 40 });
const withoutPods = (r: Remains): Remains => ({ ...r, pods: [] });

test('after the time nothing of ours is left, wherever it was broken off, and foreign cordons and finalizers stay', () => {
  fc.assert(
    fc.property(remainsOf, kills, (begin, kills) => {
      const { end } = run(begin, kills, { now, deadline: now });
      assert.deepEqual(leftOf(withoutPods(end)), []);
      for (const [i, node] of end.nodes.entries()) {
        const before = begin.nodes[i];
        const ours = before?.cordon !== undefined && !before.cordon.wasUnschedulable;
        assert.equal(node.unschedulable, before?.unschedulable === true && !ours, node.name);
      }
      for (const list of [end.nodeTargets, end.pools, end.sources])
        for (const o of list) assert(o.finalizers.every(f => f === 'other/one'));
    }),
    { numRuns },
  );
});

test('before the time, nothing is taken off a node that goes down by our word, nor off its pool', () => {
  fc.assert(
    fc.property(remainsOf, kills, (begin, kills) => {
      const clock = { now, deadline: now + 5 * minute };
      const { end, steps } = run(begin, kills, clock);
      const waiting = new Set(withdraw(end, clock).waits.flatMap(w => (w.kind === 'Node' ? [w.name] : [])));
      for (const target of begin.nodeTargets) {
        const node = begin.nodes.find(n => n.name === target.name);
        const down =
          target.nodeUID === node?.uid &&
          target.host?.phase === 'Rebooting' &&
          target.host.bootID === node?.bootID &&
          now - target.host.reportedAt <= 15 * minute;
        const late = now >= target.since + timeouts.reboot + 15 * minute;
        if (down && !late && target.pool === 'edge') assert(waiting.has(target.name), target.name);
      }
      for (const step of steps) if (step.do === 'Uncordon') assert(!waiting.has(step.node) && !step.late);
      if (waiting.size > 0) assert(!steps.some(s => s.do === 'Release' && s.kind === 'SystemPool'));
      for (const t of end.nodeTargets) if (!waiting.has(t.name)) assert(!isOutstanding(t), t.name);
    }),
    { numRuns },
  );
});

test('the order of objects does not matter, and the end is the same wherever it was broken off', () => {
  fc.assert(
    fc.property(remainsOf, kills, (begin, kills) => {
      const clock = { now, deadline: now };
      assert.deepEqual(run(begin, kills, clock).end, run(begin, [], clock).end);
      const turned: Remains = { ...begin, nodes: begin.nodes.toReversed(), nodeTargets: begin.nodeTargets.toReversed() };
      assert.deepEqual(withdraw(turned, clock), withdraw(begin, clock));
    }),
    { numRuns },
  );
});
