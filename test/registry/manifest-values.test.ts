/** What is parsed of what registries answer: as much as a manifest may say, and not as much as bytes could hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallingError } from '../../controller/api/errors.ts';
import { TooLargeError } from '../../controller/registry/errors.ts';
import { maxManifestBytes, parseManifest } from '../../controller/registry/manifests.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';

const parse = (text: string, o: { pinned: boolean; limitBytes?: number }): unknown =>
  parseManifest(Buffer.from(text), 'registry.example/os', o);

test('the longest list of referrers there may be is read', () => {
  const manifests = Array.from({ length: 10_000 }, (_, i) => ({
    mediaType: mediaTypes.manifest,
    digest: `sha256:${String(i).padStart(64, '0')}`,
    size: 1234,
    artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope', 'dev.sigstore.bundle.predicateType': 'x' },
  }));
  const text = JSON.stringify({ schemaVersion: 2, manifests });
  assert.ok(text.length < maxManifestBytes);
  assert.deepEqual(parse(text, { pinned: false }), { schemaVersion: 2, manifests });
});

test('what is in strings is no value', () => {
  const text = JSON.stringify({ note: '[{,"\\'.repeat(200_000) });
  assert.deepEqual(parse(text, { pinned: true }), JSON.parse(text));
});

const hostile = {
  brackets: '['.repeat(4_000_000),
  'empty objects': `{"layers":[${'{},'.repeat(1_000_000)}{}]}`,
  members: `{${Array.from({ length: 200_000 }, (_, i) => `"${i}":1`).join(',')}}`,
  'what follows a string with quotes': `{"a":"\\"\\\\",${'"b":1,'.repeat(200_000)}"c":1}`,
};

for (const [what, text] of Object.entries(hostile)) {
  test(`${what} are not parsed`, () => {
    const most = Math.floor(maxManifestBytes / 40);
    assert.throws(
      () => parse(text, { pinned: true }),
      new StallingError('InvalidImage', `registry.example/os has more than ${most} values`),
    );
    assert.throws(() => parse(text, { pinned: false }), TooLargeError);
  });
}

test('where less is read, fewer values are', () => {
  const text = JSON.stringify({ layers: Array.from({ length: 3_000 }, () => 1) });
  assert.throws(() => parse(text, { pinned: true, limitBytes: 64 * 1024 }), /more than 1638 values/);
});
