import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type PruneInput, decidePrune, keyOf, removalsAllowed } from '../../controller/source/prune.ts';

const oid = 'a'.repeat(40);
const entry = fc
  .record({ kind: fc.constantFrom('SystemDefinition', 'SystemPool'), name: fc.integer({ min: 0, max: 30 }).map(String) })
  .map(o => ({ ...o, path: `${o.name}.yaml` }));
const objects = fc.uniqueArray(entry, { selector: keyOf, maxLength: 40 });
const maxRemovals = fc.oneof(
  fc.nat({ max: 50 }),
  fc.integer({ min: 0, max: 100 }).map(p => `${p}%`),
);
const input: fc.Arbitrary<PruneInput> = fc.record({
  prune: fc.boolean(),
  maxRemovals,
  allowed: fc.constantFrom(undefined, oid, 'b'.repeat(40)),
  oid: fc.constant(oid),
  pathExists: fc.boolean(),
  documents: fc.nat({ max: 3 }),
  failures: fc.constantFrom(0, 0, 1, 5),
  inventory: objects,
  declared: objects,
});

describe('decidePrune', () => {
  it('never removes more than maxRemovals without the word for that commit', () => {
    fc.assert(
      fc.property(input, i => {
        const { remove } = decidePrune(i);
        assert.ok(remove.length <= removalsAllowed(i.maxRemovals, i.inventory.length) || i.allowed === i.oid);
      }),
    );
  });

  it('never removes on an error, from an empty or missing path, or when pruning is off', () => {
    fc.assert(
      fc.property(input, i => {
        if (i.pathExists && i.documents > 0 && i.failures === 0 && i.prune) return;
        assert.deepEqual(decidePrune(i).remove, []);
      }),
    );
  });

  it('never removes what is declared, keeps or removes the rest whole, and says why it keeps', () => {
    fc.assert(
      fc.property(input, i => {
        const { remove, keep, blocked } = decidePrune(i);
        const declared = new Set(i.declared.map(keyOf));
        const gone = i.inventory.filter(e => !declared.has(keyOf(e)));
        assert.deepEqual([...remove, ...keep], gone);
        assert.ok(remove.length === 0 || keep.length === 0);
        assert.equal(blocked !== undefined, keep.length > 0 && i.prune);
      }),
    );
  });

  it('asks for nothing new once it was done', () => {
    fc.assert(
      fc.property(input, i => {
        const { remove } = decidePrune(i);
        const removed = new Set(remove.map(keyOf));
        const after = { ...i, inventory: i.inventory.filter(e => !removed.has(keyOf(e))) };
        if (remove.length > 0) assert.deepEqual(decidePrune(after).remove, []);
      }),
    );
  });

  for (const [max, inventory, allowed] of [
    ['25%', 100, 25],
    ['25%', 3, 1],
    ['25%', 0, 1],
    ['100%', 7, 7],
    ['0%', 100, 0],
    [0, 100, 0],
    [3, 100, 3],
    ['nonsense', 100, 0],
  ] as const) {
    it(`allows ${allowed} of ${inventory} for ${max}`, () => assert.equal(removalsAllowed(max, inventory), allowed));
  }
});
