/** A claim as @sigstore/verify takes it, and what it shows once that has found it good. Pure. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { type SignedEntity, VerificationError, toSignedEntity } from '@sigstore/verify';
import type { Signed } from './claim.ts';
import { verifyWithKeyObject } from './plain-key.ts';
import { RefusedCandidate, quoted } from './refused.ts';

/**
 * The library hashes with SHA-256 whatever the key, and knows one thing that a timestamp is over; that much is ours.
 * @throws RefusedCandidate when what comes with the signature cannot be read
 */
export function entityOf(signed: Signed): SignedEntity {
  const bundle = signed.bundle();
  let entity: SignedEntity;
  try {
    entity = toSignedEntity(bundle, signed.bytes);
    for (const each of entity.timestamps) if (each.$case === 'timestamp-authority') readTime(each.timestamp);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new RefusedCandidate('Malformed', `a certificate or timestamp of the signature cannot be read: ${quoted(words)}`);
  }
  const { bytes, payload, signature, timestamped } = signed;
  return {
    ...entity,
    signature: {
      signature: timestamped,
      compareSignature: other => equal(other, signature),
      compareDigest: digest => isDigestOf(digest, payload),
      compareSignedDigest: digest => isDigestOf(digest, bytes),
      verifySignature: key => verifyWithKeyObject(key, bytes, signature),
    },
  };
}

type Timestamp = Extract<SignedEntity['timestamps'][number], { $case: 'timestamp-authority' }>['timestamp'];

/**
 * Gives a timestamp its time. The library reads a fraction of a second only with three digits; DER leaves out zeros at the end, so that it refuses each
 * tenth timestamp of a service that counts in milliseconds.
 */
function readTime(timestamp: Timestamp): void {
  const text = timestamp.tstInfo.root.subs[4]?.value.toString('latin1') ?? '';
  const [, year, month, day, hour, minute, second, fraction = ''] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d+))?Z$/.exec(text) ?? [];
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}Z`);
  if (Number.isNaN(time.getTime())) throw new Error('invalid time');
  Object.defineProperty(timestamp, 'signingTime', { value: time });
}

/** The earliest time that a log or a timestamp service vouches for, of an entity that was found good; epoch milliseconds. */
export function trustedTimeOf({ timestamps }: SignedEntity): number | undefined {
  const times = timestamps.flatMap(timestamp => {
    if (timestamp.$case === 'timestamp-authority') return [timestamp.timestamp.signingTime.getTime()];
    // Only a promise signs the time; see the library's getTLogTimestamp.
    return timestamp.tlogEntry.inclusionPromise ? [Number(timestamp.tlogEntry.integratedTime) * 1000] : [];
  });
  const usable = times.filter(time => Number.isFinite(time));
  return usable.length === 0 ? undefined : Math.min(...usable);
}

/** The index that the log vouches for: a promise signs the one of the whole log, a proof only the one in its own part. */
export function logIndexOf({ tlogEntries: [entry] }: SignedEntity): string | undefined {
  return entry?.inclusionPromise ? entry.logIndex : entry?.inclusionProof?.logIndex;
}

/** What the library refuses, as a reason; whatever it throws refuses. */
export function refusalBy(error: unknown): RefusedCandidate {
  if (error instanceof RefusedCandidate) return error;
  const words = quoted(error instanceof Error ? error.message : String(error));
  const code = error instanceof VerificationError ? error.code : '';
  if (code === 'CERTIFICATE_ERROR') return new RefusedCandidate('CertificateInvalid', `its certificate does not hold: ${words}`);
  if (code === 'SIGNATURE_ERROR')
    return new RefusedCandidate('UnknownKey', 'the signature is not that of its certificate over these bytes');
  if (code === 'TIMESTAMP_ERROR' || code.startsWith('TLOG_')) {
    return new RefusedCandidate('LogInvalid', `its log entry or timestamp does not hold: ${words}`);
  }
  return new RefusedCandidate('Malformed', `it cannot be verified: ${words}`);
}

function isDigestOf(digest: Uint8Array, bytes: Uint8Array): boolean {
  const algorithm = new Map([
    [32, 'sha256'],
    [48, 'sha384'],
    [64, 'sha512'],
  ]).get(digest.length);
  return algorithm !== undefined && equal(digest, createHash(algorithm).update(bytes).digest());
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
