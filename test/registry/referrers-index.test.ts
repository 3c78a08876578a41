import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import { entriesOf, merged, nextPage, referrerOf, withEntry, withoutEntries } from '../../controller/registry/referrers-index.ts';

const entry = (name: string): Descriptor => ({ mediaType: mediaTypes.manifest, digest: sha256(name), size: name.length });
const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 10 });

test('adding keeps all that was there, twice is once, and taking out undoes it', () => {
  fc.assert(
    fc.property(
      names,
      fc.string({ minLength: 4, maxLength: 6 }),
      fc.dictionary(fc.string(), fc.string()),
      (before, added, notes) => {
        const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: before.map(entry), annotations: notes };
        const once = withEntry(index, entry(added));
        assert.deepEqual(entriesOf(once), [...before, added].map(entry));
        assert.equal(withEntry(once, entry(added)), once);
        assert.deepEqual(withoutEntries(once, new Set([sha256(added)])), index);
      },
    ),
  );
});

test('two lists are one without doubles, and what the first says counts', () => {
  fc.assert(
    fc.property(names, names, (a, b) => {
      const all = merged(
        a.map(entry),
        b.map(name => ({ ...entry(name), size: -1 })),
      );
      assert.deepEqual(new Set(all.map(({ digest }) => digest)), new Set([...a, ...b].map(name => sha256(name))));
      assert.equal(all.length, new Set([...a, ...b]).size);
      assert.deepEqual(all.slice(0, a.length), a.map(entry));
    }),
  );
});

test('what is no whole list is none', () => {
  assert.deepEqual(entriesOf({ manifests: [] }), []);
  for (const document of [
    {},
    { manifests: {} },
    { mediaType: mediaTypes.manifest, manifests: [] },
    { manifests: [entry('a'), { digest: sha256('b') }] },
    { manifests: [{ ...entry('a'), digest: 'sha512:00' }] },
  ]) {
    assert.equal(entriesOf(document), undefined, JSON.stringify(document));
  }
});

test('a manifest says what it is to its subject', () => {
  const manifest = { mediaType: mediaTypes.manifest, digest: sha256('m'), size: 3 };
  const subject = { digest: sha256('s') };
  assert.equal(referrerOf({}, manifest), undefined);
  assert.equal(referrerOf({ subject: { digest: 'nonsense' } }, manifest), undefined);
  assert.deepEqual(referrerOf({ subject, config: { mediaType: 'c' } }, manifest), {
    subject: subject.digest,
    entry: { ...manifest, artifactType: 'c' },
  });
  assert.deepEqual(
    referrerOf({ subject, artifactType: 'a', config: { mediaType: 'c' }, annotations: { x: 'y', bad: 1 } }, manifest)?.entry,
    {
      ...manifest,
      artifactType: 'a',
      annotations: { x: 'y' },
    },
  );
});

test('the next page of a list is found in its Link header', () => {
  for (const [header, next] of [
    [undefined, undefined],
    ['', undefined],
    ['</a?n=1>; rel="next"', '/a?n=1'],
    ['</p>; rel="prev", <b>; title="t"; rel="last next"', 'b'],
    ['<c>;rel=next', 'c'],
    ['<d>; rel="nextish"', undefined],
  ] as const) {
    assert.equal(nextPage(header), next, header);
  }
});
