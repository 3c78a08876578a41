/** What the image of a system says of itself: its platforms, and its os-release on each. */
import { StallingError, messageOf } from '../api/errors.ts';
import { type OsRelease, OsReleaseError, parseOsRelease } from '../addon/os-release.ts';
import { type BasePlatform, baseInfo } from '../build/base.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { readImageFile } from './image-file.ts';

export interface OsPlatform {
  /** As `linux/amd64`. */
  platform: string;
  os: OsRelease;
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
 * @throws StallingError `ImageUnsupported` where it has no os-release, and as baseInfo; what the registry throws
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
  const found: OsPlatform[] = [];
  // One after the other: each may take all of an image through this machine.
  for (const of of base.platforms) found.push({ platform: of.platform, os: await osReleaseOf(registry, image, of, auth) });
  return { image, digest, platforms: found };
}

async function osReleaseOf(
  registry: Registry,
  image: string,
  { platform, layers }: BasePlatform,
  auth: DockerConfig | undefined,
): Promise<OsRelease> {
  const repositories = new Map(layers.map(({ digest, repository }) => [digest, repository]));
  const name = `${image} (${platform})`;
  const layered = {
    name,
    layers,
    open: (layer: { digest: string; size: number }) => registry.readBlob(repositories.get(layer.digest) ?? '', layer, auth),
  };
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
