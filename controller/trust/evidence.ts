/** What a verified claim shows: which authority signed, with what, and when. */
import type { Claim } from './claim.ts';
import type { Signer } from './judgement.ts';
import { RefusedCandidate } from './refused.ts';
import type { ImageAuthority, Revocation } from './rules.ts';

export interface Evidence {
  authority: ImageAuthority;
  signer: Signer;
  /** Epoch milliseconds that a log or a timestamp service vouches for; without it the key had to count at the time of judging. */
  time?: number;
}

export interface Circumstances {
  revoked: readonly Revocation[];
  /** Epoch milliseconds. */
  now: number;
}

/** As `policy/authority`. */
export function nameOf({ policy, name }: Pick<ImageAuthority, 'policy' | 'name'>): string {
  return `${policy}/${name}`;
}

export function signerOf(
  { form, statement }: Claim,
  authority: ImageAuthority,
  who: Pick<Signer, 'key' | 'identity'>,
  proof: { time?: number; logIndex?: string },
): Signer {
  return {
    authority: nameOf(authority),
    ...who,
    form,
    ...(statement && form === 'Attestation' ? { predicateType: statement.predicateType } : {}),
    ...(proof.logIndex === undefined ? {} : { logIndex: proof.logIndex }),
    ...(proof.time === undefined ? {} : { time: timeText(proof.time) }),
  };
}

/** The revocation by which nothing counts that the key has signed at that time, or, where nothing proves when, at any. */
export function revocationAgainst(
  fingerprint: string,
  time: number | undefined,
  revoked: readonly Revocation[],
): Revocation | undefined {
  return revoked.find(
    revocation =>
      revocation.fingerprint === fingerprint &&
      (revocation.since === undefined || time === undefined || time >= revocation.since),
  );
}

/**
 * Refuses what a revoked key has signed, except what a trusted time shows to be from before the time that its revocation names.
 * @throws RefusedCandidate `Revoked`
 */
export function refuseRevoked(fingerprint: string, time: number | undefined, revoked: readonly Revocation[]): void {
  const against = revocationAgainst(fingerprint, time, revoked);
  if (!against) return;
  const when = against.since === undefined ? '' : ` since ${timeText(against.since)}`;
  const proof =
    against.since === undefined
      ? ''
      : time === undefined
        ? ', and nothing proves that this was signed before'
        : `, and this was signed at ${timeText(time)}`;
  throw new RefusedCandidate(
    'Revoked',
    `TrustPolicy ${against.policy} revokes the key ${fingerprint}${when}${proof}; sign the image with another key`,
  );
}

/** RFC 3339. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
