import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { hostAddonPlacements } from '../host-addons/placements.ts';
import type { Placement } from './image-tree.ts';

const encoder = new TextEncoder();

/** spec.addons: the scripts and units by which hosts of the image merge the addons that the cluster gives them. */
export function renderAddons({ addons }: SystemDefinitionSpec): Placement[] {
  if (addons?.support !== true) return [];
  return hostAddonPlacements({ required: addons.required === true }).map(placement => ({
    path: placement.path,
    content: 'link' in placement ? { link: placement.link } : { mode: placement.mode, bytes: encoder.encode(placement.text) },
    field: 'spec.addons.support',
  }));
}
