/** What rests, and what is said meanwhile: the parts of a decision that image and addons share. Pure. */
import { StallingError, TransientError } from '../api/errors.ts';
import { timestamp } from '../api/conditions.ts';
import { requestedAt } from '../api/names.ts';
import type { Facts, Situation, Step } from './decide.ts';
import { type HostFailure, longestWait } from './host-failure.ts';
import type { Intent } from './memory.ts';
import { nextLock } from './staged-lock.ts';
import { digestOf, digestsOf, nameOf } from './target.ts';

export function newIntent({ spec, boot, status }: Facts, approval: string): Intent {
  const before = status.booted?.digest;
  return {
    approval,
    digest: digestOf(spec.image),
    digests: digestsOf(spec),
    bootID: boot.bootID,
    ...(before === undefined ? {} : { before }),
    ...(spec.addonSet === undefined ? {} : { set: spec.addonSet }),
  };
}

/** Whether the next try is still to come. One that is further off than any wait is of a clock that was set back since. */
export function isAhead({ retryAt, backoff }: { retryAt: number; backoff: HostFailure['backoff'] }, now: number): boolean {
  return now < retryAt && retryAt <= now + longestWait(backoff);
}

export function rebootingSituation({ spec, memory, now, rebootTimeoutMs }: Facts): Situation {
  const rebootAt = memory.intent?.rebootAt ?? now;
  if (now - rebootAt > rebootTimeoutMs) {
    const error = new TransientError('RebootOverdue', `told to reboot at ${timestamp(new Date(rebootAt))} and not down yet`);
    return { phase: 'Rebooting', condition: { kind: 'Failed', error } };
  }
  const message = `reboots into ${nameOf(spec.revision, digestOf(spec.image))}`;
  return { phase: 'Rebooting', condition: { kind: 'Progressing', reason: 'Rebooting', message } };
}

export function stalled(reason: string, message: string): Step {
  const error = new StallingError(reason, message);
  return { do: 'Rest', situation: { phase: 'Failed', condition: { kind: 'Failed', error } } };
}

/** Something is staged that nobody has approved and that any reboot would apply: give it the lock, if there is a way left, then rest. */
export function lockFirst(facts: Facts, rest: Step): Step {
  const lock = nextLock(facts);
  return lock ? { do: 'Lock', ...lock } : rest;
}

export function spent({ spec }: Facts, approval: string): Step {
  const name = nameOf(spec.revision, digestOf(spec.image));
  const message = `${name} was booted under ${approval} and is not what runs; the annotation ${requestedAt} on the SystemPool lets it be tried again`;
  return stalled('ApprovalSpent', message);
}

export function bootTroubleAhead({ bootTrouble, now }: Facts): Step | undefined {
  if (!bootTrouble || !isAhead(bootTrouble, now)) return undefined;
  const error = new TransientError(bootTrouble.reason, bootTrouble.message);
  return { do: 'Rest', situation: { phase: 'Failed', condition: { kind: 'Failed', error } }, until: bootTrouble.retryAt };
}
