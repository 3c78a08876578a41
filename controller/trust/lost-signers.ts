/** What new rules take from a judgement of before without a look at any signature: those whom it rests on do not count any more. Pure. */
import { type Evidence, nameOf, revocationAgainst } from './evidence.ts';
import { lookingRules } from './decided.ts';
import { isMeant } from './identity.ts';
import type { Judgement, RecordedJudgement, Signer } from './judgement.ts';
import type { JudgementReason } from './reasons.ts';
import { requirementOf } from './require.ts';
import type { Governing, ImageAuthority, Rules } from './rules.ts';

/**
 * The judgement of an image that was trusted by signers of whom too few are left: a registry that does not answer puts no revocation off. Undefined while
 * it may still be trusted by those that were found. Something else may have signed it all the same, which a look has to say.
 */
export function withoutLostSigners(rules: Rules<ImageAuthority>, recorded: RecordedJudgement): Judgement | undefined {
  if (recorded.decision !== 'Trusted') return undefined;
  const { governing, revoked, basis } = lookingRules(rules);
  const signers = recorded.signers.map(signer => ({ signer, why: whyLost(signer, { governing, revoked }) }));
  // Whether that one counts is known when it is read again.
  if (signers.some(({ signer, why }) => !why && isUnread(signer, governing))) return undefined;
  const lost = signers.flatMap(({ signer, why }) => (why ? [{ signer, ...why }] : []));
  const kept = signers.flatMap(({ signer, why }) => (why ? [] : [signer]));
  const unmet = governing.flatMap(policy => {
    const missing = missingOf(policy, { lost: lost.map(({ signer }) => signer), kept });
    return missing.length > 0 ? [{ policy, missing }] : [];
  });
  const by = unmet.find(({ policy }) => policy.mode === 'Enforce');
  if (!by) return undefined;
  const reason: JudgementReason = lost.some(({ reason }) => reason === 'Revoked') ? 'Revoked' : 'Untrusted';
  return {
    decision: 'Refused',
    reason,
    message: [...new Set([...lost.map(({ words }) => words), ...unmet.flatMap(({ missing }) => missing)])].join('; '),
    digest: recorded.digest,
    policy: by.policy.policy,
    generation: by.policy.generation,
    basis,
    signers: kept,
    candidates: [],
  };
}

interface Around {
  governing: readonly Governing<ImageAuthority>[];
  revoked: Rules['revoked'];
}

/** Why a signer counts for no policy that governs the image; undefined where it may. */
function whyLost(signer: Signer, { governing, revoked }: Around): { reason: 'Revoked' | 'Untrusted'; words: string } | undefined {
  const { key, authority } = signer;
  const time = signer.time === undefined ? undefined : Date.parse(signer.time);
  const revocation = key === undefined ? undefined : revocationAgainst(key, time, revoked);
  if (revocation) {
    return { reason: 'Revoked', words: `TrustPolicy ${revocation.policy} revokes the key ${key}, by which it was trusted` };
  }
  const counts = governing.some(({ authorities }) => authorities.some(of => couldBe(of, signer)));
  if (counts || isUnread(signer, governing)) return undefined;
  return { reason: 'Untrusted', words: `${authority}, by which it was trusted, does not count for it any more` };
}

function isUnread({ authority }: Signer, governing: readonly Governing<ImageAuthority>[]): boolean {
  return governing.some(({ unread }) => unread.some(({ name }) => name === authority));
}

/** Whether the authority could have made what the signer has made, whatever it was called then. */
function couldBe(authority: ImageAuthority, { key, identity, authority: name }: Signer): boolean {
  if (key !== undefined) return authority.kind === 'key' && authority.keys.some(({ fingerprint }) => fingerprint === key);
  if (identity !== undefined) return authority.kind === 'keyless' && isMeant(identity, authority.identities);
  return nameOf(authority) === name;
}

/** What the policy lacks because of those that are lost, as parts of sentences; none where it lacks nothing for that. */
function missingOf(policy: Governing<ImageAuthority>, { lost, kept }: Record<'lost' | 'kept', readonly Signer[]>): string[] {
  const requirement = requirementOf(
    policy,
    kept.filter(isSignature).flatMap(signer => evidenceOf(policy, signer)),
  );
  const attestations = policy.attestations.filter(({ predicateType }) => {
    const states = (signer: Signer): boolean => signer.predicateType === predicateType;
    return lost.some(states) && !kept.some(signer => states(signer) && evidenceOf(policy, signer).length > 0);
  });
  return [
    ...(lost.some(isSignature) && !requirement.met ? [requirement.words] : []),
    ...attestations.map(({ predicateType }) => `TrustPolicy ${policy.policy} asks for an attestation ${predicateType}`),
  ];
}

function isSignature({ form }: Signer): boolean {
  return form !== 'Attestation';
}

/** As of every authority that it could be of: what is taken away is what no reading of it keeps. */
function evidenceOf({ authorities }: Governing<ImageAuthority>, signer: Signer): Evidence[] {
  return authorities.filter(authority => couldBe(authority, signer)).map(authority => ({ authority, signer }));
}
