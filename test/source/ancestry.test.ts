import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { descends } from '../../controller/source/ancestry.ts';
import type { Commit } from '../../controller/source/git-object.ts';

/** A history: each commit has parents among those before it. */
const history = fc
  .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 25 })
  .map(all => all.map((parents, i) => [...new Set(i === 0 ? [] : parents.map(p => p % i))]));

function reachable(graph: readonly number[][], from: number): Set<number> {
  const seen = new Set([from]);
  for (const at of seen) for (const parent of graph[at] ?? []) seen.add(parent);
  return seen;
}

it('is decided by the commits that the tip has and the ancestor has not', () => {
  fc.assert(
    fc.property(history, fc.nat(), fc.nat(), (graph, a, b) => {
      const [tip, ancestor] = [a % graph.length, b % graph.length];
      const known = reachable(graph, ancestor);
      const sent = [...reachable(graph, tip)].filter(c => !known.has(c));
      const commits = new Map<string, Commit>(sent.map(c => [String(c), { tree: '', parents: (graph[c] ?? []).map(String) }]));
      assert.equal(descends(String(tip), String(ancestor), commits), reachable(graph, tip).has(ancestor));
    }),
    { numRuns: 1000 },
  );
});
