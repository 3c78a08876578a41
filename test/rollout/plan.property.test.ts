import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Action } from '../../controller/rollout/actions.ts';
import { plan } from '../../controller/rollout/plan.ts';
import { image, type Machine, minute } from './machine.ts';
import { Fleet } from './model.ts';

type Happening = (fleet: Fleet, machine: Machine, n: number) => void;

const turnReady: (ready: boolean) => Happening = ready => (fleet, machine) => {
  if (!machine.down) machine.node = { ...machine.node, ready, readySince: fleet.now };
};
const set: (change: Partial<Machine>) => Happening = change => (_, machine) => Object.assign(machine, change);

const kindsOfWrites: readonly Action['type'][] = ['target', 'cordon', 'approve', 'uncordon', 'report', 'remove'];

const happenings = {
  agent: (fleet, machine) => fleet.agent(machine),
  pullFails: (fleet, machine) => fleet.agent(machine, true),
  boot: (fleet, machine) => fleet.boot(machine),
  time: (fleet, _, n) => (fleet.now += n * minute),
  notReady: turnReady(false),
  ready: turnReady(true),
  cordon: (fleet, machine) => fleet.cordonByPerson(machine),
  uncordon: (fleet, machine) => fleet.uncordonByPerson(machine),
  target: (fleet, _, n) => (fleet.target = image(1 + (n % 3))),
  bad: (fleet, _, n) => fleet.bad.add(image(1 + (n % 3)).digests[1] ?? ''),
  suspend: fleet => (fleet.suspended = true),
  resume: fleet => (fleet.suspended = false),
  retry: fleet => (fleet.retry = true),
  block: set({ blocked: true }),
  unblock: set({ blocked: false }),
  delete: (fleet, machine, n) => fleet.setDeleted(machine, n < 10),
  add: fleet => fleet.machines.length < 8 && fleet.addNode(),
  refuse: (_, machine, n) => {
    const kind = kindsOfWrites[n % kindsOfWrites.length];
    if (kind) machine.refuses = kind;
  },
  allow: (_, machine) => delete machine.refuses,
  // By hand, or by the garbage collector when a pool is deleted in the foreground.
  targetDeleted: (fleet, machine) => fleet.deleteTarget(machine),
  replace: (fleet, machine) => fleet.replace(machine),
  leave: set({ inPool: false }),
  return: set({ inPool: true }),
  die: set({ agentDead: true }),
  revive: set({ agentDead: false }),
  power: (fleet, machine) => fleet.powerCycle(machine),
  // Rare, and taken back, as if the pool was made anew.
  poolDeleted: (fleet, _, n) => (fleet.deleting = n === 1),
} satisfies Record<string, (fleet: Fleet, machine: Machine, n: number) => unknown>;

type Kind = keyof typeof happenings;
// What drives a rollout on comes more often than what disturbs it.
const kinds: Kind[] = [...(Object.keys(happenings) as Kind[]), 'agent', 'agent', 'agent', 'agent', 'boot', 'boot', 'time'];

const event = fc.record({
  kind: fc.constantFrom(...kinds),
  i: fc.nat(7),
  n: fc.integer({ min: 1, max: 40 }),
  kill: fc.option(fc.nat(4)),
});
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

const options = fc.record({
  nodes: fc.integer({ min: 1, max: 7 }),
  zones: fc.integer({ min: 1, max: 3 }),
  controlPlane: fc.integer({ min: 0, max: 2 }),
  maxUnavailable: fc.constantFrom<(number | string)[]>(1, 1, 2, 3, '34%', '60%'),
  maxStaging: fc.integer({ min: 1, max: 4 }),
  canary: fc.integer({ min: 0, max: 2 }),
  failureThreshold: fc.integer({ min: 1, max: 3 }),
  drain: fc.boolean(),
  canLock: fc.boolean(),
});

function happen(fleet: Fleet, { kind, i, n }: Event): void {
  happenings[kind](fleet, fleet.at(i), n);
}

const runs = Number(process.env['FC_RUNS'] ?? 400);

describe('plan, whatever happens', () => {
  it("keeps the budget, reboots only what it may, keeps a person's cordons, and ends with healthy nodes", () => {
    fc.assert(
      fc.property(options, fc.array(event, { minLength: 1, maxLength: 120 }), (o, events) => {
        const fleet = new Fleet(o);
        for (const e of events) {
          happen(fleet, e);
          fleet.pass(e.kill ?? undefined);
        }
        fleet.deleting = false;
        fleet.settle();
        const total = fleet.machines.filter(m => m.inPool && !m.deleted).length;
        assert.equal(fleet.updated(), total, JSON.stringify(plan(fleet.state()).summary));
        for (const m of fleet.machines) {
          if (!m.deleted) assert.equal(m.node.cordon, undefined, `${m.node.name} still bears a mark`);
          if (!m.deleted) assert.equal(m.node.unschedulable, false, `${m.node.name} is still cordoned`);
          if (m.deleted || !m.inPool) assert.equal(m.nodeTarget, undefined, `${m.node.name} still has a target`);
        }
        assert.equal(plan(fleet.state()).summary.outcome.kind, 'Ready');
      }),
      { numRuns: runs },
    );
  });

  it('leaves no mark when the pool is deleted in the middle', () => {
    fc.assert(
      fc.property(options, fc.array(event, { minLength: 1, maxLength: 60 }), (o, events) => {
        const fleet = new Fleet(o);
        for (const e of events) {
          happen(fleet, e);
          fleet.pass(e.kill ?? undefined);
        }
        fleet.deleting = true;
        for (const m of fleet.machines) delete m.refuses;
        for (let i = 0; i < 40; i++) {
          fleet.now += minute;
          if (i % 2) fleet.machines.forEach(m => fleet.boot(m));
          fleet.pass();
        }
        for (const m of fleet.machines) {
          if (!m.deleted) assert.equal(m.node.cordon, undefined);
          if (!m.deleted) assert.equal(m.node.unschedulable, m.personCordon);
          assert.equal(m.nodeTarget, undefined);
        }
      }),
      { numRuns: runs },
    );
  });
});
