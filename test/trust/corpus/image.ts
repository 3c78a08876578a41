/** Small images, and indexes of them. */
import { randomBytes } from 'node:crypto';
import { addonMediaTypes } from '../../../controller/api/addon-artifact.ts';
import { type Repository, type Stored, types } from './repository.ts';

export interface TestImage extends Stored {
  repository: Repository;
  /** `host/repository@digest`. */
  reference: string;
  /** The digest without `sha256:`. */
  hex: string;
}

function imageIn(repository: Repository, stored: Stored): TestImage {
  return { ...stored, repository, reference: `${repository.name}@${stored.digest}`, hex: stored.digest.slice('sha256:'.length) };
}

/** An image that nobody else has: of random bytes. */
export async function newImage(repository: Repository, o: { tag?: string; architecture?: string } = {}): Promise<TestImage> {
  const { architecture = 'amd64', ...named } = o;
  const layer = await repository.blob(randomBytes(64), types.layer);
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const config = await repository.blob({ os: 'linux', architecture, rootfs }, types.config);
  const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer] };
  return imageIn(repository, await repository.manifest(manifest, named));
}

/** The artifact of an addon, which no other has; its file is of random bytes. */
export async function newArtifact(repository: Repository): Promise<TestImage> {
  const layer = await repository.blob(randomBytes(64), addonMediaTypes.image);
  const { digest, size } = layer;
  const fields = {
    name: 'tool',
    match: { id: '_any' },
    architecture: '_any',
    image: { digest, size },
    services: [],
    requires: {},
  };
  const config = await repository.blob(fields, addonMediaTypes.config);
  const { artifact: artifactType } = addonMediaTypes;
  const manifest = { schemaVersion: 2, mediaType: types.manifest, artifactType, config, layers: [layer] };
  return imageIn(repository, await repository.manifest(manifest));
}

/** An index of two platforms. */
export async function newIndex(repository: Repository, tag?: string): Promise<{ index: TestImage; platforms: TestImage[] }> {
  const platforms: TestImage[] = [];
  const manifests: object[] = [];
  for (const architecture of ['amd64', 'arm64']) {
    const image = await newImage(repository, { architecture });
    platforms.push(image);
    manifests.push({
      mediaType: image.mediaType,
      digest: image.digest,
      size: image.size,
      platform: { os: 'linux', architecture },
    });
  }
  const document = { schemaVersion: 2, mediaType: types.index, manifests };
  const index = await repository.manifest(document, { mediaType: types.index, ...(tag === undefined ? {} : { tag }) });
  return { index: imageIn(repository, index), platforms };
}
