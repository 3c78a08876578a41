/** What there is to choose from (pure): a SystemAddon as those who give addons to nodes see it. */
import type { AddonApply } from '../api/addon-set.ts';
import type { AddonMatch, AddonRequirements } from '../api/addon-artifact.ts';
import { conditionOf } from '../api/conditions.ts';
import type { SystemAddon, SystemAddonSpec, SystemAddonStatusVariant } from '../api/system-addon.ts';
import type { AddonReason } from './reasons.ts';
import type { VariantMatch } from './variant.ts';

/** The last good image of a variant. */
export interface OfferedImage {
  /** As `repository@sha256:<manifest>`. */
  image: string;
  /** `sha256:<64 hex>` of the raw file. */
  digest: string;
  /** Of the raw file, in bytes. */
  size: number;
  services: readonly string[];
  requires: AddonRequirements;
}

export interface OfferedVariant extends VariantMatch {
  /** Absent until the first one is made. */
  made?: OfferedImage;
  /** Why it is not as the spec wants it, if it is not. */
  trouble?: string;
}

/** An addon with the variants of its spec. */
export interface AddonOffer {
  name: string;
  variants: readonly OfferedVariant[];
  /** Since when one of its variants is being made anew, or is about to be, epoch ms; absent where none is, or it has failed. */
  changingSince?: number;
  /** Absent: with a reboot. */
  apply?: AddonApply;
  /** Globs of absolute paths: where its files may take the place of the system's. Absent: nowhere. */
  allowReplace?: readonly string[];
}

type Declared = Pick<SystemAddon, 'metadata' | 'status'> & { spec: Pick<SystemAddonSpec, 'variants' | 'apply' | 'allowReplace'> };

/** What the spec's variants have come to. A variant that the spec no longer has is none, though the status may still name it. */
export function offerOf(addon: Declared): AddonOffer {
  const { metadata, spec, status } = addon;
  const made = new Map(status?.variants?.map(variant => [keyOf(variant), variant]));
  const { apply, allowReplace = [] } = spec;
  const changingSince = changeOf(addon);
  return {
    name: metadata.name,
    ...(changingSince === undefined ? {} : { changingSince }),
    ...(apply?.mode === 'Live' ? { apply: { mode: 'Live', drain: apply.drain ?? true } } : {}),
    ...(allowReplace.length > 0 ? { allowReplace } : {}),
    variants: spec.variants.map(variant => {
      const { platform, os } = variant;
      const found = made.get(keyOf(variant));
      const image = found && imageOf(found);
      const trouble = found?.message ?? found?.reason;
      return { platform, os: plain(os), ...(image ? { made: image } : {}), ...(trouble === undefined ? {} : { trouble }) };
    }),
  };
}

function changeOf({ metadata, status }: Pick<SystemAddon, 'metadata' | 'status'>): number | undefined {
  const { generation = 0, managedFields = [] } = metadata;
  // Not looked at since the spec was written, by whomever.
  if (status?.observedGeneration !== undefined && status.observedGeneration < generation) {
    const written = managedFields.filter(({ subresource }) => !subresource).map(({ time = '' }) => Date.parse(time));
    return Math.max(...written.filter(Number.isFinite), 0);
  }
  const reconciling = conditionOf(status?.conditions, 'Reconciling');
  const isMade = reconciling?.status === 'True' && reconciling.reason === ('Building' satisfies AddonReason);
  return isMade ? Date.parse(reconciling.lastTransitionTime) : undefined;
}

function keyOf({ platform, os }: { platform: string; os: AddonMatch }): string {
  return JSON.stringify([platform, os.id, os.versionId, os.sysextLevel]);
}

function plain({ id, versionId, sysextLevel }: AddonMatch): AddonMatch {
  return { id, ...(versionId === undefined ? {} : { versionId }), ...(sysextLevel === undefined ? {} : { sysextLevel }) };
}

function imageOf({ image, digest, size, services = [], requires = {} }: SystemAddonStatusVariant): OfferedImage | undefined {
  if (image === undefined || digest === undefined || size === undefined) return undefined;
  return { image, digest, size, services, requires };
}
