/** The agent's part of a NodeTarget's status: pure. */
import { isDeepStrictEqual } from 'node:util';
import { conditionsOf, timestamp } from '../api/conditions.ts';
import type { Condition } from '../api/meta.ts';
import type {
  NodeTargetSpec,
  NodeTargetStatus,
  NodeTargetStatusHost,
  NodeTargetStatusHostBooted,
  NodeTargetStatusHostFailed,
  NodeTargetStatusHostProblem,
} from '../api/node-target.ts';
import { shortCommit } from '../api/short-revision.ts';
import type { BootcStatus, BootEntry } from './bootc-status.ts';
import type { Situation, StageTrouble } from './decide.ts';
import type { BootFacts, HostFeatures } from './host.ts';
import { revisionOf } from './memory.ts';
import type { Memory } from './memory.ts';
import { enforcementOf } from './node-enforcement.ts';
import { problemsOf } from './problems.ts';
import type { SignaturePolicy } from './signature-policy.ts';
import { digestsOf, isOneOf } from './target.ts';

/** What the agent writes; status.rollout is the controller's. */
export type Report = Omit<NodeTargetStatus, 'rollout'> & { host: NodeTargetStatusHost; conditions: Condition[] };

export interface ReportInput {
  now: number;
  generation?: number;
  spec: NodeTargetSpec;
  /** What the host is to require of images of the target's repository, as the policies are now. */
  hostRule: string | undefined;
  situation: Situation;
  agentVersion: string;
  /** Undefined where it could not be read; what was last reported stays then. */
  boot?: BootFacts;
  status?: BootcStatus;
  features?: HostFeatures;
  signaturePolicy?: SignaturePolicy;
  memory: Memory;
  trouble?: StageTrouble;
  /** Beside those that the host's status shows. */
  problems?: readonly NodeTargetStatusHostProblem[];
  previous?: NodeTargetStatus;
}

export function reportOf(input: ReportInput): Report {
  const { now, generation, memory, previous, situation } = input;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    host: hostOf(input),
    ...(memory.verdict ? { verdict: memory.verdict } : {}),
    conditions: conditionsOf(previous?.conditions, generation, situation.condition, new Date(now), {
      Staged: stagedCondition(input),
      NodeEnforcement: enforcementCondition(input),
    }),
  };
}

/** Whether two reports say the same but for the time. */
export function saysTheSame(a: Report, b: NodeTargetStatus | undefined): boolean {
  return b !== undefined && isDeepStrictEqual(withoutTime(a), withoutTime(b));
}

function withoutTime(status: NodeTargetStatus): unknown {
  const { observedGeneration, verdict, conditions } = status;
  const host = { ...status.host };
  delete host.reportedAt;
  return { observedGeneration, verdict, conditions, host };
}

function hostOf(input: ReportInput): NodeTargetStatusHost {
  const { status, memory, previous, boot, features, situation } = input;
  const before = previous?.host;
  const failed = failures(memory, input.trouble, input.spec);
  const problems = [...(status ? problemsOf(status, input.spec, memory) : []), ...(input.problems ?? [])];
  return {
    phase: situation.phase,
    reportedAt: timestamp(new Date(input.now)),
    agentVersion: input.agentVersion,
    ...present('bootID', boot?.bootID ?? before?.bootID),
    ...present('bootcVersion', features ? features.bootcVersion : before?.bootcVersion),
    ...present('capabilities', features ? capabilities(features) : before?.capabilities),
    ...present('booted', status ? bootedOf(status.booted, memory) : before?.booted),
    ...present('staged', status ? lockedEntryOf(status.staged, memory) : before?.staged),
    ...present('rollback', status ? entryOf(status.rollback, memory) : before?.rollback),
    ...(failed.length > 0 ? { failed } : {}),
    ...(problems.length > 0 ? { problems } : {}),
  };
}

/** Also a staging that waits for a person counts as failed, until it works. What may pass by itself does not. */
function failures(memory: Memory, trouble: StageTrouble | undefined, spec: NodeTargetSpec): NodeTargetStatusHostFailed[] {
  if (!trouble?.failure.stalled || trouble.failure.permanent || !digestsOf(spec).includes(trouble.digest)) return memory.failed;
  const { reason, message } = trouble.failure;
  return [...memory.failed, { digest: trouble.digest, reason, message, time: timestamp(new Date(trouble.firstAt)) }].slice(-20);
}

function capabilities(features: HostFeatures): string[] {
  return [
    ...(features.switchDownloadOnly ? ['SwitchDownloadOnly'] : []),
    ...(features.upgradeDownloadOnly ? ['UpgradeDownloadOnly'] : []),
    ...(features.switchDownloadOnly || features.lockFinalization ? ['LockedStaging'] : []),
  ];
}

function entryOf(entry: BootEntry | undefined, memory: Memory): NodeTargetStatusHostBooted | undefined {
  if (!entry) return undefined;
  return {
    ...present('image', entry.reference?.image.slice(0, 1024)),
    ...present('digest', entry.digest?.slice(0, 128)),
    ...present('version', entry.version?.slice(0, 256)),
    ...present('revision', revisionOf(memory, entry.digest)),
  };
}

/** Its name is short enough for a column of a list. */
function bootedOf(entry: BootEntry | undefined, memory: Memory): NodeTargetStatusHostBooted | undefined {
  return entry && { ...entryOf(entry, memory), ...present('commit', shortCommit(revisionOf(memory, entry.digest))) };
}

function lockedEntryOf(entry: BootEntry | undefined, memory: Memory): NodeTargetStatusHostBooted | undefined {
  return entry && { ...entryOf(entry, memory), locked: entry.locked };
}

/** The target is on the host: staged, or running. */
function stagedCondition({ status, spec, previous }: ReportInput): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  if (!status) return previous?.conditions?.find(c => c.type === 'Staged');
  const digests = digestsOf(spec);
  if (isOneOf(status.booted, digests)) return { status: 'True', reason: 'Booted', message: 'the target runs' };
  if (!isOneOf(status.staged, digests)) return { status: 'False', reason: 'NotStaged', message: 'the target is not on the host' };
  if (status.staged?.locked) return { status: 'True', reason: 'Locked', message: 'staged without effect on the next boot' };
  return { status: 'True', reason: 'Unlocked', message: 'staged; the next boot applies it' };
}

/** How far the host itself sees to the trust policies. */
function enforcementCondition({
  signaturePolicy: policy,
  spec,
  hostRule,
  status,
  previous,
}: ReportInput): ReturnType<typeof stagedCondition> {
  if (!policy || !status) return previous?.conditions?.find(c => c.type === 'NodeEnforcement');
  return enforcementOf({ policy, image: spec.image, bootedSignature: status.booted?.reference?.signature, wantedRule: hostRule });
}

function present<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
