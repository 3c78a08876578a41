/** The agent's steps on a host without processes: the good way, every place to be killed at, and every end of a boot. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Situation } from '../../controller/agent/decide.ts';
import { MemoryWriteError } from '../../controller/agent/mind.ts';
import { reasonOf } from '../../controller/api/errors.ts';
import { Killed, World, digest, specOf, wasKilled } from './world.ts';

function reason({ condition }: Situation): string {
  return condition.kind === 'Failed' ? reasonOf(condition.error) : condition.reason;
}

function refuse(): never {
  throw new Error('Target image does not have ostree.bootable label');
}

/** Stages, approves, and works until the host was told to reboot. */
async function approved(world: World): Promise<string> {
  await world.run();
  const approval = world.approve();
  await world.run();
  return approval;
}

async function bootAndRun(world: World, how: Parameters<World['host']['bootAgain']>[0] = {}): Promise<Situation> {
  world.host.bootAgain(how);
  world.restart();
  return world.run();
}

test('the good way: stage, arm, one report, reboot', async () => {
  const world = new World(specOf(2));
  assert.equal((await world.run()).phase, 'Staged');
  assert.equal(world.host.state.staged?.locked, true);
  const approval = world.approve();
  assert.equal((await world.run()).phase, 'Rebooting');
  assert.deepEqual(world.effects, ['Save', 'Report', 'Stage', 'Save', 'Save', 'Arm', 'Save', 'Report', 'Save', 'Reboot']);
  assert.deepEqual(world.host.reboots, [digest(2)]);
  const end = await bootAndRun(world);
  assert.equal(reason(end), 'Booted');
  const { verdict, intent, spent } = await world.memory();
  assert.equal(verdict?.type, 'Succeeded');
  assert.equal(verdict?.approval, approval);
  assert.equal(verdict?.bootID, world.host.bootID);
  assert.equal(intent, undefined);
  assert.deepEqual(spent, [approval]);
});

test('killed before any effect, it comes to the same end with one reboot', async () => {
  for (let n = 0; n < 14; n++) {
    const world = new World(specOf(2));
    let left = n;
    world.watch = () => {
      if (left-- === 0) throw new Killed();
    };
    const surviving = async (work: () => Promise<unknown>) => {
      try {
        await work();
      } catch (error) {
        if (!wasKilled(error)) throw error;
        world.restart();
        // A host that was told, or perhaps was not, is left alone for a moment before it is told.
        world.now += 31_000;
        await work();
      }
    };
    await surviving(() => world.run());
    assert.equal(world.host.state.staged?.digest, digest(2));
    world.approve();
    await surviving(() => world.run());
    assert.equal(world.host.rebootRequested, true, `killed before effect ${n}`);
    assert.equal(world.host.reboots.length, 1, `killed before effect ${n}`);
    world.host.bootAgain();
    world.restart();
    await surviving(() => world.run());
    assert.equal(reason(world.resting ?? assert.fail()), 'Booted');
    assert.equal((await world.memory()).verdict?.type, 'Succeeded');
  }
});

test('killed after the reboot was told, it tells no second time while the host goes down', async () => {
  const world = new World(specOf(2));
  await approved(world);
  for (const ms of [0, 1000, 60_000]) {
    world.restart();
    world.now += ms;
    assert.equal((await world.run()).phase, 'Rebooting');
  }
  assert.equal(world.host.reboots.length, 1);
  world.now += 600_000;
  assert.equal(reason(await world.run()), 'RebootOverdue');
  assert.equal(world.host.reboots.length, 1);
});

describe('an approval that is taken back', () => {
  test('before arming: nothing happens', async () => {
    const world = new World(specOf(2));
    await world.run();
    world.approve();
    world.revoke();
    assert.equal((await world.run()).phase, 'Staged');
    assert.equal(world.host.state.staged?.locked, true);
  });
  test('while it arms: the host is not rebooted, and what was armed is locked again where that is possible', async () => {
    for (const lockFinalization of [true, false]) {
      const world = new World(specOf(2), { lockFinalization });
      await world.run();
      world.approve();
      world.watch = effect => {
        if (effect === 'Arm') world.revoke();
      };
      assert.equal((await world.run()).phase, 'Staged');
      assert.deepEqual(world.host.reboots, []);
      assert.equal(world.host.state.staged?.locked, lockFinalization);
      assert.equal((await world.memory()).intent, undefined);
    }
  });
  test('while the last report is written: its answer is heeded', async () => {
    const world = new World(specOf(2));
    await world.run();
    world.approve();
    world.watch = effect => {
      if (effect === 'Report') world.revoke();
    };
    assert.equal((await world.run()).phase, 'Staged');
    assert.deepEqual(world.host.reboots, []);
  });
});

describe('a boot that fails', () => {
  for (const [how, type] of [
    [{ fallsBack: true }, 'FellBack'],
    [{ finalizeFails: true }, 'FinalizeFailed'],
    [{ powerCut: true }, 'Unapplied'],
  ] as const) {
    test(`${type}: said, remembered, and not tried again without a new approval`, async () => {
      const world = new World(specOf(2));
      const approval = await approved(world);
      const end = await bootAndRun(world, how);
      assert.equal(end.phase, 'Failed');
      assert.equal(reason(end), type);
      const { verdict, failed } = await world.memory();
      assert.equal(verdict?.type, type);
      assert.equal(failed[0]?.approval, approval);
      world.setSpec(specOf(2));
      assert.equal(reason(await world.run()), type);
      world.setSpec(specOf(1));
      assert.equal(reason(await world.run()), 'Booted');
      world.setSpec(specOf(2));
      assert.equal(reason(await world.run()), type, 'a bad digest does not come back by itself');
      assert.equal(world.host.reboots.length, 1);
      world.approve();
      assert.equal((await world.run()).phase, 'Rebooting');
      assert.equal(reason(await bootAndRun(world)), 'Booted');
      assert.deepEqual((await world.memory()).failed, []);
    });
  }

  test("a person's word allows another try", async () => {
    const world = new World(specOf(2));
    await approved(world);
    await bootAndRun(world, { fallsBack: true });
    world.setSpec(specOf(2));
    const [failure] = (await world.memory()).failed;
    world.target = { ...world.target, retried: [`${failure?.digest}/${failure?.time}`] };
    assert.equal((await world.run()).phase, 'Staged');
  });
});

test('rolled back by hand after a good boot, the spent approval boots nothing', async () => {
  const world = new World(specOf(2));
  await approved(world);
  await bootAndRun(world);
  world.host.state = { ...world.host.state, rollbackQueued: true };
  assert.equal(reason(await bootAndRun(world)), 'ApprovalSpent');
  assert.equal(world.host.reboots.length, 1);
  world.approve();
  assert.equal((await world.run()).phase, 'Rebooting');
});

test('a power cut between arming and the reboot: the approval still stands', async () => {
  const world = new World(specOf(2));
  await world.run();
  world.approve();
  world.watch = effect => {
    if (effect === 'Report') throw new Killed();
  };
  await assert.rejects(world.run(), Killed);
  world.watch = undefined;
  assert.equal((await bootAndRun(world, { powerCut: true })).phase, 'Rebooting');
  assert.equal(world.host.reboots.length, 1);
  assert.equal(reason(await bootAndRun(world)), 'Booted');
});

test('bootc without locked staging: says so by the lock that is missing, and boots with an approval', async () => {
  const world = new World(specOf(2), { version: '1.16.9' });
  assert.equal((await world.run()).phase, 'Staged');
  assert.equal(world.host.state.staged?.locked, false);
  assert.deepEqual(world.effects, ['Save', 'Report', 'Stage', 'Save', 'Lock']);
  world.now += 3_600_000;
  await world.run();
  assert.deepEqual(world.effects, ['Save', 'Report', 'Stage', 'Save', 'Lock'], 'a lock that did not hold is tried once');
  world.approve();
  assert.equal((await world.run()).phase, 'Rebooting');
  assert.equal(reason(await bootAndRun(world)), 'Booted');
});

test('with ostree at hand, the old bootc stages locked as well', async () => {
  const world = new World(specOf(2), { version: '1.12', lockFinalization: true });
  await world.run();
  assert.equal(world.host.state.staged?.locked, true);
  await approved(world);
  assert.equal(reason(await bootAndRun(world)), 'Booted');
});

test('an unplanned reboot while it waits: what was staged and locked is staged again', async () => {
  const world = new World(specOf(2));
  await world.run();
  assert.equal((await bootAndRun(world)).phase, 'Staged');
  assert.equal(world.host.state.booted?.digest, digest(1));
  assert.deepEqual(world.host.reboots, []);
});

/** Fails each write of the memory from here on. */
function fill(world: World): void {
  world.watch = effect => {
    if (effect === 'Save') throw new Error('ENOSPC');
  };
}

describe('a disk that is full', () => {
  test('before the pull: nothing is staged', async () => {
    const world = new World(specOf(2));
    fill(world);
    await assert.rejects(world.run(), MemoryWriteError);
    assert.deepEqual(world.effects, []);
    world.watch = undefined;
    assert.equal((await world.run()).phase, 'Staged');
  });

  test('since the pull: what is staged is not reported as ready to boot before it can be remembered', async () => {
    const world = new World(specOf(2));
    world.watch = effect => {
      if (effect === 'Stage') fill(world);
    };
    await assert.rejects(world.run(), MemoryWriteError);
    assert.equal(world.host.state.staged?.digest, digest(2));
    assert.equal(world.target.status?.host?.staged, undefined);
    world.watch = undefined;
    assert.equal((await world.run()).phase, 'Staged');
    assert.equal(world.effects.filter(e => e === 'Stage').length, 1);
  });
});

describe('a staging that fails', () => {
  test('for a while: tried again after the wait, and forgotten once it works', async () => {
    let down = true;
    const pull = (image: string) => {
      if (down) throw new Error('failed to invoke method OpenImage: received unexpected HTTP status: 503');
      return { digest: image.split('@')[1] ?? '', version: null, timestamp: null };
    };
    const world = new World(specOf(2), { pull });
    const end = await world.run();
    assert.equal(end.phase, 'Failed');
    assert.equal(reason(end), 'RegistryUnavailable');
    await world.run();
    assert.equal(world.effects.filter(e => e === 'Stage').length, 1, 'not before its time');
    down = false;
    world.now += 10_000;
    assert.equal((await world.run()).phase, 'Staged');
    assert.deepEqual((await world.memory()).failed, []);
  });

  test('for good: remembered, also by the next life', async () => {
    const world = new World(specOf(2), { pull: refuse });
    assert.equal(reason(await world.run()), 'ImageRefused');
    world.restart();
    world.now += 86_400_000;
    assert.equal(reason(await world.run()), 'ImageRefused');
    assert.equal(world.effects.filter(e => e === 'Stage').length, 1);
  });

  test("another image than the target's is none", async () => {
    const world = new World(specOf(2), { pull: () => ({ digest: digest(7), version: null, timestamp: null }) });
    assert.equal(reason(await world.run()), 'StagedAnother');
  });
});
