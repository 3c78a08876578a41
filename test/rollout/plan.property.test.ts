import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { plan } from '../../controller/rollout/plan.ts';
import { Fleet, image, minute } from './model.ts';

const kinds = [
  'agent',
  'agent',
  'agent',
  'agent',
  'agent',
  'boot',
  'boot',
  'boot',
  'pullFails',
  'time',
  'time',
  'notReady',
  'ready',
  'cordon',
  'uncordon',
  'target',
  'bad',
  'suspend',
  'resume',
  'retry',
  'block',
  'unblock',
  'delete',
  'add',
  'leave',
  'return',
  'die',
  'revive',
  'power',
  'poolDeleted',
] as const;

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
  const machine = fleet.at(i);
  switch (kind) {
    case 'agent':
      return fleet.agent(machine);
    case 'pullFails':
      return fleet.agent(machine, true);
    case 'boot':
      return fleet.boot(machine);
    case 'time':
      fleet.now += n * minute;
      return;
    case 'notReady':
    case 'ready':
      if (!machine.down) machine.node = { ...machine.node, ready: kind === 'ready', readySince: fleet.now };
      return;
    case 'cordon':
      return fleet.cordonByPerson(machine);
    case 'uncordon':
      return fleet.uncordonByPerson(machine);
    case 'target':
      fleet.target = image(1 + (n % 3));
      return;
    case 'bad':
      fleet.bad.add(image(1 + (n % 3)).digests[1] ?? '');
      return;
    case 'suspend':
    case 'resume':
      fleet.suspended = kind === 'suspend';
      return;
    case 'retry':
      fleet.retry = true;
      return;
    case 'block':
    case 'unblock':
      machine.blocked = kind === 'block';
      return;
    case 'delete':
      machine.deleted = n < 10;
      return;
    case 'add':
      if (fleet.machines.length < 8) fleet.addNode();
      return;
    case 'leave':
    case 'return':
      machine.inPool = kind === 'return';
      return;
    case 'die':
    case 'revive':
      machine.agentDead = kind === 'die';
      return;
    case 'power':
      return fleet.powerCycle(machine);
    case 'poolDeleted':
      // Rare: for one random number only, and taken back, as if the pool was made anew.
      fleet.deleting = n === 1;
      return;
  }
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
