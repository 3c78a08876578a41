/** Signatures by certificates of short life that are given to identities (Fulcio). Pure. */
import { X509Certificate } from 'node:crypto';
import { type TrustMaterial, Verifier } from '@sigstore/verify';
import type { Claim, Signed } from './claim.ts';
import { type Circumstances, type Evidence, refuseRevoked, signerOf } from './evidence.ts';
import { spkiFingerprint } from './fingerprint.ts';
import { type CertifiedIdentity, identityOf, isMeant } from './identity.ts';
import { checkKeyOfEntry } from './log-body.ts';
import { RefusedCandidate, quoted } from './refused.ts';
import type { KeylessAuthority } from './rules.ts';
import { entityOf, logIndexOf, refusalBy, trustedTimeOf } from './signed-entity.ts';
import { trustMaterialOf } from './trust-material.ts';

/** An entry of the log, a certificate that a certificate log vouches for, and a time by which it was valid: one of each at least. */
const thresholds = { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 };

/** What is true of a claim whoever asks, as long as it is by the same trusted root. */
interface Proven {
  identity: CertifiedIdentity;
  /** Of the certificate's key. */
  fingerprint: string;
  time: number;
  logIndex?: string;
}

/**
 * @throws RefusedCandidate
 */
export function evidenceOfIdentity(authority: KeylessAuthority, claim: Claim, { revoked }: Circumstances): Evidence {
  if (claim.signed.material === 'key')
    throw new RefusedCandidate('NoCertificate', 'it is signed with a key, not with a certificate');
  const { identity, fingerprint, ...proof } = provenBy(claim.signed, trustMaterialOf(authority.trustedRoot, revoked));
  refuseRevoked(fingerprint, proof.time, revoked);
  if (!isMeant(identity, authority.identities)) {
    throw new RefusedCandidate(
      'WrongIdentity',
      `it is signed by ${quoted(identity.subject)} of ${quoted(identity.issuer)}, who is no identity of the authority`,
    );
  }
  return { authority, signer: signerOf(claim, authority, { identity }, proof), time: proof.time };
}

const known = new WeakMap<Signed, WeakMap<TrustMaterial, Proven | RefusedCandidate>>();

/** Once for each trusted root, not for each authority that has it: it takes milliseconds, and anybody may attach certificates. */
function provenBy(signed: Signed, material: TrustMaterial): Proven {
  const results = known.get(signed) ?? new WeakMap<TrustMaterial, Proven | RefusedCandidate>();
  known.set(signed, results);
  let result = results.get(material);
  if (!result) {
    try {
      result = prove(signed, material);
    } catch (error) {
      result = refusalBy(error);
    }
    results.set(material, result);
  }
  if (result instanceof RefusedCandidate) throw result;
  return result;
}

function prove(signed: Signed, material: TrustMaterial): Proven {
  const certificate = certificateIn(signed);
  const fingerprint = fingerprintOf(certificate);
  const entity = entityOf(signed);
  if (entity.tlogEntries.length === 0) {
    throw new RefusedCandidate('NotLogged', 'it has no entry of the transparency log, which certificates of short life need');
  }
  // Without a policy: the library's comparison of identities is not ours.
  const signer = new Verifier(material, thresholds).verify(entity);
  const identity = identityOf(certificate, signer.identity);
  for (const entry of entity.tlogEntries) checkKeyOfEntry(entry.canonicalizedBody, fingerprint);
  const time = trustedTimeOf(entity);
  if (time === undefined) throw new RefusedCandidate('LogInvalid', 'nothing vouches for the time at which it was signed');
  const logIndex = logIndexOf(entity);
  return { identity, fingerprint, time, ...(logIndex === undefined ? {} : { logIndex }) };
}

function certificateIn(signed: Signed): X509Certificate {
  const { content } = signed.bundle().verificationMaterial;
  const raw =
    content.$case === 'certificate'
      ? content.certificate.rawBytes
      : content.$case === 'x509CertificateChain'
        ? content.x509CertificateChain.certificates[0]?.rawBytes
        : undefined;
  if (!raw) throw new RefusedCandidate('NoCertificate', 'it is signed with a key, not with a certificate');
  try {
    return new X509Certificate(raw);
  } catch {
    // OpenSSL's words say nothing that helps.
    throw new RefusedCandidate('Malformed', 'its certificate cannot be read');
  }
}

function fingerprintOf(certificate: X509Certificate): string {
  try {
    return spkiFingerprint(certificate.publicKey);
  } catch {
    throw new RefusedCandidate('Malformed', 'the key of its certificate cannot be read');
  }
}
