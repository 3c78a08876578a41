/** The addons of a pool's nodes, from what the stores have. */
import type { OsRelease } from '../addon/os-release.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import type { AddonSet, SystemPoolView } from './projection.ts';
import { membersOf } from './select.ts';
import { recordedSystems, wantedBy, type WantedFound } from './wanted.ts';

/** What nodes are to run over an image, and which systems are in it. */
export interface PoolAddons extends WantedFound {
  systems: ReadonlyMap<string, OsRelease>;
}

export const noAddons: PoolAddons = { wanted: new Map(), sets: [], systems: new Map() };

/** No request: what has to be read of the image is read beside the pass, and nodes are held until it is known. */
export function addonsOver(
  o: Pick<PoolDependencies, 'stores'>,
  memory: Pick<PoolMemory, 'pools' | 'nodes' | 'systems' | 'pullSecrets'>,
  pool: SystemPoolView,
  image: string | undefined,
): PoolAddons {
  const asked = pool.spec.addons ?? [];
  const nodes = membersOf(pool, memory.pools.list(), memory.nodes.list()).map(({ node }) => node);
  if (image === undefined || (asked.length === 0 && nodes.every(node => node.addons === undefined))) return noAddons;
  const systems = new Map<string, OsRelease>();
  const recorded = recordedSystems(pool.status.addons, image);
  const found = wantedBy({
    asked,
    nodes,
    offers: new Map(o.stores.addons.list().map(offer => [offer.name, offer])),
    systemOf: platform => {
      const os = recorded.get(platform);
      const credentials = () => memory.pullSecrets.credentials(pool);
      const known = os ? { os } : memory.systems.of(pool.name, { image, platform }, credentials);
      if ('os' in known) systems.set(platform, known.os);
      return known;
    },
  });
  return { ...found, systems };
}

/** Every set that nodes may be given: of the image that is asked for, and of the last one, which stays while that is not trusted. */
export function setsOver(...all: readonly PoolAddons[]): AddonSet[] {
  return all.flatMap(({ sets }) => sets.map(({ digest, addons }) => ({ digest, addons })));
}
