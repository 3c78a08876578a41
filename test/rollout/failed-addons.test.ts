/** What becomes of a fleet when a set of addons fails: it stops there, and the way back is the former set, by the same budget. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plan } from '../../controller/rollout/plan.ts';
import { addonSet, image } from './machine.ts';
import { Fleet } from './model.ts';
import { run } from './rounds.ts';

const [former, bad] = [addonSet(1), addonSet(2)];
assert(former && bad);

/** Five nodes that run image 1 with the former set, and are then to have one that is not merged. */
function failing(o: { failureThreshold?: number } = {}): Fleet {
  const fleet = new Fleet({ nodes: 5, maxUnavailable: 2, canary: 1, addons: 1, ...o });
  run(fleet);
  assert.deepEqual(sets(fleet), { [former?.digest ?? '']: 5 });
  fleet.badSets.add(bad?.digest ?? '');
  fleet.o.addons = 2;
  run(fleet);
  return fleet;
}

/** Nodes by what they have merged; '' is a part. */
function sets({ machines }: Fleet): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { host } of machines) counts[host.set ?? 'none'] = (counts[host.set ?? 'none'] ?? 0) + 1;
  return counts;
}

describe('a set of addons that is not merged', () => {
  it('reaches no more nodes than the canary, and is not tried again on that one', () => {
    const fleet = failing();
    assert.deepEqual(sets(fleet), { '': 1, [former.digest]: 4 });
    const { summary } = plan(fleet.state());
    assert.deepEqual([summary.outcome.reason, summary.failedNodes.map(n => n.reason)], ['RolloutHalted', ['AddonsFailed']]);
    fleet.writes.length = 0;
    run(fleet);
    assert.deepEqual(fleet.writes, []);
  });

  it('is gone again when the pool asks for the former set: no other node is rebooted for that', () => {
    const fleet = failing();
    const boots = fleet.machines.map(m => m.host.bootID);
    fleet.o.addons = 1;
    run(fleet);
    assert.deepEqual(sets(fleet), { [former.digest]: 5 });
    assert.equal(fleet.machines.filter((m, i) => m.host.bootID !== boots[i]).length, 1);
    assert.equal(plan(fleet.state()).summary.outcome.kind, 'Ready');
  });

  it('bars itself alone: another set, or the next image, goes on from the failed node', () => {
    for (const change of [(f: Fleet) => (f.o.addons = 3), (f: Fleet) => ((f.target = image(2)), f.badSets.clear())]) {
      const fleet = failing();
      change(fleet);
      run(fleet);
      assert.equal(fleet.updated(), 5);
    }
  });
});
