/** Whether a node changes its addons without a reboot: where all that differs says so, the image stays, and the host can. Pure. */
import { isLiveApproval } from '../api/approval.ts';
import type { NodeTargetSpecApply } from '../api/node-target.ts';
import type { HostView } from './host-view.ts';
import type { Target } from './on-host.ts';
import type { AddonSet, NodeTargetView } from './projection.ts';

/** A change on the running host. */
export interface Live {
  /** The node is cordoned and drained for it, as for a reboot. */
  drain: boolean;
}

type Known = Pick<NodeTargetView, 'host' | 'addons' | 'image' | 'apply'>;

/**
 * How a node that is given a target now comes to it; absent: by a reboot. What goes has its word by the target that the node has so far, since nobody
 * may know it any more.
 */
export function applyFor(nodeTarget: Known | undefined, target: Target): NodeTargetSpecApply | undefined {
  const { host } = nodeTarget ?? {};
  if (!nodeTarget || !host || !canChange(host, target.digests)) return undefined;
  const wanted = target.addons?.addons ?? [];
  const isSame = nodeTarget.image === target.image && nodeTarget.addons?.digest === target.addons?.digest;
  const gone = (host.merged ?? [])
    .filter(({ name }) => wanted.every(addon => addon.name !== name))
    .map(({ name, digest }) => {
      const known = nodeTarget.addons?.addons.find(addon => addon.name === name && addon.digest === digest);
      return known?.apply ?? (isSame ? nodeTarget.apply : undefined);
    });
  const live = together([...gone, ...changed(host, wanted).map(({ apply }) => apply)]);
  return live && inSpec(live);
}

/**
 * What a node that has its turn now may do on its running host; undefined: it reboots. What an addon says now counts, where that is more than it said
 * when the node was given its target.
 */
export function liveNow(nodeTarget: NodeTargetView, wanted: AddonSet | undefined): Live | undefined {
  const { host, apply, digests } = nodeTarget;
  if (apply?.mode !== 'Live' || !host || !canChange(host, digests)) return undefined;
  return together([apply, ...changed(host, wanted?.addons ?? []).map(addon => addon.apply)]);
}

/** The go-ahead that a node has is for its running host, and the node is neither cordoned nor drained for it. */
export function isOpen({ state, approval, apply }: Pick<NodeTargetView, 'state' | 'approval' | 'apply'>): boolean {
  return state === 'Booted' && isLiveApproval(approval) && apply?.drain === false;
}

/** How a target says it. */
export function inSpec({ drain }: Live): NodeTargetSpecApply {
  return { mode: 'Live', drain };
}

/** The image runs, what is merged over it is whole, and no boot of anything else is to come. */
function canChange(host: HostView, digests: readonly string[]): boolean {
  const { booted, staged, set, phase, canApply } = host;
  if (canApply !== true || set === '' || phase === 'Rebooting') return false;
  return booted !== undefined && digests.includes(booted) && (staged === undefined || staged.locked);
}

/** Those that come or are others than what is merged. Where all files are the same under other artifacts, every one has its word. */
function changed(host: HostView, wanted: AddonSet['addons']): AddonSet['addons'] {
  const merged = new Map((host.merged ?? []).map(({ name, digest }) => [name, digest]));
  const differing = wanted.filter(({ name, digest }) => merged.get(name) !== digest);
  const isLess = [...merged.keys()].some(name => wanted.every(addon => addon.name !== name));
  return differing.length > 0 || isLess ? differing : wanted;
}

function together(words: readonly (NodeTargetSpecApply | undefined)[]): Live | undefined {
  if (words.length === 0 || words.some(word => word?.mode !== 'Live')) return undefined;
  return { drain: words.some(word => word?.drain !== false) };
}
