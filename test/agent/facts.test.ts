import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatherFacts } from '../../controller/agent/facts.ts';
import { Disk, specOf, World } from './world.ts';
import { Mind } from '../../controller/agent/mind.ts';
import { emptyMemory } from '../../controller/agent/memory.ts';

test('a seal is missed since the first look, and a clock that is set back begins that anew', async () => {
  const { host, addons } = new World(specOf(2));
  addons.unsealed = true;
  const mind = new Mind(new Disk());
  const target = { name: 'node', uid: 'uid', resourceVersion: '1', spec: specOf(2), retried: [] };
  const missedSince = async (now: number): Promise<number | undefined> => {
    const limits = { now: () => now, rebootGraceMs: 1, rebootTimeoutMs: 1 };
    const known = { target, memory: emptyMemory(), mind, fresh: undefined };
    return (await gatherFacts({ host, addons }, known, limits)).sealMissingSince;
  };
  assert.equal(await missedSince(5_000), 5_000);
  assert.equal(await missedSince(7_000), 5_000);
  assert.equal(await missedSince(1_000), 1_000);
  assert.equal(await missedSince(2_000), 1_000);
  addons.unsealed = false;
  assert.equal(await missedSince(3_000), undefined);
});
