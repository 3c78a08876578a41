/** What an ImageBuild's status is after each thing that can happen to it. Pure. */
import { conditionsOf, timestamp } from '../api/conditions.ts';
import type { Outcome } from '../api/conditions.ts';
import { formatDuration } from '../api/duration.ts';
import { StallingError, TransientError, messageOf } from '../api/errors.ts';
import type { ImageBuild, ImageBuildStatus, ImageBuildStatusFailure } from '../api/image-build.ts';
import { requestedAt } from '../api/names.ts';
import { BuildError } from './build-error.ts';
import type { BuiltImage } from './publish.ts';

/** Milliseconds between attempts whose step failed; one attempt more than there are delays. */
export const retryDelaysMs: readonly number[] = [10_000, 60_000];

export type BuildEvent =
  | { kind: 'Queued'; running: number }
  | { kind: 'Started' }
  | { kind: 'Succeeded'; image: BuiltImage }
  | { kind: 'Thrown'; error: unknown };

export interface Verdict {
  status: ImageBuildStatus;
  /** After a failed step with attempts left. */
  retryAfterMs?: number;
  /** After anything else that was thrown: what the controller is to make of it. */
  rethrow?: unknown;
}

/** True when the status belongs to an attempt that a person has asked to forget. */
export function isAskedAgain(build: ImageBuild): boolean {
  return build.status?.phase === 'Failed' && build.metadata.annotations?.[requestedAt] !== build.status.lastHandledReconcileAt;
}

export function statusAfter(build: ImageBuild, event: BuildEvent, now: Date): Verdict {
  const before = isAskedAgain(build) ? { conditions: build.status?.conditions ?? [] } : (build.status ?? {});
  switch (event.kind) {
    case 'Queued':
      return {
        status: next(build, before, now, {
          outcome: progressing('Queued', `waits for its turn: ${event.running} builds are running`),
          change: { phase: 'Pending' },
        }),
      };
    case 'Started': {
      const attempt = (before.attempts ?? 0) + 1;
      return {
        status: next(build, before, now, {
          outcome: progressing('Building', `attempt ${attempt} is running`),
          change: { phase: 'Building', attempts: before.attempts ?? 0, startTime: timestamp(now) },
          drop: ['completionTime'],
        }),
      };
    }
    case 'Succeeded': {
      const { reference, digest, version, platforms } = event.image;
      const message = `pushed ${reference} for ${platforms.map(p => p.platform).join(', ')}`;
      return {
        status: next(build, before, now, {
          outcome: { kind: 'Ready', reason: 'Succeeded', message },
          change: {
            phase: 'Succeeded',
            attempts: (before.attempts ?? 0) + 1,
            completionTime: timestamp(now),
            image: { reference, digest, version, platforms },
          },
          drop: ['failure'],
        }),
      };
    }
    case 'Thrown':
      return event.error instanceof BuildError
        ? stepFailed(build, before, event.error, now)
        : attemptFailed(build, before, event.error, now);
  }
}

/** The same request again on a build that has succeeded: only its receipt. */
export function statusAcknowledged(build: ImageBuild, now: Date): ImageBuildStatus {
  const message = build.status?.conditions?.find(c => c.type === 'Ready')?.message ?? '';
  return next(build, build.status ?? {}, now, { outcome: { kind: 'Ready', reason: 'Succeeded', message }, change: {} });
}

function stepFailed(build: ImageBuild, before: ImageBuildStatus, error: BuildError, now: Date): Verdict {
  const attempts = (before.attempts ?? 0) + 1;
  const delay = retryDelaysMs[attempts - 1];
  const message = `attempt ${attempts} of ${retryDelaysMs.length + 1}: step ${error.step}: ${error.message}`;
  const failure: ImageBuildStatusFailure = {
    step: cut(error.step, 1024),
    message: cut(error.message, 4096),
    log: error.log.slice(-40).map(line => cut(line, 1024)),
    ...(error.exitCode === undefined ? {} : { exitCode: error.exitCode }),
  };
  if (delay === undefined) {
    const stalled = new StallingError('BuildFailed', message, { cause: error });
    const change = { phase: 'Failed' as const, attempts, failure, completionTime: timestamp(now) };
    return { status: next(build, before, now, { outcome: { kind: 'Failed', error: stalled }, change }), rethrow: stalled };
  }
  const again = new TransientError('BuildFailed', `${message}; again in ${formatDuration(delay)}`, { cause: error });
  const change = { phase: 'Pending' as const, attempts, failure };
  return { status: next(build, before, now, { outcome: { kind: 'Failed', error: again }, change }), retryAfterMs: delay };
}

/** No step failed: the registry, a Secret, or inputs that can never give an image. */
function attemptFailed(build: ImageBuild, before: ImageBuildStatus, error: unknown, now: Date): Verdict {
  const outcome: Outcome = { kind: 'Failed', error };
  if (!(error instanceof StallingError)) {
    return { status: next(build, before, now, { outcome, change: { phase: 'Pending' } }), rethrow: error };
  }
  const failure = { step: 'inputs', message: cut(messageOf(error), 4096) };
  const change = { phase: 'Failed' as const, failure, completionTime: timestamp(now) };
  return { status: next(build, before, now, { outcome, change }), rethrow: error };
}

function next(
  build: ImageBuild,
  before: ImageBuildStatus,
  now: Date,
  to: { outcome: Outcome; change: ImageBuildStatus; drop?: readonly (keyof ImageBuildStatus)[] },
): ImageBuildStatus {
  const { generation, annotations } = build.metadata;
  const handled = annotations?.[requestedAt];
  const status: ImageBuildStatus = {
    ...before,
    ...to.change,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(handled === undefined ? {} : { lastHandledReconcileAt: handled }),
    conditions: conditionsOf(before.conditions, generation, to.outcome, now),
  };
  for (const key of to.drop ?? []) delete status[key];
  return status;
}

function progressing(reason: string, message: string): Outcome {
  return { kind: 'Progressing', reason, message };
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
}
