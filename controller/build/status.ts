/** What an ImageBuild's status is after each thing that can happen to it. Pure. */
import { conditionsOf, timestamp } from '../api/conditions.ts';
import type { Outcome } from '../api/conditions.ts';
import { formatDuration } from '../api/duration.ts';
import { StallingError, TransientError, WaitingError, messageOf } from '../api/errors.ts';
import type { ImageBuild, ImageBuildStatus, ImageBuildStatusFailure } from '../api/image-build.ts';
import { cancelAnnotation, requestedAt } from '../api/names.ts';
import { shortStep } from '../api/short-step.ts';
import { maxAttempts, retryDelayMs } from './attempts.ts';
import { BuildError } from './build-error.ts';
import type { JobPlace } from './job-outcome.ts';
import type { BuildTimes } from './build-trace.ts';
import type { BuiltImage } from './publish.ts';
import { recordIn, trustedCondition } from '../trust/judgement.ts';
import type { JudgementReason } from '../trust/reasons.ts';
import { withRefusal } from './waited-for.ts';
import type { RefusedJob } from './waited-for.ts';

/** What a pass has found or made, whichever way it ends. */
export type Findings = Pick<
  ImageBuildStatus,
  'builder' | 'foundations' | 'interruptions' | 'jobs' | 'warnings' | 'signatures' | 'attestations' | 'trust'
>;

export type BuildEvent = { findings?: Findings } & (
  | { kind: 'Queued'; message: string }
  /** A person asked to forget the attempts of before, or what had been built is gone. */
  | { kind: 'Begun' }
  | { kind: 'Started' }
  /** Jobs are at work, or would be if they could; to be looked at again after `checkMs` though nothing changes. */
  | { kind: 'Running'; reason: string; message: string; checkMs?: number }
  | { kind: 'Succeeded'; image: BuiltImage; times?: BuildTimes }
  /** One that has succeeded is signed and judged as is wanted now, or could not be. */
  | { kind: 'Sealed' }
  | { kind: 'Unsealed'; error: unknown }
  /**
   * `place`, `reason` and `generation`: of a Job that failed, what Kubernetes calls it, and the generation of the build that it was made for.
   * `busy`: other Jobs of the build are at work all the same. `step`: what was done, where that was begun.
   */
  | { kind: 'Thrown'; error: unknown; place?: JobPlace; reason?: string; generation?: number; busy?: boolean; step?: string }
  | Interruption
  | { kind: 'Canceled' }
  | { kind: 'Superseded'; by: string }
);

/** A Job was lost and another comes; to be looked at again after `retryAfterMs`. `refused`: another Job of the build. */
interface Interruption {
  kind: 'Interrupted';
  error: TransientError;
  place: JobPlace;
  retryAfterMs: number;
  busy: boolean;
  refused?: RefusedJob;
}

export interface Verdict {
  status: ImageBuildStatus;
  /** When to look again. */
  retryAfterMs?: number;
  /** What the controller is to make of it. */
  rethrow?: unknown;
}

export function statusAfter(build: ImageBuild, event: BuildEvent, now: Date): Verdict {
  const before: ImageBuildStatus = { ...build.status, ...event.findings };
  const make = (outcome: Outcome, change: ImageBuildStatus, drop: readonly (keyof ImageBuildStatus)[] = []): Verdict => ({
    status: next(build, before, now, { outcome, change, drop }),
  });
  switch (event.kind) {
    case 'Queued':
      return make(progressing('Queued', event.message), { phase: 'Pending' });
    case 'Begun':
      return {
        status: next(build, { ...build.status, attempts: 0 }, now, {
          outcome: progressing('BuildStarted', 'begins anew'),
          change: { phase: 'Pending' },
          drop: ['failure', 'completionTime', 'interruptions', 'jobs', 'builder', 'startTime'],
        }),
      };
    case 'Started': {
      const attempts = before.attempts ?? 0;
      const message = `attempt ${attempts + 1} of ${maxAttempts} is running`;
      const change = { phase: 'Building' as const, attempts, startTime: timestamp(now) };
      return make(progressing('Building', message), change, ['completionTime']);
    }
    case 'Running':
      return {
        ...make(progressing(event.reason, event.message), { phase: 'Building' }),
        ...(event.checkMs === undefined ? {} : { retryAfterMs: event.checkMs }),
      };
    case 'Succeeded': {
      const { reference, digest, version, platforms } = event.image;
      const message = pushedMessage(event.image);
      // What was signed of an image before this one says nothing of this one.
      const unsigned = event.findings?.signatures ? [] : (['signatures', 'attestations'] as const);
      const change: ImageBuildStatus = {
        phase: 'Succeeded',
        attempts: (before.attempts ?? 0) + 1,
        completionTime: timestamp(now),
        image: { reference, digest, version, platforms },
      };
      return make({ kind: 'Ready', reason: 'Succeeded', message }, change, ['failure', 'interruptions', ...unsigned]);
    }
    case 'Sealed': {
      const message = pushedMessage({ digest: '', platforms: [], ...build.status?.image });
      return make({ kind: 'Ready', reason: 'Succeeded', message }, {});
    }
    case 'Unsealed': {
      const outcome: Outcome = { kind: 'Failed', error: event.error };
      // What is wanted now is still to be done; the image is there as before.
      const generation = build.status?.observedGeneration;
      return {
        status: next(build, before, now, { outcome, change: {}, drop: [], generation, receipt: false }),
        rethrow: event.error,
      };
    }
    case 'Thrown':
      return event.error instanceof BuildError
        ? stepFailed(build, before, { ...event, error: event.error }, now)
        : attemptFailed(build, before, event, now);
    case 'Interrupted':
      return interrupted(build, before, event, now);
    case 'Canceled': {
      const message = `was canceled by the annotation ${cancelAnnotation}; without it, it runs again`;
      return make({ kind: 'Ended', reason: 'Canceled', message }, { phase: 'Canceled', completionTime: timestamp(now) });
    }
    case 'Superseded': {
      const message = `was not begun when its definition had a newer build, ${event.by}; wanted again, it goes on`;
      return make({ kind: 'Ended', reason: 'Superseded', message }, { phase: 'Canceled', completionTime: timestamp(now) });
    }
  }
}

function stepFailed(
  build: ImageBuild,
  before: ImageBuildStatus,
  { error, place, reason, generation }: { error: BuildError; place?: JobPlace; reason?: string; generation?: number },
  now: Date,
): Verdict {
  const attempts = (before.attempts ?? 0) + 1;
  const delay = retryDelayMs(attempts);
  const step = `step ${shortStep(error.step)}`;
  const where = reason === undefined ? step : `${reason} in ${step}`;
  const said = cut(error.message.replaceAll(/\s+/g, ' '), 512);
  const message = `attempt ${attempts} of ${maxAttempts}: ${where}: ${said}`;
  const platform = place?.platform ?? error.platform;
  const failure: ImageBuildStatusFailure = {
    step: cut(error.step, 1024),
    message: cut(error.message, 4096),
    log: error.log.slice(-40).map(line => cut(line, 1024)),
    ...(error.stepNumber === undefined ? {} : { stepNumber: error.stepNumber }),
    ...(error.exitCode === undefined ? {} : { exitCode: error.exitCode }),
    ...(platform === undefined ? {} : { platform }),
    ...placeOf(place, reason),
  };
  const change = { attempts, failure, completionTime: timestamp(now) };
  const make = (phase: 'Failed' | 'Pending', thrown: Error): ImageBuildStatus =>
    next(build, before, now, {
      outcome: { kind: 'Failed', error: thrown },
      change: { ...change, phase },
      drop: ['interruptions'],
      generation,
    });
  if (delay === undefined) {
    const stalled = new StallingError('BuildFailed', message, { cause: error });
    return ended(build, make('Failed', stalled), stalled);
  }
  const again = new TransientError('BuildFailed', `${message}; again in ${formatDuration(delay)}`, { cause: error });
  return { status: make('Pending', again), retryAfterMs: delay };
}

/** No step failed: the registry, a Secret, or inputs that can never give an image. */
function attemptFailed(
  build: ImageBuild,
  before: ImageBuildStatus,
  event: Extract<BuildEvent, { kind: 'Thrown' }>,
  now: Date,
): Verdict {
  const { error, place, reason, generation, busy = false } = event;
  const outcome: Outcome = { kind: 'Failed', error };
  if (!(error instanceof StallingError)) {
    const phase = busy ? ('Building' as const) : ('Pending' as const);
    return { status: next(build, before, now, { outcome, change: { phase }, drop: [] }), rethrow: error };
  }
  const failure = { step: event.step ?? 'inputs', message: cut(messageOf(error), 4096), ...placeOf(place, reason) };
  const change = { phase: 'Failed' as const, failure, completionTime: timestamp(now) };
  return ended(build, next(build, before, now, { outcome, change, drop: [], generation }), error);
}

/** The end, unless how it is to be done was changed since what failed began: that is another attempt's to show. */
function ended({ metadata }: ImageBuild, status: ImageBuildStatus, error: StallingError): Verdict {
  return status.observedGeneration === metadata.generation ? { status, rethrow: error } : { status, retryAfterMs: 1 };
}

/** A lost Job uses up no attempt; what was lost is said all the same. */
function interrupted(
  build: ImageBuild,
  before: ImageBuildStatus,
  { error, place, retryAfterMs, busy, refused }: Interruption,
  now: Date,
): Verdict {
  const said = withRefusal(`${place.platform}: ${error.message}; its Job is made again, which uses up no attempt`, refused);
  const outcome: Outcome = { kind: 'Failed', error: new WaitingError(error.reason, said, retryAfterMs, { cause: error }) };
  const failure = { step: 'Job', message: cut(error.message, 4096), ...placeOf(place, error.reason) };
  const change = { phase: busy ? ('Building' as const) : ('Pending' as const), failure };
  return { status: next(build, before, now, { outcome, change, drop: [] }), retryAfterMs };
}

function placeOf(place: JobPlace | undefined, reason: string | undefined): Partial<ImageBuildStatusFailure> {
  return {
    ...(reason === undefined ? {} : { reason: cut(reason, 256) }),
    ...(place === undefined ? {} : { platform: place.platform, job: place.job }),
    ...(place?.pod === undefined ? {} : { pod: place.pod }),
  };
}

function next(
  build: ImageBuild,
  before: ImageBuildStatus,
  now: Date,
  to: {
    outcome: Outcome;
    change: ImageBuildStatus;
    drop: readonly (keyof ImageBuildStatus)[];
    /** What it is about, when that is not the present one. */
    generation?: number | undefined;
    /** Whether a request is answered by it; default true. */
    receipt?: boolean;
  },
): ImageBuildStatus {
  const generation = to.generation ?? build.metadata.generation;
  const handled = to.receipt === false ? build.status?.lastHandledReconcileAt : build.metadata.annotations?.[requestedAt];
  const status: ImageBuildStatus = {
    ...before,
    ...to.change,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(handled === undefined ? {} : { lastHandledReconcileAt: handled }),
    conditions: [],
  };
  const trusted = { ImageTrusted: trustOf(status, to.outcome) };
  status.conditions = conditionsOf(before.conditions, generation, to.outcome, now, trusted);
  for (const key of to.drop) delete status[key];
  if (status.phase === 'Succeeded' || status.attempts === undefined) delete status.attemptsLeft;
  else status.attemptsLeft = Math.max(0, maxAttempts - status.attempts);
  return status;
}

/** The whole reference is in status.image; the message is a column. */
function pushedMessage({ digest, platforms }: Pick<NonNullable<ImageBuildStatus['image']>, 'digest' | 'platforms'>): string {
  return `pushed ${digest.slice(0, 19)} for ${(platforms ?? []).map(p => p.platform).join(', ')}`;
}

/** The condition ImageTrusted: what was judged last, unless nobody could tell just now. */
function trustOf({ trust }: ImageBuildStatus, outcome: Outcome): ReturnType<typeof trustedCondition> | undefined {
  const error = outcome.kind === 'Failed' ? outcome.error : undefined;
  const unknown = error instanceof TransientError && error.reason === ('SignatureLookupFailed' satisfies JudgementReason);
  if (unknown) return { status: 'Unknown', reason: error.reason, message: error.message };
  const recorded = recordIn(trust);
  return recorded && trustedCondition(recorded);
}

function progressing(reason: string, message: string): Outcome {
  return { kind: 'Progressing', reason, message };
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
}
