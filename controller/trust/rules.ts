/** What the policies say of one name, with every key read: plain data, which a worker thread can be given. */

export type Subject = 'Image' | 'Git';
export type Mode = 'Enforce' | 'Warn' | 'Skip';

/** A key that counts, as it was read from a policy, a Secret or a ConfigMap. */
export interface PublicKey {
  /** As TrustPolicy's revoked takes it. */
  fingerprint: string;
  /** As `ecdsa-p256`, `rsa-3072`, `ed25519`. */
  algorithm: string;
  /** SPKI in PEM. */
  pem: string;
}

/** What is shown of a key, and what selection, expiry and revocation need to know of it. */
export interface KeyFacts {
  fingerprint: string;
  algorithm?: string;
  /** User id or principals. */
  identity?: string;
  /** Fingerprints of the subkeys of an OpenPGP key. */
  subkeys?: readonly string[];
  /** Epoch milliseconds. */
  notBefore?: number;
  notAfter?: number;
}

/** A key in a trusted root. */
export interface RootKey extends KeyFacts {
  part: 'CertificateAuthority' | 'Log' | 'CertificateLog' | 'Timestamps';
}

interface Named {
  policy: string;
  name: string;
}

export interface KeyAuthority extends Named {
  kind: 'key';
  keys: readonly PublicKey[];
  /** Epoch milliseconds. */
  notBefore?: number;
  notAfter?: number;
  transparencyLog: 'Required' | 'Optional' | 'Ignored';
  /** A trusted_root.json. */
  trustedRoot?: string;
}

export interface Identity {
  issuer: string;
  subject?: string;
  /** Anchored by whoever compares it. */
  subjectPattern?: string;
}

export interface KeylessAuthority extends Named {
  kind: 'keyless';
  identities: readonly Identity[];
  trustedRoot: string;
}

export interface OpenPGPAuthority extends Named {
  kind: 'openPGP';
  /** Armored, as they were given. */
  keys: readonly string[];
  paths?: readonly string[];
}

export interface SSHAuthority extends Named {
  kind: 'ssh';
  allowedSigners: string;
  principals?: readonly string[];
  paths?: readonly string[];
}

export type ImageAuthority = KeyAuthority | KeylessAuthority;
export type GitAuthority = OpenPGPAuthority | SSHAuthority;

export interface RequiredAttestation {
  predicateType: string;
  builder?: string;
  source?: string;
  commit: 'Known' | 'Any';
  /** Names of authorities of the governing policy; absent: all that count. */
  authorities?: readonly string[];
}

export interface Revocation {
  fingerprint: string;
  /** Epoch milliseconds: what a log or timestamp proves to be earlier stays good. */
  since?: number;
  policy: string;
}

/** One policy that governs a name. Two of equal scope both do, and both must be satisfied. */
export interface Governing<A> {
  policy: string;
  generation: number;
  mode: Mode;
  require: 'Any' | 'All' | number;
  exclusive: boolean;
  /** Its own (those with its `policy`), and unless it is exclusive those of the policies with shorter prefixes and of root. */
  authorities: readonly A[];
  attestations: readonly RequiredAttestation[];
  /** Authorities that could not be read, as `policy/authority`, with why: they do not count, and what needs them is never accepted. */
  unread: readonly { name: string; message: string; retry?: true }[];
}

export interface Rules<A extends ImageAuthority | GitAuthority = ImageAuthority | GitAuthority> {
  subject: Subject;
  /** `host[:port]/repository`, or of Git `host[:port]/path`. */
  name: string;
  /** Whether there is any policy of the subject at all. */
  configured: boolean;
  governing: readonly Governing<A>[];
  /** Of all policies. */
  revoked: readonly Revocation[];
  /** See RecordedJudgement. */
  basis: string;
}

/** An image policy as it stands, for what is told to hosts: they select by name themselves. */
export interface ScopedPolicy {
  policy: string;
  generation: number;
  /** `host[:port]/path`; '' for root. */
  scope: string;
  mode: Mode;
  require: 'Any' | 'All' | number;
  exclusive: boolean;
  /** Its own. */
  authorities: readonly ImageAuthority[];
  attestations: readonly RequiredAttestation[];
  /** Its authorities that could not be read; whoever needs them waits. */
  unread: readonly { name: string; message: string }[];
}
