/** The image that a variant is made of: which manifest is for its platform, and which layers that has. */
import { StallingError, TransientError } from '../api/errors.ts';
import { isSamePlatform } from '../build/platforms.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { isDigest } from '../registry/digest.ts';
import { NotFoundError } from '../registry/errors.ts';
import { type Descriptor, type Platform, mediaTypes } from '../registry/media-types.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Manifest, Registry } from '../registry/registry.ts';
import type { AddonReason } from './reasons.ts';

export interface SourceImage {
  /** `host/repository`, where the layers are. */
  repository: string;
  /** Of the platform's manifest. */
  digest: string;
  /** Lowest first. */
  layers: Descriptor[];
  config: Descriptor;
  /** Of the index, and of the platform's manifest, which has the last word. */
  annotations: Readonly<Record<string, string>>;
}

const maxConfigBytes = 8 * 1024 * 1024;
/** More than any builder makes; an answer of the registry is not to be believed without bounds. */
const mostLayers = 500;

/**
 * Reads the manifest of one platform of an image that is named by digest. One without an index is for the platform that its config says.
 * @throws StallingError `PlatformUnsupported` with what there is, `ImageUnsupported`; TransientError `ImageNotFound`; what the registry throws
 */
export async function readSourceImage(
  registry: Pick<Registry, 'manifest' | 'blob'>,
  image: string,
  platform: string,
  auth?: DockerConfig,
): Promise<SourceImage> {
  const repository = repositoryOf(parseReference(image));
  try {
    const top = await registry.manifest(image, auth);
    const children = childrenOf(top, image);
    const child = children?.find(({ platform: of }) => of && isSamePlatform(nameOf(of), platform));
    if (children && !child)
      throw lacks(
        image,
        platform,
        children.flatMap(({ platform: of }) => (of ? [nameOf(of)] : [])),
      );
    const manifest = child ? await registry.manifest(`${repository}@${child.digest}`, auth, child.size) : top;
    const { config, layers } = imageIn(manifest, image);
    if (!child) {
      const own = await ownPlatform(registry, { repository, config, image }, auth);
      if (!isSamePlatform(own, platform)) throw lacks(image, platform, [own]);
    }
    return {
      repository,
      digest: manifest.digest,
      layers,
      config,
      annotations: { ...annotationsOf(top), ...annotationsOf(manifest) },
    };
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const reason: AddonReason = 'ImageNotFound';
    throw new TransientError(reason, `${image}: ${error.message}; push it, or name another`, { cause: error });
  }
}

/**
 * What identifies the content of each layer, lowest first: builders may compress the layers of a base anew, and then their digests are others.
 * @throws StallingError `ImageUnsupported` where the config does not name one for each layer; what the registry throws
 */
export async function readDiffIds(
  registry: Pick<Registry, 'blob'>,
  { repository, digest, config, layers }: SourceImage,
  auth?: DockerConfig,
): Promise<readonly string[]> {
  const image = `${repository}@${digest}`;
  const json = parse(await registry.blob(repository, config.digest, auth, maxConfigBytes, config.size), image);
  const ids = memberOf(memberOf(json, 'rootfs'), 'diff_ids');
  const digests = Array.isArray(ids) ? ids.filter((id): id is string => typeof id === 'string' && isDigest(id)) : [];
  if (digests.length !== layers.length) throw unsupported(image, 'its config does not name one diff id for each layer');
  return digests;
}

function annotationsOf({ json }: Manifest): Record<string, string> {
  const entries = Object.entries(memberOf(json, 'annotations') ?? {});
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** The manifests of an index; undefined for what is none. */
function childrenOf({ mediaType, json }: Manifest, image: string): Descriptor[] | undefined {
  if (mediaType === mediaTypes.manifest || mediaType === mediaTypes.dockerManifest) return undefined;
  const manifests = memberOf(json, 'manifests');
  if (!Array.isArray(manifests)) throw unsupported(image, 'its index has no manifests');
  const images = manifests.filter(isDescriptor).filter(isImage);
  if (images.length === 0) throw unsupported(image, 'its index names no image for a platform');
  return images;
}

/** Build tools put attestations into an index under the platform unknown/unknown. */
function isImage({ mediaType, platform, annotations }: Descriptor): boolean {
  if (mediaType !== mediaTypes.manifest && mediaType !== mediaTypes.dockerManifest) return false;
  return platform?.os !== 'unknown' && annotations?.['vnd.docker.reference.type'] === undefined;
}

function imageIn({ json, digest }: Manifest, image: string): { config: Descriptor; layers: Descriptor[] } {
  const [config, layers] = [memberOf(json, 'config'), memberOf(json, 'layers')];
  if (!isDescriptor(config) || !Array.isArray(layers) || !layers.every(isDescriptor))
    throw unsupported(image, `${digest} is no image manifest`);
  if (config.mediaType !== mediaTypes.config && config.mediaType !== mediaTypes.dockerConfig)
    throw unsupported(image, `${digest} is no container image: its config is ${JSON.stringify(config.mediaType.slice(0, 128))}`);
  if (layers.length === 0) throw unsupported(image, `${digest} has no layers`);
  if (layers.length > mostLayers) throw unsupported(image, `${digest} has more than ${mostLayers} layers`);
  return { config, layers };
}

async function ownPlatform(
  registry: Pick<Registry, 'blob'>,
  { repository, config, image }: { repository: string; config: Descriptor; image: string },
  auth: DockerConfig | undefined,
): Promise<string> {
  const bytes = await registry.blob(repository, config.digest, auth, maxConfigBytes, config.size);
  const json = parse(bytes, image);
  const [os, architecture, variant] = ['os', 'architecture', 'variant'].map(name => memberOf(json, name));
  if (typeof architecture !== 'string' || architecture === '') throw unsupported(image, 'its config names no architecture');
  return nameOf({
    os: typeof os === 'string' ? os : 'linux',
    architecture,
    ...(typeof variant === 'string' && variant !== '' ? { variant } : {}),
  });
}

function parse(bytes: Uint8Array, image: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) throw unsupported(image, 'its config is no JSON');
    throw error;
  }
}

function isDescriptor(value: unknown): value is Descriptor {
  const [mediaType, digest, size] = ['mediaType', 'digest', 'size'].map(name => memberOf(value, name));
  return (
    typeof mediaType === 'string' &&
    typeof digest === 'string' &&
    isDigest(digest) &&
    typeof size === 'number' &&
    Number.isSafeInteger(size) &&
    size >= 0
  );
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function nameOf({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join('/');
}

function lacks(image: string, platform: string, has: readonly string[]): StallingError {
  const reason: AddonReason = 'PlatformUnsupported';
  return new StallingError(
    reason,
    `${image} has no ${platform}; it has ${has.toSorted().slice(0, 32).join(', ') || 'no platform'}`,
  );
}

function unsupported(image: string, why: string): StallingError {
  return new StallingError('ImageUnsupported' satisfies AddonReason, `${image} cannot be made an addon of: ${why}`);
}
