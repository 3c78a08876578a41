import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { baseCycle, basesOf } from '../../controller/definition/base-cycle.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
/** Any assignment of bases: to none, to each other, to themselves, and to definitions that are not there. */
const graphs = fc
  .array(fc.option(fc.constantFrom(...names, 'absent'), { nil: undefined }), { minLength: names.length, maxLength: names.length })
  .map(bases => new Map(names.map((name, i) => [name, bases[i]])));

/** On a cycle is who is reached from itself; as many steps as there are definitions reach all that is reached. */
function isMember(name: string, graph: ReadonlyMap<string, string | undefined>): boolean {
  let at = graph.get(name);
  for (let steps = 0; at !== undefined && steps <= graph.size; steps++) {
    if (at === name) return true;
    at = graph.get(at);
  }
  return false;
}

test('every member of a cycle, and nobody else, is told of it; all with the same path, which is one', () => {
  fc.assert(
    fc.property(graphs, graph => {
      for (const name of names) {
        const path = baseCycle(name, of => graph.get(of));
        assert.equal(path !== undefined, isMember(name, graph));
        if (!path) continue;
        assert.ok(path.includes(name));
        assert.equal(path.at(0), path.at(-1));
        assert.equal(new Set(path).size, path.length - 1, 'no member twice');
        for (const [i, member] of path.slice(0, -1).entries()) {
          assert.equal(graph.get(member), path[i + 1], 'each is based on the next');
          assert.deepEqual(
            baseCycle(member, of => graph.get(of)),
            path,
          );
        }
      }
    }),
  );
});

test('what a definition is based on ends, and has no name twice', () => {
  fc.assert(
    fc.property(graphs, graph => {
      for (const name of names) {
        const bases = basesOf(name, of => graph.get(of));
        assert.equal(new Set(bases).size, bases.length);
        assert.equal(bases[0], graph.get(name));
      }
    }),
  );
});

test('a definition based on itself is a cycle of one', () => {
  assert.deepEqual(
    baseCycle('a', () => 'a'),
    ['a', 'a'],
  );
});
