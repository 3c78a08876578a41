/** Addons into a registry and out of it. What is there is found and not sent again. */
import {
  type AddonArchitecture,
  type AddonBlob,
  type AddonConfig,
  type AddonMatch,
  type AddonRequirements,
  addonMediaTypes,
} from '../api/addon-artifact.ts';
import { StallingError, TransientError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { sha256 } from '../registry/digest.ts';
import { NotFoundError } from '../registry/errors.ts';
import { mediaTypes } from '../registry/media-types.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import {
  ArtifactError,
  artifactManifest,
  configBytes,
  emptyConfig,
  listManifest,
  parseArtifact,
  parseConfig,
} from './artifact.ts';
import type { AddonImage } from './make-image.ts';
import type { AddonReason } from './reasons.ts';

/** An image, and what its configuration says of it. */
export interface MadeAddon extends AddonImage {
  name: string;
  match: AddonMatch;
  architecture: AddonArchitecture;
  services: readonly string[];
  requires: AddonRequirements;
}

export interface PushedAddon {
  /** `repository@sha256:<digest of the manifest>`. */
  reference: string;
  /** Of the manifest. */
  digest: string;
  image: AddonBlob;
  /** Bytes of blobs that were not there. */
  sentBytes: number;
}

/** Of a configuration that is read: its lists are bounded. */
const maxConfigBytes = 1024 * 1024;

/**
 * Pushes the image, the list of its files beside it, and reads back by digest what names them.
 * @returns the same for the same input, and then nothing is sent
 * @throws TransientError `ImageFailed` when it is not there afterwards; what the registry and the file system throw
 */
export async function pushAddonImage(
  registry: Registry,
  { repository, auth }: { repository: string; auth?: DockerConfig },
  made: MadeAddon,
): Promise<PushedAddon> {
  const { image, list } = made;
  const config = configBytes({ ...made, files: list });
  const configBlob = { digest: sha256(config), size: config.length };
  const manifest = artifactManifest(configBlob, image);
  const digest = sha256(manifest);
  const listed = listManifest(list, { digest, size: manifest.length });
  const reference = `${repository}@${digest}`;
  let sentBytes = 0;
  for (const blob of [{ ...image, file: made.file }, list])
    if ((await registry.pushFile(repository, blob, auth)) === 'pushed') sentBytes += blob.size;
  for (const bytes of [config, emptyConfig]) {
    if ((await registry.hasBlob(repository, sha256(bytes), auth)) === bytes.length) continue;
    await registry.pushBlob(repository, bytes, auth, { isNew: true });
    sentBytes += bytes.length;
  }
  if (!(await hasManifest(registry, reference, auth)))
    await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: manifest }, auth);
  if (!(await isListed(registry, { repository, digest, list: sha256(listed) }, auth)))
    await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: listed }, auth);
  const back = await readAddonArtifact(registry, reference, auth);
  const size = await registry.hasBlob(repository, image.digest, auth);
  if (!configBytes(back.config).equals(config) || size !== image.size) {
    const why = `${reference} is not what was pushed when it is read back; it is pushed again`;
    throw new TransientError('ImageFailed' satisfies AddonReason, why);
  }
  return { reference, digest, image: { digest: image.digest, size: image.size }, sentBytes };
}

async function hasManifest(registry: Registry, image: string, auth: DockerConfig | undefined): Promise<boolean> {
  try {
    await registry.resolve(image, auth);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

/** A list that nothing refers with is collected one day, though the manifest may be there for now. */
async function isListed(
  registry: Registry,
  { repository, digest, list }: { repository: string; digest: string; list: string },
  auth: DockerConfig | undefined,
): Promise<boolean> {
  const referrers = await registry.referrers(repository, digest, auth, { artifactType: addonMediaTypes.files });
  return referrers.some(entry => entry.digest === list) && (await hasManifest(registry, `${repository}@${list}`, auth));
}

/**
 * What an addon's artifact says. Its image is not read.
 * @param reference `repository@sha256:…`
 * @throws StallingError `InvalidArtifact` when it is none; NotFoundError when it is not there, and what else the registry throws
 */
export async function readAddonArtifact(
  registry: Pick<Registry, 'manifest' | 'blob'>,
  reference: string,
  auth?: DockerConfig,
): Promise<{ digest: string; config: AddonConfig }> {
  const repository = repositoryOf(parseReference(reference));
  const { digest, json } = await registry.manifest(reference, auth);
  try {
    const { config: blob, image } = parseArtifact(json);
    if (blob.size > maxConfigBytes) throw new ArtifactError(`its configuration has more than ${maxConfigBytes} bytes`);
    const config = parseConfig(await registry.blob(repository, blob.digest, auth, maxConfigBytes, blob.size));
    if (config.image.digest !== image.digest || config.image.size !== image.size)
      throw new ArtifactError('its configuration is of another image than its layer');
    return { digest, config };
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
    const why = `${reference} is no addon: ${error.message}; name one that scantling has made`;
    throw new StallingError('InvalidArtifact' satisfies AddonReason, why, { cause: error });
  }
}
