/** What to do with a build now: pure. What it needs to know of the world is handed over; it is asked again whenever that changes. */
import { isDeepStrictEqual } from 'node:util';
import { retryDelayMs } from './attempts.ts';
import type { JobOutcome } from './job-outcome.ts';
import type { BuildView, DefinitionView } from './projection.ts';

export type LifeStep =
  /** It has ended, or is on its way out; `remaining` milliseconds until it is worth another look. */
  | { kind: 'Nothing' }
  | { kind: 'Wait'; remainingMs: number }
  | { kind: 'Cancel' }
  | { kind: 'Supersede'; by: string }
  /** It succeeded, and somebody asks whether the image is there still. */
  | { kind: 'Verify' }
  /** It is to be signed otherwise than it says: as its definition has it now. */
  | { kind: 'Align' }
  /** It succeeded, and its image is to be signed or judged anew. */
  | { kind: 'Seal' }
  /** It failed or was ended, and is to begin anew. */
  | { kind: 'Begin' }
  | { kind: 'Work' };

/** A definition names a new build a moment after it made it; a build this young is not taken for an old one. */
const youngMs = 30_000;
const queuedMs = 300_000;

/**
 * Where a build is in its life. `definition` is undefined when there is none, and then nobody can supersede the build. `judged`: whether what is recorded of
 * its image, or of its base where that was refused, still stands by the trust policies.
 */
export function lifeStep(
  build: BuildView,
  definition: DefinitionView | undefined,
  { now, judged }: { now: number; judged: 'Stands' | 'Outdated' },
): LifeStep {
  const asked = build.requestedAt !== undefined && build.requestedAt !== build.handledRequest;
  if (build.deleting) return { kind: 'Nothing' };
  if (definition && !isDeepStrictEqual(build.signing, definition.signing)) return { kind: 'Align' };
  switch (build.phase) {
    case 'Succeeded': {
      // What nobody wants any more is judged when somebody does.
      const wanted = definition?.latestBuild === build.name;
      const outdated = hasChanged(build) || (wanted && judged === 'Outdated');
      return { kind: asked ? 'Verify' : outdated ? 'Seal' : 'Nothing' };
    }
    case 'Failed':
      return afterFailure(build, { asked, judged });
    case 'Canceled':
      return afterCancel(build, definition, asked);
    case 'Building':
      return { kind: build.canceled ? 'Cancel' : 'Work' };
    case 'Pending':
    case undefined:
      return build.canceled ? { kind: 'Cancel' } : whilePending(build, definition, { asked, now });
  }
}

function hasChanged({ generation, observedGeneration }: BuildView): boolean {
  return observedGeneration !== undefined && generation !== observedGeneration;
}

function afterFailure(build: BuildView, { asked, judged }: { asked: boolean; judged: 'Stands' | 'Outdated' }): LifeStep {
  const again = asked || hasChanged(build) || (build.reason === 'Untrusted' && judged === 'Outdated');
  return { kind: !build.canceled && again ? 'Begin' : 'Nothing' };
}

function afterCancel(build: BuildView, definition: DefinitionView | undefined, asked: boolean): LifeStep {
  if (build.canceled) return { kind: build.reason === 'Canceled' ? 'Nothing' : 'Cancel' };
  const wanted = build.reason !== 'Superseded' || definition?.latestBuild === build.name || asked;
  return { kind: wanted ? 'Begin' : 'Nothing' };
}

function whilePending(
  build: BuildView,
  definition: DefinitionView | undefined,
  { asked, now }: { asked: boolean; now: number },
): LifeStep {
  if (asked) return { kind: 'Work' };
  const by = wantedInstead(build, definition);
  if (by !== undefined && now - build.created >= youngMs) return { kind: 'Supersede', by };
  const left = untilRetryMs(build, now);
  return left > 0 ? { kind: 'Wait', remainingMs: left } : { kind: 'Work' };
}

/** Milliseconds until a build that waits for its turn is to be looked at again though nothing happens. A free slot wakes it before. */
export function queuedCheckMs(build: BuildView, definition: DefinitionView | undefined, now: number): number {
  if (wantedInstead(build, definition) === undefined) return queuedMs;
  return Math.max(0, youngMs - (now - build.created)) + 1;
}

function wantedInstead(build: BuildView, definition: DefinitionView | undefined): string | undefined {
  const wanted = definition?.latestBuild;
  return wanted === undefined || wanted === build.name ? undefined : wanted;
}

/** The time between attempts counts from the end of the last, so that a restart or a change elsewhere does not shorten it. */
function untilRetryMs(build: BuildView, now: number): number {
  if (build.ended === undefined || build.attempts === 0) return 0;
  return Math.max(0, build.ended + (retryDelayMs(build.attempts) ?? 0) - now);
}

/** What is known of the foundation of one platform. */
export interface PlatformFacts {
  platform: string;
  /** It exists, and was read. */
  found: boolean;
  /** Of the Job of the present attempt. */
  outcome?: JobOutcome | undefined;
  /** How many Jobs of the present attempt the status says were lost. */
  counted: number;
}

type Failed = Extract<JobOutcome, { kind: 'Failed' }>;
type Interrupted = Extract<JobOutcome, { kind: 'Interrupted' }>;

export interface FoundationStep {
  kind: 'Assemble' | 'Fail' | 'Wait';
  /** With Fail: the first that failed. */
  failed?: Failed;
  /** With Wait: platforms that a Job is to be made for, in place of the one that was lost where there is one. `interruptions`: how many were. */
  create: { platform: string; lost?: Interrupted; interruptions: number }[];
  /** With Wait: Jobs that are at work. */
  running: Extract<JobOutcome, { kind: 'Running' }>[];
  /** With Wait: lost Jobs that are not replaced yet, and how long it is until the first is. */
  resting: Interrupted[];
  restMs?: number;
}

/** What to do for the foundations of a build. What a Job has built was taken before; a Job that says so and is not `found` was read in vain. */
export function foundationStep(
  platforms: readonly PlatformFacts[],
  now: number,
  delayMs: (interruptions: number) => number,
): FoundationStep {
  const missing = platforms.filter(p => !p.found);
  const step: FoundationStep = { kind: 'Wait', create: [], running: [], resting: [] };
  if (missing.length === 0) return { ...step, kind: 'Assemble' };
  const failed = missing.map(p => p.outcome).find(outcome => outcome?.kind === 'Failed');
  if (failed) return { ...step, kind: 'Fail', failed };
  for (const { platform, outcome, counted } of missing) {
    if (outcome?.kind === 'Running') step.running.push(outcome);
    else if (outcome?.kind === 'Interrupted') {
      const interruptions = outcome.interruptions + 1;
      const left = outcome.at + delayMs(outcome.interruptions) - now;
      // Once the lost Job is cleared away only the status knows of it, so the status has to know first.
      if (left <= 0 && counted >= interruptions) step.create.push({ platform, lost: outcome, interruptions: counted });
      else {
        step.resting.push(outcome);
        step.restMs = Math.min(step.restMs ?? Number.POSITIVE_INFINITY, Math.max(1, left));
      }
    } else step.create.push({ platform, interruptions: counted });
  }
  return step;
}
