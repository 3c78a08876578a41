/** The digest of all that the judgements of a name depend on besides what is judged: pure. */
import { createHash } from 'node:crypto';
import type { ReadPolicy } from './read-policy.ts';
import type { Revocation, Rules, Subject } from './rules.ts';

/** Another number judges everything in use again: to be raised when equal rules come to mean something else. */
const version = 1;

/**
 * Equal for equal policies, keys, trusted roots and revocations, in whatever order they come; another for any difference that could change a judgement.
 * A policy that covers another name changes it only by what it revokes, and by being there at all.
 */
export function basisOf(
  subject: Subject,
  covering: readonly ReadPolicy[],
  of: { configured: boolean; revoked: readonly Revocation[] },
): string {
  const policies = covering
    .toSorted(byName)
    .map(policy => [
      policy.policy,
      policy.uid,
      policy.generation,
      policy.scope,
      policy.authorities.map(({ name, authority, failure }) => [name, authority ?? failure?.reason ?? null]),
    ]);
  const revoked = of.revoked.map(({ fingerprint, since }) => `${fingerprint} ${since ?? ''}`);
  return digest([version, subject, of.configured, policies, [...new Set(revoked)].toSorted()]);
}

/** What a judgement of an image rests on: where a policy compares the commit, also which one the image is known to be built from, or that none is. */
export function basisWithCommit({ basis, governing }: Pick<Rules, 'basis' | 'governing'>, commit: string | undefined): string {
  const compares = governing.some(({ attestations }) => attestations.some(asked => asked.commit === 'Known'));
  return compares ? digest([version, basis, commit ?? null]) : basis;
}

/** Of one policy alone, for its status. */
export function basisOfPolicy(policy: ReadPolicy): string {
  return digest([
    version,
    policy.uid,
    policy.generation,
    policy.authorities.map(({ name, authority, failure }) => [name, authority ?? failure?.reason ?? null]),
  ]);
}

function byName(a: ReadPolicy, b: ReadPolicy): number {
  return a.policy < b.policy ? -1 : 1;
}

/** What is made here is made by this program, member by member in one order, so equal values are equal texts. */
function digest(value: unknown): string {
  return `sha256:${createHash('sha256').update(JSON.stringify(value)).digest('hex')}`;
}
