/** Small images, and indexes of them. */
import { randomBytes } from 'node:crypto';
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
