/** What is judged of an image or a commit, and what the judgement rests on: plain data. */
import type { Condition } from '../api/meta.ts';
import type { ImageEvent, JudgementReason } from './reasons.ts';

export type Decision = 'Trusted' | 'Warned' | 'Skipped' | 'Refused' | 'NotConfigured';

/** How something was signed. */
export type SignatureForm = 'Signature' | 'Bundle' | 'Attestation' | 'OpenPGP' | 'SSH';

/** Who signed, and what shows it. Of `key` and `identity` there is one. */
export interface Signer {
  /** As `policy/authority`. */
  authority: string;
  /** Fingerprint, as TrustPolicy's revoked takes it. */
  key?: string;
  identity?: { issuer: string; subject: string };
  form: SignatureForm;
  /** Of an attestation. */
  predicateType?: string;
  /** Entry of the transparency log. */
  logIndex?: string;
  /** When it was signed, by a log or a timestamp service; RFC 3339. */
  time?: string;
}

/** What was looked at, and why it counts or does not. */
export interface CandidateVerdict {
  form: SignatureForm;
  /** Digest of what holds it: the layer, the bundle, or the commit. */
  digest: string;
  accepted: boolean;
  /** As `policy/authority`; of a refused one the authority that it was nearest to, where there is one. */
  authority?: string;
  /** One word, as `WrongDigest`; see reasons.ts. */
  reason: string;
  message: string;
}

/** What is kept of a judgement in a status (`status.trust` and the like have this very shape): enough to know later whether it still stands, without looking anything up. */
export interface RecordedJudgement {
  decision: Decision;
  reason: string;
  message: string;
  /** What was judged: the digest of the image, or the id of the commit. */
  digest: string;
  /** Of an image: the commit that it is known to be built from. */
  commit?: string;
  /** The policy that governs the name, and its generation; absent where none does. */
  policy?: string;
  generation?: number;
  /** Digest of all that the judgement depends on besides what was judged: policies, keys, trusted roots, revocations. */
  basis: string;
  /** RFC 3339: from then on it has to be judged again, because something it rests on expires or begins to count. */
  until?: string;
  signers: readonly Signer[];
}

export interface Judgement extends RecordedJudgement {
  candidates: readonly CandidateVerdict[];
}

export function isAllowed({ decision }: Pick<RecordedJudgement, 'decision'>): boolean {
  return decision !== 'Refused';
}

/** Whether it was refused only because nothing good was found of it. */
export function isUnsigned({ decision, reason }: Pick<RecordedJudgement, 'decision' | 'reason'>): boolean {
  return decision === 'Refused' && reason === ('Untrusted' satisfies JudgementReason);
}

/**
 * Whether a recorded judgement still holds for the same thing, so that nothing needs to be looked up. Pure. One that trusts and names nobody who signed is not
 * what this program writes, and is not believed.
 */
export function stillStands(
  recorded: RecordedJudgement | undefined,
  of: { digest: string; basis: string; now: number },
): boolean {
  if (recorded?.digest !== of.digest || recorded.basis !== of.basis) return false;
  if (recorded.decision === 'Trusted' && recorded.signers.length === 0) return false;
  return recorded.until === undefined || of.now < Date.parse(recorded.until);
}

/** A recorded judgement as a status takes it. */
export type StatusJudgement = Omit<RecordedJudgement, 'signers'> & { signers: Signer[] };

/** A judgement that a status holds; undefined when it holds none. */
export function recordIn(
  status: (Omit<RecordedJudgement, 'signers'> & { signers?: readonly (Omit<Signer, 'form'> & { form: string })[] }) | undefined,
): StatusJudgement | undefined {
  return status && { ...status, signers: (status.signers ?? []) as Signer[] };
}

/** What is kept of a judgement: no more than the schema of a status holds. */
export function recordOf(judgement: RecordedJudgement): StatusJudgement {
  const { decision, reason, message, digest, commit, policy, generation, basis, until, signers } = judgement;
  return {
    decision,
    reason,
    message: message.length <= longestMessage ? message : `${message.slice(0, longestMessage - 1)}…`,
    digest,
    ...(commit === undefined ? {} : { commit }),
    ...(policy === undefined ? {} : { policy }),
    ...(generation === undefined ? {} : { generation }),
    basis,
    ...(until === undefined ? {} : { until }),
    signers: signers.slice(0, mostSigners),
  };
}

/** maxLength of message and maxItems of signers in every status. */
const longestMessage = 2048;
const mostSigners = 16;

/**
 * What the condition ImageTrusted, or SourceVerified, says of a judgement. True is only what was signed as the policy wants; False is refused, or let
 * through by mode Warn; Unknown is what nobody has judged.
 */
export function trustedCondition({
  decision,
  reason,
  message,
}: Pick<RecordedJudgement, 'decision' | 'reason' | 'message'>): Pick<Condition, 'status' | 'reason' | 'message'> {
  return { status: conditionStatus[decision], reason: decision === 'Refused' ? reason : decision, message };
}

const conditionStatus = {
  Trusted: 'True',
  Warned: 'False',
  Refused: 'False',
  Skipped: 'Unknown',
  NotConfigured: 'Unknown',
} as const satisfies Record<Decision, Condition['status']>;

/** The event that a change of the condition ImageTrusted is worth; none while nothing is configured, and none for a look-up that failed. */
export function eventOfCondition(
  before: Pick<Condition, 'status' | 'reason'> | undefined,
  after: Pick<Condition, 'status' | 'reason'>,
): { type: 'Normal' | 'Warning'; reason: ImageEvent } | undefined {
  if (before?.status === after.status && before.reason === after.reason) return undefined;
  if (after.status === 'True') return { type: 'Normal', reason: 'ImageTrusted' };
  if (after.reason === ('Warned' satisfies Decision)) return { type: 'Warning', reason: 'TrustWarned' };
  if (after.reason === ('Skipped' satisfies Decision)) return { type: 'Warning', reason: 'TrustSkipped' };
  return after.status === 'False' ? { type: 'Warning', reason: 'ImageRefused' } : undefined;
}
