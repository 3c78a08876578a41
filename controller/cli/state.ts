/** What an object's conditions come to for a person: pure. */
import { conditionOf } from '../api/conditions.ts';
import type { Condition, ObjectMeta } from '../api/meta.ts';
import { waitsForPerson } from './advice.ts';

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
  const distrusted = distrustOf(status?.conditions);
  if (distrusted) return distrusted;
  if (ready.status === 'True') return { state: 'Ready', ...said };
  if (reconciling?.status !== 'True') return { state: 'Ended', ...said };
  return { state: underWay(reason, reconciling.reason), ...said, since: reconciling.lastTransitionTime };
}

/** What trust refuses: a person must sign it, or let its signer count. Where signatures cannot be looked up, that is tried again. */
function distrustOf(conditions: Condition[] | undefined): Standing | undefined {
  for (const type of ['RunningUntrusted', 'ImageTrusted', 'SourceVerified']) {
    const { status, reason = '', message = '', lastTransitionTime: since = '' } = conditionOf(conditions, type) ?? {};
    const refused = type === 'RunningUntrusted' ? status === 'True' : status === 'False' && reason !== 'Warned';
    if (refused) return { state: 'Stalled', reason, message, since };
    if (status === 'Unknown' && reason === 'SignatureLookupFailed') return { state: 'Retrying', reason, message, since };
  }
  return undefined;
}

function underWay(reason: string, how: string): State {
  if (how === 'ProgressingWithRetry') return 'Retrying';
  return waitsForPerson.has(reason) ? 'Stalled' : 'Moving';
}

/** What an object comes to that refers to another, which is not there: not as it was meant, whatever it says itself. */
export function referring(standing: Standing, kind: string, name: string | undefined, known: readonly Judged[]): Standing {
  if (name === undefined || isTrouble(standing) || known.some(o => o.metadata.name === name)) return standing;
  return { ...standing, state: 'Stalled', reason: 'Gone', message: `there is no ${kind} ${name}` };
}

/** Whether a person should look at it. */
export function isTrouble({ state }: Pick<Standing, 'state'>): boolean {
  return state === 'Stalled' || state === 'Retrying' || state === 'Unseen';
}

function created({ creationTimestamp }: ObjectMeta): { since?: string } {
  return creationTimestamp === undefined ? {} : { since: creationTimestamp };
}
