/** What `addon list` and `addon show` answer. Pure. Their shape is described in docs/cli.md and stays. */
import type { AddonRequirements } from '../api/addon-artifact.ts';
import type { SystemAddon, SystemAddonStatusVariant } from '../api/system-addon.ts';
import { variantKey } from '../addon/variant-key.ts';
import { variantName } from '../addon/variant.ts';
import { standingOf, type Standing } from './state.ts';
import { optional } from './status-document.ts';

export interface VariantRow {
  /** In words: `linux/amd64 for fedora 42`. */
  for: string;
  platform: string;
  os: { id: string; versionId?: string; sysextLevel?: string };
  /** `repository@digest` of the last good one. */
  image?: string;
  /** Of the file that nodes merge. */
  digest?: string;
  size?: number;
  source?: string;
  /** Why it is not as the spec wants it. */
  reason?: string;
  message?: string;
}

export interface AddonRow {
  name: string;
  standing: Standing;
  /** Variants that have an image, of how many. */
  made: number;
  variants: VariantRow[];
  services: readonly string[];
  requires: AddonRequirements;
}

export interface AddonList {
  kind: 'AddonList';
  version: 1;
  addons: AddonRow[];
}

/** By name. */
export function addonListDocument(addons: readonly SystemAddon[], now: number): AddonList {
  const rows = addons.map(addon => addonRow(addon, now));
  return { kind: 'AddonList', version: 1, addons: rows.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

export function addonRow(addon: SystemAddon, now: number): AddonRow {
  const { metadata, spec, status } = addon;
  const known = new Map(status?.variants?.map(variant => [variantKey(variant), variant]));
  const variants = spec.variants.map(variant => variantRow(variant, known.get(variantKey(variant))));
  return {
    name: metadata.name,
    standing: standingOf(addon, now),
    made: variants.filter(({ image }) => image !== undefined).length,
    variants,
    services: spec.services ?? [],
    requires: spec.requires ?? {},
  };
}

function variantRow(
  { platform, os }: SystemAddon['spec']['variants'][number],
  made: SystemAddonStatusVariant | undefined,
): VariantRow {
  const { id, versionId, sysextLevel } = os;
  const match = { id, ...optional('versionId', versionId), ...optional('sysextLevel', sysextLevel) };
  return {
    for: variantName({ platform, os: match }),
    platform,
    os: match,
    ...optional('image', made?.image),
    ...optional('digest', made?.digest),
    ...optional('size', made?.size),
    ...optional('source', made?.source),
    ...optional('reason', made?.reason),
    ...optional('message', made?.message),
  };
}
