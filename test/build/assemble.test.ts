import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StallingError } from '../../controller/api/errors.ts';
import { assembleImage, assembleIndex } from '../../controller/build/assemble.ts';
import type { BasePlatform } from '../../controller/build/base.ts';
import { canonicalJson } from '../../controller/api/canonical-json.ts';
import type { Json } from '../../controller/api/canonical-json.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';

function platform(change: Partial<BasePlatform> = {}): BasePlatform {
  return {
    platform: 'linux/amd64',
    os: 'linux',
    architecture: 'amd64',
    digest: sha256('base manifest'),
    labels: { 'containers.bootc': '1', 'com.example.base': 'yes' },
    layers: [0, 1].map(i => ({
      mediaType: mediaTypes.layerGzip,
      digest: sha256(`blob ${i}`),
      size: 100 + i,
      repository: 'r.example/base',
    })),
    annotations: { 'com.example.kept': 'yes', 'org.opencontainers.image.version': '42' },
    config: {
      architecture: 'amd64',
      os: 'linux',
      created: '2025-01-01T00:00:00Z',
      config: { Cmd: ['/sbin/init'], Labels: { 'containers.bootc': '1', 'com.example.base': 'yes' } },
      rootfs: { type: 'layers', diff_ids: [sha256('diff 0'), sha256('diff 1')] },
      history: [{ created_by: 'one' }, { created_by: 'nothing', empty_layer: true }, { created_by: 'two' }],
      'com.example.unknown': { nested: [1, 2.5, null] },
    },
    ...change,
  };
}

const layers = [
  { digest: sha256('finish 0'), size: 10, comment: 'kernel arguments' },
  { digest: sha256('finish 1'), size: 20, comment: 'files' },
];
const labels = { 'org.opencontainers.image.version': 'worker-1', 'com.example.base': 'overridden' };
const parse = (bytes: Uint8Array): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;

test('the bytes do not change from one version of Scantling to the next', () => {
  const image = assembleImage(platform(), layers, labels);
  // Another digest here means that nodes get a new image for an old definition: raise builderVersion with it.
  assert.equal(sha256(image.config), 'sha256:3cf8b6840fbf1fb16d079825197f6bcbe97a97cf6e7982af912ffbbd28e77b16');
  assert.equal(image.digest, 'sha256:38ef070a9e8642bd2ac239154cbc261e671022d7fb40d48612b00a009bcd32b3');
  const arm = assembleImage(platform({ platform: 'linux/arm64/v8', architecture: 'arm64', variant: 'v8' }), layers, labels);
  assert.equal(
    sha256(assembleIndex([image, arm], { a: 'b' })),
    'sha256:eff4ca22bab6610f52d0a0503f486434b9ca5ff42a0c10607946df9b6474fafd',
  );
});

test('config and manifest agree with each other and keep what the base says', () => {
  const image = assembleImage(platform(), layers, labels);
  const config = parse(image.config);
  assert.deepEqual(config['rootfs'], {
    type: 'layers',
    diff_ids: [sha256('diff 0'), sha256('diff 1'), sha256('finish 0'), sha256('finish 1')],
  });
  assert.equal(config['created'], '1970-01-01T00:00:00Z');
  assert.deepEqual(config['com.example.unknown'], { nested: [1, 2.5, null] });
  assert.deepEqual(config['config'], {
    Cmd: ['/sbin/init'],
    Labels: { 'containers.bootc': '1', 'com.example.base': 'overridden', 'org.opencontainers.image.version': 'worker-1' },
  });
  const history = config['history'] as { created_by: string; empty_layer?: boolean }[];
  assert.equal(history.filter(entry => !entry.empty_layer).length, 4);
  assert.equal(history.at(-1)?.created_by, 'scantling: files');

  const manifest = parse(image.manifest);
  assert.deepEqual(manifest['config'], { mediaType: mediaTypes.config, digest: sha256(image.config), size: image.config.length });
  const descriptors = manifest['layers'] as { mediaType: string; digest: string; size: number }[];
  assert.deepEqual(
    descriptors.map(d => [d.mediaType, d.size]),
    [
      [mediaTypes.layerGzip, 100],
      [mediaTypes.layerGzip, 101],
      [mediaTypes.layer, 10],
      [mediaTypes.layer, 20],
    ],
  );
  assert.ok(!JSON.stringify(manifest).includes('r.example'), 'where a layer comes from is not in the image');
  assert.deepEqual(manifest['annotations'], { 'com.example.kept': 'yes', 'org.opencontainers.image.version': 'worker-1' });
  assert.deepEqual(image.descriptor.platform, { os: 'linux', architecture: 'amd64' });
});

test('an image in the format of Docker becomes an OCI image', () => {
  const base = platform();
  const image = assembleImage(
    platform({
      layers: [
        { ...base.layers[0]!, mediaType: mediaTypes.dockerLayerGzip },
        { ...base.layers[1]!, mediaType: mediaTypes.dockerLayer },
      ],
      config: { ...base.config, container: 'abc', container_config: { Cmd: [] }, docker_version: '20' },
    }),
    layers,
    labels,
  );
  const types = (parse(image.manifest)['layers'] as { mediaType: string }[]).map(layer => layer.mediaType);
  assert.deepEqual(types, [mediaTypes.layerGzip, mediaTypes.layer, mediaTypes.layer, mediaTypes.layer]);
  const config = parse(image.config);
  for (const key of ['container', 'container_config', 'docker_version']) assert.ok(!(key in config), key);
});

const refused = (base: BasePlatform, why: RegExp): void =>
  assert.throws(
    () => assembleImage(base, layers, labels),
    error =>
      error instanceof StallingError &&
      error.reason === 'BaseUnsupported' &&
      why.test(error.message) &&
      error.message.includes(base.digest),
  );

test('a base that does not fit together is refused by name', () => {
  refused(platform({ layers: [] }), /diff id/);
  refused(platform({ config: {} }), /diff id/);
  const foreign = { ...platform().layers[0]!, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' };
  refused(platform({ layers: [foreign, foreign] }), /foreign/);
});

test('a history that does not match the layers is left out', () => {
  const { history: _, ...bare } = platform().config;
  for (const config of [bare, { ...bare, history: [{ created_by: 'only one' }] }, { ...bare, history: 'text' }]) {
    assert.ok(!('history' in parse(assembleImage(platform({ config }), layers, labels).config)));
  }
});

const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;

/** The same value with the keys of every object in the opposite order. */
function reversed(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as Json[]).map(reversed);
  const entries = Object.entries(value as Record<string, Json>).toReversed();
  return Object.fromEntries(entries.map(([key, member]) => [key, reversed(member)]));
}

test('canonical JSON is JSON, and knows no order of keys', () => {
  fc.assert(
    fc.property(json, value => {
      assert.equal(canonicalJson(reversed(value)), canonicalJson(value));
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('equal inputs give equal bytes, whatever the order of keys and platforms', () => {
  const words = fc.dictionary(fc.string({ minLength: 1 }), fc.string());
  fc.assert(
    fc.property(words, words, fc.dictionary(fc.string({ minLength: 1 }), json), (labels, baseLabels, more) => {
      const { rootfs, history, config } = platform().config;
      const plain = platform({ labels: baseLabels, config: { ...more, rootfs: rootfs!, history: history!, config: config! } });
      const turned = platform({
        labels: reversed(baseLabels) as Record<string, string>,
        config: reversed(plain.config) as BasePlatform['config'],
      });
      const one = assembleImage(plain, layers, labels);
      const other = assembleImage(turned, layers, reversed(labels) as Record<string, string>);
      assert.equal(other.digest, one.digest);
      assert.deepEqual(other.config, one.config);
      const arm = assembleImage({ ...plain, platform: 'linux/arm64', architecture: 'arm64' }, layers, labels);
      assert.deepEqual(assembleIndex([one, arm], labels), assembleIndex([arm, one], reversed(labels) as Record<string, string>));
    }),
  );
});
