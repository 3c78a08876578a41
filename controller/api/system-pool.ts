// Generated from crds/systempools.yaml by `npm run generate`. Do not edit.
import type { Condition, ObjectMeta } from './meta.ts';
import type { Resource } from './resource.ts';

export const systempools: Resource<SystemPool> = {
  group: 'scantling.dev',
  version: 'v1alpha1',
  plural: 'systempools',
  kind: 'SystemPool',
  namespaced: false,
};

/**
 * SystemPool is a set of nodes that run the same system, and how they are updated.
 * Rule: name is at most 63 characters, because NodeTargets are labelled with it.
 */
export interface SystemPool {
  apiVersion: 'scantling.dev/v1alpha1';
  kind: 'SystemPool';
  metadata: ObjectMeta;
  spec: SystemPoolSpec;
  status?: SystemPoolStatus;
}
export interface SystemPoolSpec {
  nodeSelector: SystemPoolSpecNodeSelector;
  system: SystemPoolSpecSystem;
  /**
   * Starts nothing new, no staging, drain or reboot. A node that was already approved to reboot finishes.
   * Default: false.
   */
  suspend: boolean;
  rollout: SystemPoolSpecRollout;
  drain: SystemPoolSpecDrain;
}
/**
 * Nodes of the pool. A node may belong to one pool only; where two match, neither moves it.
 * Rule: an empty selector would select every node; name at least one label.
 */
export interface SystemPoolSpecNodeSelector {
  matchLabels?: {
    [k: string]: string;
  };
  matchExpressions?: SystemPoolSpecNodeSelectorMatchExpression[];
}
/**
 * Rule: In and NotIn need values; Exists and DoesNotExist take none.
 */
export interface SystemPoolSpecNodeSelectorMatchExpression {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: string[];
}
/**
 * What the nodes run; exactly one of definitionRef, image.
 * Rule: exactly one of definitionRef, image is required.
 */
export interface SystemPoolSpecSystem {
  definitionRef?: SystemPoolSpecSystemDefinitionRef;
  /**
   * Image by digest, or by tag, which is resolved when the pool changes, or on request.
   */
  image?: string;
}
export interface SystemPoolSpecSystemDefinitionRef {
  name: string;
}
export interface SystemPoolSpecRollout {
  /**
   * Nodes that may be unavailable at once, for any reason, as a number or a percentage (rounded down, at least 1). 0 starts nothing.
   * Default: 1.
   * Rule: maxUnavailable is a number or a percentage from 0% to 100%.
   */
  maxUnavailable: number | string;
  /**
   * Nodes that may pull and stage at once, which is what the registry has to bear.
   * Default: 10.
   */
  maxStaging: number;
  /**
   * Nodes that are updated and proven before the rest starts; 0 for none.
   * Default: 1.
   */
  canary: number;
  /**
   * Nodes failed on the target at which the rollout halts.
   * Default: 1.
   */
  failureThreshold: number;
  timeouts: SystemPoolSpecRolloutTimeouts;
}
export interface SystemPoolSpecRolloutTimeouts {
  /**
   * Default: "30m".
   */
  stage: string;
  /**
   * Default: "30m".
   */
  drain: string;
  /**
   * From the go-ahead until the node is Ready on its new image.
   * Default: "15m".
   */
  reboot: string;
}
export interface SystemPoolSpecDrain {
  /**
   * Evicts the node's pods before its reboot. Without it the node is cordoned and rebooted under its pods.
   * Default: true.
   */
  enabled: boolean;
  /**
   * Evicts pods that no controller will make anew. Without it such a pod blocks the drain.
   * Default: false.
   */
  force: boolean;
  /**
   * Evicts pods with emptyDir volumes; their content is lost. Without it such a pod blocks the drain.
   * Default: true.
   */
  deleteEmptyDirData: boolean;
  /**
   * Grace period of evicted pods; default: each pod's own.
   */
  gracePeriodSeconds?: number;
}
export interface SystemPoolStatus {
  observedGeneration?: number;
  lastHandledReconcileAt?: string;
  target?: SystemPoolStatusTarget;
  previous?: SystemPoolStatusPrevious;
  nodes?: SystemPoolStatusNodes;
  currentWave?: string;
  failedNodes?: SystemPoolStatusFailedNode[];
  conditions?: Condition[];
}
/**
 * What the nodes are moved to.
 */
export interface SystemPoolStatusTarget {
  /**
   * As repository@digest.
   */
  image?: string;
  /**
   * Index and platform digests that count as the image.
   */
  digests?: string[];
  /**
   * Commit the image was built from.
   */
  revision?: string;
  /**
   * The spec.system.image this was resolved from.
   */
  requested?: string;
}
/**
 * What the nodes were moved to before.
 */
export interface SystemPoolStatusPrevious {
  /**
   * As repository@digest.
   */
  image?: string;
  /**
   * Index and platform digests that count as the image.
   */
  digests?: string[];
  /**
   * Commit the image was built from.
   */
  revision?: string;
  /**
   * The spec.system.image this was resolved from.
   */
  requested?: string;
}
export interface SystemPoolStatusNodes {
  total?: number;
  /**
   * Nodes that booted the target and are Ready.
   */
  updated?: number;
  /**
   * Nodes that hold the target staged and wait for their turn.
   */
  staged?: number;
  /**
   * Nodes being drained or rebooted.
   */
  updating?: number;
  /**
   * Nodes not Ready, cordoned, or taken away, for whatever reason.
   */
  unavailable?: number;
  /**
   * Nodes that failed on the target.
   */
  failed?: number;
}
export interface SystemPoolStatusFailedNode {
  name: string;
  reason: string;
  message: string;
}
