/** What a Job with its pod has come to: pure. */
import type { ContainerStatus, Job, Pod } from '../api/core.ts';
import { StallingError, TransientError } from '../api/errors.ts';
import { generationAnnotation, interruptionsAnnotation, platformAnnotation } from '../api/names.ts';
import { BuildError } from './build-error.ts';
import { hasStarted, isOver, outOfMemory, podTrouble } from './pod-trouble.ts';
import { errorOf, parseTermination } from './termination.ts';

/** Where something happened: for messages and for status.failure. */
export interface JobPlace {
  platform: string;
  job: string;
  pod?: string;
}

export type JobOutcome = JobPlace &
  /** `trouble` is why the pod does not run, when it does not; `starting` until its container has begun. */
  (
    | { kind: 'Running'; trouble?: Trouble; starting?: boolean }
    | { kind: 'Built'; digest: string; warnings: string[] }
    /** It used up an attempt (BuildError), or none can do better (StallingError). `reason` is Kubernetes' own, where it has one. */
    | { kind: 'Failed'; error: BuildError | StallingError; reason?: string }
    /** It was lost through no fault of the build: another is made for the same attempt, a while after `at` (epoch ms). */
    | { kind: 'Interrupted'; reason: string; message: string; at: number; interruptions: number }
  );

interface Trouble {
  reason: string;
  message: string;
}

/** What the status says of a Job, of which the API may tell no more. `lost`: it was counted as such. */
export interface Waited extends Trouble {
  lost?: true;
}

/** After so many Jobs of one attempt were lost, the next loss counts as a failure: a build may be what brings its nodes down. */
export const maxInterruptions = 5;
/** The Job controller takes moments to make a pod. */
const podMissingMs = 30_000;
/** What stands for the step while nobody knows which it was. */
export const unknownStep = 'Containerfile';

/** A Job as the API has it. */
interface Observed {
  job: Job;
  /** Those of the Job. */
  pods: readonly Pod[];
  /** Why it has none, where an event says so. */
  refusal?: string;
}

/**
 * What a Job has come to. `waitedFor` is what the build last said its pod waits for: when the Job's time is over
 * the Job controller deletes the pod, and with it what kept it from running. `now` is epoch ms.
 */
export function jobOutcome(observed: Observed, waitedFor: Waited | undefined, now: number): JobOutcome {
  const seen = seenOf(observed);
  // What the worker says goes before what Kubernetes makes of it; it is there even when the pod was told to go a moment later.
  return saidOutcome(seen) ?? troubleOutcome(seen) ?? lateOutcome(seen, waitedFor) ?? endOutcome(seen, observed.refusal, now);
}

/** A Job with its newest pod, and how the container in it ended. */
interface Seen {
  job: Job;
  pod: Pod | undefined;
  terminated: Terminated | undefined;
  place: JobPlace;
}

function seenOf({ job, pods }: Observed): Seen {
  const pod = newest(pods);
  return {
    job,
    pod,
    terminated: pod?.status?.containerStatuses?.[0]?.state?.terminated,
    place: {
      platform: job.metadata.annotations?.[platformAnnotation] ?? '',
      job: job.metadata.name,
      ...(pod ? { pod: pod.metadata.name } : {}),
    },
  };
}

/** Of a Job whose result is not where it says: it counts as lost, and so neither comes at once nor for ever. */
export function vainOutcome(observed: Observed, message: string): JobOutcome {
  return lost(seenOf(observed), { reason: 'FoundationNotFound', message });
}

function saidOutcome(seen: Seen): JobOutcome | undefined {
  const { terminated, place } = seen;
  const said = terminated?.message === undefined ? undefined : parseTermination(terminated.message);
  if (!said) return undefined;
  if ('result' in said) return { ...place, kind: 'Built', ...said.result };
  const error = errorOf(said.failure, place.platform);
  // The kernel ends the greediest process, which is a step's; the worker lives on, and knows only that the step ended.
  if (terminated?.reason === 'OOMKilled' && !(error instanceof StallingError)) {
    const { step, log } = said.failure;
    const failure = error instanceof BuildError ? error : { step, log, platform: place.platform };
    return { ...place, kind: 'Failed', reason: terminated.reason, error: new BuildError(outOfMemory, failure) };
  }
  if (error instanceof TransientError) return interrupted(seen, { reason: error.reason, message: error.message });
  return { ...place, kind: 'Failed', error };
}

function troubleOutcome(seen: Seen): JobOutcome | undefined {
  const trouble = seen.pod && podTrouble(seen.pod);
  if (!trouble || trouble.waits) return undefined;
  return trouble.fault === 'build' ? failed(seen, trouble.reason, trouble.message) : lost(seen, trouble);
}

/** A build that never began has used up nothing but time. */
function lateOutcome(seen: Seen, waitedFor: Waited | undefined): JobOutcome | undefined {
  const { job, pod } = seen;
  const ended = endConditionOf(job);
  if (ended?.reason !== 'DeadlineExceeded' && pod?.status?.reason !== 'DeadlineExceeded') return undefined;
  if (waitedFor?.lost) return interrupted(seen, waitedFor);
  const why = pod && hasStarted(pod) ? undefined : ((pod && podTrouble(pod)) ?? waitedFor);
  if (why) return interrupted(seen, { reason: why.reason, message: `the pod did not start in time: ${why.message}` });
  const message = ended?.message ?? pod?.status?.message ?? 'the Job was active for too long';
  return failed({ ...seen, terminated: undefined }, 'DeadlineExceeded', `not done in its time: ${message}`);
}

function endOutcome(seen: Seen, refusal: string | undefined, now: number): JobOutcome {
  const { job, pod, terminated, place } = seen;
  const ended = endConditionOf(job);
  if (!ended && !(pod && isOver(pod))) {
    const trouble = pod ? podTrouble(pod) : podMissing(job, refusal, now);
    return {
      ...place,
      kind: 'Running',
      ...(trouble ? { trouble: { reason: trouble.reason, message: trouble.message } } : {}),
      ...(pod && hasStarted(pod) ? {} : { starting: true }),
    };
  }
  if (terminated) {
    const how = terminated.signal ? `signal ${terminated.signal}` : `exit code ${terminated.exitCode}`;
    return failed(seen, terminated.reason ?? 'Error', `ended with ${how} and left no result`);
  }
  const message = ended?.message ? `the pod of the Job is gone: ${ended.message}` : 'the pod of the Job is gone';
  return lost(seen, { reason: 'PodLost', message });
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

/** Of the ImageBuild that the Job was made for; undefined where nobody knows. */
export function generationOf(job: Job): number | undefined {
  const generation = Number(job.metadata.annotations?.[generationAnnotation]);
  return Number.isSafeInteger(generation) && generation > 0 ? generation : undefined;
}

/** True when the Job has come to its end, or its controller has decided so. */
export function isFinished(job: Job): boolean {
  return ['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet'].some(type => conditionOf(job, type) !== undefined);
}

/** True when its pod has done what it was to do. */
export function isComplete(job: Job): boolean {
  return ['Complete', 'SuccessCriteriaMet'].some(type => conditionOf(job, type) !== undefined);
}

/** A quota, an admission policy or a missing ServiceAccount keeps the Job controller from making the pod, and only events of the Job say so. */
function podMissing({ metadata }: Job, refusal: string | undefined, now: number): Trouble | undefined {
  if (refusal !== undefined) return { reason: 'PodMissing', message: `none has been made: ${refusal}` };
  const since = epochOf(metadata.creationTimestamp);
  if (since === undefined || now - since < podMissingMs) return undefined;
  const { namespace, name } = metadata;
  return { reason: 'PodMissing', message: `none has been made; why, "kubectl -n ${namespace} describe job ${name}" says` };
}

function failed({ place, terminated }: Seen, reason: string, message: string): JobOutcome {
  const { platform } = place;
  const exitCode = terminated?.exitCode;
  return { ...place, kind: 'Failed', reason, error: new BuildError(message, { step: unknownStep, exitCode, log: [], platform }) };
}

function lost(seen: Seen, trouble: Trouble): JobOutcome {
  const interruptions = interruptionsOf(seen.job);
  if (interruptions < maxInterruptions) return interrupted(seen, trouble);
  return failed(seen, trouble.reason, `${trouble.message}; lost ${interruptions + 1} times in this attempt`);
}

function interrupted({ job, pod, terminated, place }: Seen, { reason, message }: Trouble): JobOutcome {
  // A pod on a lost node never ends by itself, and so neither does its Job.
  const times = [endConditionOf(job)?.lastTransitionTime, terminated?.finishedAt, pod?.metadata.deletionTimestamp];
  const at = times.map(epochOf).find(ms => ms !== undefined);
  // Its controller is about to say when.
  if (at === undefined) return { ...place, kind: 'Running', trouble: { reason, message } };
  return { ...place, kind: 'Interrupted', reason, message, at, interruptions: interruptionsOf(job) };
}

/** Present from when the Job has ended, or its controller has decided that it will. */
function endConditionOf(job: Job): JobCondition | undefined {
  return conditionOf(job, 'Failed') ?? conditionOf(job, 'FailureTarget') ?? conditionOf(job, 'Complete');
}

function epochOf(time: string | undefined): number | undefined {
  const ms = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms;
}

type Terminated = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>;
type JobCondition = NonNullable<NonNullable<Job['status']>['conditions']>[number];

function conditionOf(job: Job, type: string): JobCondition | undefined {
  return job.status?.conditions?.find(c => c.type === type && c.status === 'True');
}

function newest(pods: readonly Pod[]): Pod | undefined {
  return pods.toSorted((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1))[0];
}
