/**
 * What follows from an operation that ended: pure. Judged by what the host shows afterwards; the exit code only tells what to make of
 * a state that looks right. bootc stages before it pulls the images that are bound to the system, so a failed `switch` can leave its
 * deployment staged, and the next one would find nothing to do: such a staging is never booted.
 */
import { timestamp } from '../api/conditions.ts';
import type { NodeTargetSpec } from '../api/node-target.ts';
import type { BootcStatus } from './bootc-status.ts';
import { deploymentOf } from './staged-lock.ts';
import type { Facts, StageTrouble } from './decide.ts';
import type { Outcome, Request } from './host.ts';
import { failureOf, retryAt } from './host-failure.ts';
import type { HostFailure } from './host-failure.ts';
import { withFailure } from './memory.ts';
import type { Memory } from './memory.ts';
import { approvalOf, digestOf, digestsOf, isOneOf } from './target.ts';

export interface EndedStaging {
  digest: string;
  outcome: Outcome;
  /** What was staged when it began; undefined when it began in an earlier life. */
  stagedBefore: string | undefined;
  spec: NodeTargetSpec;
  /** Read after it ended. */
  status: BootcStatus;
  memory: Memory;
  trouble: StageTrouble | undefined;
  now: number;
  random: number;
}

/** The memory and the trouble after a staging. */
export function afterStaging(ended: EndedStaging): { memory: Memory; trouble: StageTrouble | undefined } {
  const { digest, outcome, spec, status, memory, trouble } = ended;
  const wanted = digest === digestOf(spec.image);
  const { staged } = status;
  if (outcome.code !== 0 && staged && isFresh(ended, wanted)) {
    const failure = failureOf(outcome, 'StagingIncomplete');
    return { memory: failed(ended, failure, wanted ? digest : (staged.digest ?? digest)), trouble: undefined };
  }
  if (!wanted) return { memory, trouble };
  if (isOneOf(staged, digestsOf(spec))) return { memory, trouble: undefined };
  const failure = outcome.code === 0 ? stagedAnother(staged?.digest) : failureOf(outcome, 'StageFailed');
  if (failure.permanent) return { memory: failed(ended, failure, digest), trouble: undefined };
  return { memory, trouble: troubleAfter(ended, failure) };
}

/** Whether this operation put there what is staged now. */
function isFresh({ stagedBefore, status, spec }: EndedStaging, wanted: boolean): boolean {
  if (!status.staged) return false;
  if (stagedBefore !== undefined) return deploymentOf(status.staged) !== stagedBefore;
  return wanted && isOneOf(status.staged, digestsOf(spec));
}

function failed({ memory, spec, now }: EndedStaging, failure: HostFailure, digest: string): Memory {
  const approval = approvalOf(spec);
  return withFailure(memory, {
    digest,
    reason: failure.reason,
    message: failure.message,
    time: timestamp(new Date(now)),
    ...(approval === undefined ? {} : { approval }),
  });
}

function troubleAfter({ digest, trouble, spec, now, random }: EndedStaging, failure: HostFailure): StageTrouble {
  const pullSecret = spec.pullSecret?.revision;
  const again = trouble?.digest === digest && trouble.failure.reason === failure.reason && trouble.pullSecret === pullSecret;
  const count = again ? trouble.count + 1 : 1;
  return {
    digest,
    failure,
    ...(pullSecret === undefined ? {} : { pullSecret }),
    count,
    firstAt: again ? trouble.firstAt : now,
    retryAt: retryAt(failure, count, now, random),
  };
}

/** The command succeeded, and the target is not what is staged: its digests do not name this platform's. */
function stagedAnother(digest: string | undefined): HostFailure {
  const what = digest === undefined ? 'nothing is staged' : `${digest} is staged, which is none of the target's digests`;
  return {
    reason: 'StagedAnother',
    message: `bootc switch succeeded, but ${what}`,
    stalled: true,
    permanent: false,
    backoff: [60_000, 900_000],
  };
}

/** The trouble after an attempt to arm or to reboot that failed. */
export function bootTroubleAfter(
  outcome: Outcome,
  o: { fallback: string; count: number; now: number; random: number },
): NonNullable<Facts['bootTrouble']> {
  const failure = failureOf(outcome, o.fallback);
  return { ...failure, retryAt: retryAt(failure, o.count, o.now, o.random) };
}

/** The ways to lock that were tried on what is staged, after one more. */
export function lockTriedAfter(
  tried: Facts['lockTried'],
  request: Extract<Request, { kind: 'Lock' }> | undefined,
  status: BootcStatus,
): Facts['lockTried'] {
  if (!request || !status.staged) return tried;
  const deployment = deploymentOf(status.staged);
  return { deployment, methods: [...(tried.deployment === deployment ? tried.methods : []), request.method] };
}
