/** Finds foundations that exist: in any order of builds, definitions and restarts an equal one is built once. */
import { TransientError } from '../api/errors.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Descriptor } from '../registry/media-types.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';
import type { Registry } from '../registry/registry.ts';
import { baseInfo } from './base.ts';
import type { BaseLayer, BasePlatform } from './base.ts';
import { foundationTagOf } from './foundation-key.ts';
import { keyAnnotation, lintAnnotation } from './foundation-mark.ts';

export interface FoundationQuery {
  /** 64 hex digits. */
  key: string;
  /** What the foundation is made from. */
  base: BasePlatform;
  /** Output repository. */
  repository: string;
  auth: DockerConfig | undefined;
  /** Of this build's steps, see foundationEnvironment. */
  environment: string;
  /** Told of each foundation that is passed over because the registry no longer has all of it. */
  gone?: (message: string) => void;
  /** Whether one may be used that nobody is known to have built: whoever may push to the repository may have pushed it. Default: yes. */
  accept?: (reference: string) => Promise<boolean>;
}

export interface Foundation {
  key: string;
  /** `repository@digest`, in the output repository. */
  reference: string;
  /** By a build of this cluster, of these very steps; not only found under its tag, which whoever may push to the repository may push. */
  built: boolean;
  /** What its steps could reach; undefined when nobody remembers. */
  environment?: string;
  /** What finish layers go on. */
  onto: BasePlatform;
  /** Findings of lint. */
  warnings: string[];
}

/** As the status of a build has it. */
export interface KnownFoundation {
  reference: string;
  built?: boolean;
  environment?: string;
}

/**
 * The foundation if it exists; what is in another repository is copied, but only if it was built, and with the same proxy, authorities and Secrets: who
 * may push to one repository, or write one definition, must not decide what others are made of. `known` is what statuses say, the build's own before others'. An error of a registry is no "not found", but for one of another host, which a build does not depend on.
 */
export async function findFoundation(
  registry: Registry,
  query: FoundationQuery,
  known: readonly KnownFoundation[],
): Promise<Foundation | undefined> {
  const own = known.filter(({ reference }) => repositoryOf(parseReference(reference)) === query.repository);
  for (const { reference, built = false, environment } of own.toSorted(
    (a, b) => Number(b.built ?? false) - Number(a.built ?? false),
  )) {
    const found = await readFoundation(registry, query, reference);
    if (found && (built || (await isAccepted(query, found))))
      return { ...found, built, ...(environment === undefined ? {} : { environment }) };
  }
  const equal = known.filter(({ built, environment }) => built === true && environment === query.environment);
  const others = equal.filter(other => !own.includes(other));
  for (const reference of new Set(others.map(other => other.reference))) {
    const found = await copied(registry, query, reference);
    if (found) return found;
  }
  const tagged = await readFoundation(registry, query, `${query.repository}:${foundationTagOf(query.key)}`);
  return tagged && (await isAccepted(query, tagged)) ? tagged : undefined;
}

async function isAccepted({ accept }: FoundationQuery, { reference }: Foundation): Promise<boolean> {
  return accept ? accept(reference) : true;
}

/**
 * The foundation under that name; undefined when there is none, or when it is not marked as the complete one of this key, or not on the layers of
 * its base, or when the registry says definitely that it lacks a blob of its own. Who built it is not known from that.
 */
export async function readFoundation(
  registry: Registry,
  query: FoundationQuery,
  reference: string,
): Promise<Foundation | undefined> {
  const { key, base, repository, auth } = query;
  let digest: string;
  try {
    const manifest = await registry.manifest(reference, auth);
    if (annotationsOf(manifest.json)[keyAnnotation] !== key) return undefined;
    ({ digest } = manifest);
    const gone = await goneBlob(registry, query, manifest.json);
    if (gone !== undefined) {
      query.gone?.(`the registry no longer has ${gone} of the foundation ${repository}@${digest}`);
      return undefined;
    }
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
  const name = `${repository}@${digest}`;
  const [built] = (await baseInfo(registry, name, auth)).platforms;
  if (!built || !isOnBase(built, base)) return undefined;
  const { platform, os, architecture, variant } = base;
  const { [keyAnnotation]: _key, [lintAnnotation]: lint, ...annotations } = built.annotations;
  const onto = { ...withOriginalLayers(built, base), platform, os, architecture, annotations };
  return {
    key,
    reference: name,
    built: false,
    onto: variant === undefined ? onto : { ...onto, variant },
    warnings: warningsOf(lint),
  };
}

/** A blob that the registry definitely does not have, of those that only the foundation has: the base's own are taken from the base. */
async function goneBlob(
  registry: Registry,
  { base, repository, auth }: FoundationQuery,
  manifest: unknown,
): Promise<string | undefined> {
  const own = blobsOf(manifest).filter((_, i) => i === 0 || i > base.layers.length);
  const sizes = await Promise.all(own.map(({ digest }) => registry.hasBlob(repository, digest, auth)));
  return own.find((_, i) => sizes[i] === undefined)?.digest;
}

/** By mount where the registry can; the digest stays. */
async function copied(registry: Registry, query: FoundationQuery, reference: string): Promise<Foundation | undefined> {
  const { key, repository, auth } = query;
  const from = repositoryOf(parseReference(reference));
  try {
    const manifest = await registry.manifest(reference, auth);
    if (annotationsOf(manifest.json)[keyAnnotation] !== key) return undefined;
    await Promise.all(
      blobsOf(manifest.json).map(({ digest, size }) => registry.copyBlob(repository, { from, digest, size }, auth)),
    );
    const { mediaType, bytes } = manifest;
    const digest = await registry.pushManifest(repository, { mediaType, bytes, tag: foundationTagOf(key) }, auth);
    const found = await readFoundation(registry, query, `${repository}@${digest}`);
    return found && { ...found, built: true, environment: query.environment };
  } catch (error) {
    // What the build's own credentials may not read is not there for it; and no build fails because of another registry.
    const denied = error instanceof TransientError && error.reason === 'RegistryAccessDenied';
    const elsewhere = parseReference(reference).host !== parseReference(`${repository}:latest`).host;
    if (error instanceof NotFoundError || denied || (elsewhere && error instanceof TransientError)) return undefined;
    throw error;
  }
}

/** It starts with the base's very content (equal diff ids), and has one layer for each of its own. */
function isOnBase(foundation: BasePlatform, base: BasePlatform): boolean {
  const [ours, theirs] = [diffIds(foundation), diffIds(base)];
  return (
    theirs.length === base.layers.length && theirs.every((id, i) => id === ours[i]) && ours.length === foundation.layers.length
  );
}

/**
 * buildah may compress the base's layers anew on its push. The image names the base's own blobs of the same content, so that nodes that have them do
 * not pull them again.
 */
function withOriginalLayers(foundation: BasePlatform, base: BasePlatform): BasePlatform {
  const layers: BaseLayer[] = [...base.layers, ...foundation.layers.slice(base.layers.length)];
  return { ...foundation, layers };
}

function diffIds(platform: BasePlatform): unknown[] {
  const { rootfs } = platform.config as { rootfs?: { diff_ids?: unknown } | null };
  const ids = rootfs?.diff_ids;
  return Array.isArray(ids) ? ids : [];
}

function annotationsOf(manifest: unknown): Record<string, string> {
  return (manifest as { annotations?: Record<string, string> }).annotations ?? {};
}

function blobsOf(manifest: unknown): Descriptor[] {
  const { config, layers } = manifest as { config?: Descriptor; layers?: Descriptor[] };
  return [...(config ? [config] : []), ...(layers ?? [])];
}

/** Findings are for people; an annotation that is none of ours is none. */
function warningsOf(lint: string | undefined): string[] {
  try {
    const parsed: unknown = JSON.parse(lint ?? '[]');
    return Array.isArray(parsed) ? parsed.filter(line => typeof line === 'string') : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
