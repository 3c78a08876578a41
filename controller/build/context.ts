/**
 * A context is the byte-exact input of a build, kept as an OCI artifact in the output repository: the plan is its config blob; the finish
 * layers, and the files that a Containerfile copies, are its layers. Its manifest's digest names it.
 */
import { StallingError, TransientError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { isDigest, sha256 } from '../registry/digest.ts';
import { NotFoundError } from '../registry/errors.ts';
import { mediaTypes } from '../registry/media-types.ts';
import type { Registry } from '../registry/registry.ts';
import { canonicalJson } from '../api/canonical-json.ts';
import type { Json } from '../api/canonical-json.ts';

export const contextArtifactType = 'application/vnd.scantling.context.v1+json';
export const planMediaType = 'application/vnd.scantling.plan.v2+json';
/** Of the layer with the files that COPY and ADD of the Containerfile read: an uncompressed tar, which never becomes part of an image as it is. */
export const buildContextMediaType = 'application/vnd.scantling.build-context.v1.tar';

/** What to do on top of the base. Its canonical JSON is the config blob of the artifact. */
export interface Plan {
  version: 2;
  /** Name of the definition. */
  definition: string;
  /** Steps that run in the image. */
  foundation?: Foundation;
  /** Uncompressed deterministic tars, in the order they are stacked, least often changing first. */
  layers: { digest: string; size: number; comment: string }[];
  /** Labels of the definition; those that Scantling sets come with the build. */
  labels: Record<string, string>;
}

export interface FoundationInputs {
  /** A whole Containerfile. The base is the value of the build argument SCANTLING_BASE, and its stage is called base. */
  containerfile: string;
  /** The tar that is unpacked to make the build context; without it the build context is empty. */
  context?: { digest: string; size: number };
  /** Values of ARG. */
  args: Record<string, string>;
  /** Ids for --mount=type=secret; their values are no input. */
  secrets: string[];
}

/** With the digest of all inputs: an equal foundation on an equal base is built once. */
export interface Foundation extends FoundationInputs {
  digest: string;
}

export interface Context {
  plan: Plan;
  /** The bytes of plan.layers, in the same order. */
  layers: Uint8Array[];
  /** The bytes of plan.foundation.context. */
  buildContext?: Uint8Array;
}

/** What makes foundations equal. */
export function foundationDigest({ containerfile, context, args, secrets }: FoundationInputs): string {
  return sha256(canonicalJson({ containerfile, context: context?.digest, args, secrets: secrets.toSorted() }));
}

/** A finish layer's bytes may be this large: they are held in memory. */
const maxLayerBytes = 512 * 1024 * 1024;
const maxPlanBytes = 4 * 1024 * 1024;

const emptyJson = new TextEncoder().encode('{}');

/** The digest that the context has as an artifact, from the plan alone: equal on any machine, with no registry asked. */
export function contextDigest(context: Context): string {
  return sha256(encode(context.plan).manifest);
}

/**
 * Pushes layers, plan and manifest by digest; what is there is not sent again.
 * @returns the context's digest, equal to contextDigest.
 */
export async function pushContext(
  registry: Registry,
  repository: string,
  context: Context,
  auth?: DockerConfig,
): Promise<string> {
  const { config, manifest } = encode(context.plan);
  context.plan.layers.forEach((layer, i) => {
    const bytes = context.layers[i];
    if (!bytes || sha256(bytes) !== layer.digest || bytes.length !== layer.size) {
      throw new Error(`layer ${i} of the context of ${context.plan.definition} does not match its plan`);
    }
  });
  const expected = context.plan.foundation?.context;
  if (expected && (!context.buildContext || sha256(context.buildContext) !== expected.digest)) {
    throw new Error(`the build context of ${context.plan.definition} does not match its plan`);
  }
  const layers = [...context.layers, ...(context.buildContext ? [context.buildContext] : [])];
  const blobs = [...layers, config, ...(layers.length === 0 ? [emptyJson] : [])];
  await Promise.all(blobs.map(bytes => registry.pushBlob(repository, bytes, auth)));
  // Tagged too: some registries remove what has no tag.
  const tag = `context-${sha256(manifest).slice('sha256:'.length)}`;
  return registry.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: manifest, tag }, auth);
}

/**
 * Fetches a context by digest; every byte is checked.
 * @throws TransientError `ContextNotFound` when it is not there, StallingError `InvalidContext` when it is no context of a version known here.
 */
export async function pullContext(registry: Registry, repository: string, digest: string, auth?: DockerConfig): Promise<Context> {
  const plan = await pullPlan(registry, repository, digest, auth);
  const layers = await Promise.all(plan.layers.map(layer => registry.blob(repository, layer.digest, auth, layer.size)));
  plan.layers.forEach((layer, i) => {
    if (layers[i]?.length !== layer.size)
      throw new StallingError('InvalidContext', `${repository}: layer ${layer.digest} is not of the size in its plan`);
  });
  const buildContext = plan.foundation && (await pullBuildContext(registry, repository, plan.foundation, auth));
  return { plan, layers, ...(buildContext ? { buildContext } : {}) };
}

/** The tar with what the foundation's Containerfile copies; undefined when it copies nothing. Throws as pullContext. */
export async function pullBuildContext(
  registry: Registry,
  repository: string,
  foundation: Pick<Foundation, 'context'>,
  auth?: DockerConfig,
): Promise<Uint8Array | undefined> {
  const { context } = foundation;
  if (!context) return undefined;
  try {
    return await registry.blob(repository, context.digest, auth, context.size);
  } catch (error) {
    if (error instanceof NotFoundError)
      throw new TransientError('ContextNotFound', `build context: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The plan of a context without its layers, which stay where an image built in the same repository needs them. Throws as pullContext. */
export async function pullPlan(registry: Registry, repository: string, digest: string, auth?: DockerConfig): Promise<Plan> {
  const name = `${repository}@${digest}`;
  try {
    const manifest = await registry.manifest(name, auth);
    const config = configDigest(manifest.json);
    if (!config) throw new StallingError('InvalidContext', `${name} is not a Scantling context`);
    const plan = parsePlan(await registry.blob(repository, config, auth, maxPlanBytes), name);
    // The plan names the layers; a manifest that names others was not made by pushContext.
    if (sha256(encode(plan).manifest) !== digest) {
      throw new StallingError('InvalidContext', `${name}: the manifest does not follow from its plan`);
    }
    return plan;
  } catch (error) {
    if (error instanceof NotFoundError) throw new TransientError('ContextNotFound', `context ${error.message}`, { cause: error });
    throw error;
  }
}

function encode(plan: Plan): { config: Uint8Array; manifest: Uint8Array } {
  const { version, definition, foundation, layers, labels } = plan;
  const text = canonicalJson({
    version,
    definition,
    foundation: foundation && foundationJson(foundation),
    layers: layers.map(({ digest, size, comment }) => ({ digest, size, comment })),
    labels,
  });
  const config = new TextEncoder().encode(text);
  // The image specification advises against an empty list of layers, and some registries refuse it.
  const contents = layers.map(({ digest, size }) => ({ mediaType: mediaTypes.layer as string, digest, size }));
  if (foundation?.context) contents.push({ mediaType: buildContextMediaType, ...foundation.context });
  const blobs =
    contents.length > 0 ? contents : [{ mediaType: mediaTypes.empty, digest: sha256(emptyJson), size: emptyJson.length }];
  const manifest = canonicalJson({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: contextArtifactType,
    config: { mediaType: planMediaType, digest: sha256(config), size: config.length },
    layers: blobs,
  });
  return { config, manifest: new TextEncoder().encode(manifest) };
}

function configDigest(manifest: unknown): string | undefined {
  const { config } = manifest as { config?: { mediaType?: unknown; digest?: unknown } };
  return config?.mediaType === planMediaType && typeof config.digest === 'string' && isDigest(config.digest)
    ? config.digest
    : undefined;
}

function parsePlan(bytes: Uint8Array, name: string): Plan {
  const invalid = (why: string): StallingError => new StallingError('InvalidContext', `${name}: ${why}`);
  const plan = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Plan> | null;
  if (plan?.version !== 2)
    throw invalid(`plan version ${JSON.stringify(plan?.version)} is not known to this version of Scantling`);
  const { definition, foundation, layers, labels } = plan;
  if (typeof definition !== 'string' || !Array.isArray(layers) || typeof labels !== 'object')
    throw invalid('the plan is incomplete');
  if (foundation && !isFoundation(foundation)) throw invalid('the foundation does not match its digest');
  for (const layer of layers) {
    if (!isDigest(layer.digest) || !Number.isSafeInteger(layer.size) || layer.size < 0 || layer.size > maxLayerBytes) {
      throw invalid('a layer has no valid digest or size');
    }
  }
  return { version: 2, definition, ...(foundation ? { foundation } : {}), layers, labels };
}

function foundationJson({ containerfile, context, args, secrets, digest }: Foundation): Json {
  const tar = context && { digest: context.digest, size: context.size };
  return { containerfile, context: tar, args: { ...args }, secrets: [...secrets], digest };
}

function isFoundation(foundation: Partial<Foundation>): foundation is Foundation {
  const { containerfile, context, args, secrets, digest } = foundation;
  if (typeof containerfile !== 'string' || !Array.isArray(secrets) || typeof args !== 'object' || args === null) return false;
  if (context && (!isDigest(context.digest) || !Number.isSafeInteger(context.size) || context.size < 0)) return false;
  if (context && context.size > maxLayerBytes) return false;
  return digest === foundationDigest({ containerfile, args, secrets, ...(context ? { context } : {}) });
}
