/** Time passing over a fleet in memory. */
import assert from 'node:assert/strict';
import { image } from './machine.ts';
import type { FleetOptions } from './hosts.ts';
import { Fleet } from './model.ts';

/** Lets every agent act and every reboot end, then makes a pass; until `done`, or nothing moves. */
export function run(fleet: Fleet, done: (fleet: Fleet) => boolean = () => false, rounds = 400): void {
  let quiet = 0;
  for (let i = 0; i < rounds && quiet < 3; i++) {
    quiet = fleet.pass() === 0 ? quiet + 1 : 0;
    if (done(fleet)) return;
    fleet.now += 5_000;
    for (const m of fleet.machines) {
      if (m.down || m.nodeTarget) quiet = m.down ? 0 : quiet;
      fleet.boot(m);
      fleet.notice(m);
      fleet.agent(m);
    }
  }
}

/** A fleet that runs image 1. */
export function running(options: FleetOptions): Fleet {
  const fleet = new Fleet(options);
  run(fleet);
  assert.equal(fleet.updated(), fleet.machines.length);
  fleet.writes.length = 0;
  fleet.target = image(2);
  return fleet;
}
