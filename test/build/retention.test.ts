import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ImageUses, type Users } from '../../controller/build/image-uses.ts';
import { prunable, retentionOf } from '../../controller/build/retention.ts';
import type { RetainedBuild, RetainingDefinition } from '../../controller/build/retention-projection.ts';

const hour = 3_600_000;
const now = 1_000 * hour;
const keep = { successful: 2, failed: 1, gracePeriod: '24h' };
const nobody: Users = { builds: [], definitions: [], nodes: [], pools: [] };
const id = (name: string) => ({ name, uid: name, resourceVersion: '1' });

function build(name: string, parts: Partial<RetainedBuild> = {}): RetainedBuild {
  return {
    ...id(name),
    definition: 'edge',
    phase: 'Succeeded',
    settled: true,
    created: 0,
    ended: 0,
    deleting: false,
    repository: 'registry.example/edge',
    context: `context-${name}`,
    base: 'base',
    images: parts.phase === 'Failed' || parts.phase === 'Canceled' ? [] : [`index-${name}`, `amd64-${name}`],
    foundations: [],
    ...parts,
  };
}

function definition(name: string, parts: Partial<RetainingDefinition> = {}): RetainingDefinition {
  return {
    ...id(name),
    deleting: false,
    keep: { ...keep, prune: 'Images' },
    repository: `registry.example/${name}`,
    images: [],
    history: [],
    ...parts,
  };
}

function why(builds: RetainedBuild[], users: Partial<Users> = {}, latest?: string): Record<string, string> {
  const { kept } = retentionOf(builds, keep, { latest, uses: new ImageUses({ ...nobody, ...users }), now });
  return Object.fromEntries(kept.map(k => [k.build.name, k.why]));
}

test('the newest good and failed builds are kept, and the young, and each says why', () => {
  const builds = [
    build('a', { ended: now - 100 * hour }),
    build('b', { ended: now - 90 * hour }),
    build('c', { ended: now - 80 * hour }),
    build('d', { ended: now - 70 * hour, phase: 'Failed' }),
    build('e', { ended: now - 60 * hour, phase: 'Canceled' }),
    build('f', { ended: now - 23 * hour, phase: 'Failed' }),
    build('g', { phase: 'Building', settled: false }),
    build('h', { ended: now - 50 * hour }),
  ];
  assert.deepEqual(why(builds), {
    f: 'newest failed, younger than 24h',
    h: 'newest good',
    c: 'one of the 2 newest good',
    g: 'not finished',
  });
  const { doomed, nextCheckMs } = retentionOf(builds, keep, { latest: undefined, uses: new ImageUses(nobody), now });
  assert.deepEqual([doomed.map(b => b.name), nextCheckMs], [['a', 'b', 'd', 'e'], hour]);
});

test('an image that anybody uses is kept, by whichever of its digests', () => {
  const old = [build('old', { ended: 1 }), build('x', { ended: 2 }), build('y', { ended: 3 })];
  const node = { ...id('node-3'), target: [] };
  const pool = { ...id('edge'), target: [], previous: [] };
  const table: [Partial<Users>, string][] = [
    [{ nodes: [{ ...node, booted: 'amd64-old' }] }, 'booted by node-3'],
    [{ nodes: [{ ...node, staged: 'index-old', booted: 'other' }] }, 'staged on node-3'],
    [{ nodes: [{ ...node, rollback: 'amd64-old' }] }, 'rollback of node-3'],
    [{ nodes: [{ ...node, target: ['index-old'] }] }, 'target of node-3'],
    [
      { nodes: [node, { ...node, ...id('node-1'), booted: 'index-old' }, { ...node, booted: 'index-old' }] },
      'booted by node-1 and others',
    ],
    [{ pools: [{ ...pool, target: ['index-old'] }] }, 'target of pool edge'],
    [{ pools: [{ ...pool, previous: ['amd64-old'] }] }, 'previous target of pool edge'],
    [
      { pools: [{ ...pool, unresolved: 'alias.example:5000/edge:stable' }] },
      'pool edge asks for alias.example:5000/edge:stable, whose digest is not known yet',
    ],
    [{ definitions: [definition('edge', { images: ['index-old', 'amd64-old'] })] }, 'image of edge'],
    [{ definitions: [definition('kiosk', { base: 'index-old' })] }, 'base of kiosk'],
    [{ definitions: [definition('kiosk', { availableBase: 'index-old' })] }, 'base of kiosk'],
    [{ builds: [build('k', { definition: 'kiosk', base: 'index-old', settled: false })] }, 'base of kiosk'],
  ];
  for (const [users, expected] of table) assert.equal(why(old, users)['old'], expected);
  assert.equal(why(old)['old'], undefined);
  assert.equal(why(old, { pools: [{ ...pool, unresolved: 'registry.example/another:1' }] })['old'], undefined);
  assert.equal(why(old, {}, 'old')['old'], 'latest build');
});

test('what other builds name stays in the registry, under whichever name of its host', () => {
  const shared = { context: 'shared', foundations: ['registry.example/edge@foundation'] };
  const doomed = build('a', shared);
  const digests = (others: RetainedBuild[], users: Partial<Users> = {}): string[] =>
    prunable(doomed, others, new ImageUses({ ...nobody, ...users })).map(p => p.digest);
  assert.deepEqual(digests([]), ['index-a', 'amd64-a', 'shared', 'foundation']);
  assert.deepEqual(digests([build('b', { context: 'shared' })]), ['index-a', 'amd64-a', 'foundation']);
  assert.deepEqual(digests([build('b', { definition: 'other', foundations: ['alias:5000/edge@foundation'] })]), [
    'index-a',
    'amd64-a',
    'shared',
  ]);
  // A copy of the foundation in another repository is another manifest.
  assert.equal(digests([build('b', { foundations: ['registry.example/other@foundation'] })]).length, 4);
  assert.deepEqual(digests([build('b', { context: 'shared', settled: false, images: [] })]), ['foundation']);
  assert.deepEqual(digests([], { nodes: [{ ...id('n'), booted: 'amd64-a', target: [] }] }), ['index-a', 'shared', 'foundation']);
});

const phase = fc.constantFrom('Succeeded', 'Failed', 'Canceled', 'Building', undefined);
const digest = fc.integer({ min: 0, max: 12 }).map(n => `sha256:${n}`);
const digests = fc.uniqueArray(digest, { maxLength: 3 });
const builds = fc.uniqueArray(
  fc.record({
    name: fc.integer({ min: 0, max: 30 }).map(n => `b${n}`),
    definition: fc.constantFrom('edge', 'edge', 'edge', 'other'),
    phase,
    settled: fc.boolean(),
    created: fc.integer({ min: 0, max: 1000 }).map(h => h * hour),
    ended: fc.integer({ min: 0, max: 1010 }).map(h => h * hour),
    context: digest,
    base: digest,
    images: digests,
    foundations: digests.map(all => all.map(d => `r/edge@${d}`)),
  }),
  { selector: b => b.name, maxLength: 14 },
);
const users = fc.record({
  nodes: fc.array(
    fc.record({
      booted: fc.option(digest, { nil: undefined }),
      rollback: fc.option(digest, { nil: undefined }),
      target: digests,
    }),
    { maxLength: 3 },
  ),
  pools: fc.array(fc.record({ target: digests, previous: digests }), { maxLength: 2 }),
  image: digests,
});
const scene = fc.record({
  builds,
  users,
  successful: fc.integer({ min: 1, max: 4 }),
  failed: fc.integer({ min: 0, max: 3 }),
  grace: fc.integer({ min: 0, max: 200 }),
  latest: fc.option(
    fc.integer({ min: 0, max: 30 }).map(n => `b${n}`),
    { nil: undefined },
  ),
});

/** All that the pure part decides over, from arbitrary parts. */
function play(s: typeof scene extends fc.Arbitrary<infer T> ? T : never) {
  const all = s.builds.map(({ name, ...parts }) =>
    build(name, { ...parts, settled: parts.settled && parts.phase !== undefined && parts.phase !== 'Building' }),
  );
  const everybody: Users = {
    builds: all,
    definitions: [definition('edge', { images: s.users.image })],
    nodes: s.users.nodes.map(({ booted, rollback, target }, i) => ({
      ...id(`n${i}`),
      target,
      ...(booted === undefined ? {} : { booted }),
      ...(rollback === undefined ? {} : { rollback }),
    })),
    pools: s.users.pools.map((pool, i) => ({ ...id(`p${i}`), ...pool })),
  };
  const uses = new ImageUses(everybody);
  const used = new Set([
    ...s.users.image,
    ...s.users.nodes.flatMap(n => [n.booted, n.rollback, ...n.target]),
    ...s.users.pools.flatMap(p => [...p.target, ...p.previous]),
    ...all.filter(b => !b.settled).map(b => b.base),
  ]);
  const limits = { successful: s.successful, failed: s.failed, gracePeriod: `${s.grace}h` };
  const decide = (of: RetainedBuild[]) =>
    retentionOf(
      of.filter(b => b.definition === 'edge'),
      limits,
      { latest: s.latest, uses, now },
    );
  return { all, uses, used, limits, decide };
}

function good(list: readonly RetainedBuild[]): number {
  return list.filter(b => b.definition === 'edge' && b.settled && b.phase === 'Succeeded').length;
}

function named(list: readonly RetainedBuild[]): Set<string> {
  return new Set(list.flatMap(b => [b.context, ...b.images, ...b.foundations.map(f => f.slice(f.indexOf('@') + 1))]));
}

test('nothing that is used, wanted, young or unfinished is ever deleted, and enough good ones stay', () => {
  fc.assert(
    fc.property(scene, s => {
      const { all, used, decide } = play(s);
      const { kept, doomed } = decide(all);
      for (const b of doomed) {
        assert.ok(b.settled && b.definition === 'edge' && b.name !== s.latest);
        assert.ok(!b.images.some(d => used.has(d)));
        assert.ok(now - b.ended >= s.grace * hour);
      }
      assert.ok(good(kept.map(k => k.build)) >= Math.min(s.successful, good(all)));
      const mine = all.filter(b => b.definition === 'edge');
      assert.deepEqual(new Set([...kept.map(k => k.build), ...doomed]), new Set(mine));
      assert.equal(kept.length + doomed.length, mine.length);
      assert.deepEqual(decide(all.filter(b => !doomed.includes(b))).doomed, [], 'a second look finds nothing more');
    }),
    { numRuns: 2_000 },
  );
});

test('the registry loses what only deleted builds name, and nothing else', () => {
  fc.assert(
    fc.property(scene, s => {
      const { all, uses, used, decide } = play(s);
      const { doomed } = decide(all);
      const gone = new Set<string>();
      let left = all;
      for (const b of doomed) {
        left = left.filter(other => other !== b);
        for (const { digest: d } of prunable(b, left, uses)) gone.add(d);
      }
      const [still, before] = [named(left), named(all)];
      for (const d of gone) assert.ok(before.has(d) && !used.has(d));
      // Contexts and foundations of what is left are in the same repository here, or in one of another name.
      const sameRepository = new Set(left.flatMap(b => [b.context, ...b.images]));
      for (const d of gone) assert.ok(!sameRepository.has(d), `${d} is named by a build that stays`);
      const working = new Set(left.filter(b => !b.settled).map(b => b.context));
      // What is left for a build at work is left for all that name it.
      const spared = new Set(doomed.flatMap(b => (working.has(b.context) ? [b.context, ...b.images] : [])));
      const kept = (d: string): boolean => still.has(d) || used.has(d) || spared.has(d);
      for (const b of doomed) for (const d of [b.context, ...b.images]) assert.ok(kept(d) || gone.has(d), `${d} was forgotten`);
    }),
    { numRuns: 2_000 },
  );
});
