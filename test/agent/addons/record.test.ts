/** The text of a record: what is written is read back, and what was changed on its way is never taken for a record. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatRecord, parseRecord, RecordFormatError } from '../../../controller/agent/addons/record.ts';
import type { AddonRecord } from '../../../controller/agent/addons/record.ts';
import { digest, hex, recordOf } from './record-fixture.ts';

const digests = fc.stringMatching(/^[0-9a-f]{64}$/).map(text => `sha256:${text}`);
const addon = fc.record(
  {
    name: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/),
    digest: digests,
    size: fc.integer({ min: 1, max: 2 ** 40 }),
    services: fc.array(fc.stringMatching(/^[a-z][a-z@.-]{0,20}\.service$/), { maxLength: 3 }),
  },
  { noNullPrototype: true },
);
const records: fc.Arbitrary<AddonRecord> = fc
  .record(
    {
      image: digests,
      deployment: digests.map(text => text.slice(7)),
      set: digests,
      addons: fc.uniqueArray(addon, { maxLength: 6, selector: ({ name }) => name }),
    },
    { noNullPrototype: true },
  )
  .map(({ set, ...rest }) => (rest.addons.length === 0 ? rest : { ...rest, set }));

test('a record is read back as it was written', () => {
  fc.assert(
    fc.property(records, record => {
      assert.deepEqual(parseRecord(formatRecord(record)), record);
    }),
  );
});

test('the text is the one that the boot script knows', () => {
  const text = formatRecord(recordOf(2));
  const lines = text.split('\n');
  assert.deepEqual(lines.slice(0, -2), [
    'scantling addons 1',
    `image ${digest(0xa0)}`,
    `deployment ${hex(0xd0)}`,
    `set ${digest(2)}`,
    `addon runtime ${hex(0x20)} 4096`,
    `addon kubelet ${hex(0x21)} 8192`,
    'services kubelet kubelet.service node-exporter@main.service',
  ]);
  assert.match(lines.at(-2) ?? '', /^end [0-9a-f]{64}$/);
});

test('a record that was cut or changed anywhere is none', () => {
  const text = formatRecord(recordOf(3));
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.integer({ min: 0, max: 127 }), (at, code) => {
      assert.throws(() => parseRecord(text.slice(0, at)), RecordFormatError);
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      if (changed !== text) assert.throws(() => parseRecord(changed), RecordFormatError);
    }),
    { numRuns: 500 },
  );
});

test('what cannot be a record is not written', () => {
  const record = recordOf(2);
  const [first, second] = record.addons;
  assert.ok(first && second);
  const wrong: [string, AddonRecord][] = [
    ['a name that leads elsewhere', { ...record, addons: [{ ...first, name: '../x' }] }],
    ['one name twice', { ...record, addons: [first, { ...second, name: first.name }] }],
    ['no size', { ...record, addons: [{ ...first, size: 0 }] }],
    ['a unit with a space', { ...record, addons: [{ ...first, services: ['a b'] }] }],
    ['a unit on a line of its own', { ...record, addons: [{ ...first, services: ['a\nend b'] }] }],
    ['a set without addons', { ...record, addons: [] }],
    ['a deployment that leads elsewhere', { ...record, deployment: '../../etc' }],
    ['too many addons', { ...record, addons: Array.from({ length: 65 }, (_, i) => ({ ...first, name: `addon-${i}` })) }],
  ];
  for (const [what, each] of wrong) assert.throws(() => formatRecord(each), RecordFormatError, what);
});
