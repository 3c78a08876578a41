/** A plan in the making: each action is applied to the plan's own picture at once, so that what follows builds on it. */
import { type Action, advance } from './actions.ts';
import { artifactsOf, heldMember } from './hold.ts';
import { applyFor } from './live.ts';
import { classify, isAway, isUnavailable, type Member, type NodeState, silentAfterMs, type Surroundings } from './classify.ts';
import type { Target } from './on-host.ts';
import type { AddonSet, NodeTargetView } from './projection.ts';
import { compare, placesOf, type Place } from './order.ts';
import type { Frozen, PoolState } from './pool-state.ts';

export interface Entry {
  member: Member;
  state: NodeState;
}

export interface Draft {
  readonly pool: PoolState;
  readonly around: Surroundings;
  /** Sorted by name. */
  readonly entries: readonly Entry[];
  readonly actions: Action[];
  places?: Map<string, Place>;
}

/** The picture before any action. */
export function newDraft(state: PoolState): Draft {
  const frozen = heldBy(state) ?? state.frozen;
  const pool = { ...state, ...(frozen ? { frozen } : {}) };
  const { target, timeouts, now } = pool;
  const around: Surroundings = { pool: pool.pool, timeouts, now, ...(target ? { target } : {}) };
  const members = pool.members
    .toSorted((a, b) => compare(a.node.name, b.node.name))
    .map(member => heldMember(member, pool.trust));
  return { pool, around, entries: members.map(member => ({ member, state: classify(member, around) })), actions: [] };
}

/** What trust holds a pool up with: nothing starts towards a target that it does not allow, or that nobody could judge. */
function heldBy({ target, trust }: PoolState): Frozen | undefined {
  if (!target) return undefined;
  const refused = trust.refused.find(r => r.image === target.image);
  if (refused) return { reason: refused.reason, message: `the target is not trusted: ${refused.message}`, stalled: true };
  return trust.unknown;
}

type Named = Pick<NodeTargetView, 'image' | 'addons'>;

/** Whether trust does not allow an image, or an addon over it. */
export function isRefusedTarget({ pool }: Draft, target: Named): boolean {
  const { refused } = pool.trust;
  return refused.length > 0 && artifactsOf(target).some(image => refused.some(r => r.image === image));
}

/** Whether nobody can say if trust allows what nodes may be about to boot. */
export function isUnjudgedTarget({ pool }: Draft, target: Named): boolean {
  const { unknown, unjudged = [] } = pool.trust;
  if (unknown !== undefined && pool.target?.image === target.image) return true;
  return unjudged.length > 0 && artifactsOf(target).some(image => unjudged.some(of => of.image === image));
}

/** Whether something new may be begun on the node, of what its pool may begin. */
export function mayStart({ member }: Entry): boolean {
  return member.hold === undefined;
}

/** Adds an action, and looks at the node as it will be after it. Nothing is asked for a node for which a write was refused. */
export function act(draft: Draft, entry: Entry, asked: Action): void {
  if (isRefused(draft, asked.node)) return;
  const action = asked.type === 'target' ? withApply(asked, entry) : asked;
  draft.actions.push(action);
  entry.member = heldMember(advance(entry.member, action, draft.pool.pool), draft.pool.trust);
  entry.state = classify(entry.member, draft.around);
}

function withApply(action: Action & { type: 'target' }, { member }: Entry): Action {
  const apply = applyFor(member.nodeTarget, action.target);
  return apply ? { ...action, apply } : action;
}

/** The target, and what it is pulled with, of an action that gives it to a node. */
export function targetOf(
  { pool }: Draft,
  target: Target,
  addons: AddonSet | undefined,
): Pick<Action & { type: 'target' }, 'target' | 'pullSecret'> {
  const { addons: _, ...image } = target;
  return { target: { ...image, ...(addons ? { addons } : {}) }, ...(pool.pullSecret ? { pullSecret: pool.pullSecret } : {}) };
}

export function isRefused(draft: Draft, node: string): boolean {
  return draft.pool.refused.includes(node);
}

/** Entries in the order in which they get their turn: by `first` (lower goes first) between control plane and position. */
export function inOrder(draft: Draft, entries: readonly Entry[], first: (entry: Entry) => number): Entry[] {
  if (entries.length < 2) return [...entries];
  draft.places ??= placesOf(draft.entries.map(e => e.member.node));
  const places = draft.places;
  const keyed = entries.map(entry => {
    const place = places.get(entry.member.node.name);
    return { entry, last: place?.controlPlane ? 1 : 0, first: first(entry), position: place?.position ?? 0 };
  });
  keyed.sort((a, b) => a.last - b.last || a.first - b.first || a.position - b.position);
  return keyed.map(k => k.entry);
}

export function unavailable(entry: Entry): boolean {
  return isUnavailable(entry.member.node, entry.state);
}

export function away(entry: Entry): boolean {
  return isAway(entry.state);
}

export function count(draft: Draft, predicate: (entry: Entry) => boolean): number {
  let n = 0;
  for (const entry of draft.entries) if (predicate(entry)) n++;
  return n;
}

/** Runs the target, and is Ready. */
export function updated(entry: Entry): boolean {
  return entry.state.kind === 'Updated' && entry.member.node.ready;
}

/** What proves an image, and its addons where these are known. */
export function proven(entry: Entry): boolean {
  return updated(entry) && mayStart(entry);
}

/** Whether the node's agent can be expected to act: the node is Ready, or the agent has reported since it is not. */
export function reachable({ member: { node, nodeTarget } }: Entry): boolean {
  return node.ready || (nodeTarget?.host?.reportedAt ?? 0) > node.readySince;
}

/** Whether the agent has not been heard of for long: nobody is there to act on a go-ahead. */
export function silent({ member: { nodeTarget } }: Entry, now: number): boolean {
  return nodeTarget?.host !== undefined && now - nodeTarget.host.reportedAt > silentAfterMs;
}
