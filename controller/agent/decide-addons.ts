/** What the agent does next with addons: pure, and a part of `decide`. */
import { StallingError, TransientError } from '../api/errors.ts';
import { aheadRecord, awaitsSeal, isRecorded, recordKey, unseen, unsupported, wantedRecord } from './addons/plan.ts';
import type { AddonRecord } from './addons/record.ts';
import { nextBoot } from './bootc-status.ts';
import type { BootEntry } from './bootc-status.ts';
import type { Facts, Situation, Step } from './decide.ts';
import { applyLive, cannotApply, isLiveChange, liveIntent } from './decide-live.ts';
import { barredBy } from './memory.ts';
import { bootTroubleAhead, isAhead, lockFirst, newIntent, rebootingSituation, spent, stalled } from './rests.ts';
import { approvalOf, barredUnder, digestOf, digestsOf, isOneOf, nameOf, targetOf } from './target.ts';

export const mergingSituation: Situation = {
  phase: 'Staging',
  condition: { kind: 'Progressing', reason: 'MergingAddons', message: 'waits for what the boot says of its addons' },
};

/** The scripts start services after the merge, which takes its time; the seal comes before that. */
const longestMerge = 120_000;

/** An agent may be up before the seal is: the verdict, which comes with it, is what the next write is for. */
const soonMerged = 10_000;

/** Whether the seal of this boot is missing for so short a time that it is not worth saying. */
export function isMergeNew({ sealMissingSince, now }: Facts): boolean {
  return now < (sealMissingSince ?? now) + soonMerged;
}

/** Until when the seal of this boot is waited for; undefined where it is there, will not come, or has been waited for long enough. */
export function sealDue({ addons, sealMissingSince, now }: Facts): number | undefined {
  if (!awaitsSeal(addons)) return undefined;
  const since = sealMissingSince ?? now;
  return now < since + longestMerge ? Math.min(now + 2_000, since + longestMerge) : undefined;
}

/** The image of the target runs, and its addons do not. */
export function changeAddons(facts: Facts, entry: BootEntry | undefined): Step {
  const { spec, addons, memory } = facts;
  const due = sealDue(facts);
  if (due !== undefined) return { do: 'Rest', situation: mergingSituation, until: due };
  const failure = barredBy(memory, {
    digests: barredUnder(spec, { image: false }),
    approval: approvalOf(spec),
    retried: facts.retried,
  });
  if (failure) return lockFirst(facts, stalled(failure.reason, failure.message ?? failure.reason));
  const record = wantedRecord(entry, spec);
  if (isArmed(facts, record)) return useAddons(facts);
  if (entry && !(addons?.booted.next !== undefined && isRecorded(addons.booted.next, record)))
    return prepareAddons(facts, { over: entry, runs: true, record });
  return armAddons(facts, recordKey(entry) ?? '');
}

/** The record is that of the next boot since the intent was remembered. */
function isArmed({ memory, addons }: Facts, record: AddonRecord | undefined): boolean {
  return memory.intent?.addonsOf !== undefined && addons?.booted.next === undefined && isRecorded(addons?.booted.current, record);
}

/**
 * What is staged without the lock boots at the next reboot, whoever asks for that: its addons come first, and their record waits for the image. Undefined
 * where the image may be staged.
 */
export function prepareAhead(facts: Facts): Step | undefined {
  const { spec, status, features, addons } = facts;
  const record = aheadRecord(spec);
  if (!addons || !record || isRecorded(addons.ahead, record)) return undefined;
  // A deployment of the image that the host may go back to has its own addons, and one staged beside it has its name.
  const isThere = [status.rollback, ...status.others].some(entry => isOneOf(entry, digestsOf(spec)));
  if (addons.ahead === undefined && (features.switchDownloadOnly || isThere)) return undefined;
  const { architecture } = status.booted ?? {};
  const over = { ...unseen, digest: digestOf(spec.image), ...(architecture === undefined ? {} : { architecture }) };
  const step = prepareAddons(facts, { over, runs: false, record });
  if (step.do === 'PrepareAddons') return { ...step, ahead: true };
  // Staged it is locked in a moment, and may bring what its addons lack: rules of its own for who may sign.
  return features.switchDownloadOnly || features.lockFinalization ? undefined : step;
}

export function prepareAddons(facts: Facts, o: { over: BootEntry; runs: boolean; record: AddonRecord | undefined }): Step {
  const { spec, addons, addonTrouble: trouble, now } = facts;
  // Whether what is staged has units is looked at when its addons are prepared.
  const isOwn = o.runs || addons?.support !== undefined;
  const why = o.record ? (isOwn ? unsupported(addons) : undefined) : 'bootc does not say which deployment is which';
  // Without addons there is only a record to be emptied, which no script is needed for.
  if (why !== undefined && spec.addonSet !== undefined)
    return lockFirst(facts, stalled('AddonsUnsupported', `this host can merge no addons: ${why}`));
  if (!o.record) return lockFirst(facts, stalled('AddonsUnsupported', why ?? ''));
  const same = trouble?.digest === targetOf(spec) && trouble.pullSecret === spec.pullSecret?.revision;
  if (!same || !isAhead({ ...trouble.failure, retryAt: trouble.retryAt }, now))
    return { do: 'PrepareAddons', over: o.over, runs: o.runs, record: o.record };
  const { reason, message, stalled: forPerson } = trouble.failure;
  const error = forPerson ? new StallingError(reason, message) : new TransientError(reason, message);
  const rest = {
    do: 'Rest',
    situation: { phase: 'Failed', condition: { kind: 'Failed', error } },
    until: trouble.retryAt,
  } as const;
  return lockFirst(facts, rest);
}

function armAddons(facts: Facts, deployment: string): Step {
  const { spec, memory } = facts;
  const approval = approvalOf(spec);
  if (approval === undefined) {
    const mismatch = spec.state === 'Booted' ? ', but the approval is for another target' : ', wait for the go-ahead';
    const message = `the addons for ${nameOf(spec.revision, digestOf(spec.image))} are prepared${mismatch}`;
    const condition = { kind: 'Progressing', reason: 'Staged', message } as const;
    return lockFirst(facts, { do: 'Rest', situation: { phase: 'Staged', condition } });
  }
  if (memory.spent.includes(approval)) return lockFirst(facts, spent(facts, approval));
  const waiting = cannotApply(approval, facts) ?? bootTroubleAhead(facts);
  if (waiting) return waiting;
  const hindered = otherBoot(facts);
  if (hindered) return hindered;
  const intent = memory.intent ?? { ...newIntent(facts, approval), addonsOf: deployment, ...liveIntent(approval, facts) };
  return { do: 'ArmAddons', intent, deployment };
}

/** By a reboot, or on the running host. */
function useAddons(facts: Facts): Step {
  const { intent } = facts.memory;
  const waiting = bootTroubleAhead(facts) ?? otherBoot(facts);
  if (waiting || !intent) return waiting ?? { do: 'Withdraw' };
  if (isLiveChange(intent)) return applyLive(facts, intent);
  return { do: 'Reboot', intent, situation: rebootingSituation(facts) };
}

/** The go-ahead is for another boot of what runs: where the next one would run something else, it is not given. */
function otherBoot(facts: Facts): Step | undefined {
  const { status } = facts;
  const next = nextBoot(status);
  if (next === status.booted) return undefined;
  const what = nameOf(undefined, next?.digest);
  return lockFirst(
    facts,
    stalled('OtherBootPending', `the next boot would run ${what} instead of the image that the addons are for`),
  );
}
