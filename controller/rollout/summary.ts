/** What a pool's status says: counts, the wave, the failed nodes, and one message that says why it does not move. */
import { requestedAt } from '../api/names.ts';
import type { SystemPoolStatusFailedNode, SystemPoolStatusNodes } from '../api/system-pool.ts';
import { CanaryTurns, canaryLeft, hasCanaryLeft } from './canary.ts';
import type { Hold, NodeState } from './classify.ts';
import { digestOf } from './digest.ts';
import { away, count, type Draft, type Entry, mayStart, reachable, silent, unavailable, updated } from './draft.ts';
import { runsImage } from './images-in-use.ts';
import type { JudgedImage, PoolState } from './pool-state.ts';

export interface Summary {
  nodes: Required<SystemPoolStatusNodes>;
  currentWave?: 'canary' | 'rest';
  /** By name, the first 50. */
  failedNodes: SystemPoolStatusFailedNode[];
  /** Names of all nodes that run an image that trust does not allow, and why. */
  untrusted?: Named;
  /** The same of those that run an image of which nobody can say whether trust allows it. */
  unjudged?: Named;
  /** Ready: nothing is left to do. Stalled: a person has to do something. */
  /** What keeps single nodes from their addons. */
  holds: { hold: Hold; nodes: string[] }[];
  outcome: { kind: 'Ready' | 'Progressing' | 'Stalled'; reason: string; message: string };
}

/** Nodes by what they run, and why they are named. */
interface Named {
  nodes: string[];
  reason: string;
  message: string;
}

interface Facts {
  max: number;
  halted: boolean;
  /** Nodes that left the pool and have to finish first. */
  departing: readonly string[];
}

/** The status of the pool as it will be after the plan. */
export function summarize(draft: Draft, facts: Facts): Summary {
  const nodes = countNodes(draft);
  const isLeft = facts.departing.length > 0 || conflicting(draft).length > 0 || draft.entries.some(e => !mayStart(e));
  const complete = nodes.updated === nodes.total && !isLeft;
  const wave = complete || !draft.pool.target ? undefined : hasCanaryLeft(draft) ? 'canary' : 'rest';
  const { refused, unjudged: unknown = [] } = draft.pool.trust;
  const [untrusted, unjudged] = [running(draft, refused), running(draft, unknown)];
  return {
    nodes,
    ...(wave ? { currentWave: wave } : {}),
    failedNodes: failedNodes(draft),
    ...(untrusted ? { untrusted } : {}),
    ...(unjudged ? { unjudged } : {}),
    holds: holdsOf(draft),
    outcome: outcomeOf(draft, facts, { nodes, complete }),
  };
}

function countNodes(draft: Draft): Required<SystemPoolStatusNodes> {
  const of = (...kinds: NodeState['kind'][]): number => count(draft, e => kinds.includes(e.state.kind));
  return {
    total: draft.entries.length,
    updated: count(draft, updated),
    staged: of('Staged'),
    updating: of('Draining', 'Rebooting', 'Returned'),
    unavailable: count(draft, unavailable),
    failed: of('Failed'),
  };
}

function failedNodes(draft: Draft): SystemPoolStatusFailedNode[] {
  return draft.entries
    .flatMap(({ member, state }) =>
      state.kind === 'Failed'
        ? [{ name: member.node.name, reason: state.reason.slice(0, 64), message: state.message.slice(0, 1024) }]
        : [],
    )
    .slice(0, 50);
}

/** Nodes go on with what they run, whatever trust says of it: it is said, and a person decides. */
function running({ pool: { members } }: Draft, images: readonly JudgedImage[]): Named | undefined {
  const found = images
    .map(of => ({
      of,
      // As they are before the plan, which gives those that are known by their NodeTargets alone another one.
      nodes: members
        .filter(({ nodeTarget }) => nodeTarget && runsImage(nodeTarget, of))
        .map(({ node }) => node.name)
        .toSorted(),
    }))
    .filter(({ nodes }) => nodes.length > 0);
  const [first] = found;
  if (!first) return undefined;
  return {
    nodes: [...new Set(found.flatMap(({ nodes }) => nodes))].toSorted(),
    reason: first.of.reason,
    message: found
      .map(({ of, nodes }) => `${list(nodes, namedUntrusted)} ${nodes.length === 1 ? 'runs' : 'run'} ${of.image}: ${of.message}`)
      .join('; '),
  };
}

function outcomeOf(
  draft: Draft,
  facts: Facts,
  { nodes, complete }: { nodes: Summary['nodes']; complete: boolean },
): Summary['outcome'] {
  const { target, frozen, pool } = draft.pool;
  const progress = target ? `${nodes.updated} of ${nodes.total} nodes run ${labelOf(target)}` : '';
  const say = (kind: Summary['outcome']['kind'], reason: string, ...parts: (string | undefined)[]): Summary['outcome'] => ({
    kind,
    reason,
    message: parts.filter(Boolean).join('; ') || `SystemPool ${pool}`,
  });
  const details = detailsOf(draft, facts);
  if (frozen) {
    const kind = frozen.stalled ? 'Stalled' : complete && frozen.reason === 'Suspended' ? 'Ready' : 'Progressing';
    return say(kind, frozen.reason, frozen.message, progress, ...details);
  }
  if (facts.halted) {
    const { failureThreshold } = draft.pool;
    const halted = `halted: ${nodes.failed} failed, and failureThreshold is ${failureThreshold}`;
    return say(
      'Stalled',
      'RolloutHalted',
      halted,
      ...details,
      progress,
      `another target, or the annotation ${requestedAt}, starts anew`,
    );
  }
  if (nodes.total === 0) return say('Ready', 'NoNodes', 'no node matches nodeSelector', ...details);
  if (complete) return say('Ready', 'Updated', progress);
  const reason = reasonOf(draft, facts);
  return say(reason.stalled ? 'Stalled' : 'Progressing', reason.reason, progress, ...details);
}

/** The most telling reason: what moves, or else what keeps it from moving. */
function reasonOf(draft: Draft, facts: Facts): { reason: string; stalled?: boolean } {
  const has = (...kinds: NodeState['kind'][]): boolean => draft.entries.some(e => kinds.includes(e.state.kind));
  const staged = draft.entries.some(e => e.state.kind === 'Staged' && mayStart(e));
  const draining = draft.entries.filter(e => e.state.kind === 'Draining');
  if (has('Staging', 'Rebooting', 'Returned')) return { reason: 'RollingOut' };
  if (draining.length > 0) return { reason: draining.every(isBlocked) ? 'DrainBlocked' : 'RollingOut' };
  if (draft.entries.some(e => away(e)) && facts.max > 0 && staged) return { reason: 'NodesFailed' };
  if (staged && facts.max === 0) return { reason: 'NoBudget' };
  if (staged) return { reason: 'WaitingForBudget' };
  if (conflicting(draft).length > 0) return { reason: 'NodeConflict', stalled: true };
  if (has('Failed')) return { reason: 'NodesFailed', stalled: true };
  const hold = holdsOf(draft)[0]?.hold;
  if (hold) return { reason: hold.reason, ...(hold.stalled ? { stalled: true } : {}) };
  return { reason: draft.entries.some(e => !e.member.node.ready) ? 'NodesNotReady' : 'RollingOut' };
}

function detailsOf(draft: Draft, facts: Facts): (string | undefined)[] {
  const { entries, pool } = draft;
  const named = (kind: NodeState['kind']): Entry[] => entries.filter(e => e.state.kind === kind);
  const draining = named('Draining');
  const unlocked = count(draft, e => e.state.kind === 'Staged' && !e.state.locked);
  return [
    phrase(
      named('Failed').map(
        e => `${e.member.node.name} failed (${e.state.kind === 'Failed' ? `${e.state.reason}: ${e.state.message}` : ''})`,
      ),
    ),
    phrase(
      draining
        .filter(isBlocked)
        .map(e => `${e.member.node.name} cannot be drained: ${e.member.nodeTarget?.rollout?.message ?? ''}`),
    ),
    phrase(draining.filter(e => !isBlocked(e)).map(nameOf), 'being drained'),
    phrase(
      named('Rebooting')
        .filter(e => !isLive(e))
        .map(nameOf),
      'rebooting',
    ),
    phrase(named('Rebooting').filter(isLive).map(nameOf), 'changing addons without a reboot'),
    phrase(
      named('Staging')
        .filter(e => troubleOf(e))
        .map(e => `${nameOf(e)} cannot stage for now (${troubleOf(e)})`),
    ),
    phrase(
      named('Staging')
        .filter(e => !troubleOf(e))
        .map(nameOf),
      'staging',
    ),
    waiting(draft, facts),
    ...holdsOf(draft).map(({ hold, nodes }) => `${list(nodes)}: ${hold.message}`),
    unlocked > 0 ? `${unlocked} staged without a lock, because the host has none` : undefined,
    phrase(
      entries.filter(e => !['Updated', 'Rebooting'].includes(e.state.kind) && !reachable(e)).map(nameOf),
      'not Ready and not heard of',
    ),
    phrase(entries.filter(e => e.state.kind === 'Staged' && silent(e, pool.now)).map(nameOf), 'without a report of the agent'),
    phrase(entries.filter(e => e.state.kind === 'Updated' && !e.member.node.ready).map(nameOf), 'on the target but not Ready'),
    phrase(
      named('Held').map(e => `${e.member.node.name} is still with SystemPool ${e.state.kind === 'Held' ? e.state.pool : ''}`),
    ),
    phrase(
      conflicting(draft).map(
        e => `${e.member.node.name} is also selected by SystemPool ${e.member.conflicts.join(', ')} (narrow one nodeSelector)`,
      ),
    ),
    phrase(facts.departing, 'finishing a reboot before it leaves the pool'),
  ];
}

/** Why staged nodes do not get their turn. */
function waiting(draft: Draft, { max, halted }: Facts): string | undefined {
  const staged = draft.entries.filter(e => e.state.kind === 'Staged' && e.member.conflicts.length === 0 && mayStart(e));
  if (staged.length === 0 || halted || draft.pool.frozen) return undefined;
  if (max === 0) return `${staged.length} staged, but maxUnavailable is 0`;
  if (canaryLeft(draft) > 0 && count(draft, away) > 0) return `${staged.length} staged and waiting for the canary`;
  const turns = new CanaryTurns(draft);
  const lost = draft.entries.filter(unavailable);
  if (canaryLeft(draft) === 0 && staged.every(e => !turns.has(e)))
    return `${staged.length} staged and waiting for the canary of their addons`;
  if (lost.length < max) return `${staged.length} staged`;
  return `${staged.length} staged and waiting: ${max} may be unavailable, and ${list(lost.map(nameOf))} ${lost.length === 1 ? 'is' : 'are'}`;
}

/** What keeps single nodes, each said once: what a person has to see to first, then what keeps most. */
function holdsOf({ entries }: Pick<Draft, 'entries'>): { hold: Hold; nodes: string[] }[] {
  const holds = new Map<string, { hold: Hold; nodes: string[] }>();
  for (const { member } of entries) {
    const { hold, node } = member;
    if (!hold) continue;
    const about = `${hold.reason} ${hold.message}`;
    const same = holds.get(about);
    if (same) same.nodes.push(node.name);
    else holds.set(about, { hold, nodes: [node.name] });
  }
  return [...holds.values()].toSorted((a, b) => rankOf(a) - rankOf(b) || b.nodes.length - a.nodes.length).slice(0, 16);
}

function rankOf({ hold }: { hold: Hold }): number {
  return hold.stalled ? 0 : 1;
}

function labelOf({ image, revision }: NonNullable<PoolState['target']>): string {
  if (!revision) return digestOf(image).slice(0, 19);
  return revision.replace(/(sha1:[0-9a-f]{12})[0-9a-f]+/, '$1');
}

function isBlocked({ member }: Entry): boolean {
  return member.nodeTarget?.rollout?.phase === 'Draining';
}

function troubleOf({ member }: Entry): string | undefined {
  return member.nodeTarget?.trouble;
}

function isLive({ state }: Entry): boolean {
  return state.kind === 'Rebooting' && state.live === true;
}

function conflicting(draft: Draft): Entry[] {
  return draft.entries.filter(e => e.member.conflicts.length > 0);
}

function nameOf({ member }: Entry): string {
  return member.node.name;
}

function phrase(items: readonly string[], state?: string): string | undefined {
  if (items.length === 0) return undefined;
  return state === undefined ? list(items) : `${list(items)} ${state}`;
}

/** A person has to find these; where there are more, the count says so. */
const namedUntrusted = 10;

/** The first three; more names would only hide them. */
function list(items: readonly string[], most = 3): string {
  return items.length <= most ? items.join(', ') : `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
}
