/** Which policies govern a name, and whose authorities count for it: pure. */
import { basisOf } from './basis.ts';
import type { ReadAuthority, ReadPolicy } from './read-policy.ts';
import type { GitAuthority, Governing, ImageAuthority, Revocation, Rules, ScopedPolicy, Subject } from './rules.ts';
import { covers } from './scope.ts';

/** The authorities that can sign what is judged. */
type AuthorityOf<S extends Subject> = S extends 'Image' ? ImageAuthority : GitAuthority;

/**
 * The rules for one name. Of the policies that cover it the one with the longest scope governs (two of equal scope both do), and the authorities of all
 * count, unless it is exclusive. Revocations are those of all policies, whatever they cover.
 */
export function rulesFor<S extends Subject>(read: readonly ReadPolicy[], subject: S, name: string): Rules<AuthorityOf<S>> {
  const configuring = read.filter(policy => configures(policy, subject));
  const covering = configuring.filter(policy => covers(policy.scope, name)).toSorted(bySpecificity);
  const longest = covering[0]?.scope;
  const governing = covering.filter(policy => policy.scope === longest);
  const above = covering.filter(policy => policy.scope !== longest);
  const revoked = revocationsOf(read);
  return {
    subject,
    name,
    configured: configuring.length > 0,
    governing: governing.map(policy => governs(subject, policy, policy.exclusive ? [] : above)),
    revoked,
    basis: basisOf(subject, covering, { configured: configuring.length > 0, revoked }),
  };
}

/** Whether a policy asks anything of a subject. */
export function configures({ subjects, revokesOnly }: Pick<ReadPolicy, 'subjects' | 'revokesOnly'>, subject: Subject): boolean {
  return subjects.includes(subject) && !revokesOnly;
}

/** All that is revoked by any policy. Of several words on one key the strictest stands: the one without `since`, or with the earliest. */
export function revocationsOf(read: readonly ReadPolicy[]): Revocation[] {
  const strictest = new Map<string, Revocation>();
  const all = read.flatMap(({ revoked }) => revoked).toSorted((a, b) => (a.policy < b.policy ? -1 : 1));
  for (const revocation of all) {
    const known = strictest.get(revocation.fingerprint);
    if (!known || (revocation.since ?? -Infinity) < (known.since ?? -Infinity)) strictest.set(revocation.fingerprint, revocation);
  }
  return [...strictest.values()].toSorted((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
}

/** All policies of images, for what is told to hosts; the longest scopes first. */
export function scopedPolicies(read: readonly ReadPolicy[]): ScopedPolicy[] {
  return read
    .filter(policy => policy.subjects.includes('Image') && !policy.revokesOnly)
    .toSorted(bySpecificity)
    .map(policy => ({
      policy: policy.policy,
      generation: policy.generation,
      scope: policy.scope,
      mode: policy.mode,
      require: policy.require,
      exclusive: policy.exclusive,
      authorities: policy.authorities.flatMap(a => counting('Image', a)),
      attestations: policy.attestations,
      unread: unreadOf('Image', policy),
    }));
}

/** The policies of the same scope and a common subject as this one; both govern, which nobody can have meant. */
export function conflictsOf(read: readonly ReadPolicy[], policy: ReadPolicy): ReadPolicy[] {
  if (policy.revokesOnly) return [];
  return read.filter(
    other =>
      other.policy !== policy.policy &&
      other.scope === policy.scope &&
      !other.revokesOnly &&
      other.subjects.some(subject => policy.subjects.includes(subject)),
  );
}

function governs<S extends Subject>(subject: S, policy: ReadPolicy, above: readonly ReadPolicy[]): Governing<AuthorityOf<S>> {
  const counted = [policy, ...above];
  return {
    policy: policy.policy,
    generation: policy.generation,
    mode: policy.mode,
    require: policy.require,
    exclusive: policy.exclusive,
    authorities: counted.flatMap(({ authorities }) => authorities.flatMap(a => counting(subject, a))),
    attestations: subject === 'Image' ? policy.attestations : [],
    unread: counted.flatMap(of => unreadOf(subject, of)),
  };
}

function unreadOf(subject: Subject, { policy, authorities }: ReadPolicy): { name: string; message: string; retry?: true }[] {
  return authorities
    .filter(({ authority, kind }) => !authority && subjectOf(kind) === subject)
    .map(({ name, failure }) => ({
      name: `${policy}/${name}`,
      message: failure?.message ?? '',
      ...(failure?.retry === true ? { retry: true as const } : {}),
    }));
}

function counting<S extends Subject>(subject: S, { kind, authority }: ReadAuthority): AuthorityOf<S>[] {
  // An authority that could be read is of its kind, and the kind says for which subject it signs.
  return authority && subjectOf(kind) === subject ? [authority as AuthorityOf<S>] : [];
}

function subjectOf(kind: ReadAuthority['kind']): Subject {
  return kind === 'key' || kind === 'keyless' ? 'Image' : 'Git';
}

/** The longest scope first, and then by name, so that their order says nothing. All that cover one name are parts of it: the longer has more segments. */
function bySpecificity(a: ReadPolicy, b: ReadPolicy): number {
  return b.scope.length - a.scope.length || (a.policy < b.policy ? -1 : 1);
}
