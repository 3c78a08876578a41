/** Whatever happens to a host with addons: nothing unapproved is merged, one go-ahead is one boot, and what failed is not tried again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { targetOf } from '../../../controller/agent/target.ts';
import type { NodeTargetSpec } from '../../../controller/api/node-target.ts';
import { digest, Killed, specOf, wasKilled, World } from '../world.ts';
import { setOf } from './memory-addons.ts';

type Boot = 'well' | 'fallsBack' | 'finalizeFails' | 'powerCut';

type Event =
  | { do: 'target'; image: number; set: number }
  | { do: 'approve' | 'revoke' | 'run' | 'revoke while it reports' | 'approve the image alone' }
  | { do: 'kill'; after: number }
  | { do: 'boot'; how: Boot }
  | { do: 'addons'; set: number; fault: 'spoiled' | 'missing' | 'none' }
  | { do: 'wait'; ms: number };

const plain = <T extends Event['do']>(...names: T[]): fc.Arbitrary<{ do: T }> => fc.record({ do: fc.constantFrom(...names) });

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('target' as const),
      image: fc.integer({ min: 1, max: 2 }),
      set: fc.integer({ min: 0, max: 2 }),
    }),
  },
  { weight: 4, arbitrary: plain('approve') },
  { weight: 1, arbitrary: plain('revoke', 'revoke while it reports', 'approve the image alone') },
  { weight: 5, arbitrary: plain('run') },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('kill' as const), after: fc.integer({ min: 0, max: 12 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('boot' as const),
      how: fc.constantFrom<Boot>('well', 'well', 'fallsBack', 'finalizeFails', 'powerCut'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('addons' as const),
      set: fc.integer({ min: 1, max: 2 }),
      fault: fc.constantFrom('spoiled' as const, 'missing' as const, 'none' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(31_000, 3_600_000) }) },
);

/** FC_RUNS, as a multiple of the runs that are made by default. */
const times = Number(process.env['FC_RUNS'] ?? 400) / 400;

function approvalOf(spec: NodeTargetSpec): string | undefined {
  return spec.state === 'Booted' && spec.approval?.split('/')[1] === targetOf(spec) ? spec.approval : undefined;
}

/** What was ever approved, as image and set: nothing else may come to run but the image that the host began with. */
class Guard {
  readonly world: World;
  readonly #approved = new Set([`${digest(1)} none`]);
  readonly #boots = new Map<string, Set<string>>();
  readonly #failed = new Map<string, Set<string>>();

  constructor(world: World) {
    this.world = world;
    world.check = step => {
      if (step.do !== 'Arm' && step.do !== 'ArmAddons' && step.do !== 'Reboot') return;
      const { spec } = world.target;
      const approval = approvalOf(spec);
      assert.equal(approval, step.intent.approval, 'armed or rebooted without the approval in force');
      assert.ok(!this.#failed.get(targetOf(spec))?.has(step.intent.approval), 'what failed was tried again');
    };
    world.host.onReboot = () => {
      const { spec } = world.target;
      const approval = approvalOf(spec) ?? assert.fail('rebooted without an approval');
      const boots = (this.#boots.get(approval) ?? new Set()).add(world.host.bootID);
      this.#boots.set(approval, boots);
      assert.equal(boots.size, 1, 'one approval made the host reboot twice');
    };
  }

  approve(): void {
    this.world.approve();
    const { spec } = this.world.target;
    for (const each of spec.digests) this.#approved.add(`${each} ${spec.addonSet ?? 'none'}`);
  }

  async boot(how: Boot): Promise<void> {
    const { world } = this;
    const approval = [...this.#boots].find(([, boots]) => boots.has(world.host.bootID))?.[0];
    world.host.bootAgain({ [how]: true });
    world.restart();
    await world.run();
    const [image, set] = [world.host.state.booted?.digest, world.addons.merged.at(-1)];
    assert.ok(this.#approved.has(`${image} ${set ?? 'none'}`), `${image} runs with ${set}, which nobody approved`);
    const { verdict } = world.target.status ?? {};
    if (approval !== undefined && verdict?.approval === approval && verdict.type !== 'Succeeded') {
      const target = approval.split('/')[1] ?? '';
      this.#failed.set(target, (this.#failed.get(target) ?? new Set()).add(approval));
    }
  }
}

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

async function happen(guard: Guard, e: Event): Promise<void> {
  const { world } = guard;
  switch (e.do) {
    case 'target':
      return world.setSpec(specOf(e.image, setOf(e.set)));
    case 'approve':
      return guard.approve();
    case 'approve the image alone':
      return world.setSpec({
        ...world.target.spec,
        state: 'Booted',
        approval: `2026-01-01T00:00:00Z/${targetOf({ image: world.target.spec.image })}x`.slice(0, -1),
      });
    case 'revoke':
      return world.revoke();
    case 'revoke while it reports':
      world.watch = effect => {
        if (effect === 'Report') world.revoke();
      };
      await world.run();
      world.watch = undefined;
      return;
    case 'run':
      await world.run();
      return;
    case 'kill':
      return runAndKill(world, e.after);
    case 'boot':
      return guard.boot(e.how);
    case 'addons':
      for (const { digest } of setOf(e.set).addons ?? []) {
        world.addons.spoiled.delete(digest);
        world.addons.missing.delete(digest);
        if (e.fault !== 'none') world.addons[e.fault].add(digest);
      }
      return;
    case 'wait':
      world.now += e.ms;
  }
}

/** Without a set, a go-ahead for the image alone is a whole one. */
function mayBeApproved(e: Event, world: World): boolean {
  return e.do !== 'approve the image alone' || world.target.spec.addonSet !== undefined;
}

async function live(world: World, events: readonly Event[]): Promise<Guard> {
  const guard = new Guard(world);
  for (const e of events) if (mayBeApproved(e, world)) await happen(guard, e);
  return guard;
}

for (const lockFinalization of [true, false]) {
  test(`nothing unapproved is merged, and one approval is one boot (ostree ${lockFinalization ? 'locks' : 'does not lock'})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async events => {
        await live(new World(specOf(2, setOf(1)), { lockFinalization }), events);
      }),
      { numRuns: 500 * times },
    );
  });
}

test('whatever happened before, a new set gets ready, and merged once it is approved', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), fc.boolean(), async (events, sameImage) => {
      const world = new World(specOf(2, setOf(1)));
      await live(world, events);
      if (world.host.rebootRequested) {
        world.host.bootAgain();
        world.restart();
      }
      world.now += 7_200_000;
      // Bare where an image failed here by itself, which bars it with any set.
      const { booted } = world.host.state;
      const image = sameImage && booted?.digest === digest(2) ? 2 : 9;
      world.setSpec(specOf(image, setOf(7)));
      assert.equal((await world.run()).phase, 'Staged');
      assert.deepEqual(world.target.status?.host?.prepared, { image: digest(image), set: setOf(7).addonSet });
      world.approve();
      assert.equal((await world.run()).phase, 'Rebooting');
      world.host.bootAgain();
      world.restart();
      assert.equal((await world.run()).condition.kind, 'Ready');
      assert.equal(world.target.status?.verdict?.type, 'Succeeded');
      assert.equal(world.addons.merged.at(-1), setOf(7).addonSet);
      assert.equal(world.host.state.booted?.digest, digest(image));
    }),
    { numRuns: 300 * times },
  );
});
