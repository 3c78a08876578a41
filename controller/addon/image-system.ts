/** Which system is in an image: what its os-release says, and the addons that it asks for, read from its layers, because no label of images says it. */
import { StallingError } from '../api/errors.ts';
import {
  parseVendorProfile,
  type VendorEntry,
  VendorProfileError,
  vendorProfileMark,
  vendorProfilePath,
} from '../api/vendor-profile.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import { readLayerFiles } from './layer-text.ts';
import { type OsRelease, OsReleaseError, parseOsRelease } from './os-release.ts';
import type { AddonReason } from './reasons.ts';
import { readSourceImage } from './source-image.ts';

/** What an image says of itself, for one platform. */
export interface ImageSystem {
  os: OsRelease;
  /** Addons that it asks for, in its order; none for most images. */
  profile: readonly VendorEntry[];
}

/** The file that os-release(5) has in images; /etc/os-release is a link to it there. */
const osReleasePath = '/usr/lib/os-release';

/**
 * Reads the layers of one platform of an image from the top until one has os-release, and of that one no more than it takes; for a profile of addons only where the image is
 * marked to have one, since nobody would find none before the last layer.
 * @throws StallingError `ImageUnsupported` for an image that has none, or one that is none; what readSourceImage and the registry throw
 */
export async function readImageSystem(
  registry: Pick<Registry, 'manifest' | 'blob' | 'readBlob'>,
  { image, platform }: { image: string; platform: string },
  auth?: DockerConfig,
): Promise<ImageSystem> {
  const { repository, layers, annotations } = await readSourceImage(registry, image, platform, auth);
  const isMarked = Boolean(annotations[vendorProfileMark]);
  const paths = [osReleasePath, ...(isMarked ? [vendorProfilePath] : [])];
  const texts = await readLayerFiles({ layers, open: layer => registry.readBlob(repository, layer, auth) }, paths);
  const text = (path: string): string => {
    const found = texts.get(path);
    if (found === undefined) throw unsupported(`${image} has no ${path} for ${platform}`);
    return found;
  };
  const os = checked(image, osReleasePath, () => parseOsRelease(text(osReleasePath)));
  const profile = isMarked ? checked(image, vendorProfilePath, () => parseVendorProfile(text(vendorProfilePath))) : [];
  return { os, profile };
}

function checked<T>(image: string, path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof OsReleaseError || error instanceof VendorProfileError)) throw error;
    throw unsupported(`${path} of ${image}: ${error.message}`);
  }
}

function unsupported(message: string): StallingError {
  return new StallingError('ImageUnsupported' satisfies AddonReason, message);
}
