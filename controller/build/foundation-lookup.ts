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
}

export interface Foundation {
  key: string;
  /** `repository@digest`, in the output repository. */
  reference: string;
  /** What finish layers go on. */
  onto: BasePlatform;
  /** Findings of lint. */
  warnings: string[];
}

/**
 * The foundation if it exists; what is in another repository is copied. `known` are references from status, the build's own before others'.
 * An error of a registry is no "not found", but for one of another host, which a build does not depend on.
 */
export async function findFoundation(
  registry: Registry,
  query: FoundationQuery,
  known: readonly string[],
): Promise<Foundation | undefined> {
  const own = known.filter(reference => repositoryOf(parseReference(reference)) === query.repository);
  for (const reference of own) {
    const found = await readFoundation(registry, query, reference);
    if (found) return found;
  }
  for (const reference of new Set(known.filter(r => !own.includes(r)))) {
    const found = await copied(registry, query, reference);
    if (found) return found;
  }
  return readFoundation(registry, query, `${query.repository}:${foundationTagOf(query.key)}`);
}

/** The foundation under that name; undefined when there is none, or when it is not marked as the complete one of this key. */
export async function readFoundation(
  registry: Registry,
  { key, base, repository, auth }: FoundationQuery,
  reference: string,
): Promise<Foundation | undefined> {
  let digest: string;
  try {
    const manifest = await registry.manifest(reference, auth);
    if (annotationsOf(manifest.json)[keyAnnotation] !== key) return undefined;
    ({ digest } = manifest);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
  const name = `${repository}@${digest}`;
  const [built] = (await baseInfo(registry, name, auth)).platforms;
  if (!built) return undefined;
  const { platform, os, architecture, variant } = base;
  const { [keyAnnotation]: _key, [lintAnnotation]: lint, ...annotations } = built.annotations;
  const onto = { ...withOriginalLayers(built, base), platform, os, architecture, annotations };
  return { key, reference: name, onto: variant === undefined ? onto : { ...onto, variant }, warnings: warningsOf(lint) };
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
    return await readFoundation(registry, query, `${repository}@${digest}`);
  } catch (error) {
    // What the build's own credentials may not read is not there for it; and no build fails because of another registry.
    const denied = error instanceof TransientError && error.reason === 'RegistryAccessDenied';
    const elsewhere = parseReference(reference).host !== parseReference(`${repository}:latest`).host;
    if (error instanceof NotFoundError || denied || (elsewhere && error instanceof TransientError)) return undefined;
    throw error;
  }
}

/**
 * buildah may compress the base's layers anew on its push. Where the foundation starts with the base's very content (equal diff ids), the image
 * names the base's own blobs, so that nodes that have them do not pull them again.
 */
export function withOriginalLayers(foundation: BasePlatform, base: BasePlatform): BasePlatform {
  const [ours, theirs] = [diffIds(foundation), diffIds(base)];
  const prefix = theirs.length === base.layers.length && theirs.every((id, i) => id === ours[i]);
  if (!prefix || ours.length !== foundation.layers.length) return foundation;
  const layers: BaseLayer[] = [...base.layers, ...foundation.layers.slice(base.layers.length)];
  return { ...foundation, layers };
}

function diffIds(platform: BasePlatform): unknown[] {
  const { rootfs } = platform.config as { rootfs?: { diff_ids?: unknown[] } };
  return rootfs?.diff_ids ?? [];
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
