// Generated from crds/systemsources.yaml by `npm run generate`. Do not edit.
import type { Condition, ObjectMeta } from './meta.ts';
import type { Resource } from './resource.ts';

export const systemsources: Resource<SystemSource> = {
  group: 'scantling.dev',
  version: 'v1alpha1',
  plural: 'systemsources',
  kind: 'SystemSource',
  namespaced: false,
};

/**
 * SystemSource is a Git repository (URL, ref, path) that holds Scantling documents. What it holds is applied; what it no longer holds is pruned.
 * Rule: name is at most 63 characters, because what it applies is labelled with it.
 */
export interface SystemSource {
  apiVersion: 'scantling.dev/v1alpha1';
  kind: 'SystemSource';
  metadata: ObjectMeta;
  spec: SystemSourceSpec;
  status?: SystemSourceStatus;
}
/**
 * Which repository is followed, and how.
 * Rule: an http:// URL needs allowInsecure, because what it carries decides what nodes boot.
 * Rule: verify.mode Tag verifies the tag that ref.tag names, and ref names none.
 */
export interface SystemSourceSpec {
  /**
   * Repository URL, https:// (or http:// with allowInsecure). Credentials belong into secretRef and are refused here.
   * Rule: must be a URL that begins with https:// or http:// (Git over SSH is not supported), without spaces and without credentials, which belong into secretRef, as https://git.example.com/systems.git.
   */
  url: string;
  /**
   * Allows an http:// URL. Default: false.
   */
  allowInsecure: boolean;
  ref: SystemSourceSpecRef;
  /**
   * Directory in the repository under which documents (*.yaml, *.yml) are read. Default: the root of the repository (.).
   * Rule: path is relative to the repository and may not leave it.
   */
  path: string;
  /**
   * Time between polls, as 30s or 5m; 10 % jitter is added. At least 1s. Default: 1m.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  interval: string;
  /**
   * Deadline of one poll or fetch, as 90s or 2m. Default: 60s.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  timeout: string;
  secretRef?: SystemSourceSpecSecretRef;
  verify?: SystemSourceSpecVerify;
  webhook?: SystemSourceSpecWebhook;
  /**
   * Stops polling, applying and pruning; the last state stays. Default: false.
   */
  suspend: boolean;
  /**
   * Deletes objects that this source applied and whose document is gone from the repository. Default: true.
   */
  prune: boolean;
  /**
   * How many objects, or which share of the inventory (rounded down, at least 1), one commit may remove. More needs the annotation scantling.dev/allow-removals with that commit's id. Default: 25%.
   * Rule: maxRemovals is a number or a percentage from 0% to 100%.
   */
  maxRemovals: number | string;
  limits: SystemSourceSpecLimits;
}
/**
 * What to follow; exactly one of branch, tag, commit.
 * Rule: exactly one of branch, tag, commit is required.
 */
export interface SystemSourceSpecRef {
  /**
   * Branch name, resolved as refs/heads/<branch>.
   * Rule: must be a name as Git allows it, without spaces and any of ~ ^ : ? * [ \, as main.
   */
  branch?: string;
  /**
   * Tag name, resolved as refs/tags/<tag>; an annotated tag is peeled to its commit.
   * Rule: must be a name as Git allows it, without spaces and any of ~ ^ : ? * [ \, as v1.2.0.
   */
  tag?: string;
  /**
   * Commit id; never moves.
   * Rule: must be a whole commit id, 40 hex digits in lower case.
   */
  commit?: string;
}
/**
 * Secret in the operator's namespace: username and password, or bearerToken; ca.crt for the server's authority.
 */
export interface SystemSourceSpecSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * Whose signatures commits need, besides those that TrustPolicies with subject Git ask for.
 * Rule: from is where Ancestry begins; set mode Ancestry, or leave from out.
 */
export interface SystemSourceSpecVerify {
  /**
   * Head: the commit that is applied. Tag: the annotated tag that spec.ref names. Ancestry: every commit since the last one that was verified, over all parents. Default: Head.
   */
  mode: 'Head' | 'Tag' | 'Ancestry';
  /**
   * Of Ancestry: the commit, by its whole id, that is trusted without a signature together with all before it. Without it the first commit that is verified begins.
   * Rule: must be a whole commit id, 40 or 64 hex digits in lower case.
   */
  from?: string;
  secretRef?: SystemSourceSpecVerifySecretRef;
}
/**
 * Secret in the operator's namespace: keys that end in .asc hold OpenPGP public keys, allowed_signers those of SSH. Without it TrustPolicies say who may sign.
 */
export interface SystemSourceSpecVerifySecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * Lets a push to the repository cause a poll at once, besides those of interval. The path is in status.webhookPath; the controller listens only with --webhook-address.
 */
export interface SystemSourceSpecWebhook {
  /**
   * Who calls, and so how a call proves that it knows the token: GitHub (X-Hub-Signature-256), GitLab (X-Gitlab-Token), Gitea and Forgejo (X-Gitea-Signature), Bitbucket (X-Hub-Signature), Generic (X-Signature-256, or Authorization: Bearer).
   */
  provider: 'GitHub' | 'GitLab' | 'Gitea' | 'Bitbucket' | 'Generic';
  secretRef: SystemSourceSpecWebhookSecretRef;
}
/**
 * Secret in the operator's namespace with the key token: 16 characters at least, the same that the caller was given.
 */
export interface SystemSourceSpecWebhookSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * Caps on what is fetched; passing one refuses the commit and names the cap.
 */
export interface SystemSourceSpecLimits {
  /**
   * Bytes of one pack. Default: 134217728.
   */
  packBytes: number;
  /**
   * Git objects of one commit. Default: 100000.
   */
  objects: number;
  /**
   * Bytes of one file. Default: 16777216.
   */
  fileBytes: number;
}
/**
 * What was read and applied. Written by the controller.
 */
export interface SystemSourceStatus {
  /**
   * The metadata.generation that the status speaks of.
   */
  observedGeneration?: number;
  /**
   * Value of the annotation reconcile.scantling.dev/requestedAt that was last acted upon.
   */
  lastHandledReconcileAt?: string;
  /**
   * The last value of scantling.dev/allow-rewind that was gone to: it allows that once. Taking the annotation away and setting it again allows it again.
   */
  lastHandledRewind?: string;
  /**
   * Last revision that was fetched, as main@sha1:<40 hex>.
   */
  lastAttemptedRevision?: string;
  /**
   * Last revision whose documents were applied.
   */
  lastAppliedRevision?: string;
  /**
   * Last revision that was found signed as it has to be (decision Trusted); Ancestry goes on from it.
   */
  lastVerifiedRevision?: string;
  /**
   * How the repository is read: v2-filter (partial clone) or v1-shallow (whole shallow pack).
   */
  transport?: string;
  /**
   * Why a lesser transport is used.
   */
  transportReason?: string;
  verification?: SystemSourceStatusVerification;
  /**
   * Path that spec.webhook is to be sent to, below the address at which the receiver is published.
   */
  webhookPath?: string;
  /**
   * Objects that this source applied.
   */
  inventory?: SystemSourceStatusInventory[];
  /**
   * Documents that were refused; the last good version of each stays applied.
   */
  failures?: SystemSourceStatusFailure[];
  /**
   * What the controller says of the object; Ready is always there, Reconciling and Stalled only while True.
   */
  conditions?: Condition[];
}
/**
 * What the trust policies say of it.
 */
export interface SystemSourceStatusVerification {
  /**
   * What was verified, as main@sha1:<40 hex>.
   */
  revision?: string;
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
   * Id of the commit.
   */
  digest: string;
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
  signers?: SystemSourceStatusVerificationSigner[];
}
export interface SystemSourceStatusVerificationSigner {
  /**
   * As policy/authority.
   */
  authority: string;
  /**
   * Fingerprint of the key.
   */
  key?: string;
  identity?: SystemSourceStatusVerificationSignerIdentity;
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
export interface SystemSourceStatusVerificationSignerIdentity {
  /**
   * Who vouches for the subject.
   */
  issuer: string;
  /**
   * URI or e-mail address.
   */
  subject: string;
}
export interface SystemSourceStatusInventory {
  /**
   * SystemDefinition or SystemPool.
   */
  kind: string;
  /**
   * Name of the object.
   */
  name: string;
  /**
   * Document the object came from, relative to the repository.
   */
  path: string;
  /**
   * Of a SystemDefinition that is just what its document says at its revision: the first digits of its uid, and its generation.
   */
  applied?: string;
}
export interface SystemSourceStatusFailure {
  /**
   * File, relative to the repository.
   */
  file: string;
  /**
   * Line in the file, from 1.
   */
  line?: number;
  /**
   * The field, and what is wrong with it.
   */
  message: string;
}
