/** What `scantling why` says of addons: which there are over a system, how each stands, and whose signature lets it be there. Pure. */
import type { NodeTarget } from '../api/node-target.ts';
import type { SystemPool, SystemPoolStatusAddons } from '../api/system-pool.ts';
import type { Chain } from './chain.ts';
import { notMerged } from './node-standing.ts';
import { standingOf } from './state.ts';
import { type Found, gone, link } from './why-link.ts';
import { count, list, shortName } from './words.ts';

/** `image`: the artifact that is meant, of which `told` says what trust says. */
export function addonLink(
  { addons = [] }: Chain,
  name: string,
  now: number,
  { image, told }: { image?: string; told?: SystemPoolStatusAddons | undefined } = {},
): Found {
  const addon = addons.find(({ metadata }) => metadata.name === name);
  const artifact = image === undefined ? '' : `is to run as ${shortName({ image })}${trustSays(told, image)}; `;
  if (!addon) {
    const none = gone('SystemAddon', name);
    return { ...none, says: `${artifact}${none.says}` };
  }
  const of = count(addon.spec.variants.length, 'variant');
  const made = addon.status?.ready?.split('/')[0] ?? '0';
  return link('SystemAddon', name, `${artifact}has ${made} of ${of} made`, standingOf(addon, now));
}

function trustSays(told: SystemPoolStatusAddons | undefined, image: string): string {
  const trust = told?.artifacts?.find(of => of.image === image)?.trust;
  if (!trust) return '';
  const by = trust.policy === undefined ? '' : ` by TrustPolicy ${trust.policy}, generation ${trust.generation ?? 0}`;
  return ` (${trust.decision}${by}: ${trust.message})`;
}

/** Those that one node is to run. */
export function addonsOfNode(chain: Chain, { spec }: NodeTarget, now: number): Found[] {
  const pool = chain.pools.find(({ metadata }) => metadata.name === spec.poolRef.name);
  const told = pool?.status?.addons;
  const wanted = (spec.addons ?? []).map(({ name, image }) => addonLink(chain, name, now, { image, told }));
  return [...wanted, ...missingOf(chain, pool, now, new Set(wanted.map(({ name }) => name)))];
}

/** Those that nodes of a pool are to run, each once; and those that they wait for. */
export function addonsOfPool(chain: Chain, pool: SystemPool, now: number): Found[] {
  const told = pool.status?.addons;
  const wanted = new Map<string, string>();
  for (const { nodes, addons } of told?.sets ?? [])
    for (const { name, image } of nodes > 0 ? addons : []) if (!wanted.has(name)) wanted.set(name, image);
  const links = [...wanted].map(([name, image]) => addonLink(chain, name, now, { image, told }));
  return [...links, ...missingOf(chain, pool, now, new Set(wanted.keys()))];
}

function missingOf(chain: Chain, pool: SystemPool | undefined, now: number, known: ReadonlySet<string>): Found[] {
  const names = (pool?.status?.addons?.problems ?? []).flatMap(({ addons = [] }) => addons);
  // Who may not read addons cannot be told that one is not there.
  if (!chain.addons) return [];
  return [...new Set(names)].filter(name => !known.has(name)).map(name => addonLink(chain, name, now));
}

/** Behind what is said of the node itself. */
export function nodeAddonsSay({ status }: NodeTarget): string {
  const { addons } = status?.host ?? {};
  if (!addons || addons.state === 'None') return '';
  if (addons.state !== 'Merged') return `; ${notMerged(addons)}`;
  return `, with ${list((addons.entries ?? []).map(({ name }) => name)) || 'addons'} over it`;
}

/** Behind what is said of the pool itself. */
export function poolAddonsSay({ status }: SystemPool): string {
  const { entries = [], problems = [] } = status?.addons ?? {};
  const names = [...new Set(entries.flatMap(({ addon }) => addon || []))];
  const held = problems.reduce((sum, { nodes = 0 }) => sum + nodes, 0);
  const over = names.length === 0 ? '' : `; over it ${list(names)}`;
  return `${over}${held === 0 ? '' : `; ${count(held, 'node')} held for addons`}`;
}
