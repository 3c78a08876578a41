/** What a Job with its pod has come to: pure. */
import type { Job, Pod } from '../api/core.ts';
import { interruptionsAnnotation, platformAnnotation } from '../api/names.ts';
import { hasStarted, isOver, podTrouble } from './pod-trouble.ts';

/** Where the Job was: for messages and for status.failure. */
interface Place {
  platform: string;
  job: string;
  pod?: string;
}

export type JobOutcome = Place &
  (
    | { kind: 'Running'; /** Why the pod does not run, when it does not. */ trouble?: { reason: string; message: string } }
    | { kind: 'Ended'; /** Of the container; what the worker said of itself. */ termination: string; exitCode?: number }
    /** It used up an attempt: the build's own doing. */
    | { kind: 'Failed'; reason: string; message: string; exitCode?: number }
    /** It was lost through no fault of the build: another is made for the same attempt, after a while. */
    | { kind: 'Interrupted'; reason: string; message: string; at: number; interruptions: number }
  );

/** After so many Jobs of one attempt were lost, the next loss counts as a failure: a build may be what brings its nodes down. */
export const maxInterruptions = 5;

/**
 * What a Job has come to. `pods` are those of the Job. `waitedFor` is what the build last said its pod waits for: when the Job's time is over
 * the Job controller deletes the pod, and with it what kept it from running.
 */
export function jobOutcome(
  job: Job,
  pods: readonly Pod[],
  waitedFor: { reason: string; message: string } | undefined,
): JobOutcome {
  const pod = newest(pods);
  const place: Place = {
    platform: job.metadata.annotations?.[platformAnnotation] ?? '',
    job: job.metadata.name,
    ...(pod ? { pod: pod.metadata.name } : {}),
  };
  const ended = conditionOf(job, 'Complete') ?? conditionOf(job, 'Failed') ?? conditionOf(job, 'FailureTarget');
  const trouble = pod && podTrouble(pod);
  const terminated = pod?.status?.containerStatuses?.[0]?.state?.terminated;
  // What the worker says goes before what Kubernetes makes of it; it is there even when the pod was told to go a moment later.
  if (pod && terminated?.message?.startsWith('{')) {
    return { ...place, kind: 'Ended', termination: terminated.message, exitCode: terminated.exitCode };
  }
  if (trouble && !trouble.waits) return lostOrFailed(place, trouble, job, pod);
  if (ended?.reason === 'DeadlineExceeded') return tooLate(place, job, pod, waitedFor);
  if (!ended && !(pod && isOver(pod))) {
    return { ...place, kind: 'Running', ...(trouble ? { trouble: { reason: trouble.reason, message: trouble.message } } : {}) };
  }
  if (terminated) {
    const how = terminated.signal ? `signal ${terminated.signal}` : `exit code ${terminated.exitCode}`;
    const message = `the build ended with ${how} and left no result`;
    return { ...place, kind: 'Failed', reason: terminated.reason ?? 'Error', message, exitCode: terminated.exitCode };
  }
  // Ended, and nothing of its pod is left to say how.
  const message = ended?.message ? `the pod of the Job is gone: ${ended.message}` : 'the pod of the Job is gone';
  return lostOrFailed(place, { reason: 'PodLost', message, fault: 'cluster' }, job);
}

/** Milliseconds between a lost Job and the one in its place, doubling from 10 s to 10 min. */
export function interruptionDelayMs(interruptions: number): number {
  return Math.min(600_000, 10_000 * 2 ** Math.min(10, interruptions));
}

/** How many Jobs of this attempt were lost before this one. */
export function interruptionsOf(job: Job): number {
  const count = Number(job.metadata.annotations?.[interruptionsAnnotation] ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** When the Job ended, in epoch milliseconds; undefined while it has not. */
export function endOf(job: Job): number | undefined {
  const at = (conditionOf(job, 'Failed') ?? conditionOf(job, 'FailureTarget') ?? conditionOf(job, 'Complete'))
    ?.lastTransitionTime;
  const ms = at === undefined ? Number.NaN : Date.parse(at);
  return Number.isNaN(ms) ? undefined : ms;
}

/** True when the Job has come to its end, or its controller has decided so. */
export function isFinished(job: Job): boolean {
  return ['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet'].some(type => conditionOf(job, type) !== undefined);
}

function lostOrFailed(
  place: Place,
  trouble: { reason: string; message: string; fault: 'build' | 'cluster' },
  job: Job,
  pod?: Pod,
): JobOutcome {
  const { reason, message, fault } = trouble;
  const interruptions = interruptionsOf(job);
  if (fault === 'build') return { ...place, kind: 'Failed', reason, message };
  if (interruptions >= maxInterruptions) {
    return { ...place, kind: 'Failed', reason, message: `${message}; lost ${interruptions + 1} times in this attempt` };
  }
  // A pod on a lost node never ends by itself, and so neither does its Job.
  const at = endOf(job) ?? Date.parse(pod?.metadata.deletionTimestamp ?? '1970-01-01T00:00:00Z');
  return { ...place, kind: 'Interrupted', reason, message, at, interruptions };
}

/** A build that never began has used up nothing but time. */
function tooLate(
  place: Place,
  job: Job,
  pod: Pod | undefined,
  waitedFor: { reason: string; message: string } | undefined,
): JobOutcome {
  const trouble = pod && !hasStarted(pod) ? podTrouble(pod) : undefined;
  const why = trouble ?? (pod && hasStarted(pod) ? undefined : waitedFor);
  if (!why) {
    const message = `the build was not done in its time: ${conditionOf(job, 'Failed')?.message ?? 'the Job was active for too long'}`;
    return { ...place, kind: 'Failed', reason: 'DeadlineExceeded', message };
  }
  const message = `the pod did not start in time: ${why.message}`;
  const interruptions = interruptionsOf(job);
  return { ...place, kind: 'Interrupted', reason: why.reason, message, at: endOf(job) ?? 0, interruptions };
}

function conditionOf(job: Job, type: string): NonNullable<NonNullable<Job['status']>['conditions']>[number] | undefined {
  return job.status?.conditions?.find(c => c.type === type && c.status === 'True');
}

function newest(pods: readonly Pod[]): Pod | undefined {
  return pods.toSorted((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1))[0];
}
