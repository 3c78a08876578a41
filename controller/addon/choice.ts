/** What there is to choose from (pure): a SystemAddon as those who give addons to nodes see it. */
import type { AddonApply } from '../api/addon-set.ts';
import type { AddonMatch, AddonRequirements } from '../api/addon-artifact.ts';
import type { SystemAddon, SystemAddonStatusVariant } from '../api/system-addon.ts';
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
  /** Absent: with a reboot. */
  apply?: AddonApply;
}

/** What the spec's variants have come to. A variant that the spec no longer has is none, though the status may still name it. */
export function offerOf({ metadata, spec, status }: SystemAddon): AddonOffer {
  const made = new Map(status?.variants?.map(variant => [keyOf(variant), variant]));
  const { apply } = spec;
  return {
    name: metadata.name,
    ...(apply?.mode === 'Live' ? { apply: { mode: 'Live', drain: apply.drain ?? true } } : {}),
    variants: spec.variants.map(variant => {
      const { platform, os } = variant;
      const found = made.get(keyOf(variant));
      const image = found && imageOf(found);
      const trouble = found?.message ?? found?.reason;
      return { platform, os: plain(os), ...(image ? { made: image } : {}), ...(trouble === undefined ? {} : { trouble }) };
    }),
  };
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
