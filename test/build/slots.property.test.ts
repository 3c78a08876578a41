import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { turns, whyQueued } from '../../controller/build/slots.ts';
import type { Turn } from '../../controller/build/slots.ts';

const limits = fc.record({ builds: fc.integer({ min: 1, max: 6 }), perDefinition: fc.integer({ min: 1, max: 3 }) });
const all = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[a-z]{1,3}$/),
    definition: fc.constantFrom('a', 'b', 'c'),
    created: fc.integer({ min: 0, max: 20 }),
  }),
  { selector: turn => turn.name, maxLength: 20 },
);
const older = (a: Turn, b: Turn): boolean => a.created < b.created || (a.created === b.created && a.name < b.name);
const countOf = (builds: readonly Turn[], definition: string): number => builds.filter(b => b.definition === definition).length;

test('no more than the limits, nobody passes an older one of an equal chance, and no slot is left that could be used', () => {
  fc.assert(
    fc.property(all, limits, fc.nat(20), (builds, limit, cut) => {
      // Holders are always what was granted before.
      const before = new Set(turns([], builds.slice(0, cut), limit));
      const holders = builds.filter(b => before.has(b.name));
      const waiting = builds.filter(b => !before.has(b.name));
      const granted = new Set(turns(holders, waiting, limit));
      const now = [...holders, ...waiting.filter(b => granted.has(b.name))];
      assert.ok(now.length <= limit.builds);
      for (const { definition } of now) assert.ok(countOf(now, definition) <= limit.perDefinition);
      for (const left of waiting.filter(b => !granted.has(b.name))) {
        const full = now.length >= limit.builds || countOf(now, left.definition) >= limit.perDefinition;
        assert.ok(full, `${left.name} could run`);
        const passed = waiting.filter(b => granted.has(b.name) && b.definition === left.definition && older(left, b));
        assert.deepEqual(passed, []);
      }
    }),
  );
});

test('the order in which builds are known changes nothing', () => {
  fc.assert(
    fc.property(all, limits, fc.infiniteStream(fc.nat()), (builds, limit, keys) => {
      const shuffled = builds.map(b => ({ b, k: keys.next().value ?? 0 })).toSorted((x, y) => x.k - y.k);
      assert.deepEqual(
        turns(
          [],
          shuffled.map(({ b }) => b),
          limit,
        ),
        turns([], builds, limit),
      );
    }),
  );
});

test('a build says what it waits for', () => {
  const turn = { name: 'x', definition: 'a', created: 1 };
  const other = { name: 'y', definition: 'b', created: 0 };
  const same = { name: 'z', definition: 'a', created: 0 };
  const since = '2026-01-01T00:00:00Z';
  const why = (holders: Turn[], builds: number, perDefinition: number): string =>
    whyQueued(turn, holders, { builds, perDefinition }, since);
  assert.match(why([other], 1, 1), /1 build is running, and no more may; waiting since 2026-01-01T00:00:00Z/);
  assert.match(why([same], 4, 1), /1 build of this definition is running/);
  assert.match(why([], 4, 1), /older builds come first/);
});
