/** One candidate against all that may count: what it shows, or why it shows nothing. Pure. */
import { checkStatement } from './attestation.ts';
import { evidenceBy } from './by-authority.ts';
import type { Candidate } from './candidate.ts';
import { type Claim, claimOf, formOf, isSignature } from './claim.ts';
import { type Circumstances, type Evidence, nameOf } from './evidence.ts';
import type { CandidateVerdict } from './judgement.ts';
import { RefusedCandidate } from './refused.ts';
import type { CandidateReason } from './reasons.ts';
import type { Governing, ImageAuthority, RequiredAttestation } from './rules.ts';

export interface Surroundings extends Circumstances {
  /** Of the image that is judged. */
  digest: string;
  /** That the image is known to be built from. */
  commit?: string | undefined;
  governing: readonly Governing<ImageAuthority>[];
}

/** A statement that a policy asks for, and that is good. */
export interface Fulfilled {
  policy: string;
  predicateType: string;
  evidence: Evidence;
}

export interface Judged {
  verdict: CandidateVerdict;
  /** Signatures of the image. */
  signed: readonly Evidence[];
  fulfilled: readonly Fulfilled[];
}

export function judgeCandidate(candidate: Candidate, around: Surroundings): Judged {
  if (candidate.kind === 'broken') {
    const { form, digest, reason, message } = candidate;
    return refused({ form, digest }, { reason, message });
  }
  let claim: Claim;
  try {
    claim = claimOf(candidate, around.digest);
  } catch (error) {
    return refused({ form: formOf(candidate), digest: candidate.digest }, refusalIn(error));
  }
  return isSignature(claim) ? judgeSignature(claim, around) : judgeStatement(claim, around);
}

function judgeSignature(claim: Claim, around: Surroundings): Judged {
  const { evidence, nearest } = evidenceOf(claim, around);
  if (evidence.length === 0) return refused(claim, nearest);
  return { verdict: accepted(claim, evidence), signed: evidence, fulfilled: [] };
}

function judgeStatement(claim: Claim, around: Surroundings): Judged {
  const { statement } = claim;
  const asked = around.governing.flatMap(governing =>
    governing.attestations.filter(rule => rule.predicateType === statement?.predicateType).map(rule => ({ governing, rule })),
  );
  if (asked.length === 0 || !statement) {
    const type = JSON.stringify(statement?.predicateType.slice(0, 160));
    return refused(claim, {
      reason: 'NotASignature',
      message: `it states ${type} of the image, which no policy asks for; it is no signature`,
    });
  }
  const { evidence, nearest } = evidenceOf(claim, around);
  if (evidence.length === 0) return refused(claim, nearest);
  const results = asked.map(({ governing, rule }) => {
    try {
      const by = authorisedBy(governing, rule, evidence);
      checkStatement(rule, statement, around.commit);
      return { policy: governing.policy, predicateType: rule.predicateType, evidence: by };
    } catch (error) {
      return refusalIn(error);
    }
  });
  const fulfilled = results.filter(result => 'evidence' in result);
  const [first] = results.filter(result => 'reason' in result);
  if (fulfilled.length === 0 && first) return refused(claim, first);
  return { verdict: accepted(claim, evidence), signed: [], fulfilled };
}

/** @throws RefusedCandidate `WrongAuthority` */
function authorisedBy(governing: Governing<ImageAuthority>, rule: RequiredAttestation, evidence: readonly Evidence[]): Evidence {
  const counting = new Set(governing.authorities.map(nameOf));
  const by = evidence.find(({ authority }) => {
    if (!counting.has(nameOf(authority))) return false;
    return rule.authorities === undefined || (authority.policy === governing.policy && rule.authorities.includes(authority.name));
  });
  if (by) return by;
  const from = rule.authorities === undefined ? 'none that counts' : `not ${rule.authorities.join(' or ')}`;
  throw new RefusedCandidate(
    'WrongAuthority',
    `it is signed by ${evidence.map(({ signer }) => signer.authority).join(', ')}, ${from}`,
  );
}

/** A refusal, and the authority that came nearest to acceptance. */
interface Refusal {
  reason: CandidateReason;
  message: string;
  authority?: string;
}

/** How near to acceptance each refusal by an authority is; what is not here is as near as a signature that does not hold. */
const nearness: readonly CandidateReason[] = [
  'NoCertificate',
  'CertificateRefused',
  'UnknownKey',
  'RootInvalid',
  'CertificateInvalid',
  'NotLogged',
  'LogInvalid',
  'NoIdentity',
  'WrongIdentity',
  'NotYetValid',
  'Expired',
  'Revoked',
];

/** By each authority that counts for any of the policies. */
function evidenceOf(claim: Claim, around: Surroundings): { evidence: Evidence[]; nearest: Refusal } {
  const evidence: Evidence[] = [];
  let nearest: Refusal = { reason: 'UnknownKey', message: 'there is no authority that could have signed it' };
  for (const [name, authority] of authoritiesIn(around.governing)) {
    try {
      evidence.push(evidenceBy(authority, claim, around));
    } catch (error) {
      const refusal = { ...refusalIn(error), authority: name };
      if (nearest.authority === undefined || nearness.indexOf(refusal.reason) > nearness.indexOf(nearest.reason))
        nearest = refusal;
    }
  }
  return { evidence, nearest };
}

function authoritiesIn(governing: readonly Governing<ImageAuthority>[]): Map<string, ImageAuthority> {
  return new Map(governing.flatMap(({ authorities }) => authorities.map(authority => [nameOf(authority), authority] as const)));
}

/** Whatever goes wrong with one candidate is that candidate's matter: somebody else has written it. */
function refusalIn(error: unknown): Refusal {
  if (error instanceof RefusedCandidate) return { reason: error.reason, message: error.message };
  const words = error instanceof Error ? error.message : String(error);
  return { reason: 'Malformed', message: `it cannot be judged: ${JSON.stringify(words.slice(0, 160))}` };
}

function accepted({ form, digest }: Claim, evidence: readonly Evidence[]): CandidateVerdict {
  const authority = evidence[0]?.signer.authority;
  const names = evidence.map(({ signer }) => signer.authority).join(', ');
  return {
    form,
    digest,
    accepted: true,
    ...(authority === undefined ? {} : { authority }),
    reason: 'Accepted' satisfies CandidateReason,
    message: `signed by ${names}`,
  };
}

function refused({ form, digest }: Pick<Claim, 'form' | 'digest'>, refusal: Refusal): Judged {
  return { verdict: { form, digest, accepted: false, ...refusal }, signed: [], fulfilled: [] };
}
