/** The platforms of workload images, from a real registry: an index, and an image without one. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ImagePlatforms, warnOfPlatforms } from '../../controller/definition/image-platforms.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { parseReference, repositoryOf } from '../../controller/registry/reference.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { type BaseImage, pushBaseImage } from '../cluster/base-image.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { specOf } from './definition-fixture.ts';
import { workloadOf } from './quadlet-fixture.ts';

const lacking = (image: string) => [
  `spec.workloads: ${image} is offered for linux/amd64, but not for linux/arm64; nodes of that platform cannot stage the system`,
];

describe('the platforms of workload images', () => {
  let server: RegistryServer;
  let registry: Registry;
  let base: BaseImage;
  let small: BaseImage;

  before(async () => {
    server = await startRegistry();
    registry = clientOf(server.host);
    base = await pushBaseImage({ registry: server.host });
    small = await pushBaseImage({ registry: server.host, repository: 'team/small', architectures: ['amd64'] });
  });
  after(async () => {
    await registry?.close();
    await server?.stop();
  });

  const warnings = (images: Record<string, string>, platforms?: string[]) =>
    warnOfPlatforms(
      new ImagePlatforms(registry),
      specOf({
        ...(platforms ? { platforms } : {}),
        workloads: [workloadOf(Object.keys(images).map((image, i) => ({ name: `c${i}`, image })))],
      }),
      { base: { image: base.image, digest: base.digest }, workloads: new Map(Object.entries(images)) },
      undefined,
    );

  test('are compared with those of the base, or of the definition', async () => {
    assert.deepEqual(await warnings({ [base.image]: base.digest }), []);
    assert.deepEqual(await warnings({ [small.image]: small.digest }), lacking(small.image));
    assert.deepEqual(await warnings({ [small.image]: small.digest }, ['linux/amd64']), []);
  });

  test('are those of the config where there is no index', async () => {
    const digest = small.platforms['amd64'] ?? '';
    assert.deepEqual(await warnings({ [small.image]: digest }), lacking(small.image));
    const pinned = `${repositoryOf(parseReference(small.image))}@${digest}`;
    assert.deepEqual(await warnings({ [pinned]: '' }), lacking(pinned));
  });

  test('that cannot be looked up are said to be unknown', async () => {
    const gone = sha256(new TextEncoder().encode('gone'));
    const [warning = ''] = await warnings({ [small.image]: gone });
    assert.ok(warning.startsWith(`spec.workloads: the platforms of ${small.image} are not known: `), warning);
    assert.match(warning, /not found/);
  });

  test('of a digest are asked for once', async () => {
    const platforms = new ImagePlatforms(registry);
    const image = `${repositoryOf(parseReference(small.image))}@${small.digest}`;
    assert.deepEqual(await platforms.of(image, undefined), ['linux/amd64']);
    await server.stop();
    assert.deepEqual(await platforms.of(image, undefined), ['linux/amd64']);
  });
});
