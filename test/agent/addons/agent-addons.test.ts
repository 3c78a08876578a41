/** An agent's way with addons, step by step: image and set together, a set alone, and what goes wrong. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hex } from './record-fixture.ts';
import { recordKey } from '../../../controller/agent/addons/plan.ts';
import { MemoryWriteError } from '../../../controller/agent/mind.ts';
import { targetOf } from '../../../controller/agent/target.ts';
import type { NodeTargetSpec, NodeTargetStatusHost } from '../../../controller/api/node-target.ts';
import { conditionOf } from '../../../controller/api/conditions.ts';
import { digest, specOf, World } from '../world.ts';
import { setOf } from './memory-addons.ts';

function specWith(image: number, set: number): NodeTargetSpec {
  return specOf(image, setOf(set));
}

function hostOf(world: World): NodeTargetStatusHost {
  return world.target.status?.host ?? assert.fail('nothing was reported');
}

function reasonOf(world: World): string | undefined {
  return conditionOf(world.target.status?.conditions, 'Ready')?.reason;
}

function supported(world: World): string {
  const { status, reason, message } = conditionOf(world.target.status?.conditions, 'AddonsSupported') ?? {};
  return [status, reason, message].join(': ');
}

/** Approves the target and lets the host go down and come up. */
async function bootInto(world: World, how: Parameters<World['host']['bootAgain']>[0] = {}): Promise<void> {
  world.approve();
  assert.equal((await world.run()).phase, 'Rebooting');
  world.host.bootAgain(how);
  world.restart();
  await world.run();
}

async function running(image: number, set: number): Promise<World> {
  const world = new World(specWith(image, set));
  assert.equal((await world.run()).phase, 'Staged');
  await bootInto(world);
  assert.equal(reasonOf(world), 'Booted');
  return world;
}

const countOf = (world: World, effect: string): number => world.effects.filter(e => e === effect).length;

describe('a system with addons', () => {
  test('is staged when both are ready, and booted when both run', async () => {
    const world = new World(specWith(2, 1));
    assert.equal((await world.run()).phase, 'Staged');
    const { prepared, capabilities, addons } = hostOf(world);
    assert.deepEqual(prepared, { image: digest(2), set: world.target.spec.addonSet });
    assert.ok(capabilities?.includes('Addons'));
    assert.deepEqual(addons, { state: 'None' });
    await bootInto(world);
    assert.equal(world.target.status?.verdict?.type, 'Succeeded');
    assert.equal(reasonOf(world), 'Booted');
    assert.equal(hostOf(world).addons?.set, world.target.spec.addonSet);
    assert.equal(hostOf(world).addons?.summary, 'runtime');
    assert.equal(hostOf(world).addons?.askedBy, 'runtime: pool');
    assert.equal(hostOf(world).prepared, undefined);
  });

  test('is not armed while an addon is not ready, and says which one', async () => {
    const world = new World(specWith(2, 1));
    world.addons.missing.add(digest(0x11)).add(world.target.spec.addons?.[0]?.digest ?? '');
    world.approve();
    assert.equal((await world.run()).phase, 'Failed');
    assert.equal(reasonOf(world), 'AddonsNotReady');
    assert.match(conditionOf(world.target.status?.conditions, 'Ready')?.message ?? '', /runtime.*RegistryUnavailable: away/);
    assert.equal(countOf(world, 'Reboot') + countOf(world, 'Arm'), 0);
    await world.run();
    assert.equal(countOf(world, 'Prepare'), 1, 'it was tried again at once');
    // What earlier targets brought may be what the room is missing for.
    assert.equal(world.addons.tidied, 0);
    world.addons.missing.clear();
    world.now += 3_600_000;
    assert.equal((await world.run()).phase, 'Rebooting');
    assert.equal(world.addons.tidied, 1);
  });

  test('that falls back has the addons that it had, and the image is barred with any set', async () => {
    const world = await running(2, 1);
    const before = world.target.spec.addonSet;
    world.setSpec(specWith(3, 2));
    assert.equal((await world.run()).phase, 'Staged');
    await bootInto(world, { fallsBack: true });
    assert.equal(world.target.status?.verdict?.type, 'FellBack');
    assert.equal(hostOf(world).addons?.set, before);
    assert.equal(hostOf(world).addons?.state, 'Merged');
    world.setSpec(specWith(3, 1));
    assert.equal((await world.run()).phase, 'Failed');
    assert.equal(reasonOf(world), 'FellBack');
  });

  test('of which an addon is not merged is no success, and bars that pair alone', async () => {
    const world = new World(specWith(2, 1));
    world.addons.spoiled.add(world.target.spec.addons?.[0]?.digest ?? '');
    await world.run();
    await bootInto(world);
    const { verdict } = world.target.status ?? {};
    assert.equal(verdict?.type, 'AddonsFailed');
    assert.equal(verdict?.digest, targetOf(world.target.spec));
    assert.match(verdict?.message ?? '', /runtime: systemd-sysext left it out/);
    assert.equal(hostOf(world).failed?.[0]?.digest, targetOf(world.target.spec));
    assert.equal(reasonOf(world), 'AddonsFailed');
    world.setSpec(specWith(2, 2));
    assert.equal((await world.run()).phase, 'Staged', 'another set over the same image is free');
    world.setSpec(specOf(2));
    assert.equal((await world.run()).phase, 'Staged', 'the image alone is free');
  });

  test('on a host that can merge none is said to be so, and nothing is fetched', async () => {
    const world = new World(specWith(2, 1));
    world.addons.supported = false;
    assert.equal((await world.run()).phase, 'Failed');
    assert.equal(reasonOf(world), 'AddonsUnsupported');
    assert.equal(supported(world), 'False: OverlayDepth: the stack of the kernel is too deep');
    assert.equal(countOf(world, 'Prepare'), 0);
    assert.ok(!hostOf(world).capabilities?.includes('Addons'));
  });

  test('can be the first that has units for them: what runs does not keep it from coming', async () => {
    const world = new World(specWith(2, 1));
    world.addons.hasUnits = false;
    assert.equal((await world.run()).phase, 'Staged');
    assert.ok(hostOf(world).capabilities?.includes('Addons'));
    assert.match(supported(world), /^False: AddonsUnsupported: .*no units/);
    world.approve();
    assert.equal((await world.run()).phase, 'Rebooting');
    world.addons.hasUnits = true;
    world.host.bootAgain();
    world.restart();
    assert.equal((await world.run()).condition.kind, 'Ready');
    assert.match(supported(world), /^True: AddonsSupported: /);
    assert.equal(world.target.status?.verdict?.type, 'Succeeded');
    // A change of addons alone needs units in what runs.
    world.addons.hasUnits = false;
    world.setSpec(specWith(2, 2));
    assert.equal((await world.run()).phase, 'Failed');
    assert.equal(reasonOf(world), 'AddonsUnsupported');
  });

  test('of which the same image had addons before, and has none now, boots without', async () => {
    const world = await running(2, 1);
    world.setSpec(specOf(3));
    await world.run();
    await bootInto(world);
    assert.deepEqual(hostOf(world).addons, { state: 'None' });
    // Back to the image whose record still has the addons.
    world.setSpec(specOf(2));
    assert.equal((await world.run()).phase, 'Staged');
    assert.deepEqual(hostOf(world).prepared, { image: digest(2) });
    await bootInto(world);
    assert.equal(world.target.status?.verdict?.type, 'Succeeded');
    assert.deepEqual(hostOf(world).addons, { state: 'None' });
  });
});

describe('a change of addons alone', () => {
  test('reboots without bootc, and keeps the former set until the new one is proven', async () => {
    const world = await running(2, 1);
    const effects = world.effects.length;
    world.setSpec(specWith(2, 2));
    assert.equal((await world.run()).phase, 'Staged');
    assert.deepEqual(hostOf(world).prepared, { image: digest(2), set: world.target.spec.addonSet });
    assert.equal(conditionOf(world.target.status?.conditions, 'Staged')?.reason, 'Locked');
    world.approve();
    assert.equal((await world.run()).phase, 'Rebooting');
    const done = world.effects.slice(effects);
    assert.deepEqual(
      done.filter(e => ['Stage', 'Arm', 'Lock'].includes(e)),
      [],
    );
    assert.deepEqual(
      done.filter(e => ['ArmRecord', 'Reboot'].includes(e)),
      ['ArmRecord', 'Reboot'],
    );
    const deployment = recordKey((await world.host.status()).booted) ?? hex(0);
    assert.equal((await world.addons.records.read(deployment, 'before'))?.set, setOf(1).addonSet);
    world.host.bootAgain();
    world.restart();
    assert.equal((await world.run()).condition.kind, 'Ready');
    assert.equal(world.target.status?.verdict?.type, 'Succeeded');
    assert.equal(await world.addons.records.read(deployment, 'before'), undefined);
  });

  test('that is not merged is taken back for the next boot, and not tried again', async () => {
    const world = await running(2, 1);
    world.setSpec(specWith(2, 2));
    world.addons.spoiled.add(world.target.spec.addons?.[0]?.digest ?? '');
    await world.run();
    await bootInto(world);
    assert.equal(world.target.status?.verdict?.type, 'AddonsFailed');
    assert.equal(reasonOf(world), 'AddonsFailed');
    const reboots = world.host.reboots.length;
    world.now += 7_200_000;
    await world.run();
    assert.equal(world.host.reboots.length, reboots);
    world.host.bootAgain();
    world.restart();
    await world.run();
    assert.equal(world.addons.merged.at(-1), setOf(1).addonSet);
    world.setSpec(specWith(2, 1));
    assert.equal((await world.run()).condition.kind, 'Ready');
  });

  test('whose go-ahead is taken back after it was armed has no effect on the next boot', async () => {
    const world = await running(2, 1);
    world.setSpec(specWith(2, 2));
    await world.run();
    world.approve();
    world.watch = effect => {
      if (effect === 'Report') world.revoke();
    };
    await world.run();
    world.watch = undefined;
    assert.ok(countOf(world, 'ArmRecord') > 0);
    assert.equal(hostOf(world).phase, 'Staged');
    world.host.bootAgain({ powerCut: true });
    world.restart();
    await world.run();
    assert.equal(world.addons.merged.at(-1), setOf(1).addonSet);
  });

  test('is not booted while the next boot would run another image', async () => {
    const world = await running(2, 1);
    world.setSpec(specWith(2, 2));
    await world.run();
    world.host.state = { ...world.host.state, rollbackQueued: true };
    world.approve();
    assert.equal((await world.run()).phase, 'Failed');
    assert.equal(reasonOf(world), 'OtherBootPending');
    assert.equal(world.host.rebootRequested, false);
  });

  test('takes all addons away', async () => {
    const world = await running(2, 1);
    world.setSpec(specOf(2));
    assert.equal((await world.run()).phase, 'Staged');
    assert.deepEqual(hostOf(world).prepared, { image: digest(2) });
    await bootInto(world);
    assert.equal(world.target.status?.verdict?.type, 'Succeeded');
    assert.deepEqual(hostOf(world).addons, { state: 'None' });
  });
});

test('a host without addons is none the worse for scripts that do not know what runs', async () => {
  const world = new World(specOf(2));
  world.addons.lost = true;
  await world.run();
  await bootInto(world);
  assert.equal(world.target.status?.verdict?.type, 'Succeeded');
  assert.equal(reasonOf(world), 'Booted');
  assert.deepEqual(hostOf(world).addons, { state: 'None' });
  assert.deepEqual(
    hostOf(world).problems?.map(({ reason }) => reason),
    ['AddonRecordUnused'],
  );
  // With addons it is said at once, and nothing is fetched.
  world.setSpec(specWith(2, 1));
  assert.equal((await world.run()).phase, 'Failed');
  assert.equal(reasonOf(world), 'AddonsUnsupported');
  assert.equal(countOf(world, 'Prepare'), 0);
});

test('a go-ahead for the image alone, or with other addons, is none', async () => {
  const world = new World(specWith(2, 1));
  await world.run();
  const time = '2026-01-01T00:00:00Z';
  for (const other of [digest(2), targetOf(specWith(2, 2))]) {
    world.setSpec({ ...world.target.spec, state: 'Booted', approval: `${time}/${other}` });
    assert.equal((await world.run()).phase, 'Staged');
  }
  assert.equal(world.host.rebootRequested, false);
});

test('what the boot scripts have not said yet is waited for, and after a time counts as a failure', async () => {
  const world = new World(specWith(2, 1));
  await world.run();
  world.approve();
  await world.run();
  world.host.bootAgain();
  world.restart();
  world.addons.unsealed = true;
  const told = world.target.status;
  assert.equal((await world.run()).phase, 'Rebooting');
  // It is over in a moment, as a rule, and the verdict follows: no write is made for it.
  assert.equal(world.target.status, told);
  world.now += 11_000;
  await world.run();
  assert.equal(reasonOf(world), 'MergingAddons');
  world.addons.unsealed = false;
  assert.equal((await world.run()).condition.kind, 'Ready');

  world.setSpec(specWith(3, 1));
  await world.run();
  world.approve();
  await world.run();
  world.host.bootAgain();
  world.restart();
  world.addons.unsealed = true;
  await world.run();
  world.now += 200_000;
  await world.run();
  assert.equal(world.target.status?.verdict?.type, 'AddonsFailed');
});

test('a record that the disk does not take back is told as a memory that it does not take', async () => {
  const world = await running(2, 1);
  world.setSpec(specWith(2, 2));
  await world.run();
  world.approve();
  await world.run();
  assert.ok(countOf(world, 'ArmRecord') > 0);
  world.host.rebootRequested = false;
  world.now += 31_000;
  world.revoke();
  world.watch = effect => {
    if (effect === 'WithdrawRecord') throw new Error('EROFS: read-only file system');
  };
  await assert.rejects(world.run(), (error: Error) => error instanceof MemoryWriteError && /EROFS/.test(error.message));
  world.watch = undefined;
  assert.equal((await world.run()).phase, 'Staged');
});

test('an agent that rests writes nothing', async () => {
  const world = await running(2, 1);
  const effects = world.effects.length;
  for (let i = 0; i < 3; i++) await world.run();
  assert.equal(world.effects.length, effects);
});
