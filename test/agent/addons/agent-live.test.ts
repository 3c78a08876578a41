/** An agent's way with addons that change on the running host. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf } from '../../../controller/api/conditions.ts';
import { targetOf } from '../../../controller/agent/target.ts';
import { Killed, specOf, wasKilled, World } from '../world.ts';
import { setOf } from './memory-addons.ts';

/** A host that runs image 2 with set 1, and has set 2 prepared. */
async function prepared(): Promise<World> {
  const world = new World(specOf(2, setOf(1)));
  await world.run();
  world.approve();
  await world.run();
  world.host.bootAgain();
  world.restart();
  await world.run();
  world.setSpec(specOf(2, setOf(2)));
  assert.equal((await world.run()).phase, 'Staged');
  return world;
}

const merged = (world: World) => world.addons.merged.at(-1);
const reasonOf = (world: World) => conditionOf(world.target.status?.conditions, 'Ready')?.reason;

/** What it comes to where all went well. */
async function assertApplied(world: World, approval: string, words = ''): Promise<void> {
  const { verdict, host } = world.target.status ?? {};
  assert.deepEqual([verdict?.type, verdict?.approval, reasonOf(world)], ['Succeeded', approval, 'Booted'], words);
  assert.deepEqual([merged(world), host?.addons?.set], [setOf(2).addonSet, setOf(2).addonSet], words);
  const { booted } = await world.host.status();
  assert.equal(await world.addons.records.read(booted?.deployment?.replace(/\.\d+$/, '') ?? '', 'before'), undefined, words);
}

test('changes what is merged without a reboot, and says how long nothing was and what was restarted', async () => {
  const world = await prepared();
  assert.ok(world.target.status?.host?.capabilities?.includes('LiveAddons'));
  const reboots = world.host.reboots.length;
  const approval = world.approve({ live: true });
  assert.equal((await world.run()).phase, 'Idle');
  assert.ok(world.reports.some(({ phase }) => phase === 'Applying'));
  assert.equal(world.host.reboots.length, reboots);
  await assertApplied(world, approval);
  const { live } = world.target.status?.host?.addons ?? {};
  assert.deepEqual([live?.outcome, live?.gapMs, live?.restarted], ['Applied', 20, ['runtime.service']]);
  assert.match(
    world.target.status?.verdict?.message ?? '',
    /without a reboot; nothing was merged for 20 ms; restarted: runtime.service/,
  );
  // The next boot has it too.
  world.host.bootAgain();
  world.restart();
  assert.equal((await world.run()).phase, 'Idle');
  assert.equal(merged(world), setOf(2).addonSet);
});

test('takes a set that does not merge for one that failed, and boots with the former one', async () => {
  const world = await prepared();
  world.addons.spoiled.add(world.target.spec.addons?.[0]?.digest ?? '');
  const approval = world.approve({ live: true });
  assert.equal((await world.run()).phase, 'Failed');
  const { verdict, host } = world.target.status ?? {};
  assert.deepEqual([verdict?.type, verdict?.approval, verdict?.digest], ['AddonsFailed', approval, targetOf(world.target.spec)]);
  assert.match(verdict?.message ?? '', /former ones are merged again; runtime: NotMerged/);
  assert.deepEqual(
    [host?.addons?.set, host?.addons?.state, host?.addons?.live?.outcome],
    [setOf(1).addonSet, 'Merged', 'Restored'],
  );
  const effects = world.effects.length;
  world.now += 7_200_000;
  await world.run();
  assert.deepEqual(world.effects.slice(effects), []);
  world.host.bootAgain();
  world.restart();
  await world.run();
  assert.equal(merged(world), setOf(1).addonSet);
});

test('goes on where it was killed, at every step', async () => {
  for (let after = 0; ; after++) {
    const world = await prepared();
    const approval = world.approve({ live: true });
    let left = after;
    world.watch = () => {
      if (left-- === 0) throw new Killed();
    };
    let killed = false;
    await world.run().catch((error: unknown) => {
      if (!wasKilled(error)) throw error;
      killed = true;
    });
    world.watch = undefined;
    world.restart();
    await world.run();
    await assertApplied(world, approval, `killed before effect ${after}`);
    if (!killed) return;
    assert.ok(after < 50);
  }
});

test('survives a power cut at every step', async () => {
  for (let after = 0; ; after++) {
    const world = await prepared();
    const approval = world.approve({ live: true });
    let left = after;
    world.watch = () => {
      if (left-- === 0) throw new Killed();
    };
    let killed = false;
    await world.run().catch((error: unknown) => {
      if (!wasKilled(error)) throw error;
      killed = true;
    });
    world.watch = undefined;
    world.host.bootAgain({ powerCut: true });
    world.restart();
    await world.run();
    await assertApplied(world, approval, `power cut before effect ${after}`);
    if (!killed) return;
    assert.ok(after < 50);
  }
});

test('runs the script again that was killed, and after the third time has it merge the former set', async () => {
  const once = await prepared();
  once.addons.killedLive = 1;
  const approval = once.approve({ live: true });
  assert.equal((await once.run()).phase, 'Applying');
  assert.equal(reasonOf(once), 'LiveFailed');
  once.now += 3_600_000;
  await once.run();
  await assertApplied(once, approval);

  const often = await prepared();
  often.addons.killedLive = 3;
  often.approve({ live: true });
  for (let i = 0; i < 8; i++) {
    await often.run();
    often.now += 3_600_000;
  }
  assert.equal(often.target.status?.verdict?.type, 'AddonsFailed');
  assert.deepEqual([merged(often), often.target.status.host?.addons?.set], [setOf(1).addonSet, setOf(1).addonSet]);
  assert.equal(often.effects.filter(e => e === 'Live').length, 4);
});

test('ends what was begun when the go-ahead is taken back, and begins nothing after that', async () => {
  const late = await prepared();
  const approval = late.approve({ live: true });
  late.watch = effect => {
    if (effect === 'Live') late.revoke();
  };
  await late.run();
  assert.deepEqual([late.target.status?.verdict?.type, late.target.status?.verdict?.approval], ['Succeeded', approval]);
  assert.equal(merged(late), setOf(2).addonSet);

  const early = await prepared();
  early.approve({ live: true });
  early.watch = effect => {
    if (effect === 'Report') early.revoke();
  };
  assert.equal((await early.run()).phase, 'Staged');
  assert.equal(early.effects.includes('Live'), false);
  assert.equal(merged(early), setOf(1).addonSet);
});

test('waits where the running host cannot do it, and never reboots for such a go-ahead', async () => {
  const old = await prepared();
  old.addons.old = true;
  old.approve({ live: true });
  await old.run();
  assert.equal(reasonOf(old), 'LiveImpossible');
  assert.equal(old.target.status?.host?.capabilities?.includes('LiveAddons'), false);

  const another = new World(specOf(2, setOf(1)));
  await another.run();
  another.approve({ live: true });
  await another.run();
  assert.equal(reasonOf(another), 'LiveImpossible');
  assert.deepEqual(another.host.reboots, []);

  const pending = await prepared();
  pending.host.state = { ...pending.host.state, rollbackQueued: true };
  pending.approve({ live: true });
  await pending.run();
  assert.equal(reasonOf(pending), 'OtherBootPending');
  assert.equal(pending.effects.includes('Live'), false);
});
