import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { image } from './machine.ts';
import { Fleet } from './model.ts';

/** A whole update with a person's cordon, a blocked drain, a change of target midway and a node that leaves; `kill` breaks off once. */
function story(kill: number): Fleet {
  const fleet = new Fleet({ nodes: 4, zones: 2, maxUnavailable: 2, maxStaging: 2 });
  let made = 0;
  const pass = (): void => {
    const left = kill - made;
    made += fleet.pass(left > 0 ? left : undefined);
  };
  for (let round = 0; round < 120; round++) {
    if (round === 20) fleet.target = image(2);
    if (round === 24) fleet.cordonByPerson(fleet.at(3));
    if (round === 26) fleet.at(1).blocked = true;
    if (round === 30) fleet.target = image(3);
    if (round === 40) fleet.at(1).blocked = false;
    if (round === 42) fleet.at(2).inPool = false;
    if (round === 70) fleet.uncordonByPerson(fleet.at(3));
    for (const m of fleet.machines) {
      if (round % 3 === 0) fleet.boot(m);
      fleet.agent(m);
    }
    pass();
    fleet.now += 5_000;
  }
  return fleet;
}

/** What must come out the same: not times and versions, which depend on how often there was a start. */
const end = (fleet: Fleet) =>
  fleet.machines.map(({ node, nodeTarget, host }) => ({
    node: node.name,
    unschedulable: node.unschedulable,
    cordon: node.cordon,
    booted: host.booted,
    image: nodeTarget?.image,
  }));

describe('a controller that is killed', () => {
  it('comes to the same end whichever write was its last, within the budget at every step', t => {
    const whole = story(Number.POSITIVE_INFINITY);
    assert.equal(whole.updated(), 3);
    const writes = whole.writes.length;
    t.diagnostic(`${writes} writes, killed after each`);
    assert(writes > 20);
    for (let kill = 1; kill <= writes; kill++) assert.deepEqual(end(story(kill)), end(whole), `killed after write ${kill}`);
  });
});
