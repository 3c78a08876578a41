/** What a host has of its target: the image, and the addons that are merged over it. Pure. */
import { barringDigests, isTarget } from '../api/target-digest.ts';
import { sha256 } from '../addon/set-digest.ts';
import type { AddonSet, NodeTargetView } from './projection.ts';

export interface Target {
  /** repository@digest. */
  image: string;
  /** Index and platform digests that count as the image. */
  digests: readonly string[];
  revision?: string;
  /** What is merged over it, where that is said of one node: nodes of one pool may differ. */
  addons?: AddonSet;
}

/** Whether the node's host runs its target, with the very addons of it. */
export function runsTarget(nodeTarget: Pick<NodeTargetView, 'host' | 'digests' | 'addons'>): boolean {
  return runs(nodeTarget.host, nodeTarget);
}

export function runs(host: NodeTargetView['host'], { digests, addons }: Pick<Target, 'digests' | 'addons'>): boolean {
  return isTarget({ digests, set: addons?.digest }, { digest: host?.booted, set: host?.set });
}

function runsImage({ host, digests }: NodeTargetView): boolean {
  return host?.booted !== undefined && digests.includes(host.booted);
}

/** The target of a NodeTarget. */
export function targetIn({ image, digests, revision, addons }: NodeTargetView): Target {
  return { image, digests, ...(revision === undefined ? {} : { revision }), ...(addons ? { addons } : {}) };
}

/**
 * What is staged, when it is the target and locked, or will not be: on this host it cannot be, or its agent has nothing left to do. That is so
 * after a go-ahead that was taken back when the host was unlocked already: bootc does not lock again.
 */
export function stagedOf(nodeTarget: NodeTargetView): { locked: boolean } | undefined {
  const { host, digests } = nodeTarget;
  const staged = host?.staged;
  if (!isPrepared(nodeTarget)) return undefined;
  if (!staged || !digests.includes(staged.digest)) return runsImage(nodeTarget) ? { locked: true } : undefined;
  return staged.locked || !host.canLock || host.phase === 'Staged' ? { locked: staged.locked } : undefined;
}

/**
 * Whether the next boot of the image merges what it is to. An agent that knows nothing of addons says nothing of them, and merges none; where an image that
 * runs is to lose what is merged over it, that takes a word.
 */
export function isPrepared({ host, digests, addons }: Pick<NodeTargetView, 'host' | 'digests' | 'addons'>): boolean {
  const { prepared, booted } = host ?? {};
  const own = prepared && digests.includes(prepared.image) ? prepared : undefined;
  if (addons) return own?.set === addons.digest;
  if (booted !== undefined && digests.includes(booted)) return own !== undefined && own.set === undefined;
  return own?.set === undefined;
}

/** Digests whose failures are the target's. */
export function barringOf({ digests, addons }: Pick<NodeTargetView, 'digests' | 'addons'>): readonly string[] {
  return addons ? barringDigests({ digests, set: addons.digest }, sha256) : digests;
}
