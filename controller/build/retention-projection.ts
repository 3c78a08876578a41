/** What retention remembers of the objects that it decides by. */
import type { ImageBuild, ImageBuildStatus } from '../api/image-build.ts';
import type { ObjectMeta } from '../api/meta.ts';
import { requestedAt } from '../api/names.ts';
import type { NodeTarget } from '../api/node-target.ts';
import type { SystemDefinition, SystemDefinitionSpecHistory, SystemDefinitionStatusHistory } from '../api/system-definition.ts';
import type { SystemPool } from '../api/system-pool.ts';
import type { StoredObject } from '../kube/store.ts';

export interface RetainedBuild extends StoredObject {
  definition: string;
  phase: ImageBuildStatus['phase'] | undefined;
  /** It has ended, and nobody has asked for more. */
  settled: boolean;
  /** Epoch ms. */
  created: number;
  /** When it ended, as far as is known; epoch ms. */
  ended: number;
  deleting: boolean;
  /** Output repository, and the Secret for it. */
  repository: string;
  secret?: string;
  /** Digests of the context, of the base, of the image with its platforms (the index first), and `repository@digest` of foundations. */
  context: string;
  base: string;
  images: readonly string[];
  foundations: readonly string[];
}

export interface RetainingDefinition extends StoredObject {
  deleting: boolean;
  keep: SystemDefinitionSpecHistory;
  repository: string;
  secret?: string;
  latestBuild?: string;
  /** Digests of the last good image, of the base it is built on, and of a newer base that waits for approval. */
  images: readonly string[];
  base?: string;
  availableBase?: string;
  history: readonly SystemDefinitionStatusHistory[];
}

/** The digests that a node has, or is to have. */
export interface NodeImages extends StoredObject {
  booted?: string;
  staged?: string;
  rollback?: string;
  target: readonly string[];
}

/** The digests that a pool moves its nodes to, or moved them to before. */
export interface PoolImages extends StoredObject {
  target: readonly string[];
  previous: readonly string[];
  /** spec.system.image while nobody knows its digest. */
  unresolved?: string;
}

export function projectRetainedBuild({ metadata, spec, status }: ImageBuild): RetainedBuild {
  const { phase, image } = status ?? {};
  const ended = phase === 'Succeeded' || phase === 'Failed' || phase === 'Canceled';
  const asked = metadata.annotations?.[requestedAt] !== status?.lastHandledReconcileAt;
  const changed = phase !== 'Succeeded' && metadata.generation !== status?.observedGeneration;
  return {
    ...identity(metadata),
    definition: spec.definitionRef.name,
    phase,
    settled: ended && !asked && !changed,
    created: epoch(metadata.creationTimestamp) ?? 0,
    ended: epoch(status?.completionTime) ?? epoch(metadata.creationTimestamp) ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    repository: spec.output.repository,
    ...optional('secret', spec.output.pushSecretRef?.name),
    context: spec.context,
    base: digestIn(spec.base) ?? '',
    images: image ? [...new Set([image.digest, ...(image.platforms ?? []).map(p => p.digest)])] : [],
    foundations: (status?.foundations ?? []).map(f => f.reference),
  };
}

export function projectRetainingDefinition({ metadata, spec, status }: SystemDefinition): RetainingDefinition {
  return {
    ...identity(metadata),
    deleting: metadata.deletionTimestamp !== undefined,
    keep: spec.history,
    repository: spec.output.repository,
    ...optional('secret', spec.output.pushSecretRef?.name),
    ...optional('latestBuild', status?.latestBuild),
    images: digests(status?.image, status?.digests),
    ...optional('base', status?.base?.digest),
    ...optional('availableBase', status?.base?.available),
    history: status?.history ?? [],
  };
}

export function projectNodeImages({ metadata, spec, status }: NodeTarget): NodeImages {
  const { booted, staged, rollback } = status?.host ?? {};
  return {
    ...identity(metadata),
    ...optional('booted', booted?.digest ?? digestIn(booted?.image)),
    ...optional('staged', staged?.digest ?? digestIn(staged?.image)),
    ...optional('rollback', rollback?.digest ?? digestIn(rollback?.image)),
    target: digests(spec.image, spec.digests),
  };
}

export function projectPoolImages({ metadata, spec, status }: SystemPool): PoolImages {
  const { image } = spec.system;
  const { target, previous } = status ?? {};
  const known = image === undefined || digestIn(image) !== undefined || target?.requested === image;
  return {
    ...identity(metadata),
    target: [...new Set([...digests(image, []), ...digests(target?.image, target?.digests)])],
    previous: digests(previous?.image, previous?.digests),
    ...optional('unresolved', known ? undefined : image),
  };
}

/** The digest in `repository@digest`. */
function digestIn(image: string | undefined): string | undefined {
  const at = image?.lastIndexOf('@') ?? -1;
  return at < 0 ? undefined : image?.slice(at + 1);
}

function digests(image: string | undefined, more: readonly string[] = []): string[] {
  return [...new Set([digestIn(image) ?? [], more].flat())];
}

function identity({ name, uid, resourceVersion }: ObjectMeta): StoredObject {
  return { name, uid: uid ?? '', resourceVersion: resourceVersion ?? '' };
}

function epoch(time: string | undefined): number | undefined {
  const ms = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms;
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  // A computed key widens to string; the type says what it is.
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
