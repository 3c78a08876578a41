/**
 * What the agent does next: pure. One step at a time, each decided from what was just read back from the host, so that being killed
 * between any two steps leads to the same end.
 */
import { StallingError, TransientError } from '../api/errors.ts';
import type { Outcome as Condition } from '../api/conditions.ts';
import type { NodeTargetSpec, NodeTargetStatusHost } from '../api/node-target.ts';
import { addonsRun, isRecorded, wantedRecord } from './addons/plan.ts';
import type { AddonFacts } from './addons/plan.ts';
import type { AddonRecord } from './addons/record.ts';
import type { AddonTrouble } from './addons/trouble.ts';
import type { BootcStatus, BootEntry } from './bootc-status.ts';
import type { BootFacts, HostFeatures, LockMethod } from './host.ts';
import type { HostFailure } from './host-failure.ts';
import { barredBy } from './memory.ts';
import type { Intent, Memory } from './memory.ts';
import { hindrance } from './problems.ts';
import type { SignaturePolicy } from './signature-policy.ts';
import { changeAddons, isMergeNew, mergingSituation, prepareAddons, prepareAhead, sealDue } from './decide-addons.ts';
import { followLive, isBegun, isLiveChange, otherImage } from './decide-live.ts';
import type { LiveChange } from './decide-live.ts';
import { bootTroubleAhead, isAhead, lockFirst, newIntent, rebootingSituation, spent, stalled } from './rests.ts';
import { approvalOf, barredUnder, digestOf, digestsOf, isOneOf, nameOf } from './target.ts';

/** Staging that failed since the agent was started; a restart tries at once. */
export interface StageTrouble {
  digest: string;
  failure: HostFailure;
  /** Revision of the pull Secret that it failed with; with another one it is tried at once. */
  pullSecret?: string;
  count: number;
  /** Epoch ms. */
  firstAt: number;
  retryAt: number;
}

export interface Facts {
  now: number;
  spec: NodeTargetSpec;
  /** Failures that a person allowed to be tried again. */
  retried: readonly string[];
  boot: BootFacts;
  status: BootcStatus;
  features: HostFeatures;
  signaturePolicy: SignaturePolicy;
  memory: Memory;
  /** The host is on its way down. */
  stopping: boolean;
  trouble?: StageTrouble;
  /** Of the host's addons; absent where nobody looked. */
  addons?: AddonFacts;
  /** A preparation of addons that failed since the agent was started; its digest is the target's. */
  addonTrouble?: AddonTrouble;
  /** Since when this life of the agent has missed the seal of the boot, epoch ms. */
  sealMissingSince?: number;
  /** Ways that were tried to lock this very deployment, without effect. */
  lockTried: { deployment: string; methods: readonly LockMethod[] };
  /** What arming or the order to reboot came to, when it failed. */
  bootTrouble?: HostFailure & { retryAt: number };
  /** How long the host may take to begin to go down, ms, before it is told again; and to be down, before that is reported. */
  rebootGraceMs: number;
  rebootTimeoutMs: number;
}

export type Phase = NonNullable<NodeTargetStatusHost['phase']>;

/** What there is to say while nothing is to be done. */
export interface Situation {
  phase: Phase;
  condition: Condition;
}

export type Step =
  /** Nothing until something changes, or until `until` (epoch ms). `quiet`: likely over in a moment, and not worth a write of its own. */
  | { do: 'Rest'; situation: Situation; until?: number; quiet?: true }
  /** The host rebooted since the approval: conclude what came of it. */
  | { do: 'Judge'; intent: Intent }
  /** An approval came for what runs already. */
  | { do: 'Acknowledge'; approval: string; digest: string }
  /** The go-ahead was taken back before the reboot. */
  | { do: 'Withdraw' }
  | { do: 'Stage'; image: string; digest: string }
  | { do: 'Lock'; method: LockMethod; deployment: string; digest: string }
  /** Bring the addons of the target, and record them for what they are to be merged over. `ahead`: for an image that is not staged yet. */
  | { do: 'PrepareAddons'; over: BootEntry; runs: boolean; record: AddonRecord; ahead?: true }
  /** Remember the intent, then make the prepared record that of the next boot. */
  | { do: 'ArmAddons'; intent: Intent; deployment: string }
  /** Remember the intent, then unlock what is staged. */
  | { do: 'Arm'; intent: Intent }
  /** Report, ask once more, remember that it is begun, and change what is merged on the running host. */
  | { do: 'ApplyLive'; intent: LiveChange; situation: Situation }
  /** The change on the running host never came to its end: the former record is that of the next boot again, and of the next try. */
  | { do: 'TakeBackLive'; intent: LiveChange }
  /** Remember the intent with its time, report, ask once more, and reboot. */
  | { do: 'Reboot'; intent: Intent; situation: Situation };

export function decide(facts: Facts): Step {
  const { spec, status, boot, memory } = facts;
  const { intent } = memory;
  const misread = !status.booted && boot.imageBooted;
  if (intent && intent.bootID !== boot.bootID && !misread) return toJudge(facts, intent);
  if (!status.booted) return unmanaged(boot);
  const told = toldUntil(facts);
  if (told !== undefined) return goingDown(facts, told);
  const unfinished = intent && finish(facts, intent);
  if (unfinished) return unfinished;
  const digests = digestsOf(spec);
  if (isOneOf(status.booted, digests)) return addonsRun(facts.addons, spec) ? booted(facts) : changeAddons(facts, status.booted);
  const hindered = hindrance(status);
  if (hindered) return stalled(hindered.reason, hindered.message);
  const failure = barredBy(memory, {
    digests: barredUnder(spec, { image: true }),
    approval: approvalOf(spec),
    retried: facts.retried,
  });
  if (failure) return lockFirst(facts, stalled(failure.reason, failure.message ?? failure.reason));
  return status.staged && isOneOf(status.staged, digests)
    ? completed(facts, status.staged)
    : (prepareAhead(facts) ?? stage(facts));
}

/** The target's image is staged: its addons follow. */
function completed(facts: Facts, entry: BootEntry): Step {
  const { spec, addons } = facts;
  const record = wantedRecord(entry, spec);
  // Without a record of its own it would boot with what waits for its image.
  if (isRecorded(addons?.staged.current ?? addons?.ahead, record)) return staged(facts, entry);
  return prepareAddons(facts, { over: entry, runs: false, record });
}

/** What an intent of this boot asks for before the target does. */
function finish(facts: Facts, intent: Intent): Step | undefined {
  if (isLiveChange(intent) && isBegun(intent)) return followLive(facts, intent);
  return stands(intent, facts.spec) ? undefined : { do: 'Withdraw' };
}

/** A boot whose image came up is judged by its addons too, once the boot scripts have said what they merged. */
function toJudge(facts: Facts, intent: Intent): Step {
  const due = sealDue(facts);
  if (!isOneOf(facts.status.booted, intent.digests) || due === undefined) return { do: 'Judge', intent };
  return {
    do: 'Rest',
    situation: { ...mergingSituation, phase: 'Rebooting' },
    until: due,
    ...(isMergeNew(facts) ? { quiet: true } : {}),
  };
}

/** The approval that an intent is for is still the spec's. */
export function stands(intent: Intent, spec: NodeTargetSpec): boolean {
  return approvalOf(spec) === intent.approval;
}

function unmanaged(boot: BootFacts): Step {
  if (boot.imageBooted) {
    const message = 'bootc sees an empty host though the host was booted from an image: the agent is in the wrong namespaces';
    return stalled('AgentMisconfigured', message);
  }
  const error = new StallingError(
    'Unmanaged',
    'the host was not booted from a bootable container image: install one on it (bootc install)',
  );
  return { do: 'Rest', situation: { phase: 'Unmanaged', condition: { kind: 'Failed', error } } };
}

function booted(facts: Facts): Step {
  const { spec, memory } = facts;
  const approval = approvalOf(spec);
  // The controller waits for a word on each approval, also where there was nothing left to boot.
  if (approval !== undefined && !memory.spent.includes(approval)) {
    return { do: 'Acknowledge', approval, digest: digestOf(spec.image) };
  }
  const message = `runs ${nameOf(spec.revision, digestOf(spec.image))}`;
  return lockFirst(facts, { do: 'Rest', situation: { phase: 'Idle', condition: { kind: 'Ready', reason: 'Booted', message } } });
}

function staged(facts: Facts, entry: BootEntry): Step {
  const { spec, memory } = facts;
  const name = nameOf(spec.revision, digestOf(spec.image));
  const approval = approvalOf(spec);
  if (approval === undefined) {
    const how = entry.locked ? 'staged' : 'staged without a lock';
    const mismatch = spec.state === 'Booted' ? ', but the approval is for another image' : ', waits for the go-ahead';
    const condition = { kind: 'Progressing', reason: 'Staged', message: `${how} ${name}${mismatch}` } as const;
    return lockFirst(facts, { do: 'Rest', situation: { phase: 'Staged', condition } });
  }
  if (memory.spent.includes(approval)) return lockFirst(facts, spent(facts, approval));
  const intent = memory.intent ?? newIntent(facts, approval);
  const waiting = otherImage(approval) ?? bootTroubleAhead(facts);
  if (waiting) return waiting;
  return entry.locked ? { do: 'Arm', intent } : { do: 'Reboot', intent, situation: rebootingSituation(facts) };
}

function stage({ spec, trouble, now }: Facts): Step {
  const digest = digestOf(spec.image);
  const sameSecret = trouble?.pullSecret === spec.pullSecret?.revision;
  if (trouble?.digest === digest && sameSecret && isAhead({ ...trouble.failure, retryAt: trouble.retryAt }, now)) {
    const { reason, message, stalled: forPerson } = trouble.failure;
    const error = forPerson ? new StallingError(reason, message) : new TransientError(reason, message);
    return { do: 'Rest', situation: { phase: 'Failed', condition: { kind: 'Failed', error } }, until: trouble.retryAt };
  }
  return { do: 'Stage', image: spec.image, digest };
}

/**
 * Until when a host that was told to reboot in this boot is left alone: while it is going down, and for a moment before, as inhibitors
 * (the kubelet's, for one) may hold the shutdown back.
 */
function toldUntil({ memory, now, stopping, rebootGraceMs }: Facts): number | undefined {
  const toldAt = memory.intent?.toldAt;
  // Told in the future: the clock was set back, and telling once more does no harm.
  if (toldAt !== undefined && toldAt <= now && now < toldAt + rebootGraceMs) return toldAt + rebootGraceMs;
  return stopping ? now + rebootGraceMs : undefined;
}

function goingDown(facts: Facts, until: number): Step {
  return { do: 'Rest', situation: rebootingSituation(facts), until };
}

/** While it pulls; reported only when there is nothing better to say. */
export function stagingSituation(spec: NodeTargetSpec): Situation {
  const message = `stages ${nameOf(spec.revision, digestOf(spec.image))}`;
  return { phase: 'Staging', condition: { kind: 'Progressing', reason: 'Staging', message } };
}
