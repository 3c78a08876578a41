import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plan } from '../../controller/rollout/plan.ts';
import { addonSet, image, minute } from './machine.ts';
import { Fleet } from './model.ts';
import { run, running } from './rounds.ts';

const summary = (fleet: Fleet) => plan(fleet.state()).summary;
const cordoned = (fleet: Fleet): string[] => fleet.machines.filter(m => m.node.cordon).map(m => m.node.name);
const reasonOf = (fleet: Fleet, i: number) => fleet.at(i).nodeTarget?.rollout;

describe('plan', () => {
  it('makes four writes per node and update, and no more', () => {
    const fleet = running({ nodes: 6, maxUnavailable: 2 });
    run(fleet);
    assert.equal(fleet.updated(), 6);
    assert.equal(fleet.writes.length, 6 * 4);
    for (const m of fleet.machines) {
      const own = fleet.writes.filter(w => w.node === m.node.name).map(w => w.type);
      assert.deepEqual(own, ['target', 'cordon', 'approve', 'uncordon']);
    }
    assert.deepEqual(summary(fleet).outcome, {
      kind: 'Ready',
      reason: 'Updated',
      message: '6 of 6 nodes run main@sha1:000200020002',
    });
  });

  it('takes the canary alone, and the rest only when it is proven', () => {
    const fleet = running({ nodes: 5, maxUnavailable: 3 });
    run(fleet, f => cordoned(f).length > 0);
    assert.deepEqual(cordoned(fleet), ['node-000']);
    assert.equal(summary(fleet).currentWave, 'canary');
    fleet.at(0).pods = 0;
    fleet.pass();
    fleet.agent(fleet.at(0));
    fleet.boot(fleet.at(0));
    fleet.at(0).node = { ...fleet.at(0).node, ready: false };
    fleet.pass();
    assert.deepEqual(cordoned(fleet), ['node-000'], 'booted but not Ready proves nothing');
    fleet.at(0).node = { ...fleet.at(0).node, ready: true };
    fleet.pass();
    assert.deepEqual(cordoned(fleet), ['node-001', 'node-002', 'node-003']);
    assert.equal(summary(fleet).currentWave, 'rest');
  });

  it('takes a canary of each set of addons that is new, also when other nodes run the image with another', () => {
    const fleet = new Fleet({ nodes: 6, maxUnavailable: 3, addons: 1 });
    fleet.at(5).asks = 3;
    run(fleet);
    assert.deepEqual([fleet.updated(), fleet.at(5).host.set], [6, undefined]);
    Object.assign(fleet.o, { addons: 2 });
    fleet.at(5).asks = 2;
    assert.equal(fleet.isSettled, false);
    run(fleet, f => cordoned(f).length > 0);
    for (const m of fleet.machines) fleet.agent(m);
    fleet.pass();
    assert.deepEqual(cordoned(fleet), ['node-000']);
    const { currentWave, outcome } = summary(fleet);
    assert.equal(currentWave, 'canary');
    assert.match(outcome.message, /4 staged and waiting for the canary of their addons/);
    run(fleet, f => cordoned(f).length > 1);
    assert.equal(fleet.at(0).host.set, addonSet(2)?.digest);
    assert.deepEqual([cordoned(fleet).length, summary(fleet).currentWave], [3, 'rest']);
    run(fleet);
    assert.equal(fleet.updated(), 6);

    fleet.badSets.add(addonSet(3)?.digest ?? '');
    Object.assign(fleet.o, { addons: 3, failureThreshold: 3 });
    fleet.at(5).asks = 1;
    run(fleet);
    assert.equal(fleet.machines.filter(m => m.failedOn.size > 0).length, 1, 'only the canary was tried');
  });

  it('stages no more nodes at once than maxStaging', () => {
    const fleet = running({ nodes: 7, maxStaging: 3 });
    fleet.pass();
    assert.equal(
      summary(fleet).outcome.message.includes('node-000, node-001, node-002 staging'),
      true,
      summary(fleet).outcome.message,
    );
    fleet.agent(fleet.at(1));
    fleet.pass();
    assert.equal(fleet.writes.filter(w => w.type === 'target').length, 4);
  });

  it('says why a node cannot stage, before its time is over', () => {
    const fleet = running({ nodes: 3 });
    fleet.pass();
    const { nodeTarget } = fleet.at(1);
    assert.ok(nodeTarget);
    fleet.at(1).nodeTarget = { ...nodeTarget, trouble: 'DiskFull: Insufficient free space' };
    const { message } = summary(fleet).outcome;
    assert.match(message, /node-001 cannot stage for now \(DiskFull: Insufficient free space\); node-000, node-002 staging/);
  });

  it('counts every unavailable node against the budget, and takes one that is unavailable already first', () => {
    const fleet = running({ nodes: 4, canary: 0 });
    fleet.pass();
    for (const m of fleet.machines) fleet.agent(m);
    fleet.cordonByPerson(fleet.at(2));
    fleet.pass();
    assert.deepEqual(cordoned(fleet), ['node-002']);
    run(fleet);
    assert.equal(fleet.at(2).node.unschedulable, true, "the person's cordon stays");
    assert.equal(fleet.at(2).node.cordon, undefined);
    assert.equal(fleet.updated(), 1, 'its cordon keeps the only slot');
    assert.match(summary(fleet).outcome.message, /3 staged and waiting: 1 may be unavailable, and node-002 is/);
    assert.equal(summary(fleet).outcome.reason, 'WaitingForBudget');
    fleet.uncordonByPerson(fleet.at(2));
    run(fleet);
    assert.equal(fleet.updated(), 4);
  });

  it('halts at the threshold, says so, and resumes with a new target', () => {
    const fleet = running({ nodes: 6, maxUnavailable: 2, canary: 1 });
    fleet.bad.add(image(2).digests[1] ?? '');
    run(fleet);
    assert.equal(fleet.machines.filter(m => m.failedOn.size > 0).length, 1, 'only the canary was tried');
    const halted = summary(fleet);
    assert.equal(halted.outcome.kind, 'Stalled');
    assert.equal(halted.outcome.reason, 'RolloutHalted');
    assert.deepEqual(halted.failedNodes, [{ name: 'node-000', reason: 'FellBack', message: 'did not boot' }]);
    assert.match(
      halted.outcome.message,
      /^halted: 1 failed, and failureThreshold is 1; node-000 failed \(FellBack: did not boot\)/,
    );
    assert.equal(halted.nodes.unavailable, 1, 'the failed node keeps its budget');
    assert.deepEqual(cordoned(fleet), [], 'and is usable, on its old image');
    assert.equal(reasonOf(fleet, 0)?.phase, 'Failed');
    fleet.target = image(3);
    run(fleet);
    assert.equal(fleet.updated(), 6);
    assert.equal(reasonOf(fleet, 0), undefined);
  });

  it('tries a failed digest again only when a person asks, also after another target in between', () => {
    const fleet = running({ nodes: 3 });
    fleet.bad.add(image(2).digests[1] ?? '');
    run(fleet);
    fleet.target = image(3);
    run(fleet);
    fleet.target = image(2);
    run(fleet);
    assert.equal(summary(fleet).outcome.reason, 'RolloutHalted');
    assert.match(summary(fleet).failedNodes[0]?.message ?? '', /failed on this node before: did not boot/);
    assert.equal(fleet.updated(), 0);
    fleet.bad.clear();
    fleet.retry = true;
    run(fleet);
    assert.equal(fleet.updated(), 3);
  });

  it('halts when an approved node does not come back, and goes on when it does', () => {
    const fleet = running({ nodes: 3 });
    run(fleet, f => f.machines.some(m => m.nodeTarget?.state === 'Booted' && m.nodeTarget.image === f.target.image));
    fleet.agent(fleet.at(0));
    assert.equal(fleet.at(0).down, true);
    fleet.now += 16 * minute;
    fleet.pass();
    assert.equal(summary(fleet).outcome.reason, 'RolloutHalted');
    assert.equal(reasonOf(fleet, 0)?.reason, 'RebootTimeout');
    assert.deepEqual(cordoned(fleet), ['node-000'], 'it may still be booting');
    fleet.boot(fleet.at(0));
    run(fleet);
    assert.equal(fleet.updated(), 3);
    assert.deepEqual(summary(fleet).failedNodes, []);
  });

  it('records since when a node is not back, whatever its agent says meanwhile, and writes no new words of the same trouble', () => {
    const fleet = running({ nodes: 1 });
    run(fleet, f => f.at(0).nodeTarget?.state === 'Booted' && f.at(0).nodeTarget?.image === f.target.image);
    fleet.agent(fleet.at(0));
    fleet.now += 16 * minute;
    fleet.pass();
    const { since } = reasonOf(fleet, 0) ?? {};
    assert.equal(since, new Date(fleet.now).toISOString());
    const writes = ['StatusUnreadable: line 7', 'StatusUnreadable: line 8', 'HostBusy: locked'].map(trouble => {
      const { nodeTarget } = fleet.at(0);
      assert.ok(nodeTarget);
      fleet.at(0).nodeTarget = { ...nodeTarget, trouble };
      fleet.now += minute;
      const made = fleet.pass();
      assert.equal(reasonOf(fleet, 0)?.since, since);
      return made;
    });
    assert.deepEqual(writes, [1, 0, 1]);
    assert.match(reasonOf(fleet, 0)?.message ?? '', /; its agent says HostBusy: locked$/);
  });

  it('records a failure anew that came back after a retry', () => {
    const fleet = running({ nodes: 1 });
    fleet.at(0).blocked = true;
    const drainTimesOut = (): void => {
      run(fleet, f => cordoned(f).length > 0);
      fleet.now += 31 * minute;
      fleet.pass();
      assert.equal(reasonOf(fleet, 0)?.reason, 'DrainTimeout');
    };
    drainTimesOut();
    fleet.retry = true;
    fleet.pass();
    drainTimesOut();
    assert.equal(reasonOf(fleet, 0)?.since, new Date(fleet.now).toISOString());
  });

  it('names what blocks a drain after ten seconds, gives up at the deadline, and gives the node back', () => {
    const fleet = running({ nodes: 2 });
    for (const m of fleet.machines) m.blocked = true;
    run(fleet, f => cordoned(f).length > 0);
    fleet.now += 5_000;
    fleet.pass();
    assert.equal(reasonOf(fleet, 0), undefined);
    fleet.now += 6_000;
    fleet.pass();
    assert.equal(reasonOf(fleet, 0)?.reason, 'PodDisruptionBudget');
    assert.equal(summary(fleet).outcome.reason, 'DrainBlocked');
    assert.match(summary(fleet).outcome.message, /node-000 cannot be drained: web/);
    fleet.now += 30 * minute;
    fleet.machines.forEach(m => fleet.agent(m));
    fleet.pass();
    assert.equal(reasonOf(fleet, 0)?.reason, 'DrainTimeout');
    assert.deepEqual(cordoned(fleet), []);
    assert.equal(summary(fleet).outcome.reason, 'RolloutHalted');
    for (const m of fleet.machines) m.blocked = false;
    fleet.retry = true;
    run(fleet);
    assert.equal(fleet.updated(), 2);
  });

  it('says nothing of a drain that nobody was at for a while and that is held up for a moment when somebody is again', () => {
    const fleet = running({ nodes: 2 });
    for (const m of fleet.machines) m.blocked = true;
    run(fleet, f => cordoned(f).length > 0);
    fleet.forget();
    fleet.now += minute;
    const made = fleet.writes.length;
    fleet.pass();
    fleet.now += 5_000;
    fleet.pass();
    assert.deepEqual(fleet.writes.slice(made), []);
    fleet.now += 6_000;
    fleet.pass();
    assert.equal(reasonOf(fleet, 0)?.reason, 'PodDisruptionBudget');
    // What was said is not taken back by the next process, which finds the same.
    fleet.forget();
    fleet.now += 5_000;
    assert.equal(fleet.pass(), 0);
    for (const m of fleet.machines) m.blocked = false;
    fleet.pass();
    assert.equal(reasonOf(fleet, 0), undefined);
  });

  it('stops drains and gives the nodes back when the target changes, when suspended and when halted', () => {
    for (const change of ['target', 'suspend', 'zero'] as const) {
      const fleet = running({ nodes: 4, maxUnavailable: 2, canary: 0 });
      run(fleet, f => cordoned(f).length === 2);
      if (change === 'target') fleet.target = image(3);
      if (change === 'suspend') fleet.suspended = true;
      if (change === 'zero') fleet.o.maxUnavailable = 0;
      fleet.pass();
      assert.deepEqual(cordoned(fleet), [], change);
      if (change === 'suspend') assert.equal(summary(fleet).outcome.reason, 'Suspended');
      if (change === 'zero') assert.match(summary(fleet).outcome.message, /maxUnavailable is 0/);
      Object.assign(fleet, { suspended: false });
      fleet.o.maxUnavailable = 2;
      run(fleet);
      assert.equal(fleet.updated(), 4);
    }
  });

  it('keeps the cordon of a node that hangs on its way down, also when another target takes its go-ahead back', () => {
    const fleet = new Fleet({ nodes: 2, slow: true });
    run(fleet, f => f.at(0).told !== undefined);
    fleet.now += 16 * minute;
    fleet.beat();
    fleet.target = image(2);
    fleet.pass();
    assert.equal(fleet.at(0).nodeTarget?.state, 'Staged', 'if the host can still be stopped, it is');
    assert.deepEqual(cordoned(fleet), ['node-000'], 'it may go down at any moment');
    fleet.now += 16 * minute;
    fleet.beat();
    fleet.pass();
    assert.equal(reasonOf(fleet, 0)?.reason, 'RebootTimeout');
    assert.deepEqual(cordoned(fleet), ['node-000']);
    fleet.goDown(fleet.at(0));
    run(fleet);
    assert.equal(fleet.updated(), 2);
    assert.deepEqual(cordoned(fleet), []);
  });

  it('keeps that cordon also when the agent can no longer read its host', () => {
    const fleet = new Fleet({ nodes: 1, slow: true });
    run(fleet, f => f.at(0).told !== undefined);
    fleet.now += 16 * minute;
    fleet.beat();
    fleet.target = image(2);
    fleet.pass();
    assert.equal(fleet.at(0).nodeTarget?.state, 'Staged');
    fleet.hinder(fleet.at(0));
    fleet.pass();
    assert.deepEqual(cordoned(fleet), ['node-000']);
  });

  it('gives a node back whose agent falls silent on the way down, and whose go-ahead is gone', () => {
    const fleet = new Fleet({ nodes: 1, slow: true });
    run(fleet, f => f.at(0).told !== undefined);
    fleet.now += 16 * minute;
    fleet.beat();
    fleet.target = image(2);
    fleet.pass();
    fleet.now += 16 * minute;
    fleet.beat();
    fleet.pass();
    assert.deepEqual(cordoned(fleet), ['node-000']);
    const { nextCheckMs = Number.POSITIVE_INFINITY } = plan(fleet.state());
    assert(nextCheckMs <= minute, 'nothing else would tell of the silence');
    fleet.at(0).agentDead = true;
    fleet.now += 16 * minute;
    fleet.pass();
    assert.deepEqual(cordoned(fleet), []);
  });

  it('lets a node that was approved for an older target finish before it is moved on', () => {
    const fleet = running({ nodes: 2 });
    run(fleet, f => f.writes.some(w => w.type === 'approve'));
    fleet.target = image(3);
    fleet.pass();
    assert.equal(fleet.at(0).nodeTarget?.image, image(2).image);
    assert.equal(fleet.at(1).nodeTarget?.image, image(3).image);
    run(fleet);
    assert.equal(fleet.updated(), 2);
  });

  it('gives a slot back when another node is lost during the drain', () => {
    const fleet = running({ nodes: 3, canary: 0 });
    run(fleet, f => cordoned(f).length > 0);
    fleet.at(2).node = { ...fleet.at(2).node, ready: false, readySince: fleet.now };
    fleet.pass();
    assert.deepEqual(cordoned(fleet), []);
  });

  it('cordons again when a person lifts the cordon during the slot', () => {
    const fleet = running({ nodes: 2 });
    run(fleet, f => cordoned(f).length > 0);
    fleet.uncordonByPerson(fleet.at(0));
    fleet.pass();
    assert.equal(fleet.at(0).node.unschedulable, true);
  });

  it('moves no node that another pool selects too, and says so', () => {
    const fleet = running({ nodes: 2 });
    const state = fleet.state();
    const contested = { ...state, members: state.members.map((m, i) => (i === 0 ? { ...m, conflicts: ['other'] } : m)) };
    const { actions, summary } = plan(contested);
    assert.deepEqual(
      actions.map(a => [a.type, a.node]),
      [
        ['target', 'node-001'],
        ['report', 'node-000'],
      ],
    );
    assert.match(summary.outcome.message, /node-000 is also selected by SystemPool other/);
  });

  it('does not wait for a dead node, and does not count it as failed', () => {
    const fleet = new Fleet({ nodes: 3, maxUnavailable: 2 });
    run(fleet);
    fleet.target = image(2);
    fleet.at(1).agentDead = true;
    fleet.at(1).node = { ...fleet.at(1).node, ready: false, readySince: fleet.now };
    run(fleet);
    fleet.now += 60 * minute;
    fleet.pass();
    assert.equal(fleet.updated(), 2);
    assert.deepEqual(summary(fleet).failedNodes, []);
    assert.match(summary(fleet).outcome.message, /node-001 not Ready and not heard of/);
    assert.equal(summary(fleet).outcome.reason, 'NodesNotReady');
  });

  it('waits for nothing when there is no target, but lets approved nodes finish', () => {
    const fleet = running({ nodes: 2 });
    run(fleet, f => f.writes.some(w => w.type === 'approve'));
    fleet.agent(fleet.at(0));
    fleet.boot(fleet.at(0));
    const { target: _, ...state } = fleet.state();
    const { actions, summary } = plan({ ...state, frozen: { reason: 'DefinitionNotReady', message: 'no image yet' } });
    assert.deepEqual(
      actions.map(a => a.type),
      ['uncordon'],
    );
    assert.equal(summary.outcome.reason, 'DefinitionNotReady');
  });

  it('says how long it takes for 5,000 nodes', t => {
    const fleet = new Fleet({ nodes: 5000, zones: 3, maxUnavailable: '10%', maxStaging: 500, canary: 1 });
    const measure = (): number => {
      const state = fleet.state();
      const times = Array.from({ length: 60 }, () => {
        const start = performance.now();
        plan(state);
        return performance.now() - start;
      });
      return times.toSorted((a, b) => a - b)[30] ?? 0;
    };
    const first = measure();
    for (const action of plan(fleet.state()).actions) fleet.apply(action);
    fleet.machines.slice(0, 4000).forEach(m => fleet.agent(m));
    const second = measure();
    t.diagnostic(`plan of 5,000 nodes: ${first.toFixed(1)} ms when all are new, ${second.toFixed(1)} ms when 500 may stage`);
    assert.equal(plan(fleet.state()).summary.nodes.total, 5000);
  });
});
