import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { image, platformOf } from './machine.ts';
import { run, running } from './rounds.ts';

describe('a refused write', () => {
  it('goes on with the others where a write for one node is refused, and never beyond the budget', () => {
    for (const refuses of ['target', 'cordon', 'approve', 'uncordon'] as const) {
      const fleet = running({ nodes: 5, maxUnavailable: 2, canary: 0 });
      fleet.at(2).refuses = refuses;
      run(fleet);
      const others = fleet.machines.filter(m => m !== fleet.at(2));
      for (const m of others) {
        assert.equal(m.host.booted, platformOf(image(2)), `${refuses}: ${m.node.name}`);
        assert.equal(m.node.unschedulable, false, `${refuses}: ${m.node.name}`);
      }
      assert.equal(fleet.at(2).host.booted, platformOf(image(refuses === 'uncordon' ? 2 : 1)), refuses);
      if (refuses === 'cordon') assert.equal(fleet.at(2).pods, 2, 'what cannot be cordoned is not drained');
      delete fleet.at(2).refuses;
      run(fleet);
      assert.equal(fleet.updated(), 5, refuses);
      assert.deepEqual(
        fleet.machines.filter(m => m.node.cordon),
        [],
      );
    }
  });
});
