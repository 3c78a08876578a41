/** Profiles of torcx as entries of a pool's profile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { reasonOf, StallingError } from '../../../controller/api/errors.ts';
import { isProfile, parseProfile } from '../../../controller/addon/torcx/profile-manifest.ts';

const profile = (version: number, ...images: object[]): Buffer =>
  Buffer.from(JSON.stringify({ kind: `profile-manifest-v${version}`, value: { images } }));

test('the order stays, an empty reference masks, and the reference is part of the addon', () => {
  const { entries, warnings, wanted } = parseProfile(
    profile(
      0,
      { name: 'kubelet', reference: 'v1.10.5' },
      { name: 'docker', reference: 'com.coreos.cl' },
      { name: 'flannel', reference: '' },
    ),
  );
  assert.deepEqual(entries, [
    { name: 'kubelet', addon: 'kubelet-v1-10-5' },
    { name: 'docker', addon: 'docker' },
    { name: 'flannel', addon: '' },
  ]);
  assert.deepEqual(warnings, []);
  assert.deepEqual(wanted, [
    { addon: 'kubelet-v1-10-5', archive: 'kubelet:v1.10.5' },
    { addon: 'docker', archive: 'docker:com.coreos.cl' },
  ]);
});

test('of what a remote would have given a person is told', () => {
  const { entries, warnings } = parseProfile(profile(1, { name: 'docker', reference: '17.03', remote: 'com.example' }));
  assert.deepEqual(entries, [{ name: 'docker', addon: 'docker-17-03' }]);
  assert.match(warnings.join('\n'), /^docker: torcx would have fetched docker:17\.03 from the remote "com\.example"; .*--push$/);
});

test('a name twice, and none', () => {
  const { entries, warnings } = parseProfile(
    profile(0, { name: 'docker', reference: '1' }, { name: '', reference: 'x' }, { name: 'docker', reference: '2' }),
  );
  assert.deepEqual(entries, [{ name: 'docker', addon: 'docker-2' }]);
  assert.match(
    warnings.join('\n'),
    /images\[1\] has no name[^]*docker is listed more than once; only the last one is taken, "2"/,
  );
});

const refused: Record<string, [Buffer, string, RegExp]> = {
  'another version': [profile(2), 'InvalidManifest', /"profile-manifest-v2"/],
  'an image manifest': [Buffer.from('{"kind":"image-manifest-v0","value":{}}'), 'InvalidManifest', /image-manifest-v0/],
  'no JSON': [Buffer.from('{"kind"'), 'InvalidManifest', /no JSON/],
  'no images': [Buffer.from('{"kind":"profile-manifest-v0","value":{}}'), 'InvalidManifest', /value\.images is no list/],
  'no reference': [profile(0, { name: 'a' }), 'InvalidManifest', /images\[0\]\.reference is missing/],
  'a number as name': [profile(0, { name: 1, reference: '' }), 'InvalidManifest', /images\[0\]\.name is "1"/],
  'a name with a colon': [profile(0, { name: 'a:b', reference: '1' }), 'InvalidName', /"a:b"/],
  'a name that is too long': [profile(0, { name: 'a'.repeat(64), reference: 'com.coreos.cl' }), 'InvalidName', /64 characters/],
  'more than a pool has room for': [
    profile(0, ...Array.from({ length: 65 }, (_, i) => ({ name: `a${i}`, reference: '1' }))),
    'InvalidManifest',
    /65 images/,
  ],
};
for (const [name, [bytes, reason, says]] of Object.entries(refused))
  test(`refused: ${name}`, () => {
    assert.throws(
      () => parseProfile(bytes),
      (error: Error) => {
        assert.equal(reasonOf(error), reason, error.message);
        assert.match(error.message, says);
        return true;
      },
    );
  });

test('a profile is known by its kind', () => {
  assert(isProfile(profile(1)));
  assert(isProfile(profile(9)));
  assert(!isProfile(Buffer.from('{"kind":"image-manifest-v0"}')));
  assert(!isProfile(Buffer.from('hsqs')));
});

test('any JSON is a profile or is refused', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('profile-manifest-v0', 'profile-manifest-v1'), (images, kind) => {
      try {
        parseProfile(Buffer.from(JSON.stringify({ kind, value: { images } })));
      } catch (error) {
        assert(error instanceof StallingError);
      }
    }),
  );
});
