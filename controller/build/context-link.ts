/**
 * Finds the context that an image was built from. The index says it in an annotation, each platform's image in a label, and a link that refers to
 * the index says it to whoever lists its referrers: also when a mirror or a copy lost the one or the other.
 */
import { StallingError, TransientError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { isDigest, sha256 } from '../registry/digest.ts';
import { NotFoundError } from '../registry/errors.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { Descriptor } from '../registry/media-types.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Manifest, Registry } from '../registry/registry.ts';
import { canonicalJson } from '../api/canonical-json.ts';
import { planMediaType } from './context.ts';

export const contextLinkArtifactType = 'application/vnd.scantling.context-link.v1+json';
/** The name of the annotation and of the label. */
export const contextKey = 'dev.scantling.context';
const baseNameKey = 'org.opencontainers.image.base.name';
const baseDigestKey = 'org.opencontainers.image.base.digest';
const emptyJson = new TextEncoder().encode('{}');

export interface FoundContext {
  /** `host/repository`. */
  repository: string;
  /** Of the context. */
  digest: string;
  /** What the image was built on, as `host/repository@digest`; undefined where only the context was given. */
  base?: string;
}

/** Pushes the link from an image's index, which was pushed before, to its context. The same again is the same link. */
export async function linkContext(
  registry: Registry,
  repository: string,
  { index, context }: { index: { digest: string; size: number }; context: string },
  auth: DockerConfig | undefined,
): Promise<void> {
  const empty = { mediaType: mediaTypes.empty, digest: sha256(emptyJson), size: emptyJson.length };
  const manifest = canonicalJson({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: contextLinkArtifactType,
    config: empty,
    layers: [empty],
    subject: { mediaType: mediaTypes.index, ...index },
    annotations: { [contextKey]: context },
  });
  await registry.pushBlob(repository, emptyJson, auth);
  await registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: new TextEncoder().encode(manifest) }, auth);
}

/**
 * The context of an image by tag or digest: its index, one of its platforms' manifests, or the context itself.
 * @throws StallingError `NoContext` when none is named; TransientError `ImageNotFound`; what the registry throws.
 */
export async function findContext(registry: Registry, image: string, auth?: DockerConfig): Promise<FoundContext> {
  const repository = repositoryOf(parseReference(image));
  try {
    const manifest = await registry.manifest(image, auth);
    if (isContext(manifest)) return { repository, digest: manifest.digest };
    const named = await namedBy(registry, { image, repository, manifest }, auth);
    if (named) return { repository, ...named };
    const digest = await linkedTo(registry, `${repository}@${manifest.digest}`, auth);
    if (digest) return { repository, digest };
  } catch (error) {
    if (error instanceof NotFoundError) throw new TransientError('ImageNotFound', error.message, { cause: error });
    throw error;
  }
  throw new StallingError('NoContext', `${image} names no context: Scantling did not build it, or it was changed since`);
}

/** What links that refer to the image say; the first that is one counts. */
async function linkedTo(registry: Registry, image: string, auth?: DockerConfig): Promise<string | undefined> {
  const [repository = '', digest = ''] = image.split('@');
  for (const { digest: link } of await registry.referrers(repository, digest, auth, { artifactType: contextLinkArtifactType })) {
    const { json } = await registry.manifest(`${repository}@${link}`, auth);
    const { artifactType, annotations } = json as { artifactType?: string; annotations?: Record<string, string> };
    const context = annotations?.[contextKey];
    if (artifactType === contextLinkArtifactType && context && isDigest(context)) return context;
  }
  return undefined;
}

/** An annotation of the index, or a label of the image. */
async function namedBy(
  registry: Registry,
  { image, repository, manifest }: { image: string; repository: string; manifest: Manifest },
  auth: DockerConfig | undefined,
): Promise<{ digest: string; base?: string } | undefined> {
  const { annotations, config } = manifest.json as { annotations?: Record<string, string>; config?: Descriptor };
  const says = annotations?.[contextKey] ? annotations : config ? await labelsOf(registry, repository, config, auth) : {};
  const digest = says[contextKey];
  if (!digest) return undefined;
  if (!isDigest(digest))
    throw new StallingError('NoContext', `${image} names the context ${JSON.stringify(digest.slice(0, 100))}`);
  const [name, base] = [says[baseNameKey], says[baseDigestKey]];
  return { digest, ...(name && base ? { base: `${name}@${base}` } : {}) };
}

async function labelsOf(
  registry: Registry,
  repository: string,
  config: Descriptor,
  auth: DockerConfig | undefined,
): Promise<Record<string, string>> {
  const bytes = await registry.blob(repository, config.digest, auth);
  const json = JSON.parse(new TextDecoder().decode(bytes)) as { config?: { Labels?: Record<string, string> | null } } | null;
  return json?.config?.Labels ?? {};
}

function isContext({ json }: Manifest): boolean {
  return (json as { config?: Descriptor }).config?.mediaType === planMediaType;
}
