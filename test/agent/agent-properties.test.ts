import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NodeTargetSpec } from '../../controller/api/node-target.ts';
import type { BootcVersion } from '../cluster/host/state.ts';
import { Killed, World, digest, specOf, wasKilled } from './world.ts';

type Event =
  | { do: 'target'; n: number }
  | { do: 'approve' }
  | { do: 'revoke' }
  | { do: 'run' }
  | { do: 'kill'; after: number }
  | { do: 'boot'; how: 'well' | 'fallsBack' | 'finalizeFails' | 'powerCut' | 'rolledBack'; forgets: boolean }
  | { do: 'approve another' }
  | { do: 'revoke while it reports' }
  | { do: 'wait'; ms: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('target' as const), n: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('approve' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('run' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('kill' as const), after: fc.integer({ min: 0, max: 8 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('boot' as const),
      how: fc.constantFrom(
        'well' as const,
        'fallsBack' as const,
        'finalizeFails' as const,
        'powerCut' as const,
        'rolledBack' as const,
      ),
      forgets: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('approve another' as const, 'revoke while it reports' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1000, 31_000, 3_600_000) }) },
);

/** FC_RUNS, as a multiple of the runs that are made by default. */
const times = Number(process.env['FC_RUNS'] ?? 400) / 400;

interface Rules {
  /** In which boots an approval made the host reboot. */
  rebootedIn: Map<string, Set<string>>;
  /** Digests whose approved boot failed, with the approvals that were spent on them. */
  failed: Map<string, Set<string>>;
}

/** The digest at the end of an image or an approval. */
function digestIn(text: string): string {
  return text.slice(text.indexOf('sha256:'));
}

/** The rule in the API's words, apart from the agent's own code. */
function approvalOf({ state, approval, image }: NodeTargetSpec): string | undefined {
  return state === 'Booted' && approval?.split('/')[1] === image.split('@')[1] ? approval : undefined;
}

/** Watches every step that the agent is about to take. */
function guard(world: World): Rules {
  const rules: Rules = { rebootedIn: new Map(), failed: new Map() };
  world.check = step => {
    const { spec } = world.target;
    const { staged } = world.host.state;
    if (step.do === 'Arm' || step.do === 'Reboot') {
      assert.equal(approvalOf(spec), step.intent.approval, 'armed or rebooted without the approval in force');
      assert.ok(staged && spec.digests.includes(staged.digest), 'armed or rebooted into something that was not approved');
      assert.ok(!rules.failed.get(digestIn(spec.image))?.has(step.intent.approval), 'a failed digest was tried again');
    }
    if (step.do === 'Stage') {
      const failed = rules.failed.get(step.digest);
      const approval = approvalOf(spec);
      assert.ok(!failed || (approval !== undefined && !failed.has(approval)), 'a failed digest was staged again');
    }
  };
  world.host.onReboot = () => {
    const approval = approvalOf(world.target.spec);
    assert.ok(approval !== undefined, 'rebooted without an approval');
    const boots = rules.rebootedIn.get(approval) ?? new Set();
    boots.add(world.host.bootID);
    rules.rebootedIn.set(approval, boots);
    assert.equal(boots.size, 1, 'one approval made the host reboot twice');
  };
  return rules;
}

async function happen(world: World, rules: Rules, e: Event): Promise<void> {
  switch (e.do) {
    case 'target':
      world.setSpec(specOf(e.n));
      return;
    case 'approve':
      world.approve();
      return;
    case 'approve another':
      world.setSpec({ ...world.target.spec, state: 'Booted', approval: `2026-01-01T00:00:00Z/${digest(8)}` });
      return;
    case 'revoke while it reports':
      world.watch = effect => {
        if (effect === 'Report') world.revoke();
      };
      await world.run();
      world.watch = undefined;
      return;
    case 'revoke':
      world.revoke();
      return;
    case 'wait':
      world.now += e.ms;
      return;
    case 'run':
      await world.run();
      return;
    case 'kill':
      await runAndKill(world, e.after);
      return;
    case 'boot':
      bootAgain(world, rules, e);
  }
}

/** Ends the agent before its n-th effect from here, if it comes so far. */
async function runAndKill(world: World, after: number): Promise<void> {
  let left = after;
  world.watch = () => {
    if (left-- <= 0) throw new Killed();
  };
  try {
    await world.run();
  } catch (error) {
    if (!wasKilled(error)) throw error;
  } finally {
    world.watch = undefined;
  }
  world.restart();
}

/** A boot ends the agent too. Only one that the agent asked for counts against the digest. */
function bootAgain(world: World, rules: Rules, { how, forgets }: Extract<Event, { do: 'boot' }>): void {
  if (how === 'rolledBack' && world.host.state.rollback) {
    world.host.state = { ...world.host.state, staged: null, rollbackQueued: true };
  }
  const { staged } = world.host.state;
  const approval = [...rules.rebootedIn].find(([, boots]) => boots.has(world.host.bootID))?.[0];
  const outcome = world.host.bootAgain({ [how]: true });
  // What it has reported is all it has then.
  if (forgets) world.forget();
  else world.restart();
  if (!staged || approval === undefined || digestIn(approval) !== staged.digest) return;
  if (outcome === 'FellBack' || outcome === 'FinalizeFailed') {
    const failed = rules.failed.get(staged.digest) ?? new Set();
    rules.failed.set(staged.digest, failed.add(approval));
  } else if (outcome === 'Applied') rules.failed.delete(staged.digest);
}

for (const version of ['next', '1.16.9'] as BootcVersion[]) {
  test(`bootc ${version}: nothing unapproved is armed, one approval is one boot, and what failed is not tried again`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 30 }), fc.boolean(), async (events, lockFinalization) => {
        const world = new World(specOf(2), { version, lockFinalization });
        const rules = guard(world);
        for (const e of events) {
          await happen(world, rules, e);
          // The first thing after a boot is the verdict, so that the next events meet an agent that knows it.
          if (e.do === 'boot') await world.run();
        }
      }),
      { numRuns: 400 * times },
    );
  });
}

test('whatever happened before, a new image gets staged, and booted once it is approved', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), async events => {
      const world = new World(specOf(2));
      const rules = guard(world);
      for (const e of events) await happen(world, rules, e);
      if (world.host.rebootRequested) {
        world.host.bootAgain();
        world.restart();
      }
      world.now += 3_600_000;
      world.setSpec(specOf(9));
      assert.equal((await world.run()).phase, 'Staged');
      world.approve();
      assert.equal((await world.run()).phase, 'Rebooting');
      assert.equal(world.host.bootAgain(), 'Applied');
      world.restart();
      assert.equal((await world.run()).condition.kind, 'Ready');
      const { verdict } = await world.memory();
      assert.equal(verdict?.type, 'Succeeded');
      assert.equal(world.host.state.booted?.digest, digest(9));
    }),
    { numRuns: 300 * times },
  );
});
