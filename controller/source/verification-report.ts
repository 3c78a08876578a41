/** What is told of a judgement of a commit: the error that refuses it, and the event of its change: pure. */
import { conditionOf } from '../api/conditions.ts';
import { StallingError } from '../api/errors.ts';
import type { SystemSourceStatus } from '../api/system-source.ts';
import { type Decision, type RecordedJudgement, isAllowed } from '../trust/judgement.ts';
import type { SourceReason } from './reasons.ts';
import { parseRevision } from './revision.ts';
import { transitionOf } from './status.ts';
import type { SyncResult } from './sync.ts';

/** What ends the pass over a commit that is not allowed; undefined when it is. What is applied stays, whatever was judged of it since. */
export function refusalOf(
  judgement: RecordedJudgement,
  status: SystemSourceStatus | undefined,
  commit: string,
): StallingError | undefined {
  if (isAllowed(judgement)) return undefined;
  const applied = parseRevision(status?.lastAppliedRevision ?? '')?.oid;
  const stays =
    applied === undefined
      ? ''
      : applied === commit
        ? '; it was applied when it was allowed, and nothing of it is taken back'
        : `; ${applied.slice(0, 12)} stays applied`;
  return new StallingError(judgement.reason, `${judgement.message}${stays}`);
}

type SourceEvent = { type: 'Normal' | 'Warning'; reason: SourceReason | (string & {}); note: string };

/** The events that a change of status is worth. */
export function eventsOf(
  before: SystemSourceStatus | undefined,
  after: SystemSourceStatus,
  result: SyncResult | undefined,
): SourceEvent[] {
  const verification = verificationEvent(before?.verification, after.verification);
  const ready = transitionOf(before, after, result);
  const refused =
    after.verification?.decision === 'Refused' && conditionOf(after.conditions, 'Ready')?.reason === after.verification.reason;
  return [...(verification ? [verification] : []), ...(ready && !refused ? [ready] : [])];
}

type Verification = NonNullable<SystemSourceStatus['verification']>;

const eventReasons = {
  Refused: 'SourceRefused',
  Warned: 'TrustWarned',
  Skipped: 'TrustSkipped',
  Trusted: 'SourceTrusted',
  NotConfigured: undefined,
} as const satisfies Record<Decision, SourceReason | undefined>;

/** Of commits that are trusted one after the other nothing is told, but of each that is not. */
function verificationEvent(before: Verification | undefined, after: Verification | undefined): SourceEvent | undefined {
  if (!after) return undefined;
  const reason = eventReasons[after.decision];
  const same = before?.decision === after.decision && before.reason === after.reason;
  if (reason === undefined || (same && (before.digest === after.digest || after.decision === 'Skipped'))) return undefined;
  const wasBad = before?.decision === 'Refused' || before?.decision === 'Warned';
  if (after.decision === 'Trusted' && !wasBad) return undefined;
  return { type: after.decision === 'Trusted' ? 'Normal' : 'Warning', reason, note: after.message };
}
