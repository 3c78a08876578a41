/** Who a certificate names, and whether an authority means them. Pure. */
import { X509Certificate } from 'node:crypto';
import { RefusedCandidate, quoted } from './refused.ts';
import type { Identity } from './rules.ts';
import { matchesPattern } from './subject-pattern.ts';

const codeSigning = '1.3.6.1.5.5.7.3.3';

export interface CertifiedIdentity {
  issuer: string;
  subject: string;
}

/**
 * The one identity of a certificate that was found good. The library takes the first URI, and drops the eighth bit of each byte, so another
 * reader has to see the same and nothing beside it.
 * @param read as @sigstore/verify gives it
 * @throws RefusedCandidate `NoIdentity`, `CertificateInvalid`
 */
export function identityOf(
  certificate: X509Certificate,
  read: { subjectAlternativeName?: string; extensions?: { issuer?: string } } | undefined,
): CertifiedIdentity {
  const subject = read?.subjectAlternativeName ?? '';
  const issuer = read?.extensions?.issuer ?? '';
  if (subject === '') throw new RefusedCandidate('NoIdentity', 'its certificate names no subject');
  if (issuer === '')
    throw new RefusedCandidate('NoIdentity', `its certificate, of ${quoted(subject)}, names no issuer of the identity`);
  const names = certificate.subjectAltName ?? '';
  const one = ['URI', 'email'].flatMap(type => [`${type}:${subject}`, `${type}:${JSON.stringify(subject)}`]);
  if (!one.includes(names)) {
    throw new RefusedCandidate('NoIdentity', `its certificate names not exactly one URI or e-mail address: ${quoted(names)}`);
  }
  if (certificate.ca || !(certificate.keyUsage ?? []).includes(codeSigning)) {
    throw new RefusedCandidate('CertificateInvalid', `its certificate, of ${quoted(subject)}, is not one for signing code`);
  }
  return { issuer, subject };
}

/** Issuer and subject are compared letter by letter; a pattern has to fit the whole subject. */
export function isMeant(identity: CertifiedIdentity, identities: readonly Identity[]): boolean {
  return identities.some(({ issuer, subject, subjectPattern }) => {
    if (issuer === '' || issuer !== identity.issuer) return false;
    if (subject !== undefined) return subject !== '' && subject === identity.subject;
    return subjectPattern !== undefined && subjectPattern !== '' && matchesPattern(subjectPattern, identity.subject);
  });
}
