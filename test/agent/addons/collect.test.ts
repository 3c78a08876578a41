/** What goes from the store of a host: never what a deployment, the running boot or the target needs. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { collect, surplusOf } from '../../../controller/agent/addons/collect.ts';
import { durableDirectory } from '../../../controller/agent/addons/durable-file.ts';
import { Records, recordsPath } from '../../../controller/agent/addons/records.ts';
import type { FoundRecord } from '../../../controller/agent/addons/records.ts';
import type { Stored } from '../../../controller/agent/addons/store.ts';
import { digest, hex, recordOf } from './record-fixture.ts';
import { openStore } from './shop.ts';

const names = ['runtime', 'kubelet'] as const;
const needed = fc.record({ name: fc.constantFrom(...names), digest: fc.integer({ min: 1, max: 4 }).map(digest) });
const stored: fc.Arbitrary<Stored> = fc.tuple(needed, fc.boolean()).map(([of, partial]) => ({ ...of, partial }));
const deployments = [1, 2, 3].map(hex);
const record: fc.Arbitrary<FoundRecord> = fc
  .record({
    deployment: fc.constantFrom(...deployments),
    kind: fc.constantFrom('current' as const, 'next' as const, 'before' as const, 'good' as const),
    addons: fc.array(needed, { maxLength: 3 }),
    damaged: fc.integer({ max: 20 }).map(n => n === 0),
  })
  .map(({ deployment, kind, addons, damaged }) =>
    damaged
      ? { deployment, kind, damage: 'cut' }
      : {
          deployment,
          kind,
          record: { image: digest(9), deployment, addons: addons.map(a => ({ ...a, size: 1, services: [] })) },
        },
  );

test('nothing that is needed goes, and all that is not', () => {
  const holdings = fc.record({
    stored: fc.array(stored),
    records: fc.array(record),
    deployments: fc.subarray(deployments),
    inUse: fc.array(needed, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(holdings, held => {
      const { files, records } = surplusOf(held);
      const isNeeded = (file: Stored): boolean => {
        const same = (a: { name: string; digest: string }): boolean => a.name === file.name && a.digest === file.digest;
        const left = held.records.filter(r => held.deployments.includes(r.deployment));
        return held.inUse.some(same) || left.some(r => 'record' in r && r.record.addons.some(same));
      };
      for (const file of files) assert.ok(!isNeeded(file), 'something that is needed goes');
      for (const deployment of records)
        assert.ok(!held.deployments.includes(deployment), 'the record of a deployment that is left goes');
      const unknown = held.records.some(r => 'damage' in r && held.deployments.includes(r.deployment));
      if (held.deployments.length === 0 || unknown)
        return assert.deepEqual(files, [], 'something goes though what is needed is not known');
      for (const file of held.stored) assert.ok(isNeeded(file) || files.includes(file), 'something that nobody needs stays');
    }),
    { numRuns: 1000 },
  );
});

test('on a host: old files and records of deployments that are gone go, and what is linked stays', async t => {
  const { store, root } = openStore(remove => t.after(remove));
  const records = new Records(durableDirectory(join(root, recordsPath)));
  const put = (n: number, name = 'runtime'): string => {
    const path = store.pathOf({ name, digest: digest(n) });
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'x');
    return path;
  };
  const [, old, merged] = [put(0x10), put(0x77), put(0x78)];
  put(0x33, 'runtime');
  const part = join(dirname(old), `.${hex(0x55)}.part`);
  writeFileSync(part, 'x');
  writeFileSync(join(dirname(old), 'README'), 'not ours');
  await records.write(recordOf(1, hex(1)));
  await records.write(recordOf(2, hex(2)));
  mkdirSync(join(root, 'run/scantling/addons/7'), { recursive: true });
  symlinkSync(merged, join(root, 'run/scantling/addons/7/runtime.raw'));
  symlinkSync('7', join(root, 'run/scantling/addons/current'));
  const inUse = [{ name: 'runtime', digest: digest(0x33) }];
  await collect({ store, records, root }, { deployments: [hex(1)], inUse });
  assert.deepEqual(
    (await store.list()).map(f => f.digest),
    [digest(0x10), digest(0x33), digest(0x78)],
  );
  assert.deepEqual(
    (await records.list()).map(r => r.deployment),
    [hex(1)],
  );
});
