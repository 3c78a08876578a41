/** Takes back what trust does not allow: go-aheads that no node has used yet, and targets that nodes have not booted. No node is rebooted for it. */
import { isBeyondRecall, isOfAnother, runsAny, type Target } from './classify.ts';
import { act, type Draft, type Entry, isRefusedImage, isUnjudgedImage, targetOf } from './draft.ts';
import { foreignImage } from './images-in-use.ts';
import type { NodeTargetView } from './projection.ts';

/** Both: nothing of it reboots a node. */
export function takeBack(draft: Draft): void {
  takeBackRefused(draft);
  recall(draft);
}

/**
 * Sets every node that has a refused image still before it back to what it runs; one that has never said what it runs has no target until there is
 * one again. A node that is on its way down already is left to finish.
 */
function takeBackRefused(draft: Draft): void {
  if (draft.pool.trust.refused.length === 0) return;
  const known = knownImages(draft);
  for (const entry of draft.entries) {
    const { node, nodeTarget } = entry.member;
    if (nodeTarget?.pool !== draft.pool.pool || isOfAnother(nodeTarget, node)) continue;
    if (!isRefusedImage(draft, nodeTarget.image) || runsAny(nodeTarget, nodeTarget.digests)) continue;
    if (isBeyondRecall(node, nodeTarget, draft.around)) continue;
    const to = nodeTarget.deleting ? undefined : runningImage(nodeTarget, known);
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
    if (!isUnjudgedImage(draft, nodeTarget.image) || runsAny(nodeTarget, nodeTarget.digests)) continue;
    if (isBeyondRecall(node, nodeTarget, draft.around)) continue;
    const { image, digests, revision, pullSecret } = nodeTarget;
    const target = { image, digests, ...(revision === undefined ? {} : { revision }) };
    const since = Math.max(draft.pool.now, nodeTarget.since);
    act(draft, entry, { type: 'target', node: node.name, target, ...(pullSecret ? { pullSecret } : {}), since, back: true });
  }
}

function giveBack(draft: Draft, entry: Entry, target: Target): void {
  const { node, nodeTarget } = entry.member;
  const since = Math.max(draft.pool.now, nodeTarget?.since ?? 0);
  act(draft, entry, { type: 'target', node: node.name, ...targetOf(draft, target), since, back: true });
}

/** What the node runs, as a target. */
function runningImage({ host }: NodeTargetView, known: readonly Target[]): Target | undefined {
  const booted = host?.booted;
  if (booted === undefined) return undefined;
  return known.find(t => t.digests.includes(booted)) ?? (host && foreignImage(host));
}

/** All images whose digests are known. */
function knownImages({ pool, entries }: Draft): Target[] {
  const { target, previous } = pool;
  const named = entries.flatMap(({ member: { nodeTarget } }) => {
    if (!nodeTarget) return [];
    const { image, digests, revision } = nodeTarget;
    return [{ image, digests, ...(revision === undefined ? {} : { revision }) }];
  });
  return [...(target ? [target] : []), ...(previous ? [previous] : []), ...named];
}
