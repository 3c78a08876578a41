/** Former artifacts: what is kept of them, and that nothing that is used goes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Using, usedByAddon, usedByNode, usedByPool, usesOf } from '../../controller/addon/artifact-uses.ts';
import { historyAfter, lookAtHistory } from '../../controller/addon/history.ts';
import type { NodeTarget } from '../../controller/api/node-target.ts';
import type { SystemAddon, SystemAddonStatusHistory } from '../../controller/api/system-addon.ts';
import type { SystemPool } from '../../controller/api/system-pool.ts';

const manifest = (n: number): string => `sha256:${String(n).padStart(64, '0')}`;
const file = (n: number): string => `sha256:${String(n).padStart(64, 'f')}`;
const image = (n: number): string => `registry.example/tool@${manifest(n)}`;
const hour = 3_600_000;
const now = 1_000 * hour;
const at = (hours: number): string => new Date(now - hours * hour).toISOString();
const entry = (n: number, hours: number, variant = 'a'): SystemAddonStatusHistory => ({
  image: image(n),
  digest: file(n),
  variant,
  replaced: at(hours),
});
const keep = { successful: 1, gracePeriod: '24h' };
const meta = { apiVersion: 'scantling.dev/v1alpha1' as const, metadata: { name: 'x' } };

describe('the history of an addon', () => {
  const os = { id: 'fedora', versionId: '42' };
  const made = (n: number) => ({ platform: 'linux/amd64' as const, os, image: image(n), digest: file(n) });

  it('has what was replaced, and loses what is in use again', () => {
    const one = historyAfter({ variants: [made(1)] }, [made(2)], new Date(now));
    assert.deepEqual(
      one.map(h => [h.image, h.digest, h.variant, h.replaced]),
      [[image(1), file(1), 'linux/amd64 for fedora 42', new Date(now).toISOString().replace('.000Z', 'Z')]],
    );
    assert.deepEqual(historyAfter({ variants: [made(2)], history: one }, [made(2)], new Date(now)), one);
    assert.deepEqual(
      historyAfter({ variants: [made(2)], history: one }, [made(1)], new Date(now)).map(h => h.image),
      [image(2)],
    );
    assert.deepEqual(
      historyAfter({ variants: [made(1)] }, [], new Date(now)).map(h => h.image),
      [image(1)],
    );
  });

  it('is kept by number for each variant, by age, and by use, which it says', () => {
    const history = [entry(1, 1), entry(2, 2), entry(3, 30), entry(4, 40), entry(5, 50, 'b')];
    const useOf = usesOf([{ who: 'node n', digests: [file(4)] }]);
    const { kept, doomed } = lookAtHistory(history, keep, { useOf, now });
    assert.deepEqual(
      kept.map(k => k.kept),
      ['one of the 1 newest', 'replaced less than 24h ago', 'used by node n', 'one of the 1 newest'],
    );
    assert.deepEqual(
      doomed.map(d => d.image),
      [image(3)],
    );
  });
});

describe('what uses an artifact', () => {
  const target = (host: object, spec: object = {}): Using =>
    usedByNode({ ...meta, kind: 'NodeTarget', spec: { poolRef: { name: 'p' }, ...spec }, status: { host } } as NodeTarget);
  const set = manifest(100);
  const table: [string, Using][] = [
    [
      'the target of a node',
      target({}, { addonSet: set, addons: [{ name: 'tool', image: image(1), digest: file(9), size: 1 }] }),
    ],
    [
      'what a node has merged',
      target({ addons: { set, state: 'Partial', entries: [{ name: 'tool', digest: file(1), state: 'Merged' }] } }),
    ],
    [
      'a set of a pool',
      usedByPool({
        ...meta,
        kind: 'SystemPool',
        status: { addons: { sets: [{ set, nodes: 0, addons: [{ name: 'tool', image: image(1), from: 'pool' }] }] } },
      } as Partial<SystemPool> as SystemPool),
    ],
    [
      'another SystemAddon',
      usedByAddon({
        ...meta,
        kind: 'SystemAddon',
        status: { variants: [{ platform: '_any', os: { id: '_any' }, image: image(1) }] },
      } as SystemAddon),
    ],
  ];
  for (const [name, using] of table)
    it(`is ${name}`, () => {
      assert.match(usesOf([using])(entry(1, 0)) ?? '', /^used by /);
      assert.equal(usesOf([using])(entry(2, 0)), undefined);
    });

  it('may be any, while a node has a set that no object explains', () => {
    const unknown = target({ prepared: { image: manifest(5), set } });
    assert.match(usesOf([unknown])(entry(1, 0)) ?? '', /^node x has a set of addons of which nobody says/);
    assert.equal(usesOf([unknown, { who: 'SystemPool p', digests: [], names: [set] }])(entry(1, 0)), undefined);
    assert.match(usesOf([target({ addons: { set, state: 'Failed' } })])(entry(1, 0)) ?? '', /^node x has a set/);
  });

  it('never goes, whatever is kept, in whatever order', () => {
    const numbers = fc.integer({ min: 0, max: 8 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(numbers, fc.integer({ min: 0, max: 60 }), fc.constantFrom('a', 'b'))),
        fc.array(fc.record({ who: fc.constant('x'), digests: fc.array(fc.oneof(numbers.map(manifest), numbers.map(file))) })),
        fc.integer({ min: 1, max: 3 }),
        (entries, users, successful) => {
          const history = entries.map(of => entry(...of));
          const { kept, doomed } = lookAtHistory(history, { ...keep, successful }, { useOf: usesOf(users), now });
          const used = new Set(users.flatMap(u => u.digests));
          assert.equal(kept.length + doomed.length, history.length);
          for (const { image: of, digest, replaced } of doomed) {
            assert(!used.has(digest) && !used.has(of.slice(of.indexOf('@') + 1)));
            assert(now - Date.parse(replaced) >= 24 * hour);
          }
          for (const variant of ['a', 'b']) {
            const own = history.filter(h => h.variant === variant).length;
            assert(kept.filter(k => k.variant === variant).length >= Math.min(own, successful));
          }
          const shuffled = lookAtHistory(
            history.toReversed(),
            { ...keep, successful },
            { useOf: usesOf(users.toReversed()), now },
          );
          assert.equal(shuffled.doomed.length, doomed.length);
        },
      ),
    );
  });
});
