/** What an approved boot turned out to be: pure. bootc checks no health and says nothing of a boot that failed, so it is concluded. */
import { sha256 } from '../addon/set-digest.ts';
import { timestamp } from '../api/conditions.ts';
import type { NodeTargetStatusVerdict } from '../api/node-target.ts';
import { targetDigest } from '../api/target-digest.ts';
import type { AddonSeal } from '../host-addons/seal.ts';
import { mergeFailure } from './addons/plan.ts';
import type { BootcStatus } from './bootc-status.ts';
import type { Intent } from './memory.ts';
import { isOneOf } from './target.ts';

export interface BootEvidence {
  /** Of the running boot; differs from the intent's. */
  bootID: string;
  status: BootcStatus;
  /** The text or sign of a finalization that failed at shutdown. */
  finalizeFailure?: string;
  /** What this boot has merged; absent where no boot script said so. */
  seal?: AddonSeal;
  now: number;
}

/**
 * The verdict, or undefined when the host went down before we told it to and nothing of the target was tried: the approval still
 * stands and is acted on again.
 */
export function judge(intent: Intent, evidence: BootEvidence): NodeTargetStatusVerdict | undefined {
  const conclusion = conclude(intent, evidence);
  if (!conclusion) return undefined;
  const [type, message] = conclusion;
  return {
    type,
    // A set's failure is that of image and set together: the image without it stays free.
    digest: type === 'AddonsFailed' ? targetDigest(intent.digest, intent.set, sha256) : intent.digest,
    approval: intent.approval,
    bootID: evidence.bootID,
    time: timestamp(new Date(evidence.now)),
    message: message.slice(0, 1024),
  };
}

function conclude(
  intent: Intent,
  { status, finalizeFailure, seal, bootID }: BootEvidence,
): [NodeTargetStatusVerdict['type'], string] | undefined {
  const { booted, rollback, others } = status;
  if (!booted) return ['Unknown', 'after the reboot the host says that it was not booted from an image'];
  const runs = `the host runs ${booted.digest ?? 'an image without a digest'}`;
  if (isOneOf(booted, intent.digests)) return concludeAddons(intent, { bootID, ...(seal ? { seal } : {}) });
  if (finalizeFailure !== undefined) {
    return ['FinalizeFailed', `the staged system could not be finalized at shutdown: ${finalizeFailure.trim()}; ${runs}`];
  }
  // A deployment that was finalized and is not what runs was tried by the boot loader, or rolled back by the host.
  if ([rollback, ...others].some(e => isOneOf(e, intent.digests))) {
    // That image ran before its addons were changed: what is new, and fell back, is the set over it.
    if (intent.addonsOf !== undefined) return ['AddonsFailed', `with other addons ${intent.digest} is not what booted; ${runs}`];
    return ['FellBack', `${intent.digest} was installed but is not what booted; ${runs}`];
  }
  if (intent.before !== undefined && booted.digest !== intent.before) {
    return ['Unknown', `${runs}, which is neither the target nor what ran before (${intent.before})`];
  }
  if (intent.rebootAt === undefined) return undefined;
  return ['Unapplied', `the staged system was not applied at shutdown, and left no trace; ${runs}`];
}

/** Of a boot whose image is the target's. */
function concludeAddons(
  intent: Intent,
  { seal, bootID }: Pick<BootEvidence, 'seal' | 'bootID'>,
): [NodeTargetStatusVerdict['type'], string] | undefined {
  const failure = mergeFailure(seal, intent.set);
  if (intent.live && intent.bootID === bootID) return concludeLive(intent, seal, failure);
  if (failure === undefined)
    return ['Succeeded', intent.set === undefined ? `booted ${intent.digest}` : `booted ${intent.digest} with all of its addons`];
  const tried = (seal?.set ?? undefined) === intent.set;
  // The host went down before the record was changed: nothing was tried.
  if (intent.addonsOf !== undefined && !tried && intent.rebootAt === undefined) return undefined;
  return ['AddonsFailed', `${intent.digest} runs, but ${failure}`];
}

/** Of a change on the running host, which the script ended or never did. */
function concludeLive(
  { digest, set, live: intended }: Intent,
  seal: AddonSeal | undefined,
  failure: string | undefined,
): [NodeTargetStatusVerdict['type'], string] {
  const done = seal?.live && seal.live.at !== intended?.before ? seal.live : undefined;
  const isApplied = done?.outcome === 'Applied' || done?.outcome === 'Unchanged';
  if (failure === undefined && isApplied) {
    const { gapMs, restarted = [] } = done;
    const gap = gapMs === null ? '' : `; nothing was merged for ${gapMs} ms`;
    const services = restarted.length === 0 ? '' : `; restarted: ${restarted.join(', ')}`;
    return [
      'Succeeded',
      `${digest} runs with ${set === undefined ? 'no addons' : 'all of its addons'}, changed without a reboot${gap}${services}`,
    ];
  }
  if (!done)
    return ['AddonsFailed', `the addons of ${digest} were to change without a reboot, and the script never came to its end`];
  const problems = done.problems.map(
    ({ name, reason, message }) => `${name === undefined ? '' : `${name}: `}${reason}: ${message}`,
  );
  const now = {
    Restored: 'the former ones are merged again',
    Refused: 'nothing was changed',
    Failed: 'what is merged is not whole: reboot the host',
    Applied: 'the former ones are merged again',
    Unchanged: 'the former ones are merged',
  }[done.outcome];
  return ['AddonsFailed', [`the addons of ${digest} did not change without a reboot: ${now}`, ...problems].join('; ')];
}

/** The verdict for an approval that came when the host ran the target already: there is nothing to boot. */
export function alreadyBooted(approval: string, digest: string, bootID: string, now: number): NodeTargetStatusVerdict {
  return {
    type: 'Succeeded',
    digest,
    approval,
    bootID,
    time: timestamp(new Date(now)),
    message: `the host runs ${digest} already`,
  };
}
