/** Whether an authority has made a claim. Pure. */
import type { Claim } from './claim.ts';
import { type Circumstances, type Evidence, nameOf, refuseRevoked, signerOf, timeText } from './evidence.ts';
import { evidenceOfIdentity } from './keyless.ts';
import { verifyWithKey } from './plain-key.ts';
import { RefusedCandidate } from './refused.ts';
import type { ImageAuthority, KeyAuthority } from './rules.ts';
import { proofByLog } from './transparency-log.ts';
import { outside } from './validity.ts';

/**
 * @throws RefusedCandidate where it has not, or where it does not count
 */
export function evidenceBy(authority: ImageAuthority, claim: Claim, circumstances: Circumstances): Evidence {
  return authority.kind === 'keyless'
    ? evidenceOfIdentity(authority, claim, circumstances)
    : evidenceOfKey(authority, claim, circumstances);
}

function evidenceOfKey(authority: KeyAuthority, claim: Claim, circumstances: Circumstances): Evidence {
  const { signed } = claim;
  if (signed.material === 'certificate') {
    throw new RefusedCandidate('CertificateRefused', 'it is signed with a certificate, and the authority is a key');
  }
  const key = authority.keys.find(key => verifyWithKey(key, signed.bytes, signed.signature));
  if (!key) {
    const keys = authority.keys.map(({ fingerprint }) => fingerprint.slice(0, 16)).join(', ');
    throw new RefusedCandidate(
      'UnknownKey',
      `the signature is of no key of ${nameOf(authority)} (${keys}…), or it or what it is over was changed`,
    );
  }
  refuseRevokedForGood(key.fingerprint, circumstances);
  const proof = proofByLog(authority, key, claim, circumstances);
  refuseRevoked(key.fingerprint, proof.time, circumstances.revoked);
  refuseOutside(authority, proof.time, circumstances.now);
  const signer = signerOf(claim, authority, { key: key.fingerprint }, proof);
  return { authority, signer, ...(proof.time === undefined ? {} : { time: proof.time }) };
}

/** A revocation without a time is what people should read first, whatever else is wrong. */
function refuseRevokedForGood(fingerprint: string, { revoked }: Circumstances): void {
  refuseRevoked(
    fingerprint,
    undefined,
    revoked.filter(({ since }) => since === undefined),
  );
}

function refuseOutside(authority: KeyAuthority, time: number | undefined, now: number): void {
  const why = outside(authority, time ?? now);
  if (!why) return;
  const { notBefore = 0, notAfter = 0 } = authority;
  const when =
    time === undefined ? `it is ${timeText(now)}, and nothing proves when it was signed` : `it was signed at ${timeText(time)}`;
  if (why === 'NotYetValid') throw new RefusedCandidate(why, `its key counts from ${timeText(notBefore)} on; ${when}`);
  throw new RefusedCandidate(why, `its key has counted until ${timeText(notAfter)}; ${when}; sign again with one that counts`);
}
