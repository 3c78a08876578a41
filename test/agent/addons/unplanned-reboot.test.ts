/** A reboot that nobody asked for, after any one effect of a preparation: what boots has the addons of its target, whether or not the host can lock. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MemoryHostOptions } from '../../cluster/host/memory-host.ts';
import { digest, Killed, specOf, wasKilled, World } from '../world.ts';
import { setOf } from './memory-addons.ts';

const hosts: Record<string, Partial<MemoryHostOptions>> = {
  'cannot lock': { version: '1.16.9', lockFinalization: false },
  'locks what is staged already': { version: '1.16.9', lockFinalization: true },
  'stages and locks in one step': { version: 'next' },
};

async function reboot(world: World): Promise<void> {
  world.host.bootAgain();
  world.restart();
  await world.run();
}

/** Brings image 2 with set 1 to run, which the host began without. */
async function running(options: Partial<MemoryHostOptions>): Promise<World> {
  const world = new World(specOf(2, setOf(1)), options);
  await world.run();
  world.approve();
  await world.run();
  await reboot(world);
  assert.equal(runs(world), `${digest(2)} ${setOf(1).addonSet}`);
  return world;
}

function runs(world: World): string {
  return `${world.host.state.booted?.digest} ${world.addons.merged.at(-1) ?? 'none'}`;
}

/** Resolves with whether the agent was killed before it came to rest. */
async function runUntil(world: World, effects: number): Promise<boolean> {
  let left = effects;
  world.watch = () => {
    if (left-- <= 0) throw new Killed();
  };
  try {
    await world.run();
    return false;
  } catch (error) {
    if (!wasKilled(error)) throw error;
    return true;
  } finally {
    world.watch = undefined;
  }
}

for (const [what, options] of Object.entries(hosts)) {
  describe(`a host that ${what}`, () => {
    for (const [from, to] of [
      [1, 2],
      [1, 0],
    ] as const) {
      test(`has the addons of what boots, whenever it is rebooted on its way from set ${from} to ${to === 0 ? 'none' : `set ${to}`}`, async () => {
        const wanted = `${digest(3)} ${setOf(to).addonSet ?? 'none'}`;
        const allowed = [`${digest(2)} ${setOf(from).addonSet}`, wanted];
        for (let effects = 0, killed = true; killed; effects++) {
          const world = await running(options);
          world.setSpec(specOf(3, setOf(to)));
          killed = await runUntil(world, effects);
          const done = world.effects.at(-1);
          await reboot(world);
          assert.ok(allowed.includes(runs(world)), `after ${effects} effects, ${done} the last: ${runs(world)}`);
          // The former system has its own addons back, and keeps them.
          await reboot(world);
          assert.ok(allowed.includes(runs(world)), `at the second boot after ${effects} effects: ${runs(world)}`);
          world.approve();
          await world.run();
          await reboot(world);
          assert.equal(runs(world), wanted);
        }
      });
    }
  });
}

function stagedOn(world: World): string | undefined {
  return world.host.state.staged?.digest;
}

/** A target whose addons cannot be fetched. */
async function withoutRegistry(options: Partial<MemoryHostOptions>): Promise<World> {
  const world = await running(options);
  world.setSpec(specOf(3, setOf(2)));
  world.addons.missing.add(world.target.spec.addons?.[0]?.digest ?? '');
  assert.equal((await world.run()).phase, 'Failed');
  return world;
}

test('what cannot be fetched keeps the image from being staged where it could not be locked', async () => {
  const world = await withoutRegistry({ version: '1.16.9', lockFinalization: false });
  assert.equal(stagedOn(world), undefined);
  world.addons.missing.clear();
  world.now += 3_600_000;
  assert.equal((await world.run()).phase, 'Staged');
  assert.equal(stagedOn(world), digest(3));
});

test('where it can be locked the image may bring what its addons lack, and is staged', async () => {
  const world = await withoutRegistry({ version: '1.16.9', lockFinalization: true });
  assert.deepEqual([world.host.state.staged?.digest, world.host.state.staged?.locked], [digest(3), true]);
});

test('a target that loses its addons while it is staged does not boot with those that waited for it', async () => {
  const world = await running({ version: '1.16.9', lockFinalization: false });
  world.setSpec(specOf(3, setOf(2)));
  // Prepared and staged, and not recorded.
  while (stagedOn(world) === undefined) await runUntil(world, 4);
  world.restart();
  world.setSpec(specOf(3));
  await world.run();
  await reboot(world);
  assert.equal(runs(world), `${digest(3)} none`);
});

test('an image that the host may go back to has its own addons while it is staged with others', async () => {
  const world = await running({ version: '1.16.9', lockFinalization: false });
  world.setSpec(specOf(3, setOf(2)));
  await world.run();
  await reboot(world);
  assert.equal(world.host.state.rollback?.digest, digest(2));
  world.setSpec(specOf(2, setOf(2)));
  await runUntil(world, 1);
  world.restart();
  world.host.state = { ...world.host.state, rollbackQueued: true };
  await reboot(world);
  assert.equal(runs(world), `${digest(2)} ${setOf(1).addonSet}`);
});
