/** The addons of a pool's nodes, from what the stores have. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ImageSystem } from '../addon/image-system.ts';
import { recordedComparison, recordedSystems } from './addons-status.ts';
import { comparisonOf } from './comparison.ts';
import type { PoolDependencies, PoolMemory } from './dependencies.ts';
import { givenPlaces, placeOf } from './given.ts';
import { type SystemdVersions, systemdVersions } from './image-systemd.ts';
import type { AddonSet, SystemPoolView } from './projection.ts';
import { placesOf, readAccess } from './read-access.ts';
import { membersOf } from './select.ts';
import { settling } from './settling.ts';
import { wantedInSteps, type WantedFound } from './wanted.ts';

/** What nodes are to run over an image, and which systems are in it. */
export interface PoolAddons extends WantedFound {
  systems: ReadonlyMap<string, ImageSystem>;
  /** Until when sets are held back at most for addons that are being made anew, epoch ms. */
  until?: number;
}

export const noAddons: PoolAddons = { wanted: new Map(), sets: [], systems: new Map() };

/** An image of a pool. `addonsProfile`: it is marked to have one. */
export interface PoolImage {
  image: string;
  digests: readonly string[];
  addonsProfile?: boolean;
}

/** No request: what has to be read of the image is read beside the pass, and nodes are held until it is known. */
export async function addonsOver(
  o: Pick<PoolDependencies, 'stores' | 'now'>,
  memory: Pick<PoolMemory, 'pools' | 'nodes' | 'nodeTargets' | 'systems' | 'comparisons' | 'pullSecrets'>,
  pool: SystemPoolView,
  target: PoolImage | undefined,
): Promise<PoolAddons> {
  const asked = pool.spec.addons ?? [];
  const nodes = membersOf(pool, memory.pools.list(), memory.nodes.list()).map(({ node }) => node);
  if (target === undefined) return noAddons;
  const { image } = target;
  const recorded = recordedSystems(pool.status.addons, image);
  const mayAsk = mayAskFor({ o, pool, target }, recorded);
  if (!mayAsk && asked.length === 0 && nodes.every(node => node.addons === undefined)) return noAddons;
  const systems = new Map<string, ImageSystem>();
  const versions = new Map<string, SystemdVersions>();
  const offers = new Map(o.stores.addons.list().map(offer => [offer.name, offer]));
  const placed = givenPlaces(pool.name, nodes, memory.nodeTargets.list());
  const given = new Set(memory.nodeTargets.list().flatMap(of => (of.pool === pool.name ? (of.addons?.digest ?? []) : [])));
  let until: number | undefined;
  const definition = o.stores.definitions.get(pool.spec.system.definitionRef?.name ?? '');
  const access = (addons: AddonSet['addons']) => () =>
    readAccess(memory.pullSecrets, pool, placesOf(image, definition, addons, offers));
  const steps = wantedInSteps({
    asked,
    mayAsk,
    nodes,
    offers,
    systemOf: platform => {
      const known = recorded.get(platform) ?? memory.systems.of(pool.name, { image, platform }, access([]));
      if ('os' in known) systems.set(platform, known);
      return known;
    },
    systemdOf: platform => {
      const known = versions.get(platform) ?? systemdVersions(target.digests, platform, nodes, memory.nodeTargets.list());
      versions.set(platform, known);
      return known;
    },
    heldBack: ({ digest, names }) => {
      const held = given.has(digest) ? undefined : settling(names, offers, o.now());
      if (held) until = Math.min(held.until, until ?? Infinity);
      return held?.hold;
    },
    compared: (set, platform) => {
      const comparison = comparisonOf(set, { image, platform }, offers);
      const { digest } = comparison;
      const known =
        recordedComparison(pool.status.addons, comparison) ?? memory.comparisons.of(pool.name, comparison, access(set.addons));
      if (!('hold' in known)) return { ...known, digest };
      return placed.has(placeOf(image, set.digest, platform)) ? undefined : known;
    },
  });
  const found = await inTurns(steps);
  return { ...found, systems, ...(until === undefined ? {} : { until }) };
}

/** Lets leases and probes have their turn between the steps. */
async function inTurns<T>(steps: Generator<undefined, T, undefined>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await nextTurn();
  }
}

/** An image that can merge no addons, or says nowhere that it asks for some, is not read for nothing: pools without addons need no registry for them. */
function mayAskFor(
  { o, pool, target }: { o: Pick<PoolDependencies, 'stores'>; pool: SystemPoolView; target: PoolImage },
  recorded: ReadonlyMap<string, ImageSystem>,
): boolean {
  if ([...recorded.values()].some(({ profile }) => profile.length > 0)) return true;
  const definition = o.stores.definitions.get(pool.spec.system.definitionRef?.name ?? '');
  return target.addonsProfile === true || definition?.mergesAddons === true;
}

/** Every set that nodes may be given: of the image that is asked for, and of the last one, which stays while that is not trusted. */
export function setsOver(...all: readonly PoolAddons[]): AddonSet[] {
  return all.flatMap(({ sets }) => sets.map(({ digest, addons }) => ({ digest, addons })));
}
