import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { formatVendorProfile, vendorProfileMark, vendorProfilePath } from '../api/vendor-profile.ts';
import { hostAddonPlacements } from '../host-addons/placements.ts';
import type { Placement } from './image-tree.ts';

const encoder = new TextEncoder();

/** spec.addons: the scripts and units by which hosts of the image merge the addons that the cluster gives them, and which of these it asks for itself. */
export function renderAddons({ addons }: SystemDefinitionSpec): Placement[] {
  if (addons?.support !== true) return [];
  const scripts = hostAddonPlacements({ required: addons.required === true }).map((placement): Placement => ({
    path: placement.path,
    content: 'link' in placement ? { link: placement.link } : { mode: placement.mode, bytes: encoder.encode(placement.text) },
    field: 'spec.addons.support',
  }));
  const { profile } = addons;
  if (profile === undefined) return scripts;
  const bytes = encoder.encode(formatVendorProfile(profile));
  return [...scripts, { path: vendorProfilePath, content: { mode: 0o644, bytes }, field: 'spec.addons.profile' }];
}

/** The label by which the image says that it has a profile. */
export function addonLabels({ addons }: SystemDefinitionSpec): Record<string, string> {
  return addons?.support === true && addons.profile !== undefined ? { [vendorProfileMark]: '1' } : {};
}
