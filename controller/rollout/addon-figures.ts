/** What the metrics say of addons on the nodes of pools. It comes from the API objects at each scrape, as the other figures of pools do. */
import type { NodeTarget, NodeTargetStatusHostAddons } from '../api/node-target.ts';
import type { StoredObject } from '../kube/store.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { SystemPoolView } from './projection.ts';

/** What a node has merged, as its seal says. */
export interface SealView extends StoredObject {
  pool: string;
  seal?: NodeTargetStatusHostAddons['state'];
}

export function projectSeal({ metadata, spec, status }: NodeTarget): SealView {
  const { name, uid = '', resourceVersion = '' } = metadata;
  const { state } = status?.host?.addons ?? {};
  return { name, uid, resourceVersion, pool: spec.poolRef.name, ...(state === undefined ? {} : { seal: state }) };
}

export interface PoolAddonFigures {
  pool: string;
  /** Nodes by what is merged (merged, partial, failed), and those that wait for their addons (held). */
  nodes: Readonly<Record<string, number>>;
  /** Nodes that wait for an addon, by its name: those that most nodes wait for. */
  missing: Readonly<Record<string, number>>;
}

/** Names of addons for each pool, whoever asks for them: a node may ask for what it likes. */
const mostMissing = 16;

/** Pure. Of pools that have nothing to do with addons there is nothing. */
export function poolAddonFigures(
  pools: readonly Pick<SystemPoolView, 'name' | 'status'>[],
  seals: readonly Pick<SealView, 'pool' | 'seal'>[],
): PoolAddonFigures[] {
  const byPool = new Map<string, Record<string, number>>();
  for (const { pool, seal } of seals) {
    if (seal === undefined || seal === 'None') continue;
    const counts = byPool.get(pool) ?? {};
    const state = seal.toLowerCase();
    byPool.set(pool, { ...counts, [state]: (counts[state] ?? 0) + 1 });
  }
  return pools.flatMap(({ name, status: { addons } }) => {
    const seals = byPool.get(name);
    if (!addons && !seals) return [];
    const problems = addons?.problems ?? [];
    const held = problems.reduce((sum, { nodes = 0 }) => sum + nodes, 0);
    const missing = new Map<string, number>();
    for (const { nodes = 0, addons: about = [] } of problems)
      for (const addon of about) missing.set(addon, (missing.get(addon) ?? 0) + nodes);
    const first = [...missing].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, mostMissing);
    return [{ pool: name, nodes: { merged: 0, partial: 0, failed: 0, held, ...seals }, missing: Object.fromEntries(first) }];
  });
}

export function showPoolAddons(figures: readonly PoolAddonFigures[]): void {
  metrics.poolAddonNodes.reset();
  metrics.poolAddonMissing.reset();
  for (const { pool, nodes, missing } of figures) {
    for (const [state, count] of Object.entries(nodes)) metrics.poolAddonNodes.set({ pool, state }, count);
    for (const [addon, count] of Object.entries(missing)) metrics.poolAddonMissing.set({ pool, addon }, count);
  }
}
