/** Whether an image may be used, by what was found of signatures and attestations: pure and synchronous. */
import type { Candidate } from './candidate.ts';
import { formOf } from './claim.ts';
import { decidedByRules, lookingRules } from './decided.ts';
import { type Evidence, nameOf, timeText } from './evidence.ts';
import { type Judged, judgeCandidate } from './judge-candidate.ts';
import type { Judgement, Signer } from './judgement.ts';
import type { JudgementReason } from './reasons.ts';
import { requirementOf } from './require.ts';
import type { Governing, ImageAuthority, Rules } from './rules.ts';

export interface ImageToJudge {
  rules: Rules<ImageAuthority>;
  /** `host/repository@digest`: what is judged is exactly this, not what an index of this digest names, and no index that names it. */
  image: string;
  /** The commit that it is known to be built from. */
  commit?: string;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * Every candidate is judged, in whatever order; one that is refused takes nothing from one that is accepted.
 * @param isOver says between two candidates that judging them has cost enough; those that are left, the largest, are refused
 */
export function judgeCandidates(
  of: ImageToJudge,
  candidates: readonly Candidate[],
  isOver: () => boolean = () => false,
): Judgement {
  const { image, commit, now } = of;
  const digest = image.slice(image.indexOf('@') + 1);
  const decided = decidedByRules(of.rules, digest);
  if (decided) return decided;
  const { governing, revoked, basis } = lookingRules(of.rules);
  const around = { digest, commit, governing, revoked, now };
  const judged = smallestFirst(candidates, candidate => judgeCandidate(isOver() ? unjudged(candidate) : candidate, around));
  const results = governing.map(policy => resultOf(policy, judged));
  const outcome = outcomeOf(results, judged, image);
  const signers = signersOf(results.flatMap(({ evidence }) => evidence));
  const until = untilOf(outcome.decision, { governing, evidence: results.flatMap(({ evidence }) => evidence), now });
  const by = results.find(({ unmet }) => unmet.length > 0)?.governing ?? governing[0];
  return {
    ...outcome,
    digest,
    ...(by === undefined ? {} : { policy: by.policy, generation: by.generation }),
    basis,
    ...(until === undefined ? {} : { until: timeText(until) }),
    signers,
    candidates: judged.map(({ verdict }) => verdict),
  };
}

/** In the order of the candidates. Signatures are small; what costs much is large. */
function smallestFirst<T>(candidates: readonly Candidate[], judge: (candidate: Candidate) => T): T[] {
  const results: T[] = [];
  const bySize = [...candidates.entries()].toSorted(([, a], [, b]) => sizeOf(a) - sizeOf(b));
  for (const [i, candidate] of bySize) results[i] = judge(candidate);
  return results;
}

function sizeOf(candidate: Candidate): number {
  return candidate.kind === 'broken' ? 0 : candidate.bytes.length;
}

function unjudged(candidate: Candidate): Candidate {
  if (candidate.kind === 'broken') return candidate;
  const message = 'judging what else is attached to the image took too long, and this was not judged';
  return { kind: 'broken', form: formOf(candidate), digest: candidate.digest, reason: 'TooMany', message };
}

/** What one policy makes of the candidates. */
interface Result {
  governing: Governing<ImageAuthority>;
  /** What it rests on. */
  evidence: readonly Evidence[];
  /** What is missing, as parts of sentences; none when the policy is satisfied. */
  unmet: readonly string[];
}

function resultOf(governing: Governing<ImageAuthority>, judged: readonly Judged[]): Result {
  const counting = new Set(governing.authorities.map(nameOf));
  const signed = judged.flatMap(({ signed }) => signed).filter(({ authority }) => counting.has(nameOf(authority)));
  const requirement = requirementOf(governing, signed);
  const fulfilled = judged.flatMap(({ fulfilled }) => fulfilled).filter(({ policy }) => policy === governing.policy);
  const missing = governing.attestations
    .filter(({ predicateType }) => !fulfilled.some(statement => statement.predicateType === predicateType))
    .map(
      ({ predicateType }) =>
        `TrustPolicy ${governing.policy} asks for an attestation ${predicateType}, and there is none that counts`,
    );
  return {
    governing,
    evidence: [...signed, ...fulfilled.map(({ evidence }) => evidence)],
    unmet: [...(requirement.met ? [] : [requirement.words]), ...missing],
  };
}

function outcomeOf(
  results: readonly Result[],
  judged: readonly Judged[],
  image: string,
): Pick<Judgement, 'decision' | 'reason' | 'message'> {
  const unmet = results.filter(result => result.unmet.length > 0);
  if (unmet.length === 0) {
    const names = new Set(results.flatMap(({ evidence }) => evidence.map(({ signer }) => signer.authority)));
    return {
      decision: 'Trusted',
      reason: 'Trusted' satisfies JudgementReason,
      message: `signed by ${[...names].toSorted().join(', ')}`,
    };
  }
  const why = explain(unmet, judged, image);
  if (unmet.every(({ governing }) => governing.mode === 'Warn')) {
    const message = `let through because mode is Warn: ${why}`;
    return { decision: 'Warned', reason: 'Warned' satisfies JudgementReason, message };
  }
  const isRevoked = judged.some(({ verdict }) => verdict.reason === 'Revoked');
  return { decision: 'Refused', reason: (isRevoked ? 'Revoked' : 'Untrusted') satisfies JudgementReason, message: why };
}

/** What is missing, what was found instead, and what to do. */
function explain(unmet: readonly Result[], judged: readonly Judged[], image: string): string {
  const wants = [...new Set(unmet.flatMap(result => result.unmet))].join('; ');
  const refused = judged.map(({ verdict }) => verdict).filter(({ accepted }) => !accepted);
  const unread = unmet
    .flatMap(({ governing }) => governing.unread)
    .map(({ name, message }) => `${name} could not be read (${message})`);
  const nothing =
    judged.length === 0 ? [`nothing is signed of ${image}; sign it, as with cosign sign --key, or trust who signs it`] : [];
  const found = refused
    .slice(0, 3)
    .map(({ form, digest, reason, message }) => `${form} ${digest.slice(0, 19)}…: ${reason}: ${message}`);
  const more = refused.length > 3 ? [`and ${refused.length - 3} more refused`] : [];
  return [wants, ...unread, ...nothing, ...found, ...more].join('; ');
}

/** Each once, in an order that does not depend on the registry's: a status that says the same should not change. */
function signersOf(evidence: readonly Evidence[]): Signer[] {
  const each = new Map(evidence.map(({ signer }) => [JSON.stringify(signer), signer]));
  return [...each].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, signer]) => signer);
}

/**
 * When the result may be another one, with nothing changed but the time: a key that the judgement rests on without a trusted time expires, or, while it is
 * not trusted, a key begins to count.
 */
function untilOf(
  decision: Judgement['decision'],
  of: { governing: readonly Governing<ImageAuthority>[]; evidence: readonly Evidence[]; now: number },
): number | undefined {
  const { governing, evidence, now } = of;
  const ends = evidence.flatMap(({ authority, time }) =>
    authority.kind === 'key' && time === undefined && authority.notAfter !== undefined ? [authority.notAfter + 1] : [],
  );
  const begins = governing.flatMap(({ authorities }) =>
    authorities.flatMap(authority =>
      authority.kind === 'key' && authority.notBefore !== undefined ? [authority.notBefore] : [],
    ),
  );
  const changes = [...ends, ...(decision === 'Trusted' ? [] : begins)].filter(time => time > now);
  return changes.length === 0 ? undefined : Math.min(...changes);
}
