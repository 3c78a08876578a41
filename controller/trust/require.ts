/** Whether enough distinct authorities have signed. Pure. */
import { type Evidence, nameOf } from './evidence.ts';
import type { Governing, ImageAuthority } from './rules.ts';

export interface Requirement {
  met: boolean;
  /** What is asked for and what there is, as part of a sentence. */
  words: string;
}

/**
 * @param signed by which authorities, of those that count for the policy
 */
export function requirementOf(governing: Governing<ImageAuthority>, signed: readonly Evidence[]): Requirement {
  const { require } = governing;
  const counting = new Set(governing.authorities.map(nameOf));
  const evidence = signed.filter(({ authority }) => counting.has(nameOf(authority)));
  if (require === 'All') return requirementOfAll(governing, evidence);
  const needed = require === 'Any' ? 1 : Math.max(1, require);
  const count = distinct(evidence);
  const of = needed === 1 ? 'one of its authorities' : `${needed} distinct authorities (those with a common key count once)`;
  return { met: count >= needed, words: `TrustPolicy ${governing.policy} asks for the signature of ${of}, and ${haveOf(count)}` };
}

/**
 * Each of the policy's own, by a key or an identity that counts for no other of them: who holds a key that two list is one person. As of commits. One without any authority
 * would be met by nothing, so it is not.
 */
function requirementOfAll(
  { policy, authorities, unread }: Governing<ImageAuthority>,
  evidence: readonly Evidence[],
): Requirement {
  const own = authorities.filter(authority => authority.policy === policy).map(nameOf);
  const have = new Set(evidence.map(({ authority }) => nameOf(authority)));
  const missing = [
    ...own.filter(name => !have.has(name)),
    ...unread.filter(({ name }) => name.startsWith(`${policy}/`)).map(({ name }) => name),
  ];
  if (own.length === 0 && missing.length === 0)
    return { met: false, words: `TrustPolicy ${policy} has no authority that could sign` };
  const shared = missing.length > 0 ? [] : withoutOwnSigner(own, evidence);
  const asked = `TrustPolicy ${policy} asks for the signatures of all its authorities`;
  if (shared.length > 0)
    return {
      met: false,
      words: `${asked}, and that of ${shared.join(', ')} is by a key that counts for another of them already`,
    };
  const words = `${asked}, and ${missing.join(', ') || 'none'} of them ${missing.length === 1 ? 'is' : 'are'} missing`;
  return { met: missing.length === 0, words };
}

/** The authorities for which nobody is left when each signer is one authority's: a matching that is as large as can be, by augmenting paths. */
function withoutOwnSigner(own: readonly string[], evidence: readonly Evidence[]): string[] {
  const taken = new Map<string, string>();
  const found = (name: string, tried: Set<string>): boolean => {
    for (const { authority, signer } of evidence) {
      const mark = markOf(signer);
      if (nameOf(authority) !== name || tried.has(mark)) continue;
      tried.add(mark);
      const holder = taken.get(mark);
      if (holder !== undefined && !found(holder, tried)) continue;
      taken.set(mark, name);
      return true;
    }
    return false;
  };
  return own.filter(name => !found(name, new Set()));
}

/** Who has signed, whichever authority it counts for. */
function markOf({ authority, key, identity }: Evidence['signer']): string {
  if (identity) return `identity ${identity.issuer} ${identity.subject}`;
  return key === undefined ? `authority ${authority}` : `key ${key}`;
}

/**
 * How many that have nothing in common. Authorities that share a key are one, whichever of their keys has signed: who holds that key could be either.
 * So are those that one and the same identity has satisfied.
 */
function distinct(evidence: readonly Evidence[]): number {
  const groups: Set<string>[] = [];
  for (const { authority, signer } of evidence) {
    const marks = new Set(authority.kind === 'key' ? authority.keys.map(({ fingerprint }) => fingerprint) : []);
    marks.add(`authority ${nameOf(authority)}`);
    marks.add(markOf(signer));
    const touching = groups.filter(group => [...marks].some(mark => group.has(mark)));
    for (const group of touching) {
      group.forEach(mark => marks.add(mark));
      groups.splice(groups.indexOf(group), 1);
    }
    groups.push(marks);
  }
  return groups.length;
}

function haveOf(count: number): string {
  return count === 0 ? 'there is none' : count === 1 ? 'there is one' : `there are ${count}`;
}
