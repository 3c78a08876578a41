/** Who may pull: gives the pool's target to nodes, as many at once as the registry has to bear. */
import { act, count, type Draft, type Entry, inOrder, isRefused, mayStart, reachable, targetOf } from './draft.ts';
import { maintainCordon } from './maintain.ts';
import type { AddonSet } from './projection.ts';
import type { PullSecret } from './pull-secret.ts';

/**
 * Gives the target to nodes that have another or none. A node that runs the target already pulls nothing, and one that is pulling an
 * older target keeps its permit; the others wait for one. A node whose agent cannot act gets its target when it is back. One whose agent has not said yet
 * whether it can merge addons is given the image alone, and never the go-ahead for that.
 */
export function givePermits(draft: Draft): void {
  const { target, maxStaging } = draft.pool;
  if (!target) return;
  let free = maxStaging - count(draft, e => isPulling(e) && reachable(e));
  const waiting = draft.entries.filter(
    e =>
      needsTarget(e) && mayBeGiven(e) && e.member.conflicts.length === 0 && reachable(e) && !isRefused(draft, e.member.node.name),
  );
  for (const entry of inOrder(draft, waiting, rank)) {
    const costs = rank(entry) === 2 ? 1 : 0;
    if (costs > free) continue;
    act(draft, entry, {
      type: 'target',
      node: entry.member.node.name,
      ...targetOf(draft, target, addonsFor(entry)),
      since: draft.pool.now,
    });
    // One that goes down pulls after its boot, and until then holds nobody up: the next plan counts it so too.
    if (isPulling(entry)) free -= costs;
    // The cordon of a boot that failed has no purpose from here on; left to the next plan it would stay until something else happens.
    maintainCordon(draft, entry);
  }
}

/**
 * Gives other credentials to nodes that have the target still to pull, or could not in time; for the others they come with their next
 * target. The time to stage begins anew.
 */
export function renewPullSecrets(draft: Draft): void {
  const { target, pullSecret, now } = draft.pool;
  if (!target) return;
  for (const entry of draft.entries) {
    const { node, nodeTarget, conflicts } = entry.member;
    if (!nodeTarget || conflicts.length > 0 || !hasToPull(entry) || samePullSecret(nodeTarget.pullSecret, pullSecret)) continue;
    if (nodeTarget.addons && !mayStart(entry)) continue;
    const since = Math.max(now, nodeTarget.since);
    act(draft, entry, { type: 'target', node: node.name, ...targetOf(draft, target, nodeTarget.addons), since });
  }
}

function hasToPull({ state }: Entry): boolean {
  return state.kind === 'Staging' || (state.kind === 'Failed' && state.reason === 'StageTimeout');
}

function samePullSecret(a: PullSecret | undefined, b: PullSecret | undefined): boolean {
  return a?.name === b?.name && a?.revision === b?.revision;
}

function needsTarget({ state }: Entry): boolean {
  return state.kind === 'New' || state.kind === 'Outdated';
}

/** What it is to have, where its agent can merge that. */
function addonsFor({ member: { addons, nodeTarget } }: Entry): AddonSet | undefined {
  return nodeTarget?.host?.canMerge ? addons : undefined;
}

function mayBeGiven(entry: Entry): boolean {
  const { member, state } = entry;
  return mayStart(entry) && (!member.addons || state.kind === 'New' || member.nodeTarget?.host?.canMerge === true);
}

function isPulling({ state }: Entry): boolean {
  return state.kind === 'Staging' || (state.kind === 'Outdated' && state.pulling);
}

function rank({ state }: Entry): number {
  if (state.kind !== 'Outdated') return 2;
  return state.runs ? 0 : state.pulling ? 1 : 2;
}
