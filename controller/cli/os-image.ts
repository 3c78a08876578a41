/** What the image of a system says of itself: its platforms, and on each its os-release and the addons that it asks for. */
import { StallingError, messageOf } from '../api/errors.ts';
import {
  parseVendorProfile,
  type VendorEntry,
  VendorProfileError,
  vendorProfileMark,
  vendorProfilePath,
} from '../api/vendor-profile.ts';
import { type OsRelease, OsReleaseError, parseOsRelease } from '../addon/os-release.ts';
import { type BasePlatform, baseInfo } from '../build/base.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { type LayeredImage, readImageFile } from './image-file.ts';

export interface OsPlatform {
  /** As `linux/amd64`. */
  platform: string;
  os: OsRelease;
  /** Addons that it asks for. */
  profile: readonly VendorEntry[];
}

export interface OsImage {
  /** `repository@sha256:…`. */
  image: string;
  digest: string;
  platforms: OsPlatform[];
}

/** The first is the system's own, and what the second leads to (os-release(5)). */
const places = ['/usr/lib/os-release', '/etc/os-release'];

/**
 * Reads the image by tag or digest. `platforms`: only these; all where there are none.
 * @throws StallingError `ImageUnsupported` where it has no os-release, or no profile though it is marked to have one, and as baseInfo; what the registry throws
 */
export async function readOsImage(
  registry: Registry,
  asked: string,
  platforms: readonly string[],
  auth: DockerConfig | undefined,
): Promise<OsImage> {
  const { digest } = await registry.resolve(asked, auth);
  const image = `${repositoryOf(parseReference(asked))}@${digest}`;
  const base = await baseInfo(registry, image, auth, platforms.length === 0 ? {} : { platforms });
  const marks = annotationsOf((await registry.manifest(image, auth)).json);
  const found: OsPlatform[] = [];
  // One after the other: each may take all of an image through this machine.
  for (const of of base.platforms) {
    const layered = layeredImage(registry, image, of, auth);
    const isMarked = Boolean(of.annotations[vendorProfileMark] ?? marks[vendorProfileMark]);
    const os = await osReleaseOf(layered);
    found.push({ platform: of.platform, os, profile: isMarked ? await profileIn(layered) : [] });
  }
  return { image, digest, platforms: found };
}

function annotationsOf(json: unknown): Readonly<Record<string, unknown>> {
  const { annotations } = (typeof json === 'object' && json !== null ? json : {}) as { annotations?: unknown };
  return typeof annotations === 'object' && annotations !== null ? { ...annotations } : {};
}

function layeredImage(
  registry: Registry,
  image: string,
  { platform, layers }: BasePlatform,
  auth: DockerConfig | undefined,
): LayeredImage {
  const repositories = new Map(layers.map(({ digest, repository }) => [digest, repository]));
  const open = (layer: { digest: string; size: number }): AsyncIterable<Uint8Array> =>
    registry.readBlob(repositories.get(layer.digest) ?? '', layer, auth);
  return { name: `${image} (${platform})`, layers, open };
}

async function profileIn(layered: LayeredImage): Promise<VendorEntry[]> {
  const unsupported = (why: string): StallingError =>
    new StallingError('ImageUnsupported', `${layered.name}: ${vendorProfilePath} ${why}`);
  const bytes = await readImageFile(layered, vendorProfilePath);
  if (!bytes) throw unsupported(`is not there, though the annotation ${vendorProfileMark} says so`);
  try {
    return parseVendorProfile(bytes.toString('utf8'));
  } catch (error) {
    if (error instanceof VendorProfileError) throw unsupported(error.message);
    throw error;
  }
}

async function osReleaseOf(layered: LayeredImage): Promise<OsRelease> {
  const { name } = layered;
  for (const path of places) {
    const bytes = await readImageFile(layered, path);
    if (!bytes) continue;
    try {
      return parseOsRelease(bytes.toString('utf8'));
    } catch (error) {
      if (error instanceof OsReleaseError) throw new StallingError('ImageUnsupported', `${name}: ${path} ${messageOf(error)}`);
      throw error;
    }
  }
  throw new StallingError(
    'ImageUnsupported',
    `${name} has no os-release (${places.join(', ')}), so nobody can say which addons are for it`,
  );
}
