/** What an approved boot turned out to be: pure. bootc checks no health and says nothing of a boot that failed, so it is concluded. */
import { timestamp } from '../api/conditions.ts';
import type { NodeTargetStatusVerdict } from '../api/node-target.ts';
import type { BootcStatus } from './bootc-status.ts';
import type { Intent } from './memory.ts';
import { isOneOf } from './target.ts';

export interface BootEvidence {
  /** Of the running boot; differs from the intent's. */
  bootID: string;
  status: BootcStatus;
  /** The text or sign of a finalization that failed at shutdown. */
  finalizeFailure?: string;
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
    digest: intent.digest,
    approval: intent.approval,
    bootID: evidence.bootID,
    time: timestamp(new Date(evidence.now)),
    message: message.slice(0, 1024),
  };
}

function conclude(
  intent: Intent,
  { status, finalizeFailure }: BootEvidence,
): [NodeTargetStatusVerdict['type'], string] | undefined {
  const { booted, rollback, others } = status;
  if (!booted) return ['Unknown', 'after the reboot the host says that it was not booted from an image'];
  const runs = `the host runs ${booted.digest ?? 'an image without a digest'}`;
  if (isOneOf(booted, intent.digests)) return ['Succeeded', `booted ${intent.digest}`];
  if (finalizeFailure !== undefined) {
    return ['FinalizeFailed', `the staged system could not be finalized at shutdown: ${finalizeFailure.trim()}; ${runs}`];
  }
  // A deployment that was finalized and is not what runs was tried by the boot loader, or rolled back by the host.
  if ([rollback, ...others].some(e => isOneOf(e, intent.digests))) {
    return ['FellBack', `${intent.digest} was installed but is not what booted; ${runs}`];
  }
  if (intent.before !== undefined && booted.digest !== intent.before) {
    return ['Unknown', `${runs}, which is neither the target nor what ran before (${intent.before})`];
  }
  if (intent.rebootAt === undefined) return undefined;
  return ['Unapplied', `the staged system was not applied at shutdown, and left no trace; ${runs}`];
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
