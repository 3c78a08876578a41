/** Whether the transparency log, and timestamps, show what an authority with a key asks of them. Pure. */
import { Verifier } from '@sigstore/verify';
import type { Claim } from './claim.ts';
import type { Circumstances } from './evidence.ts';
import { checkKeyOfEntry } from './log-body.ts';
import { keyObjectOf } from './plain-key.ts';
import { RefusedCandidate } from './refused.ts';
import type { KeyAuthority, PublicKey } from './rules.ts';
import { entityOf, logIndexOf, refusalBy, trustedTimeOf } from './signed-entity.ts';
import { trustMaterialOf } from './trust-material.ts';

/** What a log, or a timestamp, shows of a signature. */
export interface Proof {
  /** Epoch milliseconds. */
  time?: number;
  logIndex?: string;
}

/**
 * Required: an entry must be there and hold. Optional: what is there must hold. Ignored: nothing is looked at, and nothing gives a time.
 * An entry holds by its promise or its proof of inclusion; it need not give a time, which entries of Rekor 2 do not.
 * @throws RefusedCandidate `NotLogged`, `LogInvalid`, `RootInvalid`
 */
export function proofByLog(authority: KeyAuthority, key: PublicKey, claim: Claim, { revoked }: Circumstances): Proof {
  if (authority.transparencyLog === 'Ignored') return {};
  const entity = entityOf(claim.signed);
  const isRequired = authority.transparencyLog === 'Required';
  if (entity.tlogEntries.length === 0 && isRequired) {
    throw new RefusedCandidate('NotLogged', 'it has no entry of the transparency log, which the authority requires');
  }
  if (entity.tlogEntries.length === 0 && entity.timestamps.length === 0) return {};
  if (authority.trustedRoot === undefined) {
    throw new RefusedCandidate('RootInvalid', 'the authority has no trusted root, so that no log entry can be checked');
  }
  const publicKey = { publicKey: keyObjectOf(key.pem), validFor: () => true };
  const material = { ...trustMaterialOf(authority.trustedRoot, revoked), publicKey: () => publicKey };
  const verifier = new Verifier(material, { tlogThreshold: isRequired ? 1 : 0, ctlogThreshold: 0, timestampThreshold: 0 });
  try {
    verifier.verify({ ...entity, key: { $case: 'public-key', hint: '' } });
  } catch (error) {
    throw refusalBy(error);
  }
  for (const entry of entity.tlogEntries) checkKeyOfEntry(entry.canonicalizedBody, key.fingerprint);
  const time = trustedTimeOf(entity);
  const logIndex = logIndexOf(entity);
  return { ...(time === undefined ? {} : { time }), ...(logIndex === undefined ? {} : { logIndex }) };
}
