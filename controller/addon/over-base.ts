/** An image as what it adds to another: the layers above those of the image that it was built from, which has to be a system that the variant is for. */
import { StallingError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Descriptor } from '../registry/media-types.ts';
import type { Registry } from '../registry/registry.ts';
import { readImageSystem } from './image-system.ts';
import type { OsRelease } from './os-release.ts';
import type { AddonReason } from './reasons.ts';
import { type SourceImage, readDiffIds, readSourceImage } from './source-image.ts';
import { type VariantMatch, variantFor, variantName } from './variant.ts';

/** An image by what is in each of its layers, lowest first. */
export interface Layered {
  /** `repository@digest`, for messages. */
  image: string;
  diffIds: readonly string[];
}

/**
 * The layers that an image has above those of its base. Pure.
 * @throws StallingError `BaseMismatch` where the base's layers are not the lowest of the image, or the image has no other
 */
export function layersAbove(of: Layered & { layers: readonly Descriptor[] }, base: Layered): Descriptor[] {
  const differs = base.diffIds.findIndex((id, i) => id !== of.diffIds[i]);
  if (differs >= 0) {
    const where = `layer ${differs + 1} of ${base.diffIds.length} of that is another`;
    throw mismatch(
      `${of.image} is not built from ${base.image}: ${where}; build it from that image, or name the one that it is built from`,
    );
  }
  if (of.diffIds.length === base.diffIds.length)
    throw mismatch(`${of.image} adds nothing to ${base.image}: their layers are the same`);
  return of.layers.slice(base.diffIds.length);
}

/**
 * Throws unless hosts of that system would merge the variant: what is built over another system works there by luck only. Pure.
 * @throws StallingError `BaseMismatch`
 */
export function requireSystem(variant: VariantMatch, os: OsRelease, base: string): void {
  if ('variant' in variantFor([variant], { os, platform: variant.platform })) return;
  const { id, versionId = 'without VERSION_ID', sysextLevel } = os;
  const system = `${id} ${versionId}${sysextLevel === undefined ? '' : ` (SYSEXT_LEVEL ${sysextLevel})`}`;
  throw mismatch(
    `the base ${base} is ${system}, whose hosts would not take the variant ${variantName(variant)}; correct os, or name the base of that system`,
  );
}

/**
 * Reads which layers of `image` are above `base`, both named by digest, for the variant's platform.
 * @throws StallingError `BaseMismatch`, and what readSourceImage and readImageSystem throw
 */
export async function readImageOver(
  registry: Pick<Registry, 'manifest' | 'blob' | 'readBlob'>,
  { image, base, variant }: { image: string; base: string; variant: VariantMatch },
  auth?: DockerConfig,
): Promise<SourceImage> {
  const { platform } = variant;
  const above = await readSourceImage(registry, image, platform, auth);
  const below = await readSourceImage(registry, base, platform, auth);
  const layers = layersAbove(
    { image, layers: above.layers, diffIds: await readDiffIds(registry, above, auth) },
    { image: base, diffIds: await readDiffIds(registry, below, auth) },
  );
  if (variant.os.id !== '_any')
    requireSystem(variant, (await readImageSystem(registry, { image: base, platform }, auth)).os, base);
  return { ...above, layers };
}

function mismatch(message: string): StallingError {
  return new StallingError('BaseMismatch' satisfies AddonReason, message);
}
