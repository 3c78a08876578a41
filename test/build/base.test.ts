/** Bases that a registry should not have, on a real one: each is refused by name, because no retry will make it better. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { baseInfo } from '../../controller/build/base.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Descriptor, Platform } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';

describe('baseInfo', () => {
  let server: RegistryServer;
  let registry: Registry;
  before(async () => {
    server = await startRegistry();
    registry = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'test' });
  });
  after(async () => {
    await registry.close();
    await server.stop();
  });

  /** Pushes an image of one platform without layers. */
  async function push(config: string, more: object = {}): Promise<string> {
    const repository = `${server.host}/odd`;
    const bytes = Buffer.from(config);
    const digest = await registry.pushBlob(repository, bytes);
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest, size: bytes.length },
      layers: [],
      ...more,
    };
    const pushed = await registry.pushManifest(repository, {
      mediaType: mediaTypes.manifest,
      bytes: Buffer.from(JSON.stringify(manifest)),
    });
    return `${repository}@${pushed}`;
  }

  it('takes a manifest whose annotations are null', async () => {
    const image = await push(JSON.stringify({ ...bootable, os: 'linux', architecture: 'amd64' }), { annotations: null });
    assert.deepEqual((await baseInfo(registry, image)).platforms[0]?.annotations, {});
  });

  const bootable = { config: { Labels: { 'containers.bootc': '1' } } };
  const refused: Record<string, [config: string, message: RegExp]> = {
    'a platform longer than a status holds': [
      JSON.stringify({ ...bootable, os: 'linux', architecture: 'a'.repeat(200) }),
      /names the platform "linux\/a{58}"$/,
    ],
    'a platform with a line of its own': [
      JSON.stringify({ ...bootable, os: 'linux', architecture: 'amd64\nREADY' }),
      /names the platform "linux\/amd64\\nREADY"$/,
    ],
    'a config that is no JSON': ['not json', /is no JSON object$/],
    'a config that is no object': ['null', /is no JSON object$/],
  };
  for (const [name, [config, message]] of Object.entries(refused)) {
    it(`refuses ${name}`, async () => {
      const image = await push(config);
      await assert.rejects(baseInfo(registry, image), { name: 'StallingError', reason: 'BaseUnsupported', message });
    });
  }

  it('takes a platform with a variant', async () => {
    const image = await push(JSON.stringify({ ...bootable, os: 'linux', architecture: 'arm64', variant: 'v8' }));
    const { platforms } = await baseInfo(registry, image);
    assert.deepEqual(
      platforms.map(p => p.platform),
      ['linux/arm64/v8'],
    );
  });

  /** An index of these platforms, by what it says of them and what their configs say. */
  async function pushIndex(children: { says: Platform; config: object }[]): Promise<string> {
    const manifests: Descriptor[] = [];
    for (const { says, config } of children) {
      const image = await push(JSON.stringify({ ...bootable, os: 'linux', ...config }));
      const { bytes, digest } = await registry.manifest(image);
      manifests.push({ mediaType: mediaTypes.manifest, digest, size: bytes.length, platform: says });
    }
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
    return `${server.host}/odd@${await registry.pushManifest(`${server.host}/odd`, { mediaType: mediaTypes.index, bytes })}`;
  }
  const amd64 = { says: { os: 'linux', architecture: 'amd64' }, config: { architecture: 'amd64' } };
  const arm64 = { says: { os: 'linux', architecture: 'arm64', variant: 'v8' }, config: { architecture: 'arm64' } };
  const s390x = { says: { os: 'linux', architecture: 's390x' }, config: { architecture: 's390x', config: {} } };

  it('refuses an index that says something else than the config', async () => {
    const image = await pushIndex([amd64, { ...arm64, config: { architecture: 'amd64' } }]);
    await assert.rejects(baseInfo(registry, image), {
      reason: 'BaseUnsupported',
      message: /is for linux\/arm64\/v8 as its index says, but for linux\/amd64\/v8 as its config says$/,
    });
  });

  it('reads the platforms that are wanted, whatever is wrong with others', async () => {
    const image = await pushIndex([amd64, arm64, s390x]);
    await assert.rejects(baseInfo(registry, image), { reason: 'BaseNotBootable', message: /linux\/s390x/ });
    const named = async (platforms: string[]): Promise<string[]> =>
      (await baseInfo(registry, image, undefined, { platforms })).platforms.map(p => p.platform);
    assert.deepEqual(await named(['linux/arm64', 'linux/amd64']), ['linux/amd64', 'linux/arm64/v8']);
    assert.deepEqual(await named(['linux/arm64/v8']), ['linux/arm64/v8']);
    server.requests.clear();
    await named(['linux/amd64']);
    assert.equal(server.requests.log.filter(r => r.path.includes('/manifests/')).length, 2, 'the index and one manifest');
  });

  it('names what it has when something else is wanted', async () => {
    const image = await pushIndex([amd64, arm64]);
    await assert.rejects(baseInfo(registry, image, undefined, { platforms: ['linux/amd64', 'linux/ppc64le', 'linux/arm/v7'] }), {
      name: 'StallingError',
      reason: 'PlatformUnsupported',
      message: `base image ${image} has no linux/ppc64le, linux/arm/v7; it has linux/amd64, linux/arm64/v8`,
    });
  });
});
