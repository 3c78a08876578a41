import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type MergedEntry,
  type ProfileEntry,
  type ProfileLayer,
  emptyProfile,
  mergeProfiles,
  profileOf,
} from '../../controller/addon/profile.ts';

/** `runtime=containerd`, and `runtime=` to take it away. */
function layer(from: ProfileLayer['from'], ...words: string[]): ProfileLayer {
  const entries = words.map(word => {
    const [name = '', addon = ''] = word.split('=');
    return { name, addon };
  });
  return { from, entries };
}

const words = (layers: readonly ProfileLayer[]): string[] =>
  profileOf(layers).entries.map(({ name, addon }) => `${name}=${addon}`);

describe('profiles are merged as torcx merges them', () => {
  const table: Record<string, { lower: string[]; upper: string[]; merged: string[] }> = {
    'nothing over nothing': { lower: [], upper: [], merged: [] },
    'something over nothing': { lower: [], upper: ['docker=1.12'], merged: ['docker=1.12'] },
    'nothing over something': { lower: ['docker=17.03'], upper: [], merged: ['docker=17.03'] },
    'what is new comes last': { lower: ['docker=17.03'], upper: ['kubelet=1.8'], merged: ['docker=17.03', 'kubelet=1.8'] },
    'what is replaced moves to where the upper layer has it': {
      lower: ['docker=17.03', 'kubelet=1.8'],
      upper: ['docker=17.09'],
      merged: ['kubelet=1.8', 'docker=17.09'],
    },
    'what is taken away is gone': { lower: ['docker=17.03'], upper: ['docker='], merged: [] },
    'what was not there can be taken away': { lower: ['docker=17.03'], upper: ['kubelet='], merged: ['docker=17.03'] },
    'each layer keeps its own order': {
      lower: ['z=1', 'a=1', 'm=1'],
      upper: ['b=1', 'a=2', 'c=1'],
      merged: ['z=1', 'm=1', 'b=1', 'a=2', 'c=1'],
    },
    'an entry without a name says nothing': { lower: ['=1', 'a=1'], upper: ['=2', 'b=1'], merged: ['a=1', 'b=1'] },
    'a lower layer that takes away hides nothing of the upper': { lower: ['a='], upper: ['a=1'], merged: ['a=1'] },
  };
  for (const [what, { lower, upper, merged }] of Object.entries(table)) {
    test(what, () => {
      assert.deepEqual(words([layer('vendor', ...lower), layer('pool', ...upper)]), merged);
    });
  }

  test('null takes away as the empty word does', () => {
    const upper: ProfileLayer = { from: 'pool', entries: [{ name: 'docker', addon: null }] };
    assert.deepEqual(profileOf([layer('vendor', 'docker=17.03'), upper]).entries, []);
  });
});

test('Each entry says who asked for it and what it is in place of', () => {
  const profile = profileOf([
    layer('vendor', 'runtime=containerd', 'agent=falco', 'shell=bash', 'tools=all'),
    layer('pool', 'runtime=crio', 'agent=', 'driver=nvidia', 'gone='),
    layer('node', 'runtime=crio-next', 'shell=', 'agent=falco-next'),
  ]);
  assert.deepEqual(profile.entries, [
    { name: 'tools', addon: 'all', from: 'vendor' },
    { name: 'driver', addon: 'nvidia', from: 'pool' },
    { name: 'runtime', addon: 'crio-next', from: 'node', replaces: { addon: 'crio', from: 'pool' } },
    { name: 'agent', addon: 'falco-next', from: 'node' },
  ]);
  assert.deepEqual(profile.masked, [
    { name: 'gone', by: 'pool' },
    { name: 'shell', by: 'node', masks: { addon: 'bash', from: 'vendor' } },
  ]);
});

const anyEntry: fc.Arbitrary<ProfileEntry> = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  addon: fc.constantFrom<(string | null)[]>('x', 'y', '', null),
});

function names(entries: readonly { name: string }[]): string[] {
  return entries.map(({ name }) => name);
}

function what({ name, addon, from }: MergedEntry): string[] {
  return [name, addon, from];
}

function anyLayer(from: ProfileLayer['from']): fc.Arbitrary<ProfileLayer> {
  return fc.record({ from: fc.constant(from), entries: fc.uniqueArray(anyEntry, { selector: ({ name }) => name }) });
}

describe('a merge', () => {
  const lower = fc.tuple(anyLayer('vendor'), anyLayer('pool')).map(profileOf);
  const upper = anyLayer('node');

  test('is idempotent: a layer twice adds nothing', () => {
    fc.assert(
      fc.property(lower, upper, (lower, upper) => {
        const once = mergeProfiles(lower, upper);
        const twice = mergeProfiles(once, upper);
        assert.deepEqual(twice.entries.map(what), once.entries.map(what));
        assert.deepEqual(names(twice.masked), names(once.masked));
      }),
    );
  });

  test('keeps the order of both layers, the lower before the upper', () => {
    fc.assert(
      fc.property(lower, upper, (lower, upper) => {
        const merged = names(mergeProfiles(lower, upper).entries);
        const above = new Set(names(upper.entries));
        const kept = names(lower.entries).filter(name => !above.has(name));
        const own = names(upper.entries.filter(({ addon }) => addon));
        assert.deepEqual(merged, [...kept, ...own]);
      }),
    );
  });

  test('lets the upper layer win, and with it a mask', () => {
    fc.assert(
      fc.property(lower, upper, (lower, upper) => {
        const { entries, masked } = mergeProfiles(lower, upper);
        for (const { name, addon } of upper.entries) {
          const found = entries.filter(e => e.name === name);
          const gone = masked.filter(m => m.name === name);
          assert.deepEqual(
            found.map(e => [e.addon, e.from]),
            addon ? [[addon, 'node']] : [],
          );
          assert.deepEqual(
            gone.map(m => m.by),
            addon ? [] : ['node'],
          );
        }
      }),
    );
  });

  test('names everything once, as an entry or as masked, and says truly what it is in place of', () => {
    fc.assert(
      fc.property(lower, upper, (lower, upper) => {
        const { entries, masked } = mergeProfiles(lower, upper);
        const all = names([...entries, ...masked]);
        assert.equal(new Set(all).size, all.length);
        const before = new Map(lower.entries.map(({ name, addon, from }) => [name, { addon, from }]));
        for (const { name, from, replaces } of entries) if (from === 'node') assert.deepEqual(replaces, before.get(name));
        for (const { name, by, masks } of masked) if (by === 'node') assert.deepEqual(masks, before.get(name));
      }),
    );
  });

  test('of entries of one name in a layer takes the last', () => {
    const twice: ProfileLayer = layer('pool', 'a=x', 'b=x', 'a=y');
    assert.deepEqual(mergeProfiles(emptyProfile, twice).entries, [
      { name: 'b', addon: 'x', from: 'pool' },
      { name: 'a', addon: 'y', from: 'pool' },
    ]);
  });
});
