/** Addons in real registries: what is pushed is read back, what is there is not sent again, and what is no addon is not taken for one. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { AddonFile } from '../../controller/api/addon-artifact.ts';
import { addonMediaTypes } from '../../controller/api/addon-artifact.ts';
import { downloadLayers } from '../../controller/addon/layer-files.ts';
import { makeAddonImage } from '../../controller/addon/make-image.ts';
import { type MadeAddon, pushAddonImage, readAddonArtifact } from '../../controller/addon/push-image.ts';
import { readFileList } from '../../controller/addon/read-file-list.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { Workplace, member, tar } from './layer-fixture.ts';

const place = new Workplace();
after(() => place.remove());

async function made(content: string, name = 'example'): Promise<MadeAddon> {
  const directory = place.path('made');
  mkdirSync(directory);
  const identity = { name, match: { id: 'debian', versionId: '12' }, architecture: 'x86-64' as const };
  const entries = [{ path: '/usr/bin/x', mode: 0o755, bytes: Buffer.from(content) }];
  const image = await makeAddonImage({ ...identity, allowSetuid: false, source: { kind: 'entries', entries }, directory });
  return { ...identity, ...image, services: ['x.service'], requires: { systemd: 254, addons: [], paths: ['/usr/lib/y'] } };
}

const writes = ({ requests }: RegistryServer): string[] =>
  requests.log.filter(({ method }) => method !== 'GET' && method !== 'HEAD').map(({ method, path }) => `${method} ${path}`);

async function filesOf(files: AsyncIterable<AddonFile>): Promise<AddonFile[]> {
  const all: AddonFile[] = [];
  for await (const file of files) all.push(file);
  return all;
}

for (const kind of ['distribution', 'referrers'] as const) {
  describe(`addons in a registry ${kind === 'referrers' ? 'with' : 'without'} the referrers API`, () => {
    let server: RegistryServer;
    let registry: Registry;
    let round = 0;
    before(async () => {
      server = await startRegistry({ kind });
      registry = clientOf(server.host);
    });
    after(async () => {
      await registry.close();
      await server.stop();
    });
    const fresh = (): string => `${server.host}/addons/${++round}`;

    test('what is pushed is what is read, by digest', async () => {
      const addon = await made('one');
      const repository = fresh();
      const pushed = await pushAddonImage(registry, { repository }, addon);
      assert.deepEqual(pushed.image, addon.image);
      assert.equal(pushed.reference, `${repository}@${pushed.digest}`);
      const { json } = await registry.manifest(pushed.reference);
      const { artifactType, layers } = json as { artifactType: string; layers: object[] };
      assert.equal(artifactType, 'application/vnd.scantling.addon.v1');
      assert.deepEqual(layers, [{ mediaType: 'application/vnd.scantling.addon.image.v1.erofs', ...addon.image }]);
      const { digest, config } = await readAddonArtifact(registry, pushed.reference);
      assert.equal(digest, pushed.digest);
      const { digest: listDigest, size } = addon.list;
      assert.deepEqual(config, {
        name: 'example',
        match: { id: 'debian', versionId: '12' },
        architecture: 'x86-64',
        image: addon.image,
        services: ['x.service'],
        requires: { systemd: 254, paths: ['/usr/lib/y'] },
        files: { digest: listDigest, size },
      });
      const image = await registry.blob(repository, config.image.digest);
      assert(Buffer.from(image).equals(readFileSync(addon.file)));
      const files = await filesOf(readFileList(registry, { repository, files: { digest: listDigest, size } }));
      assert.deepEqual(
        files.map(({ path }) => path).filter(path => !path.includes('release')),
        ['/usr', '/usr/bin', '/usr/bin/x', '/usr/lib'],
      );
      const referrers = await registry.referrers(repository, pushed.digest, undefined, { artifactType: addonMediaTypes.files });
      assert.equal(referrers.length, 1);
    });

    test('the same again sends nothing, from another directory too', async () => {
      const repository = fresh();
      const first = await pushAddonImage(registry, { repository }, await made('again'));
      assert(first.sentBytes > 8_000);
      server.requests.clear();
      const second = await pushAddonImage(registry, { repository }, await made('again'));
      assert.deepEqual(second, { ...first, sentBytes: 0 });
      assert.deepEqual(writes(server), []);
    });

    test('another name for the same hosts sends its own image', async () => {
      const repository = fresh();
      const first = await pushAddonImage(registry, { repository }, await made('x'));
      const other = await pushAddonImage(registry, { repository }, await made('x', 'other'));
      assert.notEqual(other.image.digest, first.image.digest);
      const changed = await pushAddonImage(registry, { repository }, { ...(await made('x')), services: [] });
      assert.equal(changed.image.digest, first.image.digest);
      assert.notEqual(changed.digest, first.digest);
      assert(changed.sentBytes < 1_000, `${changed.sentBytes} bytes`);
    });

    test('what was interrupted is gone on with', async () => {
      const addon = await made('interrupted');
      const repository = fresh();
      // Whatever is tried, the first manifest does not arrive.
      const heal = server.requests.fail(({ method, path }) => method === 'PUT' && path.includes('/manifests/'), { status: 503 });
      await assert.rejects(pushAddonImage(registry, { repository }, addon), { reason: 'RegistryUnavailable' });
      heal();
      const pushed = await pushAddonImage(registry, { repository }, addon);
      assert.equal(pushed.sentBytes, 0);
      await readAddonArtifact(registry, pushed.reference);
    });

    test('layers come to files as they are', async () => {
      const repository = fresh();
      const archives = ['a', 'b'].map(name => tar(member(`usr/${name}`, name)));
      const layers = [];
      for (const archive of archives)
        layers.push({ mediaType: mediaTypes.layer, digest: await registry.pushBlob(repository, archive), size: archive.length });
      const directory = place.path('layers');
      mkdirSync(directory);
      const files = await downloadLayers(registry, { repository, layers }, directory);
      assert.deepEqual(
        files.map(({ file }) => sha256(readFileSync(file))),
        layers.map(({ digest }) => digest),
      );
      assert.deepEqual((await place.mergedFiles(files)).lines, ['/usr/', '/usr/a a', '/usr/b b']);
      await assert.rejects(downloadLayers(registry, { repository, layers }, place.path('gone')), { reason: 'ImageFailed' });
      const other = layers.map(layer => ({ ...layer, mediaType: 'application/x-other' }));
      await assert.rejects(downloadLayers(registry, { repository, layers: other }, directory), { reason: 'InvalidLayer' });
      const huge = layers.map(layer => ({ ...layer, size: 1e11 }));
      await assert.rejects(downloadLayers(registry, { repository, layers: huge }, directory), { reason: 'AddonTooLarge' });
    });

    test('what is no addon', async () => {
      const repository = fresh();
      const { reference } = await pushAddonImage(registry, { repository }, await made('right'));
      const { json } = await registry.manifest(reference);
      const right = json as { config: { digest: string; size: number }; layers: object[] };
      const config = await registry.blob(repository, right.config.digest);
      const read = async (manifest: object): Promise<unknown> => {
        const bytes = Buffer.from(JSON.stringify(manifest));
        const digest = await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes });
        return readAddonArtifact(registry, `${repository}@${digest}`);
      };
      const withConfig = async (change: object | string): Promise<object> => {
        const text =
          typeof change === 'string' ? change : JSON.stringify({ ...JSON.parse(Buffer.from(config).toString()), ...change });
        const digest = await registry.pushBlob(repository, Buffer.from(text));
        return { ...right, config: { ...right.config, digest, size: Buffer.byteLength(text) } };
      };
      const wrong: readonly [manifest: object, says: RegExp][] = [
        [{ ...right, artifactType: 'application/x' }, /its artifact type is "application\/x"/],
        [{ ...right, layers: [...right.layers, ...right.layers] }, /its layers are not one addon's image/],
        [{ ...right, config: { ...right.config, mediaType: mediaTypes.config } }, /no configuration of an addon/],
        [await withConfig('{'), /no JSON/],
        [await withConfig({ services: 'x' }), /not of the form/],
        [await withConfig({ architecture: 'amd64' }), /not of the form/],
        [await withConfig({ requires: { systemd: '254' } }), /not of the form/],
        [await withConfig({ image: { digest: sha256('x'), size: 1 } }), /of another image than its layer/],
      ];
      for (const [manifest, says] of wrong)
        await assert.rejects(read(manifest), { name: 'StallingError', reason: 'InvalidArtifact', message: says });
      await assert.rejects(readAddonArtifact(registry, `${repository}@${sha256('none')}`), { name: 'NotFoundError' });
    });

    test('what is no list', async () => {
      const repository = fresh();
      const line = JSON.stringify({ path: '/usr', type: 'directory', mode: 493 });
      for (const [text, says] of [
        ['', /cut off/],
        ['[]', /does not begin/],
        [`{"files":[\n${line}`, /cut off/],
        [`{"files":[\n${line}\n],"version":1}\nmore`, /goes on behind its end/],
        ['{"files":[\n{"path":"usr","type":"directory","mode":493}\n],"version":1}\n', /line 2 of it/],
        ['{"files":[\n{"path":"/usr","type":"socket","mode":493}\n],"version":1}\n', /line 2 of it/],
        ['{"files":[\n{"path":"/usr","type":"file","mode":493}\n],"version":1}\n', /line 2 of it/],
        [`{"files":[\n${'x'.repeat(2_000_000)}\n],"version":1}\n`, /too long/],
      ] as const) {
        const digest = await registry.pushBlob(repository, Buffer.from(text));
        const files = { digest, size: Buffer.byteLength(text) };
        const reading = filesOf(readFileList(registry, { repository, files }));
        await assert.rejects(reading, { name: 'StallingError', reason: 'InvalidArtifact', message: says }, text.slice(0, 80));
      }
    });
  });
}
