/** What a change of trust does to policies: pure. */
import type {
  TrustPolicy,
  TrustPolicySpec,
  TrustPolicySpecAuthority,
  TrustPolicySpecRevoked,
  TrustPolicySpecScope,
} from '../api/trust-policy.ts';
import type { KeyMaterial } from '../trust/key-material.ts';
import type { Subject } from '../trust/rules.ts';
import { describeScope, scopeOf } from '../trust/scope.ts';

/** One change of a policy's spec. */
export type PolicyEdit =
  | { kind: 'add'; authority: TrustPolicySpecAuthority }
  | { kind: 'replace'; authority: TrustPolicySpecAuthority }
  | { kind: 'remove'; name: string }
  | { kind: 'revoke'; entry: TrustPolicySpecRevoked };

/** A change that is refused, with why and what helps. */
export class TrustRefusedError extends Error {}

/** As the CRD has them. */
const most = { authorities: 32, revoked: 64 };

/** The spec after a change. Throws TrustRefusedError for what the API server would refuse, or what would mean something else than it says. */
export function edited(policy: TrustPolicy, edit: PolicyEdit): TrustPolicySpec {
  const { spec, metadata } = policy;
  const authorities = spec.authorities ?? [];
  const revoked = spec.revoked ?? [];
  switch (edit.kind) {
    case 'add':
      if (authorities.length >= most.authorities)
        throw new TrustRefusedError(
          `TrustPolicy ${metadata.name} has ${most.authorities} authorities, which is as many as it can have`,
        );
      if (authorities.some(a => a.name === edit.authority.name))
        throw new TrustRefusedError(
          `TrustPolicy ${metadata.name} has another authority ${edit.authority.name}; give a name with --authority`,
        );
      return { ...spec, authorities: [...authorities, edit.authority] };
    case 'replace':
      return { ...spec, authorities: authorities.map(a => (a.name === edit.authority.name ? edit.authority : a)) };
    case 'remove':
      requireOthers(policy, edit.name);
      return { ...spec, authorities: authorities.filter(a => a.name !== edit.name) };
    case 'revoke': {
      const others = revoked.filter(r => r.fingerprint !== edit.entry.fingerprint);
      if (others.length >= most.revoked)
        throw new TrustRefusedError(
          `TrustPolicy ${metadata.name} has ${most.revoked} revocations, which is as many as it can have; name another one with --policy`,
        );
      return { ...spec, revoked: [...others, edit.entry] };
    }
  }
}

/** A policy without authorities covers nothing when it has revocations, and what it covered would need no signature of its own any more. */
function requireOthers({ metadata, spec }: TrustPolicy, name: string): void {
  const left = (spec.authorities ?? []).filter(a => a.name !== name);
  if (left.length === 0)
    throw new TrustRefusedError(
      `${name} is the last authority of TrustPolicy ${metadata.name}: without it the policy says nothing. Add the next key before, or revoke this one, which refuses all that the policy covers, or delete the policy`,
    );
  const required = typeof spec.require === 'number' ? spec.require : 1;
  if (left.length < required)
    throw new TrustRefusedError(
      `TrustPolicy ${metadata.name} requires ${required} authorities, and would have ${left.length}; lower spec.require first`,
    );
  const named = spec.attestations?.find(a => a.authorities?.includes(name));
  if (named)
    throw new TrustRefusedError(
      `TrustPolicy ${metadata.name} names ${name} in the attestation ${named.predicateType}; take it out there first`,
    );
}

export interface Wanted {
  scope: TrustPolicySpecScope;
  subject: Subject;
  mode: TrustPolicySpec['mode'];
  /** Of the policy, where a person has named it. */
  name?: string;
}

/** Where an authority goes: into the policy of exactly that scope and subject, else into a new one. Throws TrustRefusedError. */
export function homeOf(
  policies: readonly TrustPolicy[],
  { scope, subject, mode, name }: Wanted,
): { policy: TrustPolicy; isNew: boolean } {
  const wanted = scopeOf(scope);
  const fits = (policy: TrustPolicy): boolean =>
    scopeOf(policy.spec.scope) === wanted &&
    policy.spec.subjects.includes(subject) &&
    (policy.metadata.name === name || !revokesOnly(policy));
  const named = policies.find(policy => policy.metadata.name === (name ?? nameFor(wanted, subject)));
  if (name !== undefined && named && !fits(named))
    throw new TrustRefusedError(
      `TrustPolicy ${name} covers ${describeScope(scopeOf(named.spec.scope))} (${named.spec.subjects.join(', ')}), not ${describeScope(wanted)} (${subject})`,
    );
  const fitting = policies.filter(fits);
  const [only] = fitting;
  const chosen = name === undefined ? only : named;
  if (chosen && (name !== undefined || fitting.length === 1)) return { policy: chosen, isNew: false };
  if (fitting.length > 0) {
    const names = fitting.map(p => p.metadata.name).join(', ');
    throw new TrustRefusedError(
      fitting.length > 1
        ? `TrustPolicies ${names} have that scope; name one with --policy`
        : `TrustPolicy ${names} has that scope; two of equal scope conflict`,
    );
  }
  if (named) throw new TrustRefusedError(`there is another TrustPolicy ${named.metadata.name}; name the new one with --policy`);
  return { policy: policyOf(name ?? nameFor(wanted, subject), { scope, subjects: [subject], mode }), isNew: true };
}

/** A policy with what the API server fills in. */
export function policyOf(name: string, spec: Pick<TrustPolicySpec, 'scope'> & Partial<TrustPolicySpec>): TrustPolicy {
  const defaults = { subjects: ['Image' as const], mode: 'Enforce' as const, require: 'Any', exclusive: false };
  return { apiVersion: 'scantling.dev/v1alpha1', kind: 'TrustPolicy', metadata: { name }, spec: { ...defaults, ...spec } };
}

/** It covers nothing: see trust/read-policy.ts. */
export function revokesOnly({ spec }: TrustPolicy): boolean {
  return (
    (spec.authorities ?? []).length === 0 && (spec.revoked ?? []).length > 0 && spec.mode !== 'Skip' && !spec.discovery?.enabled
  );
}

/** As metrics can be labelled with. */
const longestName = 63;

function nameFor(scope: string, subject: Subject): string {
  const base = scope === '' ? 'root' : scope.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const suffix = subject === 'Git' ? '-git' : '';
  return `${base.slice(0, longestName - suffix.length).replaceAll(/^-+|-+$/g, '')}${suffix}`;
}

/** An authority for one key, as spec has it. OpenPGP keys are pinned by their fingerprint. */
export function authorityFor(
  { kind, fingerprint, text }: KeyMaterial,
  name = authorityName(kind, fingerprint),
): TrustPolicySpecAuthority {
  switch (kind) {
    case 'key':
      return { name, key: { data: text, transparencyLog: 'Ignored' } };
    case 'openPGP':
      return { name, openPGP: { data: text, fingerprints: [fingerprint] } };
    case 'ssh':
      return { name, ssh: { allowedSigners: `${text.trimEnd()}\n` } };
  }
}

export function subjectOf(kind: KeyMaterial['kind']): Subject {
  return kind === 'key' ? 'Image' : 'Git';
}

function authorityName(kind: KeyMaterial['kind'], fingerprint: string): string {
  const hex = fingerprint.startsWith('SHA256:') ? Buffer.from(fingerprint.slice(7), 'base64').toString('hex') : fingerprint;
  return `${kind.toLowerCase()}-${hex.slice(0, 8)}`;
}

const fingerprintForm = /^(?:[0-9a-f]{40}|[0-9a-f]{64}|SHA256:[A-Za-z0-9+/]{43})$/;

/** A fingerprint as people give it, with spaces or in capitals, as policies have it. undefined for what is none. */
export function fingerprintFrom(text: string): string | undefined {
  const bare = text.replaceAll(/\s+/g, '').replace(/=$/, '');
  const plain = bare.startsWith('SHA256:')
    ? bare
    : bare
        .replace(/^(?:0x|sha256:)/i, '')
        .replaceAll(':', '')
        .toLowerCase();
  return fingerprintForm.test(plain) ? plain : undefined;
}

/** What follows for hosts, which take the rules of policies for images with their image. */
export function hostNotes(changed: readonly TrustPolicy[]): string[] {
  const told = changed.filter(({ spec }) => spec.mode === 'Enforce' && spec.subjects.includes('Image'));
  if (told.length === 0) return [];
  const names = told.map(({ metadata }) => metadata.name).join(', ');
  return [
    `hosts learn of it from their image: where the hosts of a definition pull what ${names} covers, its image is made anew and rolled out as any other change, with its reboots (spec.suspend of a pool holds it back)`,
  ];
}
