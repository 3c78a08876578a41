/** Ancestry over any history: trusted exactly when all that is new is signed, whatever the dates say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ObjectStore, rules, ssh } from './object-store.ts';
import { ed25519Key } from './sshsig.ts';

const key = ed25519Key();
const signers = rules([ssh('team', [key])]);

/** Each commit: distances to its parents among those before it, whether it is signed, its time. */
const commits = fc.array(
  fc.record({
    parents: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
    signed: fc.boolean(),
    at: fc.integer({ min: 0, max: 1_000_000 }),
  }),
  { minLength: 2, maxLength: 24 },
);

function reached(from: readonly number[], parents: readonly (readonly number[])[]): Set<number> {
  const seen = new Set<number>();
  const open = [...from];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    open.push(...(parents[at] ?? []));
  }
  return seen;
}

test('what is new is what is not reached from what is trusted', async () => {
  await fc.assert(
    fc.asyncProperty(commits, fc.nat(), fc.nat(), async (drawn, one, other) => {
      const store = new ObjectStore();
      const parents = drawn.map((c, i) => [...new Set(c.parents.map(back => i - back).filter(p => p >= 0))]);
      const oids: string[] = [];
      for (const [i, { signed, at }] of drawn.entries()) {
        const above = (parents[i] ?? []).map(p => oids[p] ?? '');
        oids.push(store.commit({ parents: above, at, message: String(i), ...(signed ? { key } : {}) }));
      }
      const tip = drawn.length - 1;
      const trusted = [one % tip, other % tip];
      const old = reached(trusted, parents);
      const wanted = new Set([...reached([tip], parents)].filter(i => !old.has(i)).concat(tip));
      const expected = [...wanted].every(i => drawn[i]?.signed === true);
      const [verified = '', from = ''] = trusted.map(i => oids[i]);
      const judgement = await store.verify({ rules: signers, mode: 'Ancestry', commit: oids[tip] ?? '', verified, from });
      assert.equal(judgement.decision === 'Trusted', expected, judgement.message);
      // For the walk, and once more to judge it, because nothing is kept of what may be long.
      assert.ok([...store.reads.values()].every(times => times <= 2));
    }),
    { numRuns: 150 },
  );
});
