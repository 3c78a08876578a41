/** One consistent picture of a pool and its nodes. Pure. */
import { parseDuration } from '../api/duration.ts';
import type { SystemPoolSpec } from '../api/system-pool.ts';
import type { Member } from './classify.ts';
import type { Target } from './on-host.ts';
import type { Departed, PoolState } from './pool-state.ts';
import type { NodeTargetView, NodeView, SystemPoolView } from './projection.ts';
import { pullSecretOf } from './pull-secret.ts';
import { membersOf } from './select.ts';

export interface Views {
  pools: readonly SystemPoolView[];
  nodes: readonly NodeView[];
  nodeTargets: readonly NodeTargetView[];
}

/** What the reconciler found out before it plans. */
export type Found = Pick<PoolState, 'now' | 'drains' | 'retry' | 'refused' | 'trust'> & {
  /** What nodes are to run over the target, by name; nothing where they are not named. */
  wanted?: ReadonlyMap<string, Pick<Member, 'addons' | 'hold'>>;
  target?: Target;
  previous?: Target;
  frozen?: PoolState['frozen'];
};

/** The state to plan from. */
export function poolStateOf(pool: SystemPoolView, views: Views, found: Found): PoolState {
  const targets = new Map(views.nodeTargets.map(t => [t.name, t]));
  const members = membersOf(pool, views.pools, views.nodes).map(({ node, conflicts }) => {
    const nodeTarget = targets.get(node.name);
    return { node, conflicts, ...(nodeTarget ? { nodeTarget } : {}), ...found.wanted?.get(node.name) };
  });
  const { target, previous, frozen, wanted: _, ...rest } = found;
  const pullSecret = pullSecretOf(pool);
  return {
    ...rest,
    pool: pool.name,
    ...rolloutOf(pool.spec),
    ...(target ? { target } : {}),
    ...(previous ? { previous } : {}),
    ...(pullSecret ? { pullSecret } : {}),
    ...(frozen ? { frozen } : {}),
    members,
    departed: departedOf(pool.name, views, new Set(members.map(m => m.node.name))),
  };
}

/** The state of a pool that is gone: only what it left behind. */
export function goneState(name: string, views: Views, { now, refused }: Pick<Found, 'now' | 'refused'>): PoolState {
  return {
    pool: name,
    now,
    maxUnavailable: 0,
    maxStaging: 0,
    canary: 0,
    failureThreshold: 1,
    timeouts: { stage: 0, drain: 0, reboot: 0 },
    drain: true,
    trust: { refused: [] },
    retry: false,
    frozen: { reason: 'Deleting', message: 'the SystemPool is gone' },
    members: [],
    refused,
    departed: departedOf(name, views, new Set()),
    drains: {},
  };
}

function rolloutOf(
  spec: SystemPoolSpec,
): Pick<PoolState, 'maxUnavailable' | 'maxStaging' | 'canary' | 'failureThreshold' | 'timeouts' | 'drain'> {
  const { maxUnavailable, maxStaging, canary, failureThreshold, timeouts } = spec.rollout;
  return {
    maxUnavailable,
    maxStaging,
    canary,
    failureThreshold,
    timeouts: {
      stage: parseDuration(timeouts.stage),
      drain: parseDuration(timeouts.drain),
      reboot: parseDuration(timeouts.reboot),
    },
    drain: spec.drain.enabled,
  };
}

/** Nodes and targets that bear the pool's name though it does not select them. */
function departedOf(pool: string, views: Views, members: ReadonlySet<string>): Departed[] {
  const departed = new Map<string, Departed>();
  const nodes = new Map(views.nodes.map(n => [n.name, n]));
  for (const nodeTarget of views.nodeTargets) {
    const { name } = nodeTarget;
    if (nodeTarget.pool !== pool || members.has(name)) continue;
    const node = nodes.get(name);
    departed.set(name, { name, nodeTarget, ...(node ? { node } : {}) });
  }
  for (const node of views.nodes) {
    if (node.cordon?.pool !== pool || members.has(node.name) || departed.has(node.name)) continue;
    departed.set(node.name, { name: node.name, node });
  }
  return [...departed.values()];
}
