/** What the metrics say of pools. It comes from the API objects at each scrape, so that a restart changes none of it, and nothing stays of a pool that is gone. */
import { conditionOf, isTrue } from '../api/conditions.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { NodeTargetView, NodeView, SystemPoolView } from './projection.ts';

export interface PoolFigures {
  pool: string;
  /** NodeTargets by phase of their host. */
  hosts: Readonly<Record<string, number>>;
  /** NodeTargets by the verdict of their last boot. */
  verdicts: Readonly<Record<string, number>>;
  /** Reason, while a person must act. */
  stalled?: string;
  /** Epoch ms; each absent where there is nothing of the kind. */
  movedAt?: number;
  awaySince?: number;
  oldestReport?: number;
}

type Pool = Pick<SystemPoolView, 'name' | 'status'>;
type Target = Pick<NodeTargetView, 'pool' | 'since' | 'host' | 'verdict' | 'rollout'>;
type Node = Pick<NodeView, 'cordon'>;

/** Pure. */
export function poolFigures(pools: readonly Pool[], targets: readonly Target[], nodes: readonly Node[]): PoolFigures[] {
  const cordons = nodes.flatMap(({ cordon }) => (cordon ? [cordon] : []));
  return pools.map(({ name, status }) => {
    const own = targets.filter(({ pool }) => pool === name);
    const away = cordons.filter(({ pool }) => pool === name).map(({ since }) => since);
    const moves = own.flatMap(({ since, rollout }) => [since, Date.parse(rollout?.since ?? '') || 0]);
    const reason = isTrue(status.conditions, 'Stalled') ? conditionOf(status.conditions, 'Ready')?.reason : undefined;
    return {
      pool: name,
      hosts: countBy(own, ({ host }) => host?.phase ?? 'Unknown'),
      verdicts: countBy(own, ({ verdict }) => verdict?.type),
      ...(reason === undefined ? {} : { stalled: reason }),
      ...(own.length === 0 ? {} : { movedAt: Math.max(...moves, ...away) }),
      ...(away.length === 0 ? {} : { awaySince: Math.min(...away) }),
      // One that never reported is silent since it was given a target.
      ...(own.length === 0 ? {} : { oldestReport: Math.min(...own.map(({ host, since }) => host?.reportedAt || since)) }),
    };
  });
}

/** NodeTargets by the version of their agent. */
export function agentVersions(targets: readonly Pick<NodeTargetView, 'host'>[]): Readonly<Record<string, number>> {
  return countBy(targets, ({ host }) => host?.agentVersion);
}

export function showPools(figures: readonly PoolFigures[], agents: Readonly<Record<string, number>>): void {
  for (const gauge of [
    metrics.poolHosts,
    metrics.poolVerdicts,
    metrics.poolStalled,
    metrics.poolMoved,
    metrics.poolAwaySince,
    metrics.poolOldestReport,
    metrics.agents,
  ])
    gauge.reset();
  for (const { pool, hosts, verdicts, stalled, movedAt, awaySince, oldestReport } of figures) {
    for (const [phase, count] of Object.entries(hosts)) metrics.poolHosts.set({ pool, phase }, count);
    for (const [verdict, count] of Object.entries(verdicts)) metrics.poolVerdicts.set({ pool, verdict }, count);
    if (stalled !== undefined) metrics.poolStalled.set({ pool, reason: stalled }, 1);
    if (movedAt !== undefined) metrics.poolMoved.set({ pool }, movedAt / 1000);
    if (awaySince !== undefined) metrics.poolAwaySince.set({ pool }, awaySince / 1000);
    if (oldestReport !== undefined) metrics.poolOldestReport.set({ pool }, oldestReport / 1000);
  }
  for (const [version, count] of Object.entries(agents)) metrics.agents.set({ version }, count);
}

function countBy<T>(items: readonly T[], key: (item: T) => string | undefined): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) {
    const value = key(item);
    if (value !== undefined) counts[value] = (counts[value] ?? 0) + 1;
  }
  return counts;
}
