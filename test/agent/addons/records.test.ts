/** The records on a disk: at whatever moment the power goes, a deployment has its former record or its new one. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { durableDirectory } from '../../../controller/agent/addons/durable-file.ts';
import type { AddonRecord } from '../../../controller/agent/addons/record.ts';
import { DamagedRecordError, Records } from '../../../controller/agent/addons/records.ts';
import { removeDirectory, temporaryDirectory } from '../../cluster/processes.ts';
import { PowerCut, PowerCutDisk } from './power-cut-disk.ts';
import type { Remains } from './power-cut-disk.ts';
import { hex, recordOf } from './record-fixture.ts';

const deployment = hex(0xd0);

interface Change {
  what: string;
  /** What was done in peace before. */
  given: (records: Records) => Promise<void>;
  change: (records: Records) => Promise<void>;
  /** What the next boot of the deployment may have after a power cut in the change, by the number of its set. */
  may: number[];
}

const none = async (): Promise<void> => {};
const proven = async (records: Records): Promise<void> => {
  await records.write(recordOf(1));
};
const staged = async (records: Records): Promise<void> => {
  await proven(records);
  await records.stage(recordOf(2));
};
const armed = async (records: Records): Promise<void> => {
  await staged(records);
  await records.arm(deployment);
};

const changes: Change[] = [
  { what: 'the first record', given: none, change: records => records.write(recordOf(1)), may: [0, 1] },
  { what: 'another record', given: proven, change: records => records.write(recordOf(2)), may: [1, 2] },
  { what: 'staging', given: proven, change: records => records.stage(recordOf(2)), may: [1] },
  { what: 'arming', given: staged, change: records => records.arm(deployment), may: [1, 2] },
  {
    what: 'arming where nothing was',
    given: records => records.stage(recordOf(2)),
    change: records => records.arm(deployment),
    may: [0, 2],
  },
  { what: 'taking back', given: armed, change: records => records.withdraw(deployment), may: [2, 1] },
  { what: 'proving', given: armed, change: records => records.prove(deployment), may: [2] },
  { what: 'forgetting what was staged', given: staged, change: records => records.unstage(deployment), may: [1] },
  { what: 'forgetting the deployment', given: armed, change: records => records.forget(deployment), may: [2, 0] },
  {
    what: 'staging and arming a third one before the second is proven',
    given: armed,
    change: async records => {
      await records.stage(recordOf(3));
      await records.arm(deployment);
    },
    may: [2, 3],
  },
];

for (const { what, given, change, may } of changes) {
  test(`${what}: the record is the former one or the new one, wherever the power goes`, async () => {
    let effects = 0;
    for (let cut = 0; ; cut++) {
      const disk = new PowerCutDisk();
      await given(new Records(disk));
      disk.cutAfter(cut);
      const isCut = await change(new Records(disk)).then(() => false, isPowerCut);
      for (let state = 0; state < disk.states; state++) {
        for (const remains of ['whole', 'half', 'nothing'] as Remains[]) {
          const records = new Records(disk.restored(state, remains));
          const number = setOf(await records.read(deployment));
          assert.ok(may.includes(number), `cut at ${cut}, state ${state}, ${remains}: set ${number}`);
          const whole = await records.list();
          assert.deepEqual(
            whole.filter(found => 'damage' in found),
            [],
            `cut at ${cut}, state ${state}, ${remains}`,
          );
        }
      }
      if (!isCut) break;
      effects = cut + 1;
    }
    assert.ok(effects > 0, 'nothing was done');
  });

  test(`${what}: what was interrupted comes to the same end when it is done once more`, async () => {
    const peaceful = new PowerCutDisk();
    await given(new Records(peaceful));
    await change(new Records(peaceful));
    const end = await new Records(peaceful).read(deployment);
    for (let cut = 0; cut < peaceful.effects; cut++) {
      const disk = new PowerCutDisk();
      await given(new Records(disk));
      disk.cutAfter(cut);
      await change(new Records(disk)).then(() => undefined, isPowerCut);
      for (let state = 0; state < disk.states; state++) {
        const records = new Records(disk.restored(state, 'half'));
        await change(records);
        assert.deepEqual(await records.read(deployment), end, `cut at ${cut}, state ${state}`);
      }
    }
  });
}

test('what is taken back after any interruption of arming is the record that was proven', async () => {
  for (let cut = 0; cut < 12; cut++) {
    const disk = new PowerCutDisk();
    await staged(new Records(disk));
    disk.cutAfter(cut);
    await new Records(disk).arm(deployment).then(() => undefined, isPowerCut);
    for (let state = 0; state < disk.states; state++) {
      const records = new Records(disk.restored(state, 'half'));
      await records.withdraw(deployment);
      assert.equal(setOf(await records.read(deployment)), 1, `cut at ${cut}, state ${state}`);
    }
  }
});

test('on a real file system, what is in the way of a record is named, and nothing else is lost with it', async t => {
  const directory = temporaryDirectory('records');
  t.after(() => removeDirectory(directory));
  const records = new Records(durableDirectory(join(directory, 'records')));
  assert.equal(await records.read(deployment), undefined);
  assert.deepEqual(await records.list(), []);
  await records.withdraw(deployment);
  await armed(records);
  const other = recordOf(3, hex(0xe0));
  await records.write(other);
  assert.deepEqual(
    (await records.list()).map(({ kind }) => kind),
    ['current', 'before', 'current'],
  );
  writeFileSync(join(directory, 'records', deployment), 'scantling addons 1\n');
  await assert.rejects(records.read(deployment), (error: Error) => {
    assert.ok(error instanceof DamagedRecordError);
    return error.message.includes(deployment);
  });
  assert.deepEqual(await records.read(hex(0xe0)), other);
  await records.withdraw(deployment);
  assert.equal(setOf(await records.read(deployment)), 1);
  await records.forget(deployment);
  assert.deepEqual(readdirSync(join(directory, 'records')), [hex(0xe0)]);
});

test('each arming is tried anew: what the boot script has counted of the one before does not count', async () => {
  const disk = new PowerCutDisk();
  const records = new Records(disk);
  await staged(records);
  await disk.write(`${deployment}.tries`, `${hex(1)} 3\n`);
  await records.arm(deployment);
  assert.deepEqual((await disk.list()).toSorted(), [deployment, `${deployment}.before`]);
  await disk.write(`${deployment}.tries`, `${hex(1)} 3\n`);
  await records.forget(deployment);
  assert.deepEqual(await disk.list(), []);
});

test('a record of another deployment than its name says is damaged', async () => {
  const disk = new PowerCutDisk();
  await new Records(disk).write(recordOf(1));
  await disk.rename(deployment, hex(0xe0));
  await assert.rejects(new Records(disk).read(hex(0xe0)), DamagedRecordError);
});

/** 0: its image alone. */
function setOf(record: AddonRecord | undefined): number {
  return record?.addons.length ?? 0;
}

function isPowerCut(error: unknown): true {
  if (error instanceof PowerCut) return true;
  throw error;
}
