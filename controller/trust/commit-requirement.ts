/** Whether what authorities say of a commit is enough for a policy: pure. */
import type { Finding } from './judge-commit.ts';
import type { GitAuthority, Governing } from './rules.ts';

/** The findings of authorities that count for the policy. */
export function countingFor({ authorities }: Governing<GitAuthority>, findings: readonly Finding[]): Finding[] {
  const names = new Set(authorities.map(({ policy, name }) => `${policy}/${name}`));
  return findings.filter(({ authority }) => names.has(authority));
}

/** Whether enough of the authorities have signed. One key that several of them have counts once. */
export function isMet(governing: Governing<GitAuthority>, findings: readonly Finding[]): boolean {
  const accepted = countingFor(governing, findings).filter(finding => finding.accepted);
  if (accepted.length === 0) return false;
  if (governing.require === 'Any') return true;
  if (governing.require === 'All') return haveAll(governing, accepted);
  // Who holds a key that two authorities list could be either, whichever of their keys has signed.
  return mostDistinct(accepted, finding => [...signerOf(finding), ...finding.keys]) >= governing.require;
}

/** Whether each of the policy's own authorities has signed, by a key that signed for no other of them. One that could not be read has not; a policy without any is not met by nothing. */
function haveAll({ policy, authorities, unread }: Governing<GitAuthority>, accepted: readonly Finding[]): boolean {
  const own = new Set(authorities.filter(authority => authority.policy === policy).map(({ name }) => `${policy}/${name}`));
  if (own.size === 0 || unread.some(({ name }) => name.startsWith(`${policy}/`))) return false;
  const of = accepted.filter(({ authority }) => own.has(authority));
  return mostDistinct(of, signerOf) === own.size;
}

/** The key that signed, whatever vouches for it: of SSH without its certificate, of OpenPGP the subkey and the key that it belongs to. */
function signerOf({ key, signing }: Finding): string[] {
  return [key, signing].filter(fingerprint => fingerprint !== undefined);
}

/** The most of the findings that are of different authorities and have no mark in common. There is one key for each signed object, and there are two of these at most. */
function mostDistinct(findings: readonly Finding[], marksOf: (finding: Finding) => readonly string[]): number {
  const [oid] = findings.map(finding => finding.oid);
  if (oid === undefined) return 0;
  const others = findings.filter(finding => finding.oid !== oid);
  let most = mostDistinct(others, marksOf);
  for (const finding of findings.filter(one => one.oid === oid)) {
    const marks = new Set(marksOf(finding));
    const apart = others.filter(other => other.authority !== finding.authority && !marksOf(other).some(mark => marks.has(mark)));
    most = Math.max(most, 1 + mostDistinct(apart, marksOf));
  }
  return most;
}

/** In words, for who has to sign. */
export function wanted({ policy, require, authorities }: Governing<GitAuthority>): string {
  const names = authorities.map(({ policy: of, name }) => (of === policy ? name : `${of}/${name}`));
  if (names.length === 0) return 'nobody may sign: name keys in spec.verify.secretRef, or in a TrustPolicy with subject Git';
  if (names.length === 1) return `${names[0]} has to sign`;
  const number = require === 'Any' ? 'one' : require === 'All' ? 'each' : String(require);
  return `${number} of ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''} has to sign`;
}
