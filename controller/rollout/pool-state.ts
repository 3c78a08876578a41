/** All that a plan is made from, as plain data: it survives JSON, and nothing else matters. */
import type { Member, Timeouts } from './classify.ts';
import type { Target } from './on-host.ts';
import type { NodeTargetView, NodeView } from './projection.ts';
import type { PullSecret } from './pull-secret.ts';

/** What one pass of evictions found on a node. */
export interface DrainReport {
  /** No pod is left that would have to go. */
  drained: boolean;
  /** Why it cannot end by itself; absent while pods are just going. */
  blocked?: { reason: string; message: string };
  /** Since when every look of this process found it so, epoch ms: time in which nobody drained does not hold a drain up. */
  blockedSince?: number;
}

/** A node that the pool no longer selects, or that is gone, and on which the pool has left something. */
export interface Departed {
  name: string;
  node?: NodeView;
  nodeTarget?: NodeTargetView;
}

/** What trust says of an image, of those that NodeTargets name, that nodes run, or that the pool asks for. */
export interface JudgedImage {
  /** repository@digest. */
  image: string;
  /** Index and platform digests that count as the image. */
  digests: readonly string[];
  /** They count for those nodes alone that name the image. */
  own?: true;
  /** An addon. */
  addon?: true;
  /** Of an addon: digests of the sets that it is in. */
  sets?: readonly string[];
  reason: string;
  message: string;
}

/** What the trust policies say, as far as a plan has to know it. */
export interface TrustState {
  refused: readonly JudgedImage[];
  /** Of which nobody can say whether they are allowed, and why: go-aheads for them are taken back, and nodes that run them are named. */
  unjudged?: readonly JudgedImage[];
  /** Why nobody knows whether the target is allowed now: it stays, nothing is staged or armed, and go-aheads that are not used yet are taken back. */
  unknown?: { reason: string; message: string };
}

/** Why nothing new may start; `stalled` when a person has to do something. */
export interface Frozen {
  reason: string;
  message: string;
  stalled?: true;
}

export interface PoolState {
  pool: string;
  now: number;
  maxUnavailable: number | string;
  maxStaging: number;
  canary: number;
  failureThreshold: number;
  timeouts: Timeouts;
  drain: boolean;
  /** What the nodes should run; absent while nothing is known. */
  target?: Target;
  /** What the nodes pull it with; absent where they use what they have. */
  pullSecret?: PullSecret;
  /** Why nothing new may start. Nodes that were approved finish all the same. */
  frozen?: Frozen;
  trust: TrustState;
  /** What the nodes were moved to before the target. */
  previous?: Target;
  /** A person asked for failed nodes to be tried again. */
  retry: boolean;
  members: readonly Member[];
  departed: readonly Departed[];
  /** Nodes for which the API server has refused a write: they are left as they are, and count as what they are. */
  refused: readonly string[];
  /** By node name, from this very pass. */
  drains: Readonly<Record<string, DrainReport>>;
}
