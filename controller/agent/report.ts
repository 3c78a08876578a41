/** The agent's part of a NodeTarget's status: pure. */
import { isDeepStrictEqual } from 'node:util';
import { conditionOf, conditionsOf, timestamp } from '../api/conditions.ts';
import type { Condition } from '../api/meta.ts';
import type {
  NodeTargetSpec,
  NodeTargetStatus,
  NodeTargetStatusHost,
  NodeTargetStatusHostAddonsLive,
  NodeTargetStatusHostBooted,
  NodeTargetStatusHostFailed,
  NodeTargetStatusHostProblem,
} from '../api/node-target.ts';
import { addonsSummary, whyAddons } from '../api/addons-summary.ts';
import { shortCommit } from '../api/short-revision.ts';
import type { AddonSeal, SealedLive } from '../host-addons/seal.ts';
import { addonsOf, addonsRun, appliesLive, preparedOf, supportCondition, takesAddons } from './addons/plan.ts';
import type { AddonFacts } from './addons/plan.ts';
import type { BootcStatus, BootEntry } from './bootc-status.ts';
import type { Situation, StageTrouble } from './decide.ts';
import type { BootFacts, HostFeatures } from './host.ts';
import { revisionOf } from './memory.ts';
import type { Memory } from './memory.ts';
import { enforcementOf } from './node-enforcement.ts';
import { problemsOf } from './problems.ts';
import type { SignaturePolicy } from './signature-policy.ts';
import { digestsOf, isOneOf, targetOf } from './target.ts';

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
  /** What staging, or preparing addons, fails with at present. */
  troubles?: readonly StageTrouble[];
  /** Of the host's addons; undefined where nobody looked. */
  addons?: AddonFacts;
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
      AddonsSupported: input.addons
        ? supportCondition(input.addons, input.spec)
        : conditionOf(previous?.conditions, 'AddonsSupported'),
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
  const { status, memory, previous, boot, situation } = input;
  const before = previous?.host;
  const failed = failures(memory, input.troubles ?? [], input.spec);
  const problems = [
    ...(status ? problemsOf(status, input.spec, memory) : []),
    ...(input.problems ?? []),
    ...sealProblem(input.addons),
  ];
  return {
    phase: situation.phase,
    reportedAt: timestamp(new Date(input.now)),
    agentVersion: input.agentVersion,
    ...present('bootID', boot?.bootID ?? before?.bootID),
    ...toolsOf(input),
    ...present('booted', status ? bootedOf(status.booted, memory) : before?.booted),
    ...present('staged', status ? lockedEntryOf(status.staged, memory) : before?.staged),
    ...present('rollback', status ? entryOf(status.rollback, memory) : before?.rollback),
    ...addonsOfHost(input),
    ...(failed.length > 0 ? { failed } : {}),
    ...(problems.length > 0 ? { problems } : {}),
  };
}

/** What the host's tools can do; as it was where they were not asked. */
function toolsOf({ features, addons, previous }: ReportInput): Partial<NodeTargetStatusHost> {
  const before = previous?.host;
  return {
    ...present('bootcVersion', features ? features.bootcVersion : before?.bootcVersion),
    ...present('systemdVersion', features ? features.systemdVersion : before?.systemdVersion),
    ...present('capabilities', features ? capabilities(features, addons) : before?.capabilities),
  };
}

/** Also a staging that waits for a person counts as failed, until it works. What may pass by itself does not. */
function failures(memory: Memory, troubles: readonly StageTrouble[], spec: NodeTargetSpec): NodeTargetStatusHostFailed[] {
  const digests = [...digestsOf(spec), targetOf(spec)];
  const waiting = troubles.filter(({ failure, digest }) => failure.stalled && !failure.permanent && digests.includes(digest));
  const failed = waiting.map(({ digest, failure: { reason, message }, firstAt }) => {
    return { digest, reason, message, time: timestamp(new Date(firstAt)) };
  });
  return failed.length === 0 ? memory.failed : [...memory.failed, ...failed].slice(-20);
}

function capabilities(features: HostFeatures, addons: AddonFacts | undefined): string[] {
  return [
    ...(features.switchDownloadOnly ? ['SwitchDownloadOnly'] : []),
    ...(features.upgradeDownloadOnly ? ['UpgradeDownloadOnly'] : []),
    ...(features.switchDownloadOnly || features.lockFinalization ? ['LockedStaging'] : []),
    ...(takesAddons(addons) ? ['Addons'] : []),
    ...(appliesLive(addons) ? ['LiveAddons'] : []),
  ];
}

function sealProblem(addons: AddonFacts | undefined): NodeTargetStatusHostProblem[] {
  const { damage, seal } = addons ?? {};
  const isUnused = seal?.reason === 'RecordDamaged' || seal?.reason === 'GivenUp';
  return [
    ...(damage === undefined ? [] : [{ reason: 'SealUnreadable', message: damage.slice(0, 1024) }]),
    ...(isUnused ? [{ reason: 'AddonRecordUnused', message: (seal.message ?? '').slice(0, 1024) }] : []),
  ];
}

function addonsOfHost({ addons, status, spec, previous }: ReportInput): Pick<NodeTargetStatusHost, 'addons' | 'prepared'> {
  if (!status) return { ...present('addons', previous?.host?.addons), ...present('prepared', previous?.host?.prepared) };
  const digests = digestsOf(spec);
  const isTarget = (entry: BootEntry | undefined): BootEntry | undefined => (isOneOf(entry, digests) ? entry : undefined);
  const booted = isTarget(status.booted);
  return {
    ...present('addons', addons?.seal && mergedOf(addons.seal, spec, previous?.host?.addons)),
    ...present('prepared', preparedOf(addons, { booted, staged: booted ? undefined : isTarget(status.staged) })),
  };
}

type HostAddons = NonNullable<NodeTargetStatusHost['addons']>;

function mergedOf(seal: AddonSeal, spec: NodeTargetSpec, before: HostAddons | undefined): HostAddons {
  const merged = entriesOf(seal);
  return { ...merged, ...present('askedBy', askedBy(merged, spec, before)), ...(seal.live ? { live: liveOf(seal.live) } : {}) };
}

/** What the target says of who asked; once it names another set, what was said before of just these. */
function askedBy(
  { set, summary, entries = [] }: HostAddons,
  spec: NodeTargetSpec,
  before: HostAddons | undefined,
): string | undefined {
  if (entries.length === 0) return undefined;
  if (set !== spec.addonSet) return before?.set === set && before?.summary === summary ? before?.askedBy : undefined;
  const origins = new Map(addonsOf(spec).map(({ name, from }) => [name, from]));
  return whyAddons(entries.map(entry => ({ ...entry, from: origins.get(entry.name) })));
}

function liveOf({ outcome, at, gapMs, restarted = [], problems }: SealedLive): NodeTargetStatusHostAddonsLive {
  const message = problems.map(({ name, reason, message }) => `${name === undefined ? '' : `${name}: `}${reason}: ${message}`);
  return {
    outcome,
    at: timestamp(new Date(at)),
    ...(gapMs === null ? {} : { gapMs }),
    ...(restarted.length > 0 ? { restarted: [...new Set(restarted)].slice(0, 64) } : {}),
    ...(message.length > 0 ? { message: message.join('; ').slice(0, 1024) } : {}),
  };
}

function entriesOf({ set, state, since, addons }: AddonSeal): HostAddons {
  // Nothing of ours is merged. That a record was not used is a problem of the host, and not a set that is merged in part.
  if (set === null) return { state: 'None' };
  const entries = addons.map(({ name, digest, state, reason, message }) => ({
    name,
    digest,
    state,
    ...present('reason', reason?.slice(0, 128)),
    ...present('message', message?.slice(0, 1024)),
  }));
  return {
    set,
    state,
    summary: addonsSummary(entries),
    ...(since === null ? {} : { since: timestamp(new Date(since)) }),
    ...(entries.length === 0 ? {} : { entries }),
  };
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
function stagedCondition({
  status,
  spec,
  previous,
  addons,
}: ReportInput): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  if (!status) return previous?.conditions?.find(c => c.type === 'Staged');
  const digests = digestsOf(spec);
  if (isOneOf(status.booted, digests)) return bootedCondition(addons, spec, status);
  if (!isOneOf(status.staged, digests)) return { status: 'False', reason: 'NotStaged', message: 'the target is not on the host' };
  if (status.staged?.locked) return { status: 'True', reason: 'Locked', message: 'staged without effect on the next boot' };
  return { status: 'True', reason: 'Unlocked', message: 'staged; the next boot applies it' };
}

/** The image of the target runs. */
function bootedCondition(
  addons: AddonFacts | undefined,
  spec: NodeTargetSpec,
  { booted }: BootcStatus,
): ReturnType<typeof stagedCondition> {
  if (addonsRun(addons, spec)) return { status: 'True', reason: 'Booted', message: 'the target runs' };
  const prepared = preparedOf(addons, { booted, staged: undefined });
  if (prepared && prepared.set === spec.addonSet)
    return { status: 'True', reason: 'Locked', message: 'the addons are prepared without effect on the next boot' };
  return { status: 'False', reason: 'NotStaged', message: 'the addons of the target are not prepared on the host' };
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
