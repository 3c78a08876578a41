import { StallingError, TransientError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { isDigest } from '../registry/digest.ts';
import { NotFoundError } from '../registry/errors.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { Descriptor, Platform } from '../registry/media-types.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Manifest, Registry } from '../registry/registry.ts';
import type { Json } from '../api/canonical-json.ts';
import { isSamePlatform, selectPlatforms } from './platforms.ts';

/** A layer and the repository that has it. */
export interface BaseLayer extends Descriptor {
  repository: string;
}

export interface BasePlatform {
  /** As `linux/amd64` or `linux/arm64/v8`. */
  platform: string;
  os: string;
  architecture: string;
  variant?: string;
  /** Digest of the platform's manifest. */
  digest: string;
  labels: Record<string, string>;
  layers: BaseLayer[];
  annotations: Record<string, string>;
  /** The whole image config, with what Scantling knows nothing of. */
  config: { [key: string]: Json };
}

export interface Base {
  /** `host/repository`. */
  repository: string;
  /** Digest of the index, or of the manifest where there is no index. */
  digest: string;
  platforms: BasePlatform[];
}

/** With the index's own digest these are the 32 that the digests of a definition and of a NodeTarget hold. */
const maxPlatforms = 31;
const maxConfigBytes = 8 * 1024 * 1024;
const maxPlatformLength = 64;

type Config = { [key: string]: Json } & { config?: { Labels?: Record<string, string> | null } };

/**
 * Reads a base image by digest: each platform's manifest and config, or those of the platforms that are wanted.
 * @throws StallingError `BaseNotBootable` when a platform has neither label containers.bootc nor ostree.bootable, `BaseUnsupported` when it
 *   cannot be built on, `PlatformUnsupported` when it lacks a platform; TransientError `BaseNotFound`; what the registry throws, naming the image.
 */
export async function baseInfo(
  registry: Registry,
  image: string,
  auth?: DockerConfig,
  o: { platforms?: readonly string[] | undefined } = {},
): Promise<Base> {
  const reference = parseReference(image);
  if (reference.digest === undefined) throw new StallingError('InvalidImage', `base image ${image} has no digest`);
  const repository = repositoryOf(reference);
  try {
    const top = await registry.manifest(image, auth);
    const children = wantedOf(platformManifests(top, image), o.platforms);
    const platforms = await Promise.all(
      children.map(async child => {
        const manifest = child ? await registry.manifest(`${repository}@${child.digest}`, auth, child.size) : top;
        return readPlatform(registry, { repository, image, manifest, declared: child?.platform }, auth);
      }),
    );
    const names = new Set(platforms.map(p => p.platform));
    if (names.size !== platforms.length) throw unsupported(image, 'it has two manifests for one platform');
    const sorted = platforms.toSorted((a, b) => (a.platform < b.platform ? -1 : 1));
    const selected = selectPlatforms(image, sorted, o.platforms);
    requireBootable(image, selected);
    return { repository, digest: top.digest, platforms: selected };
  } catch (error) {
    if (error instanceof NotFoundError)
      throw new TransientError('BaseNotFound', `base image ${image}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The platform manifests of an index; one undefined stands for the manifest itself. */
function platformManifests(top: Manifest, image: string): (Descriptor | undefined)[] {
  if (top.mediaType === mediaTypes.manifest || top.mediaType === mediaTypes.dockerManifest) return [undefined];
  const { manifests } = top.json as { manifests?: Descriptor[] };
  if (!Array.isArray(manifests)) throw unsupported(image, 'its index has no manifests');
  const images = manifests.filter(descriptor => isRecord(descriptor) && isImage(descriptor));
  if (images.length === 0) throw unsupported(image, 'its index names no image for a platform');
  if (images.length > maxPlatforms) throw unsupported(image, `it has more than ${maxPlatforms} platforms`);
  for (const descriptor of images)
    if (!isDigest(descriptor.digest)) throw unsupported(image, 'its index names a manifest by no sha256 digest');
  return images;
}

/** Without those whose descriptor says that they are not wanted. Where one that is wanted is missing, all: the message lists them. */
function wantedOf(children: (Descriptor | undefined)[], platforms: readonly string[] | undefined): (Descriptor | undefined)[] {
  const known = children.flatMap(child => (child?.platform ? [nameOf(child.platform)] : []));
  if (!platforms?.every(name => known.some(platform => isSamePlatform(platform, name)))) return children;
  return children.filter(child => {
    const name = child?.platform && nameOf(child.platform);
    return name === undefined || platforms.some(wanted => isSamePlatform(wanted, name));
  });
}

function nameOf({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter(Boolean).join('/');
}

/** Build tools put attestations into an index under the platform unknown/unknown; other indexes and artifacts are no image either. */
function isImage(descriptor: Descriptor): boolean {
  if (descriptor.mediaType !== mediaTypes.manifest && descriptor.mediaType !== mediaTypes.dockerManifest) return false;
  return descriptor.platform?.os !== 'unknown' && descriptor.annotations?.['vnd.docker.reference.type'] === undefined;
}

async function readPlatform(
  registry: Registry,
  of: { repository: string; image: string; manifest: Manifest; declared: Platform | undefined },
  auth: DockerConfig | undefined,
): Promise<BasePlatform> {
  const { repository, image, manifest } = of;
  const json = manifest.json as { config?: Descriptor; layers?: Descriptor[]; annotations?: Record<string, string> | null };
  const layersOf = Array.isArray(json.layers) && json.layers.every(isLayer) ? json.layers : undefined;
  if (!isRecord(json.config) || !isDigest(json.config.digest) || !layersOf)
    throw unsupported(image, `${manifest.digest} is no image manifest`);
  const { digest: configDigest, size } = json.config;
  const config = parseConfig(await registry.blob(repository, configDigest, auth, maxConfigBytes, size));
  if (!config) throw unsupported(image, `the config of ${manifest.digest} is no JSON object`);
  const platform = platformOf(config, of.declared);
  if (typeof platform !== 'object') throw unsupported(image, `${manifest.digest} ${platform}`);
  const labels = config.config?.Labels ?? {};
  // Some tools write null where they have none.
  const annotations = json.annotations ?? {};
  const layers = layersOf.map(layer => ({ ...layer, repository }));
  return {
    ...platform,
    digest: manifest.digest,
    labels,
    layers,
    annotations,
    config,
  };
}

/** What the index declares goes before what the config says; a text says what is wrong. */
function platformOf(
  config: Config,
  declared: Platform | undefined,
): Pick<BasePlatform, 'platform' | 'os' | 'architecture' | 'variant'> | string {
  const os = declared?.os ?? stringOf(config['os']) ?? 'linux';
  const architecture = declared?.architecture ?? stringOf(config['architecture']);
  if (!architecture) return 'names no architecture';
  const variant = declared?.variant ?? stringOf(config['variant']);
  const platform = [os, architecture, variant].filter(part => part !== undefined).join('/');
  const contradiction = contradictionOf(config, declared);
  if (contradiction) return contradiction;
  // What a status can hold and people can read; no name that OCI lists is any other.
  const known = /^[A-Za-z0-9]+(\/[A-Za-z0-9._-]+){1,2}$/.test(platform) && platform.length <= maxPlatformLength;
  if (!known) return `names the platform ${JSON.stringify(platform.slice(0, maxPlatformLength))}`;
  return { platform, os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** bootc compares the config's architecture with its machine's: an index that says another would give nodes an image that they refuse. */
function contradictionOf(config: Config, declared: Platform | undefined): string | undefined {
  if (!declared) return undefined;
  const variant = declared.variant && (stringOf(config['variant']) ?? declared.variant);
  const said = nameOf({
    os: stringOf(config['os']) ?? declared.os,
    architecture: stringOf(config['architecture']) ?? declared.architecture,
    ...(variant ? { variant } : {}),
  });
  if (isSamePlatform(said, nameOf(declared))) return undefined;
  return `is for ${nameOf(declared)} as its index says, but for ${said} as its config says`;
}

/** Names all at once, so that the message is the same each time whichever platform was read first. */
function requireBootable(image: string, platforms: readonly BasePlatform[]): void {
  const names = platforms.filter(({ labels }) => !isBootable(labels)).map(({ platform }) => platform);
  if (names.length === 0) return;
  const why = 'is not bootable: it has neither label containers.bootc nor ostree.bootable';
  throw new StallingError('BaseNotBootable', `base image ${image} (${names.join(', ')}) ${why}`);
}

/** What bootc asks of an image (`containers.bootc=1`, or `ostree.bootable` of images made before it). */
function isBootable(labels: Readonly<Record<string, string>>): boolean {
  return labels['containers.bootc'] === '1' || ['1', 'true'].includes(labels['ostree.bootable'] ?? '');
}

/** The config, or undefined when the bytes are no JSON object. */
function parseConfig(bytes: Uint8Array): Config | undefined {
  try {
    const config: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(config) ? (config as Config) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isLayer(layer: unknown): boolean {
  if (!isRecord(layer)) return false;
  const { digest, size, mediaType } = layer;
  const sized = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
  return typeof digest === 'string' && isDigest(digest) && typeof mediaType === 'string' && sized;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function unsupported(image: string, why: string): StallingError {
  return new StallingError('BaseUnsupported', `base image ${image} cannot be built on: ${why}`);
}
