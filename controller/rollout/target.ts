/** What a pool's nodes should run: the last good image of a definition, or an image that is resolved once. */
import { StallingError, TransientError } from '../api/errors.ts';
import type { SystemPoolStatusTarget } from '../api/system-pool.ts';
import { vendorProfileMark } from '../api/vendor-profile.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { isDigest } from '../registry/digest.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Manifest, Registry } from '../registry/registry.ts';
import { recordIn, type StatusJudgement } from '../trust/judgement.ts';
import type { Target } from './on-host.ts';
import type { DefinitionImageView, SystemPoolView } from './projection.ts';

/** A target, and what it was made from where it was resolved. */
export interface ResolvedTarget extends Target {
  requested?: string;
  trust?: StatusJudgement;
  /** The image that was resolved is marked to have a profile of addons. */
  addonsProfile?: true;
}

export type TargetStep =
  | { kind: 'known'; target: ResolvedTarget }
  /** The registry has to be asked; `until` is what counts when it cannot answer. */
  | { kind: 'resolve'; image: string; until?: ResolvedTarget }
  /** Nothing new starts; nodes go by the last target. */
  | { kind: 'waiting'; reason: 'DefinitionNotReady'; message: string; last?: ResolvedTarget };

/** What to do for the target. Pure. While suspended the target stays what it is. */
export function targetStep(pool: SystemPoolView, definition: DefinitionImageView | undefined): TargetStep {
  const recorded = recordedTarget(pool.status.target);
  const { definitionRef, image } = pool.spec.system;
  if (pool.spec.suspend && recorded) return { kind: 'known', target: recorded };
  if (image !== undefined) return imageStep(pool, image, recorded);
  if (definition?.image !== undefined && definition.digests.length > 0) {
    const { image, digests } = definition;
    // A newer commit that asks for the very same image moves no node, so pool and nodes go on naming the commit they moved for.
    const revision = (recorded?.image === image ? recorded.revision : undefined) ?? definition.revision;
    return { kind: 'known', target: { image, digests, ...(revision === undefined ? {} : { revision }) } };
  }
  const name = definitionRef?.name ?? '';
  const why = definition ? `has no image yet${definition.message ? `: ${definition.message}` : ''}` : 'does not exist';
  return {
    kind: 'waiting',
    reason: 'DefinitionNotReady',
    message: `SystemDefinition ${name} ${why}`,
    ...(recorded ? { last: recorded } : {}),
  };
}

function imageStep(pool: SystemPoolView, image: string, recorded: ResolvedTarget | undefined): TargetStep {
  const same = recorded?.requested === image ? recorded : undefined;
  const asked = isRequested(pool) && !image.includes('@');
  if (same && !asked) return { kind: 'known', target: same };
  return { kind: 'resolve', image, ...(same ? { until: same } : {}) };
}

/** Whether a person asked for a pass that has not been made yet. */
export function isRequested({ requestedAt, status }: SystemPoolView): boolean {
  return requestedAt !== undefined && requestedAt !== status.lastHandledReconcileAt;
}

/** The target that status records, when it is whole. */
export function recordedTarget(status: SystemPoolStatusTarget | undefined): ResolvedTarget | undefined {
  if (!status?.image || !status.digests?.length) return undefined;
  const { image, digests, revision, requested, addonsProfile } = status;
  const trust = recordIn(status.trust);
  return {
    image,
    digests,
    ...(revision ? { revision } : {}),
    ...(requested ? { requested } : {}),
    ...(addonsProfile ? { addonsProfile } : {}),
    ...(trust ? { trust } : {}),
  };
}

/**
 * Asks the registry which digests count as the image. Throws what the registry throws, TransientError ImageNotFound when it has none of
 * that name, and StallingError InvalidImage for what a NodeTarget cannot hold.
 */
export async function resolveTarget(
  registry: Pick<Registry, 'resolve' | 'manifest'>,
  image: string,
  auth?: DockerConfig,
): Promise<ResolvedTarget> {
  const { reference, manifest } = await lookUp(registry, image, auth);
  const digests = [...new Set([manifest.digest, ...platformDigests(manifest)])];
  const odd = digests.find(digest => !isDigest(digest));
  if (odd !== undefined) {
    throw new StallingError(
      'InvalidImage',
      `${image}: its index names a manifest by ${JSON.stringify(odd.slice(0, 100))}, which is no sha256 digest`,
    );
  }
  if (digests.length > 32) throw new StallingError('InvalidImage', `${image} has more than 31 platforms`);
  return { image: reference, digests, requested: image, ...(isMarked(manifest) ? { addonsProfile: true } : {}) };
}

async function lookUp(
  registry: Pick<Registry, 'resolve' | 'manifest'>,
  image: string,
  auth: DockerConfig | undefined,
): Promise<{ reference: string; manifest: Manifest }> {
  try {
    const { reference } = await registry.resolve(image, auth);
    return { reference, manifest: await registry.manifest(reference, auth) };
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new TransientError('ImageNotFound', `${error.message}; push it, or correct spec.system.image`, { cause: error });
  }
}

function isMarked({ json }: Manifest): boolean {
  const annotations = isRecord(json) ? json['annotations'] : undefined;
  return isRecord(annotations) && Boolean(annotations[vendorProfileMark]);
}

/** The manifests of an index that are images: a node reports the one of its platform. Attestations are listed with an unknown platform. */
function platformDigests({ json }: Manifest): string[] {
  const manifests: unknown = isRecord(json) ? json['manifests'] : undefined;
  if (!Array.isArray(manifests)) return [];
  const digests = manifests.filter(isRecord).flatMap(m => {
    const platform = m['platform'];
    const unknown = isRecord(platform) && platform['os'] === 'unknown';
    return typeof m['digest'] === 'string' && !unknown ? [m['digest']] : [];
  });
  return digests;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
