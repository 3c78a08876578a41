/** What an object's conditions come to for a person: pure. */
import { conditionOf } from '../api/conditions.ts';
import type { Condition, ObjectMeta } from '../api/meta.ts';

/**
 * Ready: nothing to do. Moving: goes on by itself. Retrying: failed, and is tried again. Stalled: a person has to do something. Ended: it is over
 * without a result, on purpose. Unseen: nobody has looked at it since it was changed.
 */
export type State = 'Ready' | 'Moving' | 'Retrying' | 'Stalled' | 'Ended' | 'Suspended' | 'Unseen';

export interface Standing {
  state: State;
  reason: string;
  message: string;
  /** RFC 3339. */
  since?: string;
}

interface Judged {
  metadata: ObjectMeta;
  status?: { observedGeneration?: number; conditions?: Condition[] };
}

/** A controller that works has looked at what is new after so long. */
const unseenMs = 60_000;

export function standingOf(object: Judged, now: number): Standing {
  const { metadata, status } = object;
  const ready = conditionOf(status?.conditions, 'Ready');
  if (!ready) {
    const message = 'no controller has looked at it yet';
    const waits = now - Date.parse(metadata.creationTimestamp ?? '') < unseenMs;
    return { state: waits ? 'Moving' : 'Unseen', reason: 'NotSeen', message, ...created(metadata) };
  }
  const { reason, message, lastTransitionTime } = ready;
  const reconciling = conditionOf(status?.conditions, 'Reconciling');
  const stalled = conditionOf(status?.conditions, 'Stalled');
  const said = { reason, message, since: lastTransitionTime };
  if (reason === 'Suspended') return { state: 'Suspended', ...said };
  if (stalled?.status === 'True') return { state: 'Stalled', ...said, since: stalled.lastTransitionTime };
  if (ready.status === 'True') return { state: 'Ready', ...said };
  if (reconciling?.status !== 'True') return { state: 'Ended', ...said };
  const retrying = reconciling.reason === 'ProgressingWithRetry';
  return { state: retrying ? 'Retrying' : 'Moving', ...said, since: reconciling.lastTransitionTime };
}

/** Whether a person should look at it. */
export function isTrouble({ state }: Pick<Standing, 'state'>): boolean {
  return state === 'Stalled' || state === 'Retrying' || state === 'Unseen';
}

function created({ creationTimestamp }: ObjectMeta): { since?: string } {
  return creationTimestamp === undefined ? {} : { since: creationTimestamp };
}
