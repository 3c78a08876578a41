// Generated from crds/nodetargets.yaml by `npm run generate`. Do not edit.
import type { Condition, ObjectMeta } from './meta.ts';
import type { Resource } from './resource.ts';

export const nodetargets: Resource<NodeTarget> = {
  group: 'scantling.dev',
  version: 'v1alpha1',
  plural: 'nodetargets',
  kind: 'NodeTarget',
  namespaced: false,
};

/**
 * NodeTarget says what one node should run (spec, written by the controller) and what it does run (status, written by the node's agent). It is named after its node.
 */
export interface NodeTarget {
  apiVersion: 'scantling.dev/v1alpha1';
  kind: 'NodeTarget';
  metadata: ObjectMeta;
  spec: NodeTargetSpec;
  status?: NodeTargetStatus;
}
/**
 * Rule: state Booted needs an approval.
 */
export interface NodeTargetSpec {
  poolRef: NodeTargetSpecPoolRef;
  /**
   * Target, as repository@digest.
   */
  image: string;
  /**
   * Index and platform digests that count as the target; bootc reports the platform's where the image names the index.
   */
  digests: string[];
  /**
   * Commit the target was built from, as main@sha1:<40 hex>.
   */
  revision?: string;
  /**
   * Staged: pull and prepare, locked, without effect on the next boot. Booted: arm the staged target and reboot into it.
   */
  state: 'Staged' | 'Booted';
  /**
   * The go-ahead to reboot, as <RFC 3339 time>/<digest>; each go-ahead is new. The agent arms only the digest it names.
   */
  approval?: string;
  /**
   * When image, state or approval last changed; deadlines count from here.
   */
  since: string;
}
export interface NodeTargetSpecPoolRef {
  name: string;
}
export interface NodeTargetStatus {
  observedGeneration?: number;
  host?: NodeTargetStatusHost;
  verdict?: NodeTargetStatusVerdict;
  rollout?: NodeTargetStatusRollout;
  conditions?: Condition[];
}
/**
 * What the agent sees on its host. Written by the agent.
 */
export interface NodeTargetStatusHost {
  /**
   * Unmanaged: the host was not booted from a bootable container image.
   */
  phase?: 'Idle' | 'Staging' | 'Staged' | 'Rebooting' | 'Failed' | 'Unmanaged';
  bootID?: string;
  /**
   * When the agent last wrote this; its heartbeat.
   */
  reportedAt?: string;
  agentVersion?: string;
  bootcVersion?: string;
  /**
   * What the host's bootc can do: SwitchDownloadOnly, UpgradeDownloadOnly, LockedStaging.
   */
  capabilities?: string[];
  booted?: NodeTargetStatusHostBooted;
  staged?: NodeTargetStatusHostStaged;
  rollback?: NodeTargetStatusHostRollback;
  /**
   * Digests that failed on this host; tried again only with a new approval.
   */
  failed?: NodeTargetStatusHostFailed[];
  /**
   * What on the host needs a person: drift, a lock that is missing, a foreign staging.
   */
  problems?: NodeTargetStatusHostProblem[];
}
export interface NodeTargetStatusHostBooted {
  image?: string;
  digest?: string;
  version?: string;
  revision?: string;
  /**
   * Staged without effect on the next boot.
   */
  locked?: boolean;
}
export interface NodeTargetStatusHostStaged {
  image?: string;
  digest?: string;
  version?: string;
  revision?: string;
  /**
   * Staged without effect on the next boot.
   */
  locked?: boolean;
}
export interface NodeTargetStatusHostRollback {
  image?: string;
  digest?: string;
  version?: string;
  revision?: string;
  /**
   * Staged without effect on the next boot.
   */
  locked?: boolean;
}
export interface NodeTargetStatusHostFailed {
  digest: string;
  reason: string;
  message?: string;
  time: string;
  /**
   * The go-ahead under which it failed.
   */
  approval?: string;
}
export interface NodeTargetStatusHostProblem {
  reason: string;
  message: string;
}
/**
 * What the node's last approved boot turned out to be. Written by the agent.
 */
export interface NodeTargetStatusVerdict {
  type: 'Succeeded' | 'FellBack' | 'FinalizeFailed' | 'Unapplied' | 'Unknown';
  /**
   * Digest that was meant to boot.
   */
  digest: string;
  approval?: string;
  bootID: string;
  time: string;
  message?: string;
}
/**
 * Why the node is not moving, or that it failed. Written by the controller, and only when there is something to say.
 */
export interface NodeTargetStatusRollout {
  phase: 'Staging' | 'Draining' | 'Rebooting' | 'Failed' | 'Conflict';
  since: string;
  reason: string;
  message: string;
  deadline?: string;
  /**
   * Target digest this is about.
   */
  digest?: string;
}
