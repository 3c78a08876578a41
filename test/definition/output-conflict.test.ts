import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { outputHolder, outputKey } from '../../controller/definition/output-conflict.ts';

test('of definitions with one output, exactly one may push, and the others name it', () => {
  const claims = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      createdAt: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z', '2025-12-31T23:59:59Z'),
    }),
    { selector: claim => claim.name, minLength: 1 },
  );
  fc.assert(
    fc.property(claims, all => {
      const [first] = all.toSorted((a, b) => (a.createdAt + a.name < b.createdAt + b.name ? -1 : 1));
      for (const own of all) assert.equal(outputHolder(own, all), own.name === first?.name ? undefined : first?.name);
    }),
  );
});

test('those that are made for one object push to one repository, and nobody else does', () => {
  const createdAt = '2026-01-01T00:00:00Z';
  const [a, b] = ['a', 'b'].map(name => ({ name, createdAt, owner: 'addon' }));
  assert.ok(a && b);
  assert.equal(outputHolder(b, [a, b]), undefined);
  assert.equal(outputHolder({ name: 'c', createdAt, owner: 'other' }, [a, b]), 'a');
  assert.equal(outputHolder({ name: 'c', createdAt }, [a, b]), 'a');
});

test('one repository has one key, however its registry is written', () => {
  assert.equal(outputKey('docker.io/debian'), outputKey('docker.io/library/debian'));
  assert.notEqual(outputKey('r.example/a'), outputKey('r.example:5000/a'));
  assert.equal(outputKey('not a name'), 'not a name');
});
