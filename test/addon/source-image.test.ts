/** Which manifest of an image a variant is made of, against a real registry. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readSourceImage } from '../../controller/addon/source-image.ts';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { type Descriptor, mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const refused = (reason: string, message: RegExp) => (error: unknown) =>
  error instanceof StallingError && error.reason === reason && message.test(error.message);

describe('the image that a variant is made of', () => {
  let server: RegistryServer;
  let registry: Registry;
  let repository: string;
  let layer: Descriptor;
  before(async () => {
    server = await startRegistry();
    registry = clientOf(server.host);
    repository = `${server.host}/apps/tool`;
    const bytes = json('a layer');
    layer = { mediaType: mediaTypes.layerGzip, digest: await registry.pushBlob(repository, bytes), size: bytes.length };
  });
  after(async () => {
    await registry.close();
    await server.stop();
  });

  const blob = async (value: unknown, mediaType: string): Promise<Descriptor> => {
    const bytes = json(value);
    return { mediaType, digest: await registry.pushBlob(repository, bytes), size: bytes.length };
  };
  const manifest = async (config: Descriptor, layers: Descriptor[] = [layer]): Promise<Descriptor> => {
    const mediaType = config.mediaType === mediaTypes.dockerConfig ? mediaTypes.dockerManifest : mediaTypes.manifest;
    const bytes = json({ schemaVersion: 2, mediaType, config, layers });
    return { mediaType, digest: await registry.pushManifest(repository, { mediaType, bytes }), size: bytes.length };
  };
  const index = async (manifests: Descriptor[]): Promise<string> => {
    const bytes = json({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
    return `${repository}@${await registry.pushManifest(repository, { mediaType: mediaTypes.index, bytes })}`;
  };
  const configOf = (architecture: string, mediaType: string = mediaTypes.config): Promise<Descriptor> =>
    blob({ os: 'linux', architecture }, mediaType);

  it('is the one for the platform, whatever else an index names', async () => {
    const [amd, arm] = [await manifest(await configOf('amd64')), await manifest(await configOf('arm64'))];
    const note = { 'vnd.docker.reference.type': 'attestation-manifest' };
    const image = await index([
      { ...arm, platform: { os: 'unknown', architecture: 'unknown' } },
      { ...amd, platform: { os: 'linux', architecture: 'arm64' }, annotations: note },
      { ...arm, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { ...amd, platform: { os: 'linux', architecture: 'amd64' } },
    ]);
    for (const [platform, { digest }] of [['linux/amd64', amd] as const, ['linux/arm64', arm] as const]) {
      const { layers, config, ...of } = await readSourceImage(registry, image, platform);
      assert.deepEqual(of, { repository, digest, annotations: {} });
      assert.equal(config.mediaType, mediaTypes.config);
      assert.deepEqual(layers, [layer]);
    }
  });

  it('is one without an index when its config is for the platform, also in the form of Docker', async () => {
    const { digest } = await manifest(await configOf('amd64', mediaTypes.dockerConfig));
    assert.equal((await readSourceImage(registry, `${repository}@${digest}`, 'linux/amd64')).digest, digest);
    await assert.rejects(
      readSourceImage(registry, `${repository}@${digest}`, 'linux/arm64'),
      refused('PlatformUnsupported', /has no linux\/arm64; it has linux\/amd64$/),
    );
  });

  it('is refused when it is no container image, or has nothing in it', async () => {
    const chart = await manifest(await blob({}, 'application/vnd.cncf.helm.config.v1+json'));
    const none = await manifest(await configOf('amd64'), []);
    const mute = await manifest(await blob({}, mediaTypes.config));
    for (const [{ digest }, words] of [
      [chart, /is no container image: its config is "application\/vnd\.cncf\.helm/],
      [none, /has no layers/],
      [mute, /its config names no architecture/],
    ] as const)
      await assert.rejects(
        readSourceImage(registry, `${repository}@${digest}`, 'linux/amd64'),
        refused('ImageUnsupported', words),
      );
    const empty = await index([{ ...chart, platform: { os: 'unknown', architecture: 'unknown' } }]);
    await assert.rejects(readSourceImage(registry, empty, 'linux/amd64'), refused('ImageUnsupported', /no image for a platform/));
  });

  it('that is not there may be pushed yet', async () => {
    const image = `${repository}@sha256:${'0'.repeat(64)}`;
    await assert.rejects(
      readSourceImage(registry, image, 'linux/amd64'),
      (error: unknown) => error instanceof TransientError && error.reason === 'ImageNotFound',
    );
  });
});
