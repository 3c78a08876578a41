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
/**
 * Which nodes are meant, what they run, and how they get there.
 */
export interface SystemPoolSpec {
  nodeSelector: SystemPoolSpecNodeSelector;
  system: SystemPoolSpecSystem;
  pullSecretRef?: SystemPoolSpecPullSecretRef;
  /**
   * Addons that the nodes run over the image, over those that the image itself asks for. A node may ask for others, by the annotation scantling.dev/addons on its Node. Nodes get an image together with all its addons, or not at all.
   */
  addons?: SystemPoolSpecAddon[];
  /**
   * Starts nothing new, no staging, drain or reboot. A node that was already approved to reboot finishes. Default: false.
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
  /**
   * Labels with their values that a node must have, all of them.
   */
  matchLabels?: {
    [k: string]: string;
  };
  /**
   * Further conditions on the labels of a node, all of which must hold.
   */
  matchExpressions?: SystemPoolSpecNodeSelectorMatchExpression[];
}
/**
 * Rule: In and NotIn need values; Exists and DoesNotExist take none.
 */
export interface SystemPoolSpecNodeSelectorMatchExpression {
  /**
   * Key of the label.
   */
  key: string;
  /**
   * In and NotIn compare with values; Exists and DoesNotExist look for the key only.
   */
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /**
   * Values for In and NotIn.
   */
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
   * Rule: must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>.
   * Rule: needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1.
   */
  image?: string;
}
/**
 * The SystemDefinition whose last good image the nodes run.
 */
export interface SystemPoolSpecSystemDefinitionRef {
  /**
   * Name of the SystemDefinition.
   */
  name: string;
}
/**
 * Secret of type kubernetes.io/dockerconfigjson in the operator's namespace, with which the nodes pull the image, and with which spec.system.image is looked up. Of its entries, nodes get those for the image, for the images of the definition's workloads and for the artifacts of addons.
 */
export interface SystemPoolSpecPullSecretRef {
  /**
   * Name of the Secret.
   */
  name: string;
}
export interface SystemPoolSpecAddon {
  /**
   * Name of the entry: it takes the place of the entry of this name that the image asks for.
   * Rule: must be lower case letters, digits and dashes, as containerd.
   */
  name: string;
  /**
   * Name of the SystemAddon; '' masks the entry: the nodes run nothing of this name, whatever the image asks for.
   * Rule: must be the name of a SystemAddon, or '' to run nothing of this name.
   */
  addon: string;
}
/**
 * How many nodes move at once, how it is tried first, and when it stops.
 */
export interface SystemPoolSpecRollout {
  /**
   * Nodes that may be unavailable at once, for any reason, as a number or a percentage (rounded down, at least 1). 0 starts nothing. Default: 1.
   * Rule: maxUnavailable is a number or a percentage from 0% to 100%.
   */
  maxUnavailable: number | string;
  /**
   * Nodes that may pull and stage at once, which is what the registry has to bear. Default: 10.
   */
  maxStaging: number;
  /**
   * Nodes that are updated and proven before the rest starts, also of those that are to run the same addons; 0 for none. Default: 1.
   */
  canary: number;
  /**
   * Nodes failed on the target at which the rollout halts. Default: 1.
   */
  failureThreshold: number;
  timeouts: SystemPoolSpecRolloutTimeouts;
}
/**
 * How long each part of an update may take on one node before it counts as failed.
 */
export interface SystemPoolSpecRolloutTimeouts {
  /**
   * To pull and stage the image, as 30m or 1h. Default: 30m.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  stage: string;
  /**
   * To evict the pods, as 10m; a node that cannot be drained in this time is given back. Default: 30m.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  drain: string;
  /**
   * From the go-ahead until the node is Ready on its new image, as 15m. Default: 15m.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  reboot: string;
}
/**
 * How pods are taken off a node before it reboots.
 */
export interface SystemPoolSpecDrain {
  /**
   * Evicts the node's pods before its reboot. Without it the node is cordoned and rebooted under its pods. Default: true.
   */
  enabled: boolean;
  /**
   * Evicts pods that no controller will make anew. Without it such a pod blocks the drain. Default: false.
   */
  force: boolean;
  /**
   * Evicts pods with emptyDir volumes; their content is lost. Without it such a pod blocks the drain. Default: true.
   */
  deleteEmptyDirData: boolean;
  /**
   * Grace period of evicted pods; default: each pod's own.
   */
  gracePeriodSeconds?: number;
}
/**
 * What the nodes are moved to and how far that is. Written by the controller.
 */
export interface SystemPoolStatus {
  /**
   * The metadata.generation that the status speaks of.
   */
  observedGeneration?: number;
  /**
   * Value of the annotation reconcile.scantling.dev/requestedAt that was last acted upon.
   */
  lastHandledReconcileAt?: string;
  target?: SystemPoolStatusTarget;
  previous?: SystemPoolStatusPrevious;
  addons?: SystemPoolStatusAddons;
  pullSecret?: SystemPoolStatusPullSecret;
  nodes?: SystemPoolStatusNodes;
  /**
   * canary or rest; absent while no rollout is under way.
   */
  currentWave?: string;
  /**
   * Nodes that failed on the target, and why; the first 50 by name.
   */
  failedNodes?: SystemPoolStatusFailedNode[];
  /**
   * What the controller says of the object; Ready is always there, Reconciling and Stalled only while True.
   */
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
  /**
   * Whether the image says by its annotation that it has a profile of addons.
   */
  addonsProfile?: boolean;
  trust?: SystemPoolStatusTargetTrust;
}
/**
 * What the trust policies say of it.
 */
export interface SystemPoolStatusTargetTrust {
  /**
   * Trusted: signed as the policy wants. Warned and Skipped: let through by the mode of the policy. NotConfigured: no policy for such things exists.
   */
  decision: 'Trusted' | 'Warned' | 'Skipped' | 'Refused' | 'NotConfigured';
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason: string;
  /**
   * Who signed, or what is missing.
   */
  message: string;
  /**
   * Of the image.
   */
  digest: string;
  /**
   * Commit that it is known to be built from.
   */
  commit?: string;
  /**
   * TrustPolicy that governs the name.
   */
  policy?: string;
  /**
   * Its metadata.generation.
   */
  generation?: number;
  /**
   * Digest of all that this depends on: policies, keys, trusted roots, revocations. While it is the same nothing is looked up again.
   */
  basis: string;
  /**
   * From then on it is judged again, because something that it rests on expires or begins to count.
   */
  until?: string;
  /**
   * Who signed, of those who count.
   */
  signers?: SystemPoolStatusTargetTrustSigner[];
}
export interface SystemPoolStatusTargetTrustSigner {
  /**
   * As policy/authority.
   */
  authority: string;
  /**
   * Fingerprint of the key.
   */
  key?: string;
  identity?: SystemPoolStatusTargetTrustSignerIdentity;
  /**
   * Signature, Bundle, Attestation, OpenPGP or SSH.
   */
  form: string;
  /**
   * Of an attestation.
   */
  predicateType?: string;
  /**
   * Entry of the transparency log.
   */
  logIndex?: string;
  /**
   * When it was signed, by a log or a timestamp service.
   */
  time?: string;
}
/**
 * Of a certificate, in place of a key.
 */
export interface SystemPoolStatusTargetTrustSignerIdentity {
  /**
   * Who vouches for the subject.
   */
  issuer: string;
  /**
   * URI or e-mail address.
   */
  subject: string;
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
  /**
   * Whether the image says by its annotation that it has a profile of addons.
   */
  addonsProfile?: boolean;
  trust?: SystemPoolStatusPreviousTrust;
}
/**
 * What the trust policies say of it.
 */
export interface SystemPoolStatusPreviousTrust {
  /**
   * Trusted: signed as the policy wants. Warned and Skipped: let through by the mode of the policy. NotConfigured: no policy for such things exists.
   */
  decision: 'Trusted' | 'Warned' | 'Skipped' | 'Refused' | 'NotConfigured';
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason: string;
  /**
   * Who signed, or what is missing.
   */
  message: string;
  /**
   * Of the image.
   */
  digest: string;
  /**
   * Commit that it is known to be built from.
   */
  commit?: string;
  /**
   * TrustPolicy that governs the name.
   */
  policy?: string;
  /**
   * Its metadata.generation.
   */
  generation?: number;
  /**
   * Digest of all that this depends on: policies, keys, trusted roots, revocations. While it is the same nothing is looked up again.
   */
  basis: string;
  /**
   * From then on it is judged again, because something that it rests on expires or begins to count.
   */
  until?: string;
  /**
   * Who signed, of those who count.
   */
  signers?: SystemPoolStatusPreviousTrustSigner[];
}
export interface SystemPoolStatusPreviousTrustSigner {
  /**
   * As policy/authority.
   */
  authority: string;
  /**
   * Fingerprint of the key.
   */
  key?: string;
  identity?: SystemPoolStatusPreviousTrustSignerIdentity;
  /**
   * Signature, Bundle, Attestation, OpenPGP or SSH.
   */
  form: string;
  /**
   * Of an attestation.
   */
  predicateType?: string;
  /**
   * Entry of the transparency log.
   */
  logIndex?: string;
  /**
   * When it was signed, by a log or a timestamp service.
   */
  time?: string;
}
/**
 * Of a certificate, in place of a key.
 */
export interface SystemPoolStatusPreviousTrustSignerIdentity {
  /**
   * Who vouches for the subject.
   */
  issuer: string;
  /**
   * URI or e-mail address.
   */
  subject: string;
}
/**
 * What the nodes are to run over the target image. Absent while nobody asks for addons, and the image is none that could.
 */
export interface SystemPoolStatusAddons {
  /**
   * The image that this is for, as repository@digest.
   */
  image?: string;
  /**
   * What the image says of itself: its os-release, by which variants of addons are chosen, and which addons it asks for.
   */
  systems?: SystemPoolStatusAddonsSystem[];
  /**
   * The profile: what image and pool ask for together. What single nodes ask for is on their NodeTargets.
   */
  entries?: SystemPoolStatusAddonsEntry[];
  /**
   * The sets that nodes are to run, most nodes first; more than one where platforms or single nodes differ. Then those that nodes have from before.
   */
  sets?: SystemPoolStatusAddonsSet[];
  /**
   * Artifacts of addons that nodes are to run, or run still, each with what trust says of it; the first 128.
   */
  artifacts?: SystemPoolStatusAddonsArtifact[];
  /**
   * What keeps nodes from being given their addons, and with them the image.
   */
  problems?: SystemPoolStatusAddonsProblem[];
}
export interface SystemPoolStatusAddonsSystem {
  /**
   * As linux/amd64.
   */
  platform: string;
  /**
   * ID.
   */
  id?: string;
  /**
   * ID_LIKE.
   */
  idLike?: string;
  /**
   * VERSION_ID.
   */
  versionId?: string;
  /**
   * SYSEXT_LEVEL.
   */
  sysextLevel?: string;
  /**
   * Addons that the image itself asks for, as its /usr/share/scantling/profile.json says.
   */
  profile?: SystemPoolStatusAddonsSystemProfile[];
}
export interface SystemPoolStatusAddonsSystemProfile {
  /**
   * Name of the entry.
   */
  name: string;
  /**
   * Name of the SystemAddon; '' for none.
   */
  addon: string;
}
export interface SystemPoolStatusAddonsEntry {
  /**
   * Name of the entry.
   */
  name: string;
  /**
   * Name of the SystemAddon.
   */
  addon: string;
  /**
   * Who asks for it: vendor is the image.
   */
  from: 'vendor' | 'pool';
}
export interface SystemPoolStatusAddonsSet {
  /**
   * Digest of the set, as in NodeTarget.spec.addonSet.
   */
  set: string;
  /**
   * Nodes that are to run it; 0 where some have it from before.
   */
  nodes: number;
  /**
   * What is to be known of it, as that its files are being compared, or were too many to be compared.
   */
  note?: string;
  /**
   * Digest of what was compared before nodes were given it: the set, the image, the platform and what its addons may replace. Absent: not compared yet.
   */
  compared?: string;
  /**
   * Its artifacts.
   */
  addons: SystemPoolStatusAddonsSetAddon[];
}
export interface SystemPoolStatusAddonsSetAddon {
  /**
   * Name of the SystemAddon.
   */
  name: string;
  /**
   * The artifact, as repository@digest.
   */
  image: string;
  /**
   * Who asks for it.
   */
  from: 'vendor' | 'pool' | 'node';
}
export interface SystemPoolStatusAddonsArtifact {
  /**
   * The artifact, as repository@digest.
   */
  image: string;
  trust?: SystemPoolStatusAddonsArtifactTrust;
}
/**
 * What the trust policies say of it.
 */
export interface SystemPoolStatusAddonsArtifactTrust {
  /**
   * Trusted: signed as the policy wants. Warned and Skipped: let through by the mode of the policy. NotConfigured: no policy for such things exists.
   */
  decision: 'Trusted' | 'Warned' | 'Skipped' | 'Refused' | 'NotConfigured';
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason: string;
  /**
   * Who signed, or what is missing.
   */
  message: string;
  /**
   * Of the artifact.
   */
  digest: string;
  /**
   * Commit that it is known to be built from.
   */
  commit?: string;
  /**
   * TrustPolicy that governs the name.
   */
  policy?: string;
  /**
   * Its metadata.generation.
   */
  generation?: number;
  /**
   * Digest of all that this depends on: policies, keys, trusted roots, revocations. While it is the same nothing is looked up again.
   */
  basis: string;
  /**
   * From then on it is judged again, because something that it rests on expires or begins to count.
   */
  until?: string;
  /**
   * Who signed, of those who count.
   */
  signers?: SystemPoolStatusAddonsArtifactTrustSigner[];
}
export interface SystemPoolStatusAddonsArtifactTrustSigner {
  /**
   * As policy/authority.
   */
  authority: string;
  /**
   * Fingerprint of the key.
   */
  key?: string;
  identity?: SystemPoolStatusAddonsArtifactTrustSignerIdentity;
  /**
   * Signature, Bundle, Attestation, OpenPGP or SSH.
   */
  form: string;
  /**
   * Of an attestation.
   */
  predicateType?: string;
  /**
   * Entry of the transparency log.
   */
  logIndex?: string;
  /**
   * When it was signed, by a log or a timestamp service.
   */
  time?: string;
}
/**
 * Of a certificate, in place of a key.
 */
export interface SystemPoolStatusAddonsArtifactTrustSignerIdentity {
  /**
   * Who vouches for the subject.
   */
  issuer: string;
  /**
   * URI or e-mail address.
   */
  subject: string;
}
export interface SystemPoolStatusAddonsProblem {
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason: string;
  /**
   * What is missing, for which system, and what there is.
   */
  message: string;
  /**
   * Nodes that wait for it.
   */
  nodes?: number;
  /**
   * Names of the SystemAddons that it is about; the first 16.
   */
  addons?: string[];
}
/**
 * The copy of spec.pullSecretRef that the nodes pull with, in the agents' namespace.
 */
export interface SystemPoolStatusPullSecret {
  /**
   * Name of the Secret in the agents' namespace.
   */
  name: string;
  /**
   * Changes with the copy; absent until it is made.
   */
  revision?: string;
}
/**
 * Nodes of the pool, counted.
 */
export interface SystemPoolStatusNodes {
  /**
   * Nodes that nodeSelector selects.
   */
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
  /**
   * Name of the node.
   */
  name: string;
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason: string;
  /**
   * What happened on the node.
   */
  message: string;
}
