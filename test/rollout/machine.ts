/** One simulated machine: what is really on it, and what the API says of it. */
import type { Action } from '../../controller/rollout/actions.ts';
import type { Target } from '../../controller/rollout/on-host.ts';
import { setDigest } from '../../controller/addon/set-digest.ts';
import type { HostView } from '../../controller/rollout/host-view.ts';
import type { AddonSet, NodeTargetView, NodeView } from '../../controller/rollout/projection.ts';

/** The pools that may select a machine. */
export type PoolName = 'pool' | 'other';

/** A machine as the API server shows it to the controller. */
export interface Seen {
  node: NodeView;
  nodeTarget?: NodeTargetView;
  inPool: boolean;
  inOther: boolean;
  deleted: boolean;
}

export const minute = 60_000;
export const timeouts = { stage: 30 * minute, drain: 30 * minute, reboot: 15 * minute };

/** Image number n; its index digest and one platform digest. */
export function image(n: number): Target {
  const hex = n.toString(16).padStart(4, '0').repeat(16);
  const platform = `f${hex.slice(1)}`;
  return {
    image: `registry.example/os@sha256:${hex}`,
    digests: [`sha256:${hex}`, `sha256:${platform}`],
    revision: `main@sha1:${hex.slice(0, 40)}`,
  };
}

const sets = [1, 2, 3].map(n => {
  const addons = [n, n + 1].map(i => ({
    name: `addon-${i}`,
    image: addonImage(i),
    digest: `sha256:${`${i}a`.padStart(64, '0')}`,
    size: 4096,
  }));
  return { digest: setDigest(addons) ?? '', addons };
});

/** How addons may change, by their numbers. */
export type Applies = readonly ('Reboot' | 'Drained' | 'Open')[];

/** Set number n of addons, up to 3; none for 0. Neighbours share one. */
export function addonSet(n: number, applies: Applies = []): AddonSet | undefined {
  const set = sets[n - 1];
  if (!set || applies.every(apply => apply === 'Reboot')) return set;
  const addons = set.addons.map((addon, i) => {
    const apply = applies[n + i] ?? 'Reboot';
    return apply === 'Reboot' ? addon : { ...addon, apply: { mode: 'Live' as const, drain: apply === 'Drained' } };
  });
  return { ...set, addons };
}

/** The files of a set. */
export function mergedIn(digest: string | undefined): { name: string; digest: string }[] | undefined {
  return sets.find(set => set.digest === digest)?.addons.map(({ name, digest }) => ({ name, digest }));
}

export function addonImage(i: number): string {
  return `registry.example/addon-${i}@sha256:${`${i}b`.padStart(64, '0')}`;
}

export const indexOf = (target: Target): string => target.digests[0] ?? '';
export const platformOf = (target: Target): string => target.digests[1] ?? '';

/** One node with what is really on it, which the controller sees only through the objects. */
export interface Machine {
  node: NodeView;
  nodeTarget?: NodeTargetView;
  /** Booted and staged platform digests, and the agent's memory. */
  host: HostView & { bootID: string };
  verdict?: NonNullable<NodeTargetView['verdict']>;
  /** Which set of addons the node asks for besides what its pool does; what nobody has: 'unknown'. */
  asks?: number | 'unknown';
  pods: number;
  /** A disruption budget forbids evictions. */
  blocked: boolean;
  agentDead: boolean;
  /** The host was told to reboot into this, and nothing can stop it. */
  told?: { digest: string; set?: string; pair: string; approval: string };
  /** The host changes its addons, and nothing can stop it. */
  applying?: { set?: string; pair: string; approval: string };
  /** Between the end of the shutdown and the boot. */
  down: boolean;
  /** It has booted, and its kubelet has not said so yet. */
  kubeletLate: boolean;
  /** How far the host's clock is ahead, ms. */
  skew: number;
  /** A report that was sent and has not arrived. */
  onItsWay?: { uid: string; host: HostView; verdict?: NonNullable<NodeTargetView['verdict']> };
  /** For how many passes more the controller's cache stands still, at `seen`. */
  lag: number;
  seen?: Seen;
  /** A person lifted our cordon while the node was away; until the controller has put it back, anything may run there. */
  opened: boolean;
  /** A write of this kind that the API server does not let the controller make for it. */
  refuses?: Action['type'];
  /** When it was given the go-ahead for a boot that has not ended, and whether its pods had to be gone for it. */
  approvedAt?: number;
  drained?: boolean;
  /** A person cordoned it and has not lifted it. */
  personCordon: boolean;
  inPool: boolean;
  inOther: boolean;
  deleted: boolean;
  /** Digests, of targets and of images, that were armed and failed since they were last allowed. */
  failedOn: Set<string>;
}
