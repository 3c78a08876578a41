/** Takes back what trust does not allow: go-aheads that no node has used yet, and targets that nodes have not booted. No node is rebooted for it. */
import { isBeyondRecall, isOfAnother } from './classify.ts';
import { act, type Draft, type Entry, isRefusedTarget, isUnjudgedTarget, targetOf } from './draft.ts';
import { foreignImage } from './images-in-use.ts';
import { runsTarget, type Target, targetIn } from './on-host.ts';
import type { AddonSet, NodeTargetView } from './projection.ts';

/** Both: nothing of it reboots a node. */
export function takeBack(draft: Draft): void {
  takeBackRefused(draft);
  recall(draft);
}

/**
 * Sets every node that has a refused image, or addon, still before it back to what it runs. One that has never said what it runs, or runs addons that are known
 * by their digest alone, has no target until there is one again. A node that is on its way down already is left to finish.
 */
function takeBackRefused(draft: Draft): void {
  if (draft.pool.trust.refused.length === 0) return;
  const known = knownImages(draft);
  for (const entry of draft.entries) {
    const { node, nodeTarget } = entry.member;
    if (nodeTarget?.pool !== draft.pool.pool || isOfAnother(nodeTarget, node)) continue;
    if (!isRefusedTarget(draft, nodeTarget) || runsTarget(nodeTarget)) continue;
    if (isBeyondRecall(node, nodeTarget, draft.around)) continue;
    const to = nodeTarget.deleting ? undefined : runningTarget(draft, nodeTarget, known);
    if (to) giveBack(draft, entry, to);
    else if (!nodeTarget.deleting || nodeTarget.finalizers.length > 0)
      act(draft, entry, { type: 'remove', node: node.name, back: true });
  }
}

/**
 * Takes the go-aheads back that no node has used for images of which nobody can say any more whether they are allowed. What is staged stays; a node that
 * did not come back in time goes on counting as one that failed.
 */
function recall(draft: Draft): void {
  for (const entry of draft.entries) {
    const { node, nodeTarget } = entry.member;
    if (nodeTarget?.state !== 'Booted' || entry.state.kind !== 'Rebooting' || nodeTarget.deleting) continue;
    if (!isUnjudgedTarget(draft, nodeTarget) || runsTarget(nodeTarget)) continue;
    if (isBeyondRecall(node, nodeTarget, draft.around)) continue;
    const { pullSecret } = nodeTarget;
    const target = targetIn(nodeTarget);
    const since = Math.max(draft.pool.now, nodeTarget.since);
    act(draft, entry, { type: 'target', node: node.name, target, ...(pullSecret ? { pullSecret } : {}), since, back: true });
  }
}

function giveBack(draft: Draft, entry: Entry, target: Target): void {
  const { node, nodeTarget } = entry.member;
  const since = Math.max(draft.pool.now, nodeTarget?.since ?? 0);
  act(draft, entry, { type: 'target', node: node.name, ...targetOf(draft, target, target.addons), since, back: true });
}

/** What the node runs, as a target. */
function runningTarget(draft: Draft, { host }: NodeTargetView, known: readonly Target[]): Target | undefined {
  if (host?.booted === undefined) return undefined;
  const { booted, set } = host;
  const image = known.find(t => t.digests.includes(booted)) ?? foreignImage(host);
  if (!image) return undefined;
  const { addons: _, ...bare } = image;
  if (set === undefined) return bare;
  const addons = host.canMerge ? knownSet(draft, set) : undefined;
  return addons && { ...bare, addons };
}

/** The set of this digest, of those that nodes have or are to have. */
function knownSet({ entries }: Draft, digest: string): AddonSet | undefined {
  for (const { member } of entries) {
    const found = [member.nodeTarget?.addons, member.addons].find(set => set?.digest === digest);
    if (found) return found;
  }
  return undefined;
}

/** All images whose digests are known. */
function knownImages({ pool, entries }: Draft): Target[] {
  const { target, previous } = pool;
  const named = entries.flatMap(({ member: { nodeTarget } }) => (nodeTarget ? [targetIn(nodeTarget)] : []));
  return [...(target ? [target] : []), ...(previous ? [previous] : []), ...named];
}
