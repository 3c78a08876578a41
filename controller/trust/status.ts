/** The status of a TrustPolicy after its keys were read: pure. */
import { isDeepStrictEqual } from 'node:util';
import { type Outcome, conditionOf, conditionsOf, timestamp } from '../api/conditions.ts';
import { StallingError, TransientError, WaitingError } from '../api/errors.ts';
import type { Condition } from '../api/meta.ts';
import { requestedAt } from '../api/names.ts';
import type { TrustPolicy, TrustPolicyStatus, TrustPolicyStatusAuthority } from '../api/trust-policy.ts';
import { basisOfPolicy } from './basis.ts';
import { hostLimits } from './host-limits.ts';
import type { ReadAuthority, ReadPolicy } from './read-policy.ts';
import { type PolicyReason, keysPending, notEnforced } from './reasons.ts';
import type { KeyFacts, Revocation, RootKey } from './rules.ts';
import { describeScope } from './scope.ts';
import { changesOf, outside } from './validity.ts';

/** What the status speaks of. */
export interface Looked {
  read: ReadPolicy;
  /** Of all policies. */
  revoked: readonly Revocation[];
  /** Policies of equal scope and a common subject. */
  conflicts: readonly string[];
  /** What lastUsed of an authority (`policy/name`) is to say. */
  lastUsed: (authority: string, before: string | undefined) => string | undefined;
  /** Epoch ms. */
  now: number;
}

/** How soon what is missing is looked for again. */
const missingMs = 30_000;
/** As many as the status holds. */
const mostKeys = 64;
const longest = { message: 1024, identity: 1024, algorithm: 32 };

export function policyStatus(policy: TrustPolicy, looked: Looked): TrustPolicyStatus {
  const { metadata, status: before } = policy;
  const { read, now } = looked;
  const requested = metadata.annotations?.[requestedAt];
  const shown = new Map((before?.authorities ?? []).map(authority => [authority.name, authority]));
  // What discovery says is its own part.
  const conditions = before?.conditions?.filter(({ type }) => type !== keysPending);
  return {
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    ...(requested === undefined ? {} : { lastHandledReconcileAt: requested }),
    scope: describeScope(read.scope),
    basis: basisOfPolicy(read),
    ...(read.authorities.length === 0
      ? {}
      : { authorities: read.authorities.map(authority => authorityStatus(authority, shown.get(authority.name), looked)) }),
    conditions: conditionsOf(conditions, metadata.generation, outcomeOf(looked), new Date(now), {
      [notEnforced]: modeCondition(read),
    }),
  };
}

/** The part of the status that the reconciler of policies writes, as it is now. */
function ownStatus({ pendingKeys: _pendingKeys, ...status }: TrustPolicyStatus): TrustPolicyStatus {
  const conditions = status.conditions?.filter(({ type }) => type !== keysPending);
  return { ...status, ...(conditions ? { conditions } : {}) };
}

/** The outcome of reading: the worst first. Throws nothing; what it says decides when the policy is read again. */
export function outcomeOf({ read, conflicts, revoked, now }: Looked): Outcome {
  if (conflicts.length > 0) {
    const message = `TrustPolicy ${conflicts.join(', ')} has the same scope, ${describeScope(read.scope)}; what it covers must satisfy both: delete one, or give it another scope`;
    return fail(new StallingError('ScopeConflict' satisfies PolicyReason, message));
  }
  const failed = read.authorities.filter(({ failure }) => failure);
  const [worst] = failed.toSorted((a, b) => rank(a) - rank(b));
  if (worst?.failure) {
    const { reason, retry } = worst.failure;
    const message = failed.map(({ name, failure }) => `authority ${name}: ${failure?.message ?? ''}`).join('; ');
    if (reason === 'InvalidKey') return fail(new StallingError(reason, message));
    return fail(retry ? new TransientError(reason, message) : new WaitingError(reason, message, missingMs));
  }
  const silent = read.authorities.map(authority => ({ authority, why: silenceOf(authority, revoked, now) }));
  const [first] = silent;
  if (first?.why !== undefined && silent.every(({ why }) => why !== undefined)) {
    const message = `no authority counts: ${silent.map(({ authority, why }) => `${authority.name} ${why?.words ?? ''}`).join('; ')}`;
    return fail(new StallingError(first.why.reason, message));
  }
  return {
    kind: 'Ready',
    reason: 'KeysRead' satisfies PolicyReason,
    message: readyMessage(
      read,
      silent.flatMap(({ why, authority }) => (why ? [`${authority.name} ${why.words}`] : [])),
    ),
  };
}

function fail(error: Error): Outcome {
  return { kind: 'Failed', error };
}

function rank({ failure }: ReadAuthority): number {
  return failure?.reason === 'InvalidKey' ? 0 : failure?.retry === false ? 1 : 2;
}

function readyMessage({ authorities, revoked, revokesOnly }: ReadPolicy, silent: readonly string[]): string {
  const keys = authorities.reduce((count, authority) => count + authority.keys.length, 0);
  const parts = [
    ...(revokesOnly || authorities.length === 0
      ? []
      : [`${counted(authorities.length, 'authority', 'authorities')}, ${counted(keys, 'key', 'keys')}`]),
    ...(revoked.length > 0 ? [`${counted(revoked.length, 'key', 'keys')} revoked`] : []),
    ...(revokesOnly ? ['covers nothing'] : []),
    ...silent,
  ];
  return parts.length > 0 ? parts.join(', ') : 'no authority';
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Why no key of an authority counts at this time; undefined when one does, or it has none to look at. */
function silenceOf(
  { keys, kind, rootKeys = [] }: ReadAuthority,
  revoked: readonly Revocation[],
  now: number,
): { reason: PolicyReason; words: string } | undefined {
  if (kind === 'keyless') return rootSilence(rootKeys, revoked);
  if (keys.length === 0) return undefined;
  const counting = keys.filter(key => !isRevoked(key, revoked));
  if (counting.length === 0) return { reason: 'Revoked', words: 'is revoked' };
  if (counting.some(key => outside(key, now) === undefined)) return undefined;
  const ahead = counting.flatMap(({ notBefore }) => (notBefore !== undefined && notBefore > now ? [notBefore] : []));
  const [next] = ahead.toSorted((a, b) => a - b);
  const words = next === undefined ? 'has expired' : `does not count before ${timestamp(new Date(next))}`;
  return { reason: 'Expired', words };
}

/** The parts of a trusted root of which nothing by certificate can do without. What has ended in a root vouches for what is from before. */
const neededParts: readonly RootKey['part'][] = ['CertificateAuthority', 'Log', 'CertificateLog'];

function rootSilence(keys: readonly RootKey[], revoked: readonly Revocation[]): ReturnType<typeof silenceOf> {
  const gone = neededParts.some(part => {
    const own = keys.filter(key => key.part === part);
    return own.length > 0 && own.every(key => isRevoked(key, revoked));
  });
  return gone
    ? { reason: 'Revoked', words: 'has a trusted root of which a part is revoked that it cannot do without' }
    : undefined;
}

function isRevoked({ fingerprint }: KeyFacts, revoked: readonly Revocation[]): boolean {
  return revoked.some(revocation => revocation.fingerprint === fingerprint);
}

/** When what the status says of validity changes next; undefined when the clock changes nothing. */
export function nextChange({ authorities }: ReadPolicy, now: number): number | undefined {
  const ahead = authorities.flatMap(({ keys }) => keys.flatMap(changesOf)).filter(time => time > now);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}

function authorityStatus(
  authority: ReadAuthority,
  before: TrustPolicyStatusAuthority | undefined,
  { read, revoked, lastUsed, now }: Looked,
): TrustPolicyStatusAuthority {
  const { name, kind, keys, rootKeys = [], failure } = authority;
  const shown = [...keys, ...rootKeys].slice(0, mostKeys);
  const message = failure?.message ?? silenceOf(authority, revoked, now)?.words;
  const image = authority.authority?.kind === 'key' || authority.authority?.kind === 'keyless' ? authority.authority : undefined;
  const node = image && hostLimits(image);
  const used = lastUsed(`${read.policy}/${name}`, before?.lastUsed);
  return {
    name,
    kind,
    ...(shown.length === 0 ? {} : { keys: shown.map(key => keyStatus(key, revoked)) }),
    ...(message === undefined ? {} : { message: cut(message, longest.message) }),
    ...(node === undefined ? {} : { node: cut(node, longest.message) }),
    ...(used === undefined ? {} : { lastUsed: used }),
  };
}

function keyStatus(key: KeyFacts, revoked: readonly Revocation[]): NonNullable<TrustPolicyStatusAuthority['keys']>[number] {
  const { fingerprint, algorithm, identity, notBefore, notAfter } = key;
  return {
    fingerprint,
    ...(algorithm === undefined ? {} : { algorithm: cut(algorithm, longest.algorithm) }),
    ...(identity === undefined ? {} : { identity: cut(identity, longest.identity) }),
    ...(notBefore === undefined ? {} : { notBefore: timestamp(new Date(notBefore)) }),
    ...(notAfter === undefined ? {} : { notAfter: timestamp(new Date(notAfter)) }),
    ...(isRevoked(key, revoked) ? { revoked: true } : {}),
  };
}

/** A mode that lets through what is not signed is always said. */
function modeCondition({ mode, scope }: ReadPolicy): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  const covered = scope === '' ? 'anything that no other policy covers' : scope;
  if (mode === 'Warn')
    return { status: 'True', reason: 'Warn' satisfies PolicyReason, message: `what is not trusted of ${covered} is let through` };
  if (mode === 'Skip')
    return { status: 'True', reason: 'Skip' satisfies PolicyReason, message: `nothing of ${covered} is verified` };
  return undefined;
}

export interface News {
  type: 'Normal' | 'Warning';
  reason: string;
  note: string;
}

/** The events that a change of status is worth: Ready's, and that of a mode that does not enforce. */
export function newsOf(before: TrustPolicyStatus | undefined, after: TrustPolicyStatus): News[] {
  const changed = (type: string): Condition | undefined => {
    const [was, is] = [conditionOf(before?.conditions, type), conditionOf(after.conditions, type)];
    return is && !(was?.status === is.status && was.reason === is.reason && was.message === is.message) ? is : undefined;
  };
  const [ready, mode] = [changed('Ready'), changed(notEnforced)];
  return [
    ...(ready
      ? [
          {
            type: ready.status === 'True' ? ('Normal' as const) : ('Warning' as const),
            reason: ready.reason,
            note: ready.message,
          },
        ]
      : []),
    ...(mode ? [{ type: 'Warning' as const, reason: mode.reason, note: mode.message }] : []),
  ];
}

/** Whether a write would change anything. */
export function statusDiffers(before: TrustPolicyStatus | undefined, after: TrustPolicyStatus): boolean {
  return !isDeepStrictEqual(ownStatus(before ?? {}), after);
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
}
