/** A policy with all that it names read: keys, trusted roots, allowed signers. Where they come from is handed in, so that a cluster and a laptop read alike. */
import { StallingError, TransientError, WaitingError, messageOf, reasonOf } from '../api/errors.ts';
import type { TrustPolicy, TrustPolicySpec, TrustPolicySpecAuthority, TrustPolicySpecAuthorityKey } from '../api/trust-policy.ts';
import { publicKeysOf } from './fingerprint.ts';
import { gitKeysOf } from './git-keys.ts';
import { sinceOf, timeOf } from './policy-time.ts';
import type { PolicyReason } from './reasons.ts';
import type {
  GitAuthority,
  ImageAuthority,
  KeyAuthority,
  KeyFacts,
  KeylessAuthority,
  Mode,
  OpenPGPAuthority,
  RequiredAttestation,
  Revocation,
  RootKey,
  SSHAuthority,
  Subject,
} from './rules.ts';
import { UnvouchedRootError, readRoot } from './read-root.ts';
import { scopeOf } from './scope.ts';
import { type Sources, armoredOf, present, textOf } from './sources.ts';
import { compilePattern } from './subject-pattern.ts';

export interface AuthorityFailure {
  reason: PolicyReason;
  message: string;
  /** Tried again by itself: it is not certain that anything is wrong. */
  retry: boolean;
  /** What was read before does not count beside it either: nothing vouches for it any more. */
  ends?: true;
}

export interface ReadAuthority {
  name: string;
  kind: 'key' | 'keyless' | 'openPGP' | 'ssh';
  /** Absent where it could not be read: it does not count. */
  authority?: ImageAuthority | GitAuthority;
  /** What it signs with itself; none of keyless. */
  keys: readonly KeyFacts[];
  /** What its trusted root has. */
  rootKeys?: readonly RootKey[];
  failure?: AuthorityFailure;
}

export interface ReadPolicy {
  policy: string;
  uid: string;
  generation: number;
  /** See scope.ts. */
  scope: string;
  subjects: readonly Subject[];
  mode: Mode;
  require: 'Any' | 'All' | number;
  exclusive: boolean;
  authorities: readonly ReadAuthority[];
  attestations: readonly RequiredAttestation[];
  revoked: readonly Revocation[];
  /** It only says what is revoked: it covers nothing. */
  revokesOnly: boolean;
}

/** Reads a policy. Never rejects for what one authority lacks: that one says so and does not count. */
export async function readPolicy(policy: TrustPolicy, sources: Sources): Promise<ReadPolicy> {
  const { metadata, spec } = policy;
  // A file may leave out what the API server fills in.
  const given: Partial<TrustPolicySpec> = spec;
  const { subjects = ['Image'], mode = 'Enforce', require = 'Any', exclusive = false } = given;
  const { authorities = [], attestations = [] } = spec;
  const revoked = spec.revoked ?? [];
  const bare = authorities.length === 0 && attestations.length === 0 && spec.discovery?.enabled !== true;
  return {
    policy: metadata.name,
    uid: metadata.uid ?? '',
    generation: metadata.generation ?? 0,
    scope: scopeOf(spec.scope),
    subjects,
    mode,
    require: requirement(require),
    exclusive,
    authorities: await Promise.all(authorities.map(authority => readAuthority(metadata.name, authority, sources))),
    attestations: attestations.map(({ predicateType, builder, source, commit = 'Any', authorities: names }) => ({
      predicateType,
      commit,
      ...(builder === undefined ? {} : { builder }),
      ...(source === undefined ? {} : { source }),
      ...(names === undefined ? {} : { authorities: names }),
    })),
    revoked: revoked.map(({ fingerprint, since }) => revocation(fingerprint, metadata.name, sinceOf(since))),
    revokesOnly: bare && revoked.length > 0 && mode !== 'Skip',
  };
}

function revocation(fingerprint: string, policy: string, since: number | undefined): Revocation {
  return { fingerprint, policy, ...(since === undefined ? {} : { since }) };
}

function requirement(require: number | string): 'Any' | 'All' | number {
  if (require === 'Any' || require === 'All') return require;
  const count = Number(require);
  // What cannot be understood asks for more than can be had.
  return Number.isInteger(count) && count >= 1 ? count : Number.MAX_SAFE_INTEGER;
}

async function readAuthority(policy: string, spec: TrustPolicySpecAuthority, sources: Sources): Promise<ReadAuthority> {
  const { name } = spec;
  const kind = spec.key ? 'key' : spec.keyless ? 'keyless' : spec.openPGP ? 'openPGP' : 'ssh';
  try {
    return { name, kind, ...(await readKind({ policy, name }, spec, sources)) };
  } catch (error) {
    return { name, kind, keys: [], failure: failureOf(error) };
  }
}

type Read = Required<Pick<ReadAuthority, 'authority' | 'keys'>> & Pick<ReadAuthority, 'rootKeys'>;

interface Named {
  policy: string;
  name: string;
}

async function readKind(named: Named, spec: TrustPolicySpecAuthority, sources: Sources): Promise<Read> {
  if (spec.key) return readKey(named, spec.key, sources);
  if (spec.keyless) return readKeyless(named, spec.keyless, sources);
  const paths = spec.paths === undefined ? {} : { paths: spec.paths };
  if (spec.openPGP) return readOpenPGP({ ...named, ...paths }, spec.openPGP, sources);
  if (spec.ssh) return readSSH({ ...named, ...paths }, spec.ssh, sources);
  throw new StallingError('InvalidKey' satisfies PolicyReason, 'names none of key, keyless, openPGP and ssh');
}

async function readKey(named: Named, spec: Partial<TrustPolicySpecAuthorityKey>, sources: Sources): Promise<Read> {
  const { data, secretRef, notBefore, notAfter, transparencyLog = 'Ignored', trustedRoot } = spec;
  const pem = data ?? (await textOf(sources, 'secret', { key: 'cosign.pub', ...present(secretRef) }));
  const keys = publicKeysOf(pem);
  const validity = {
    ...(notBefore === undefined ? {} : { notBefore: timeOf(notBefore, 'notBefore') }),
    ...(notAfter === undefined ? {} : { notAfter: timeOf(notAfter, 'notAfter') }),
  };
  const root = trustedRoot && transparencyLog !== 'Ignored' ? await readRoot(trustedRoot, sources) : undefined;
  const authority: KeyAuthority = {
    ...named,
    kind: 'key',
    keys,
    ...validity,
    transparencyLog,
    ...(root ? { trustedRoot: root.text } : {}),
  };
  const facts = keys.map(({ fingerprint, algorithm }) => ({ fingerprint, algorithm, ...validity }));
  return { authority, keys: facts, ...(root ? { rootKeys: root.keys } : {}) };
}

async function readKeyless(
  named: Named,
  spec: NonNullable<TrustPolicySpecAuthority['keyless']>,
  sources: Sources,
): Promise<Read> {
  // A pattern that is wrong is to be said when it is written, not when it is needed.
  for (const { subjectPattern } of spec.identities) if (subjectPattern !== undefined) compilePattern(subjectPattern);
  const { text: trustedRoot, keys: rootKeys } = await readRoot(spec.trustedRoot, sources);
  const authority: KeylessAuthority = { ...named, kind: 'keyless', identities: spec.identities, trustedRoot };
  return { authority, keys: [], rootKeys };
}

async function readOpenPGP(
  named: Named & { paths?: readonly string[] },
  spec: NonNullable<TrustPolicySpecAuthority['openPGP']>,
  sources: Sources,
): Promise<Read> {
  const keys = spec.data === undefined ? await armoredOf(sources, spec.secretRef?.name) : [spec.data];
  for (const key of keys) refusePrivate(key);
  const authority: OpenPGPAuthority = { ...named, kind: 'openPGP', keys };
  const facts = await gitKeysOf(authority);
  const pinned = spec.fingerprints;
  if (pinned !== undefined && pinned.length > 0) checkPinned(facts, new Set(pinned));
  return { authority, keys: facts };
}

/** Where fingerprints are named, the keys must be these and no others: another key in the same place is what they guard against. */
function checkPinned(keys: readonly KeyFacts[], pinned: ReadonlySet<string>): void {
  const found = new Set(keys.map(({ fingerprint }) => fingerprint));
  const other = [...found].filter(fingerprint => !pinned.has(fingerprint));
  const absent = [...pinned].filter(fingerprint => !found.has(fingerprint));
  if (other.length === 0 && absent.length === 0) return;
  const words = [
    ...(other.length > 0 ? [`${other.join(', ')} is there and not named`] : []),
    ...(absent.length > 0 ? [`${absent.join(', ')} is named and not there`] : []),
  ];
  throw new StallingError('InvalidKey' satisfies PolicyReason, `its keys are not those of fingerprints: ${words.join('; ')}`);
}

async function readSSH(
  named: Named & { paths?: readonly string[] },
  spec: NonNullable<TrustPolicySpecAuthority['ssh']>,
  sources: Sources,
): Promise<Read> {
  const { allowedSigners, secretRef, principals } = spec;
  const text = allowedSigners ?? (await textOf(sources, 'secret', { key: 'allowed_signers', ...present(secretRef) }));
  refusePrivate(text);
  const authority: SSHAuthority = {
    ...named,
    kind: 'ssh',
    allowedSigners: text,
    ...(principals === undefined ? {} : { principals }),
  };
  return { authority, keys: await gitKeysOf(authority) };
}

function refusePrivate(text: string): void {
  if (!/-----BEGIN [A-Z0-9 ]*PRIVATE KEY/.test(text)) return;
  const message = 'holds a private key, which nobody but the signer may have; give the public one, and make a new pair of keys';
  throw new StallingError('InvalidKey' satisfies PolicyReason, message);
}

function failureOf(error: unknown): AuthorityFailure {
  if (error instanceof StallingError) {
    return { reason: 'InvalidKey', message: messageOf(error), retry: false };
  }
  if (error instanceof WaitingError) {
    return {
      reason: error.reason === 'KeyUnreadable' ? 'KeyUnreadable' : 'SecretNotFound',
      message: error.message,
      retry: false,
    };
  }
  const words = error instanceof TransientError ? messageOf(error) : `${reasonOf(error)}: ${messageOf(error)}`;
  return { reason: 'KeyUnreadable', message: words, retry: true, ...(error instanceof UnvouchedRootError ? { ends: true } : {}) };
}
