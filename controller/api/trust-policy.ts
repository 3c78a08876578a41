// Generated from crds/trustpolicies.yaml by `npm run generate`. Do not edit.
import type { Condition, ObjectMeta } from './meta.ts';
import type { Resource } from './resource.ts';

export const trustpolicies: Resource<TrustPolicy> = {
  group: 'scantling.dev',
  version: 'v1alpha1',
  plural: 'trustpolicies',
  kind: 'TrustPolicy',
  namespaced: false,
};

/**
 * TrustPolicy says whose signatures are required of images and commits below a name. What it covers and does not allow is not built on, not made a target, not staged and not booted.
 * Rule: name is at most 63 characters, because metrics are labelled with it.
 */
export interface TrustPolicy {
  apiVersion: 'scantling.dev/v1alpha1';
  kind: 'TrustPolicy';
  metadata: ObjectMeta;
  spec: TrustPolicySpec;
  status?: TrustPolicyStatus;
}
/**
 * What is covered, and who may sign it.
 * Rule: without an authority nothing that the scope covers could ever be accepted; add one, or revoked, or say mode Skip.
 * Rule: the last authority cannot be taken away, as nobody would govern what the scope covers; delete the policy, or say mode Skip.
 * Rule: discovery asks the prefix, and root has none to ask.
 * Rule: Image is one of subjects, and no authority signs images (key, keyless).
 * Rule: Git is one of subjects, and no authority signs commits (openPGP, ssh).
 * Rule: require is more than there are authorities.
 * Rule: openPGP, ssh and paths are for commits; add Git to subjects.
 * Rule: key and keyless are for images; add Image to subjects.
 * Rule: attestations are for images; add Image to subjects.
 * Rule: an attestation names an authority that the policy does not have.
 */
export interface TrustPolicySpec {
  scope: TrustPolicySpecScope;
  /**
   * What is covered: Image, Git (commits and tags of SystemSources), or both. Default: Image.
   */
  subjects: ('Image' | 'Git')[];
  /**
   * Enforce refuses what is not trusted; Warn lets it through and says so; Skip does not look, and says so. Default: Enforce.
   */
  mode: 'Enforce' | 'Warn' | 'Skip';
  /**
   * How many authorities must have signed: Any, All (each of this policy), or a number of distinct ones. For All and a number, a key that several list counts for one of them. Default: Any.
   * Rule: require is Any, All, or a number from 1 to 32.
   */
  require: number | string;
  /**
   * Authorities of policies with a shorter prefix, and of root, do not count for what this one governs. Default: false.
   */
  exclusive: boolean;
  /**
   * Who may sign.
   */
  authorities?: TrustPolicySpecAuthority[];
  /**
   * Statements about the image that must be there, each signed by an authority that counts.
   */
  attestations?: TrustPolicySpecAttestation[];
  /**
   * Keys that nothing may be accepted from, whatever policy names them.
   */
  revoked?: TrustPolicySpecRevoked[];
  discovery?: TrustPolicySpecDiscovery;
}
/**
 * What the policy covers; exactly one of prefix, root.
 * Rule: exactly one of prefix, root: true is required: trust is bounded, or said to be unbounded.
 */
export interface TrustPolicySpecScope {
  /**
   * Name, matched by whole path segments: registry.example.com/os covers registry.example.com/os/edge, not registry.example.com/os-test. Of images the registry host (with its port) and repository; of Git the host and path of the URL. The longest one that covers a name governs it.
   * Rule: must be a host, with a path where wanted, as registry.example.com/os, without scheme, tag, wildcard and slash at the end.
   * Rule: names of repositories are compared without the .git at the end; leave it away.
   * Rule: must be a host, with a path without . and ...
   */
  prefix?: string;
  /**
   * Covers every name. What a longer prefix covers is governed by that.
   */
  root?: boolean;
}
/**
 * Rule: exactly one of key, keyless, openPGP, ssh is required.
 * Rule: paths are for authorities of commits (openPGP, ssh).
 */
export interface TrustPolicySpecAuthority {
  /**
   * Name of the authority, shown where it has signed.
   * Rule: must be lower-case letters, digits and hyphens, as release-2026.
   */
  name: string;
  key?: TrustPolicySpecAuthorityKey;
  keyless?: TrustPolicySpecAuthorityKeyless;
  openPGP?: TrustPolicySpecAuthorityOpenPGP;
  ssh?: TrustPolicySpecAuthoritySsh;
  /**
   * Globs of paths in the repository (** crosses directories). The authority counts only for commits that change nothing else.
   */
  paths?: string[];
}
/**
 * A public key of cosign: P-256, P-384, P-521, RSA (2048 bits at least) or Ed25519.
 * Rule: exactly one of data, secretRef is required.
 * Rule: notBefore is not before notAfter.
 * Rule: transparencyLog Required and Optional need a trustedRoot, which holds the log's keys.
 * Rule: trustedRoot is for transparencyLog Required or Optional; say which.
 */
export interface TrustPolicySpecAuthorityKey {
  /**
   * The key, in PEM (BEGIN PUBLIC KEY).
   */
  data?: string;
  secretRef?: TrustPolicySpecAuthorityKeySecretRef;
  /**
   * Before this time the key does not count.
   */
  notBefore?: string;
  /**
   * After this time the key does not count.
   */
  notAfter?: string;
  /**
   * Whether an entry of the transparency log must prove the signature: Required, Optional (one that is there must hold), Ignored. Default: Ignored.
   */
  transparencyLog: 'Required' | 'Optional' | 'Ignored';
  trustedRoot?: TrustPolicySpecAuthorityKeyTrustedRoot;
}
/**
 * Secret in the operator's namespace.
 */
export interface TrustPolicySpecAuthorityKeySecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
  /**
   * Key in the Secret. Default: cosign.pub.
   */
  key?: string;
}
/**
 * Keys of the certificate authorities, logs and timestamp services (a trusted_root.json of sigstore); exactly one of data, configMapRef, tuf, public.
 * Rule: exactly one of data, configMapRef, tuf, public is required.
 */
export interface TrustPolicySpecAuthorityKeyTrustedRoot {
  /**
   * The trusted_root.json itself.
   */
  data?: string;
  configMapRef?: TrustPolicySpecAuthorityKeyTrustedRootConfigMapRef;
  tuf?: TrustPolicySpecAuthorityKeyTrustedRootTuf;
  /**
   * The public instance of sigstore, by its TUF repository; needs the internet.
   */
  public?: boolean;
}
/**
 * ConfigMap in the operator's namespace.
 */
export interface TrustPolicySpecAuthorityKeyTrustedRootConfigMapRef {
  /**
   * Name of the ConfigMap, in the operator's namespace.
   */
  name: string;
  /**
   * Key in the ConfigMap. Default: trusted_root.json.
   */
  key?: string;
}
/**
 * A TUF repository of your own, that serves the trusted root.
 */
export interface TrustPolicySpecAuthorityKeyTrustedRootTuf {
  /**
   * URL of the repository.
   * Rule: must be a URL that begins with https:// or http://, without credentials.
   */
  url: string;
  rootConfigMapRef: TrustPolicySpecAuthorityKeyTrustedRootTufRootConfigMapRef;
}
/**
 * ConfigMap in the operator's namespace with the first root.json.
 */
export interface TrustPolicySpecAuthorityKeyTrustedRootTufRootConfigMapRef {
  /**
   * Name of the ConfigMap, in the operator's namespace.
   */
  name: string;
  /**
   * Key in the ConfigMap. Default: root.json.
   */
  key?: string;
}
/**
 * Certificates of short life that an authority gives to identities (Fulcio). A log entry is always required.
 */
export interface TrustPolicySpecAuthorityKeyless {
  /**
   * Who may sign; one of them must have.
   */
  identities: TrustPolicySpecAuthorityKeylessIdentity[];
  trustedRoot: TrustPolicySpecAuthorityKeylessTrustedRoot;
}
/**
 * Rule: exactly one of subject, subjectPattern is required.
 */
export interface TrustPolicySpecAuthorityKeylessIdentity {
  /**
   * URL of the OpenID Connect issuer, compared exactly.
   */
  issuer: string;
  /**
   * Subject of the certificate, a URI or an e-mail address, compared exactly.
   */
  subject?: string;
  /**
   * Regular expression (RE2) for the whole subject: it is anchored on both sides.
   */
  subjectPattern?: string;
}
/**
 * Keys of the certificate authorities, logs and timestamp services (a trusted_root.json of sigstore); exactly one of data, configMapRef, tuf, public.
 * Rule: exactly one of data, configMapRef, tuf, public is required.
 */
export interface TrustPolicySpecAuthorityKeylessTrustedRoot {
  /**
   * The trusted_root.json itself.
   */
  data?: string;
  configMapRef?: TrustPolicySpecAuthorityKeylessTrustedRootConfigMapRef;
  tuf?: TrustPolicySpecAuthorityKeylessTrustedRootTuf;
  /**
   * The public instance of sigstore, by its TUF repository; needs the internet.
   */
  public?: boolean;
}
/**
 * ConfigMap in the operator's namespace.
 */
export interface TrustPolicySpecAuthorityKeylessTrustedRootConfigMapRef {
  /**
   * Name of the ConfigMap, in the operator's namespace.
   */
  name: string;
  /**
   * Key in the ConfigMap. Default: trusted_root.json.
   */
  key?: string;
}
/**
 * A TUF repository of your own, that serves the trusted root.
 */
export interface TrustPolicySpecAuthorityKeylessTrustedRootTuf {
  /**
   * URL of the repository.
   * Rule: must be a URL that begins with https:// or http://, without credentials.
   */
  url: string;
  rootConfigMapRef: TrustPolicySpecAuthorityKeylessTrustedRootTufRootConfigMapRef;
}
/**
 * ConfigMap in the operator's namespace with the first root.json.
 */
export interface TrustPolicySpecAuthorityKeylessTrustedRootTufRootConfigMapRef {
  /**
   * Name of the ConfigMap, in the operator's namespace.
   */
  name: string;
  /**
   * Key in the ConfigMap. Default: root.json.
   */
  key?: string;
}
/**
 * OpenPGP keys that sign commits and tags.
 * Rule: exactly one of data, secretRef is required.
 */
export interface TrustPolicySpecAuthorityOpenPGP {
  /**
   * Public keys, armored. All keys in it count.
   */
  data?: string;
  secretRef?: TrustPolicySpecAuthorityOpenPGPSecretRef;
  /**
   * Fingerprints of the primary keys, 40 or 64 hex digits in lower case. Where given, the keys must be exactly these.
   *
   * Items: Rule: must be 40 or 64 hex digits in lower case, as gpg --fingerprint prints them, without spaces.
   */
  fingerprints?: string[];
}
/**
 * Secret in the operator's namespace; all its keys that end in .asc are read.
 */
export interface TrustPolicySpecAuthorityOpenPGPSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * SSH keys that sign commits and tags, with what they may sign: the format of allowed_signers of ssh-keygen.
 * Rule: exactly one of allowedSigners, secretRef is required.
 */
export interface TrustPolicySpecAuthoritySsh {
  /**
   * Lines of principals, options and key, as ssh-keygen reads them.
   */
  allowedSigners?: string;
  secretRef?: TrustPolicySpecAuthoritySshSecretRef;
  /**
   * Who of the allowed signers counts; without it all do.
   */
  principals?: string[];
}
/**
 * Secret in the operator's namespace.
 */
export interface TrustPolicySpecAuthoritySshSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
  /**
   * Key in the Secret. Default: allowed_signers.
   */
  key?: string;
}
export interface TrustPolicySpecAttestation {
  /**
   * Type of the statement, as https://slsa.dev/provenance/v1.
   */
  predicateType: string;
  /**
   * Who must have built the image (runDetails.builder.id), compared exactly.
   */
  builder?: string;
  /**
   * Repository that it must have been built from, compared exactly.
   */
  source?: string;
  /**
   * Known: the commit in the statement must be the one that the image is known to be built from. Default: Any.
   */
  commit?: 'Known' | 'Any';
  /**
   * Names of those of this policy that may make the statement; without it all do.
   */
  authorities?: string[];
}
export interface TrustPolicySpecRevoked {
  /**
   * As status.authorities shows it: hex for keys and certificates, 40 hex digits for OpenPGP, SHA256:… for SSH.
   * Rule: must be 40 or 64 hex digits in lower case, or SHA256: and 43 characters as ssh-keygen -l prints it.
   */
  fingerprint: string;
  /**
   * What a log or a timestamp proves to be signed before this stays good. Without it nothing does.
   */
  since?: string;
  /**
   * For people.
   */
  reason?: string;
}
/**
 * Looks for keys where the prefix says (meta tag ac-discovery-pubkeys). What is found waits in status.pendingKeys for a person.
 */
export interface TrustPolicySpecDiscovery {
  /**
   * Default: false.
   */
  enabled: boolean;
  /**
   * Time between looks. Default: 24h.
   * Rule: must be a duration, as 90m or 24h.
   */
  interval: string;
  /**
   * Allows hosts with private addresses. Default: false.
   */
  allowPrivateAddresses: boolean;
}
/**
 * What the policy's keys are, and what they were last seen to sign. Written by the controller.
 */
export interface TrustPolicyStatus {
  /**
   * The metadata.generation that the status speaks of.
   */
  observedGeneration?: number;
  /**
   * Value of the annotation reconcile.scantling.dev/requestedAt that was last acted upon.
   */
  lastHandledReconcileAt?: string;
  /**
   * The prefix, or (root).
   */
  scope?: string;
  /**
   * Digest of all that judgements of this policy depend on; another one judges again whatever is in use.
   */
  basis?: string;
  /**
   * The authorities of the policy, as they were read.
   */
  authorities?: TrustPolicyStatusAuthority[];
  /**
   * Keys that discovery found, and no person has accepted or revoked.
   */
  pendingKeys?: TrustPolicyStatusPendingKey[];
  /**
   * What the controller says of the object; Ready is always there, Reconciling and Stalled only while True.
   */
  conditions?: Condition[];
}
export interface TrustPolicyStatusAuthority {
  /**
   * Name of the authority.
   */
  name: string;
  /**
   * key, keyless, openPGP or ssh.
   */
  kind?: string;
  /**
   * Its keys, and those of its trusted root: certificate authorities, logs, timestamp services.
   */
  keys?: TrustPolicyStatusAuthorityKey[];
  /**
   * What keeps the authority from counting.
   */
  message?: string;
  /**
   * What of it nodes cannot check themselves; empty when they can.
   */
  node?: string;
  /**
   * When something was last accepted by it.
   */
  lastUsed?: string;
}
export interface TrustPolicyStatusAuthorityKey {
  /**
   * As revoked takes it.
   */
  fingerprint: string;
  /**
   * As ecdsa-p256, rsa-3072, ed25519.
   */
  algorithm?: string;
  /**
   * User id or principals of the key; of a key in a trusted root what it is for.
   */
  identity?: string;
  /**
   * Before this time it does not count.
   */
  notBefore?: string;
  /**
   * After this time it does not count.
   */
  notAfter?: string;
  /**
   * It is revoked, here or by another policy.
   */
  revoked?: boolean;
}
export interface TrustPolicyStatusPendingKey {
  /**
   * Of the key.
   */
  fingerprint: string;
  /**
   * Of the key.
   */
  algorithm?: string;
  /**
   * Whom the key says to belong to.
   */
  identities?: string[];
  /**
   * Where it was found.
   */
  location?: string;
  /**
   * When it was found first.
   */
  firstSeen?: string;
  /**
   * The key itself.
   */
  key?: string;
}
