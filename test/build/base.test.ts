/** Bases that a registry should not have, on a real one: each is refused by name, because no retry will make it better. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { baseInfo } from '../../controller/build/base.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
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
  async function push(config: string): Promise<string> {
    const repository = `${server.host}/odd`;
    const bytes = Buffer.from(config);
    const digest = await registry.pushBlob(repository, bytes);
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest, size: bytes.length },
      layers: [],
    };
    const pushed = await registry.pushManifest(repository, {
      mediaType: mediaTypes.manifest,
      bytes: Buffer.from(JSON.stringify(manifest)),
    });
    return `${repository}@${pushed}`;
  }

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
});
