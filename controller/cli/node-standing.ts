/** What a node is, beside what its pool wants: pure. */
import { conditionOf } from '../api/conditions.ts';
import { isTarget } from '../api/target-digest.ts';
import type { NodeTarget, NodeTargetStatusHostAddons } from '../api/node-target.ts';
import type { Chain, ChainNode } from './chain.ts';
import type { Standing } from './state.ts';
import { duration, list, shortName, systemName } from './words.ts';

export interface NodeStanding extends Standing {
  name: string;
  pool: string;
  runs: string;
  wants: string;
  /** What `runs` and `wants` are short for. */
  booted: { revision?: string; digest?: string };
  target: { revision?: string; image: string };
  /** Runs the target, and is Ready where that may be seen. */
  done: boolean;
  /** RFC 3339. */
  until?: string;
}

/** An agent reports every five minutes; three missed reports mean that nobody is there. */
const silentMs = 15 * 60_000;

export function nodeStandings({ targets, nodes }: Chain, now: number): NodeStanding[] {
  const known = new Map(nodes?.map(n => [n.name, n]));
  return targets.map(target => nodeStanding(target, known.get(target.metadata.name), now, nodes !== undefined));
}

function nodeStanding(target: NodeTarget, node: ChainNode | undefined, now: number, seesNodes: boolean): NodeStanding {
  const { spec, status, metadata } = target;
  const { booted } = status?.host ?? {};
  const running = { digest: booted?.digest, set: mergedSet(target) };
  const runs = isTarget({ digests: digestsOf(target), set: spec.addonSet }, running);
  const standing =
    seesNodes && !node
      ? say('Retrying', 'NodeGone', 'there is no Node of that name any more')
      : (byRollout(target) ?? byAgent(target, now) ?? byAddons(target) ?? byImage(target, { runs, ready: node?.ready ?? true }));
  return {
    name: metadata.name,
    pool: spec.poolRef.name,
    runs: shortName({ revision: booted?.revision, digest: booted?.digest, image: booted?.image }),
    wants: systemName(spec),
    booted: {
      ...(booted?.revision ? { revision: booted.revision } : {}),
      ...(booted?.digest ? { digest: booted.digest } : {}),
    },
    target: { ...(spec.revision ? { revision: spec.revision } : {}), image: spec.image },
    done: runs && standing.state === 'Ready',
    ...standing,
  };
}

function say(state: Standing['state'], reason: string, message: string, since?: string): Standing {
  return { state, reason, message, ...(since === undefined ? {} : { since }) };
}

/** What the controller says of its turn. */
function byRollout({ status }: NodeTarget): (Standing & { until?: string }) | undefined {
  const { rollout } = status ?? {};
  if (!rollout) return undefined;
  const { phase, reason, message, since, deadline } = rollout;
  const state = phase === 'Failed' || phase === 'Conflict' ? 'Stalled' : 'Moving';
  return { ...say(state, reason, message, since), ...(deadline === undefined ? {} : { until: deadline }) };
}

/** Whether its agent is there, and able. */
function byAgent({ spec, status }: NodeTarget, now: number): Standing | undefined {
  const { host } = status ?? {};
  if (!host) return say('Moving', 'NoReport', 'its agent has not reported yet', spec.since);
  const silent = now - Date.parse(host.reportedAt ?? '');
  if (silent > silentMs)
    return say('Retrying', 'AgentSilent', `its agent was last heard of ${duration(silent)} ago`, host.reportedAt);
  if (host.phase !== 'Failed' && host.phase !== 'Unmanaged') return undefined;
  const { reason = host.phase, message = '', lastTransitionTime } = conditionOf(status?.conditions, 'Ready') ?? {};
  return say(conditionOf(status?.conditions, 'Stalled') ? 'Stalled' : 'Retrying', reason, message, lastTransitionTime);
}

/** Digest of the set that is merged whole; '' for a part of one. */
function mergedSet({ status }: NodeTarget): string | undefined {
  const { addons } = status?.host ?? {};
  if (!addons || addons.state === 'None') return undefined;
  return addons.state === 'Merged' ? addons.set : '';
}

/** Whether what was to be merged is, whatever it was. */
function byAddons({ status }: NodeTarget): Standing | undefined {
  const { addons } = status?.host ?? {};
  if (addons?.state !== 'Partial' && addons?.state !== 'Failed') return undefined;
  return say('Stalled', 'AddonsFailed', notMerged(addons), addons.since);
}

/** Which addons are not merged, and why. */
export function notMerged({ state, entries = [] }: NodeTargetStatusHostAddons): string {
  const missing = entries.filter(entry => entry.state !== 'Merged');
  const all = missing.map(({ name, reason, message }) => [name, reason, message].filter(Boolean).join(': '));
  const what = state === 'Failed' ? 'none of its addons is merged' : 'not all of its addons are merged';
  return all.length === 0 ? what : `${what}: ${list(all)}`;
}

function byImage({ spec, status }: NodeTarget, { runs, ready }: { runs: boolean; ready: boolean }): Standing {
  if (runs && !ready) return say('Retrying', 'NodeNotReady', 'runs its target, but the Node is not Ready');
  if (runs) return say('Ready', 'Booted', `runs ${systemName(spec)}`, status?.verdict?.time);
  const said = conditionOf(status?.conditions, 'Ready');
  return say('Moving', said?.reason ?? 'Staging', said?.message ?? 'on its way', spec.since);
}

/** Every digest that counts as the target. */
export function digestsOf({ spec }: Pick<NodeTarget, 'spec'>): string[] {
  return [spec.image.slice(spec.image.lastIndexOf('@') + 1), ...spec.digests];
}
