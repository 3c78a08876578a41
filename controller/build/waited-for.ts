/** What a build waits for while its Jobs are at work, as its condition has it: written here, and read again by the passes that follow. */
import { conditionOf } from '../api/conditions.ts';
import type { Job } from '../api/core.ts';
import type { ImageBuild } from '../api/image-build.ts';
import { platformAnnotation } from '../api/names.ts';
import { countOf } from './foundation-jobs.ts';
import { interruptionsOf } from './job-outcome.ts';
import type { Waited } from './job-outcome.ts';

/** A Job that was not made for now, while others of the build are at work or are to be made again. */
export interface RefusedJob {
  platform: string;
  message: string;
}

const refusal = /; the Job for \S+ is not made yet: .*$/s;
/** So that the refusal that follows is not cut off with what is too long for a condition. */
const maxBefore = 2048;

/** The message of a condition, with a Job that was refused beside what it tells. */
export function withRefusal(message: string, refused: RefusedJob | undefined): string {
  if (!refused) return message;
  const before = message.length <= maxBefore ? message : `${message.slice(0, maxBefore - 1).toWellFormed()}…`;
  return `${before}; the Job for ${refused.platform} is not made yet: ${refused.message}`;
}

/** What the build last said that the pod of this Job waits for, or was lost by. */
export function waitedFor(build: ImageBuild, job: Job): Waited | undefined {
  const { status } = build;
  const { name, annotations } = job.metadata;
  // Its condition may be of something else by now; that the Job is lost stays true.
  if (countOf(build, annotations?.[platformAnnotation] ?? '') > interruptionsOf(job)) {
    const { reason = 'PodLost', message } = (status?.failure?.job === name ? status.failure : undefined) ?? {};
    return { reason, message: message ?? 'the Job was lost', lost: true };
  }
  const ready = conditionOf(status?.conditions, 'Ready');
  return status?.phase === 'Building' && ready && ready.reason !== 'Building' && ready.reason !== 'JobRefused'
    ? { reason: ready.reason, message: ready.message.replace(refusal, '') }
    : undefined;
}

/** The build last said that one of its Jobs was refused, beside others that are at work. What these wait for may be its reason. */
export function lacksJob({ status }: ImageBuild): boolean {
  return status?.phase === 'Building' && refusal.test(conditionOf(status.conditions, 'Ready')?.message ?? '');
}
