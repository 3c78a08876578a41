import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { keyOf, Store, type StoredObject } from '../../controller/kube/store.ts';

interface View extends StoredObject {
  pool: string;
  tags: readonly string[];
}

const views: fc.Arbitrary<View> = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  uid: fc.constantFrom('1', '2'),
  resourceVersion: fc.nat(50).map(String),
  pool: fc.constantFrom('p', 'q', 'r'),
  tags: fc.uniqueArray(fc.constantFrom('x', 'y'), { maxLength: 2 }),
});

type Step = { do: 'set'; view: View } | { do: 'delete'; name: string } | { do: 'replace'; views: View[]; keep: string[] };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('set' as const), view: views }),
    fc.record({ do: fc.constant('delete' as const), name: fc.constantFrom('a', 'b', 'c', 'z') }),
    fc.record({
      do: fc.constant('replace' as const),
      views: fc.uniqueArray(views, { selector: v => v.name, maxLength: 5 }),
      keep: fc.uniqueArray(fc.constantFrom('1', '2'), { maxLength: 2 }),
    }),
  ),
  { maxLength: 40 },
);

const newStore = () => new Store<View>({ pool: v => [v.pool], tag: v => v.tags });
const sorted = (list: readonly View[]) => list.toSorted((a, b) => a.name.localeCompare(b.name));
const plain = (view: View) => ({ ...view, resourceVersion: '' });

describe('store', () => {
  it('holds what a plain map would, finds it by index, and tells each change once and in order', () => {
    fc.assert(
      fc.property(steps, list => {
        const store = newStore();
        const model = new Map<string, View>();
        const mirror = new Map<string, View>();
        store.onChange((key, now, before) => {
          assert.deepEqual(
            mirror.get(key) && plain(mirror.get(key) as View),
            before && plain(before),
            'before is what was told last',
          );
          assert.ok(!(now && before) || now.uid === before.uid, 'another uid is another object');
          assert.notDeepEqual(now && plain(now), before && plain(before), 'something did change');
          if (now) mirror.set(key, now);
          else mirror.delete(key);
        });
        for (const step of list) apply(step, store, model);
        assert.deepEqual(sorted(store.list()), sorted([...model.values()]));
        assert.deepEqual([...mirror.values()].map(plain).toSorted(byName), store.list().map(plain).toSorted(byName));
        for (const pool of ['p', 'q', 'r', 'none']) {
          assert.deepEqual(sorted(store.byIndex('pool', pool)), sorted([...model.values()].filter(v => v.pool === pool)));
        }
        for (const tag of ['x', 'y']) {
          assert.deepEqual(sorted(store.byIndex('tag', tag)), sorted([...model.values()].filter(v => v.tags.includes(tag))));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('wakes nobody when only the version moved, and still knows the newest version', () => {
    const store = newStore();
    store.set({ name: 'a', uid: '1', resourceVersion: '1', pool: 'p', tags: [] });
    let changes = 0;
    store.onChange(() => changes++);
    store.set({ name: 'a', uid: '1', resourceVersion: '2', pool: 'p', tags: [] });
    assert.equal(changes, 0);
    assert.equal(store.get('a')?.resourceVersion, '2');
  });

  it('keeps keys of namespaces apart', () => {
    assert.equal(keyOf({ name: 'a' }), 'a');
    assert.equal(keyOf({ name: 'a', namespace: 'n' }), 'n/a');
  });

  it('is right though a handler throws, and calls the others', () => {
    const store = newStore();
    const told: string[] = [];
    const end = store.onChange(() => {
      throw new Error('handler');
    });
    store.onChange(key => told.push(key));
    assert.throws(() => store.set({ name: 'a', uid: '1', resourceVersion: '1', pool: 'p', tags: [] }), AggregateError);
    assert.deepEqual([store.keys(), told], [['a'], ['a']]);
    end();
    store.delete('a');
    assert.deepEqual([store.keys(), store.byIndex('pool', 'p'), told], [[], [], ['a', 'a']]);
  });

  it('refuses an index that it does not have', () => assert.throws(() => newStore().byIndex('owner', 'x'), /no index "owner"/));
});

const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);

function apply(step: Step, store: Store<View>, model: Map<string, View>): void {
  if (step.do === 'set') {
    store.set(step.view);
    model.set(step.view.name, step.view);
  } else if (step.do === 'delete') {
    store.delete(step.name);
    model.delete(step.name);
  } else {
    store.replace(step.views, new Set(step.keep));
    const wanted = new Map(step.views.map(v => [v.name, v]));
    for (const [name, { uid }] of model) if (!wanted.has(name) && !step.keep.includes(uid)) model.delete(name);
    for (const [name, view] of wanted) model.set(name, view);
  }
}
