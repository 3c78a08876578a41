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
 * What the node should run. Written by the controller.
 * Rule: state Booted needs an approval.
 * Rule: addons and addonSet go together; without addons there is neither.
 * Rule: an approval for a change on the running host needs apply.mode: Live.
 */
export interface NodeTargetSpec {
  poolRef: NodeTargetSpecPoolRef;
  /**
   * Target, as repository@digest.
   * Rule: must be an image by digest, as registry.example.com/team/base@sha256:<64 hex digits>.
   */
  image: string;
  /**
   * Index and platform digests that count as the target; bootc reports the platform's where the image names the index.
   *
   * Items: Rule: must be a digest, as sha256:<64 hex digits>.
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
   * The go-ahead to reboot, as <RFC 3339 time>/<digest>, or to change the addons of the running host, as <RFC 3339 time>/live/<digest>; each go-ahead is new. The agent acts only on one whose digest names the target: that of the image, and with addons that of image and set together.
   */
  approval?: string;
  /**
   * What is merged over the image with systemd-sysext, all of it or nothing. Absent for an image by itself. Given only to agents with the capability Addons.
   */
  addons?: NodeTargetSpecAddon[];
  apply?: NodeTargetSpecApply;
  /**
   * Digest of the set of addons: of their names, images and digests, in no order. With the digest of the image it is what a go-ahead is for.
   * Rule: must be a digest, as sha256:<64 hex digits>.
   */
  addonSet?: string;
  pullSecret?: NodeTargetSpecPullSecret;
  /**
   * When image, addons, state, approval or pullSecret last changed; deadlines count from here.
   */
  since: string;
}
/**
 * The SystemPool that the node belongs to.
 */
export interface NodeTargetSpecPoolRef {
  /**
   * Name of the SystemPool.
   */
  name: string;
}
export interface NodeTargetSpecAddon {
  /**
   * Name of the SystemAddon, of its extension, and of its file without .raw.
   * Rule: must be lower case letters, digits and dashes, as containerd or kubelet-1-34.
   */
  name: string;
  /**
   * The artifact, as repository@digest of its manifest.
   * Rule: must be an artifact by digest, as registry.example.com/team/addon@sha256:<64 hex digits>.
   */
  image: string;
  /**
   * Digest of the file system image: of the artifact's one layer, and of the file on the host.
   * Rule: must be a digest, as sha256:<64 hex digits>.
   */
  digest: string;
  /**
   * Size of that file in bytes.
   */
  size: number;
  /**
   * Who asked for it when it was given: the image (vendor), the pool, or the annotation of the Node. By itself another origin changes no target.
   */
  from?: 'vendor' | 'pool' | 'node';
  /**
   * Units that are started once it is merged.
   *
   * Items: Rule: must be the name of a unit, as kubelet.service.
   */
  services?: string[];
  apply?: NodeTargetSpecAddonApply;
  requires?: NodeTargetSpecAddonRequires;
}
/**
 * How the addon may come, change and go. Absent: with a reboot.
 */
export interface NodeTargetSpecAddonApply {
  /**
   * Live: on the running host, without a reboot.
   */
  mode: 'Reboot' | 'Live';
  /**
   * Whether the node is cordoned and drained for it. Default: true.
   */
  drain?: boolean;
}
/**
 * What the host looks for before it takes the addon: in its image, or in another of the addons.
 */
export interface NodeTargetSpecAddonRequires {
  /**
   * Modules of the kernel, built in or to be loaded.
   */
  kernelModules?: string[];
  /**
   * Files and directories.
   */
  paths?: string[];
}
/**
 * How the node comes to the target. Absent: by a reboot. With a go-ahead for the running host it is how that was given. Live is given only to agents with the capability LiveAddons.
 */
export interface NodeTargetSpecApply {
  /**
   * Live: on the running host, without a reboot.
   */
  mode: 'Reboot' | 'Live';
  /**
   * Whether the node is cordoned and drained for it. Default: true.
   */
  drain?: boolean;
}
/**
 * Registry credentials that the host pulls the image with. Without it, it pulls with what it has.
 */
export interface NodeTargetSpecPullSecret {
  /**
   * Name of the Secret in the agents' own namespace.
   */
  name: string;
  /**
   * Changes with the Secret, so that a failed pull is tried again with new credentials. Says nothing of its content.
   */
  revision: string;
}
/**
 * What the node runs, as its agent reports it, and what the controller says of its turn.
 */
export interface NodeTargetStatus {
  /**
   * The metadata.generation that the status speaks of.
   */
  observedGeneration?: number;
  host?: NodeTargetStatusHost;
  verdict?: NodeTargetStatusVerdict;
  rollout?: NodeTargetStatusRollout;
  /**
   * What the controller says of the object; Ready is always there, Reconciling and Stalled only while True.
   */
  conditions?: Condition[];
}
/**
 * What the agent sees on its host. Written by the agent.
 */
export interface NodeTargetStatusHost {
  /**
   * Applying: the addons of the running host are being changed. Unmanaged: the host was not booted from a bootable container image.
   */
  phase?: 'Idle' | 'Staging' | 'Staged' | 'Rebooting' | 'Applying' | 'Failed' | 'Unmanaged';
  /**
   * Id that the kernel gives each boot; another one means that the host has rebooted.
   */
  bootID?: string;
  /**
   * When the agent last wrote this; its heartbeat.
   */
  reportedAt?: string;
  /**
   * Version of the agent.
   */
  agentVersion?: string;
  /**
   * Version of bootc on the host.
   */
  bootcVersion?: string;
  /**
   * Version of systemd on the host.
   */
  systemdVersion?: number;
  /**
   * What the host's bootc can do: SwitchDownloadOnly, UpgradeDownloadOnly, LockedStaging. And Addons, where the agent merges extensions and the host is not known to be unable to; LiveAddons, where it can change them without a reboot.
   */
  capabilities?: string[];
  booted?: NodeTargetStatusHostBooted;
  staged?: NodeTargetStatusHostStaged;
  rollback?: NodeTargetStatusHostRollback;
  addons?: NodeTargetStatusHostAddons;
  prepared?: NodeTargetStatusHostPrepared;
  /**
   * Digests that failed on this host; tried again only with a new approval. That of an image stands for it with any addons, that of image and set together for just these.
   */
  failed?: NodeTargetStatusHostFailed[];
  /**
   * What on the host needs a person: drift, a lock that is missing, a foreign staging.
   */
  problems?: NodeTargetStatusHostProblem[];
}
/**
 * What runs.
 */
export interface NodeTargetStatusHostBooted {
  /**
   * Image as the host names it.
   */
  image?: string;
  /**
   * Digest of the manifest, as sha256:<64 hex>.
   */
  digest?: string;
  /**
   * Label org.opencontainers.image.version of the image.
   */
  version?: string;
  /**
   * Commit it was built from, as main@sha1:<40 hex>, where Scantling staged it.
   */
  revision?: string;
  /**
   * First 12 digits of the commit in revision, to be read in a list.
   */
  commit?: string;
  /**
   * Staged without effect on the next boot.
   */
  locked?: boolean;
}
/**
 * What is prepared for a boot to come.
 */
export interface NodeTargetStatusHostStaged {
  /**
   * Image as the host names it.
   */
  image?: string;
  /**
   * Digest of the manifest, as sha256:<64 hex>.
   */
  digest?: string;
  /**
   * Label org.opencontainers.image.version of the image.
   */
  version?: string;
  /**
   * Commit it was built from, as main@sha1:<40 hex>, where Scantling staged it.
   */
  revision?: string;
  /**
   * Staged without effect on the next boot.
   */
  locked?: boolean;
}
/**
 * What the host can go back to.
 */
export interface NodeTargetStatusHostRollback {
  /**
   * Image as the host names it.
   */
  image?: string;
  /**
   * Digest of the manifest, as sha256:<64 hex>.
   */
  digest?: string;
  /**
   * Label org.opencontainers.image.version of the image.
   */
  version?: string;
  /**
   * Commit it was built from, as main@sha1:<40 hex>, where Scantling staged it.
   */
  revision?: string;
  /**
   * Staged without effect on the next boot.
   */
  locked?: boolean;
}
/**
 * What is merged over the booted image, as it was read back after the boot. Absent where no agent or boot has looked.
 */
export interface NodeTargetStatusHostAddons {
  /**
   * Digest of the set that this boot was to merge; absent for none.
   */
  set?: string;
  /**
   * Merged: all of the set, and nothing else. Partial: some of it. Failed: nothing of it. None: there was no set to merge.
   */
  state: 'Merged' | 'Partial' | 'Failed' | 'None';
  /**
   * Names of the addons to be read in a list, with ! before those that are not merged: containerd,!kubelet,+3.
   */
  summary?: string;
  /**
   * Who asked for each of them, and why one is not merged: containerd: pool; !kubelet: vendor, MergeFailed. Absent while the target has another set.
   */
  askedBy?: string;
  /**
   * When it was merged.
   */
  since?: string;
  live?: NodeTargetStatusHostAddonsLive;
  /**
   * Each addon of the set.
   */
  entries?: NodeTargetStatusHostAddonsEntry[];
}
/**
 * What the last change without a reboot came to, in this boot. Absent while there was none.
 */
export interface NodeTargetStatusHostAddonsLive {
  /**
   * Refused: nothing was changed. Restored: it did not merge or start as it should, and the former set is merged again. Failed: neither is merged whole.
   */
  outcome: 'Applied' | 'Unchanged' | 'Refused' | 'Restored' | 'Failed';
  /**
   * When it ended.
   */
  at: string;
  /**
   * How long nothing was merged, in milliseconds, rounded up. Absent where nothing was merged before or after.
   */
  gapMs?: number;
  /**
   * Units that were stopped or restarted for it.
   */
  restarted?: string[];
  /**
   * Why it was refused or restored.
   */
  message?: string;
}
export interface NodeTargetStatusHostAddonsEntry {
  /**
   * Name of the SystemAddon.
   */
  name: string;
  /**
   * Digest of its file system image, as sha256:<64 hex>.
   */
  digest: string;
  /**
   * Quarantined: left out, because it would have kept all others from being merged.
   */
  state: 'Merged' | 'Quarantined' | 'NotMerged';
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason?: string;
  /**
   * What is the matter, and what to do.
   */
  message?: string;
}
/**
 * What the next boot of an image will merge once the go-ahead for it is given: every file is on the host, whole and checked, and the record is written. Absent until then.
 */
export interface NodeTargetStatusHostPrepared {
  /**
   * Digest of the booted or staged image that it is for.
   */
  image: string;
  /**
   * Digest of the set of addons; absent for an image that boots without any.
   */
  set?: string;
}
export interface NodeTargetStatusHostFailed {
  /**
   * The digest that failed.
   */
  digest: string;
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason: string;
  /**
   * What happened, in the words of the program that failed.
   */
  message?: string;
  /**
   * When it failed.
   */
  time: string;
  /**
   * The go-ahead under which it failed.
   */
  approval?: string;
}
export interface NodeTargetStatusHostProblem {
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason: string;
  /**
   * What is the matter, and what to do.
   */
  message: string;
}
/**
 * What the node's last approved boot turned out to be. Written by the agent.
 */
export interface NodeTargetStatusVerdict {
  /**
   * Succeeded: the digest runs, with its addons. FellBack, FinalizeFailed, Unapplied: it does not, and how that came about. AddonsFailed: it runs, but not all of its addons are merged. Unknown: nothing on the host tells.
   */
  type: 'Succeeded' | 'FellBack' | 'FinalizeFailed' | 'Unapplied' | 'AddonsFailed' | 'Unknown';
  /**
   * Digest that was meant to boot.
   */
  digest: string;
  /**
   * The go-ahead that the boot was made under.
   */
  approval?: string;
  /**
   * The boot that was judged.
   */
  bootID: string;
  /**
   * When it was judged.
   */
  time: string;
  /**
   * What the host shows.
   */
  message?: string;
}
/**
 * Why the node is not moving, or that it failed. Written by the controller, and only when there is something to say.
 */
export interface NodeTargetStatusRollout {
  /**
   * What it waits in, or Failed, or Conflict where several pools select the node.
   */
  phase: 'Staging' | 'Draining' | 'Rebooting' | 'Failed' | 'Conflict';
  /**
   * When this began.
   */
  since: string;
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason: string;
  /**
   * What keeps the node, and what to do where a person must.
   */
  message: string;
  /**
   * When the wait counts as failed.
   */
  deadline?: string;
  /**
   * Target digest this is about.
   */
  digest?: string;
}
