/** The profile that an image brings along: written and read. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatVendorProfile, parseVendorProfile } from '../../controller/api/vendor-profile.ts';

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const entry = fc.record({ name, addon: fc.oneof(name, fc.constant('')) }, { noNullPrototype: true });

const file = (entries: unknown, version = 1): string => JSON.stringify({ kind: 'AddonProfile', version, entries });

describe('the profile of an image', () => {
  test('is read as it was written, in its order', () =>
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: e => e.name, maxLength: 64 }), entries => {
        assert.deepEqual(parseVendorProfile(formatVendorProfile(entries)), entries);
      }),
    ));

  test('may say of a name by null that nothing is run', () =>
    assert.deepEqual(parseVendorProfile('{"kind":"AddonProfile","version":1,"entries":[{"name":"a","addon":null}]}'), [
      { name: 'a', addon: '' },
    ]));

  const refused: [string, string, RegExp][] = [
    ['no JSON', '{', /is no JSON/],
    ['another kind', '{"kind":"profile-manifest-v0"}', /"kind":"AddonProfile"/],
    ['a list', '[]', /"kind":"AddonProfile"/],
    ['a later version', file([], 2), /"version":1/],
    ['no entries', file(undefined), /no list of entries/],
    ['too many', file(Array.from({ length: 65 }, (_, i) => ({ name: `a${i}`, addon: 'b' }))), /65 entries/],
    ['a name that is none', file([{ name: '../a', addon: 'b' }]), /entries\[0\] has no name/],
    ['an addon that is none', file([{ name: 'a', addon: 'B' }]), /entries\[0\], a, must name a SystemAddon/],
    ['an addon that is no text', file([{ name: 'a', addon: 1 }]), /entries\[0\], a,/],
    ['a name twice', file([0, 1].map(() => ({ name: 'a', addon: 'b' }))), /has a twice/],
  ];
  for (const [what, text, message] of refused)
    test(`is refused: ${what}`, () => assert.throws(() => parseVendorProfile(text), { name: 'VendorProfileError', message }));
});
