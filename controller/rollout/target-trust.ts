/** Which image a pool may have as its target, by what trust says of it: pure. */
import { messageOf, reasonOf, StallingError } from '../api/errors.ts';
import { conditionOf as conditionIn } from '../api/conditions.ts';
import type { Condition } from '../api/meta.ts';
import { type Decision, isAllowed, isUnsigned, trustedCondition } from '../trust/judgement.ts';
import type { SystemPoolStatus } from '../api/system-pool.ts';
import { digestOf } from './digest.ts';
import type { ImageOfPool } from './images-in-use.ts';
import type { Frozen, JudgedImage, TrustState } from './pool-state.ts';
import type { Verdict } from './pool-trust.ts';
import type { SystemPoolView } from './projection.ts';
import type { PoolReason } from './reasons.ts';
import { recordedTarget, type ResolvedTarget } from './target.ts';

/** Why what is asked for is not made the target. */
export interface Trouble {
  reason: string;
  message: string;
  /** A person has to do something; otherwise it is tried again. */
  stalls: boolean;
}

/** What trust makes of the target that is asked for. */
export interface TrustedTarget {
  target?: ResolvedTarget;
  /** What came before it, with what trust says of that now. */
  previous?: ResolvedTarget;
  /** Without a target, why there is none. */
  frozen?: Frozen;
  /** With the last target: why not the one that is asked for. */
  trouble?: Trouble;
  trust: TrustState;
  /** The condition ImageTrusted, of what is asked for. */
  trusted?: Pick<Condition, 'status' | 'reason' | 'message'>;
}

/**
 * The target that counts. What is asked for is taken only when it is allowed; otherwise the last one stays. Whether that may go on is for the plan to
 * know: refused, it is withdrawn from the nodes that have not booted it, and while nobody could judge it nothing new starts.
 */
export function trustedTarget(
  { status }: Pick<SystemPoolView, 'status'>,
  asked: ResolvedTarget | undefined,
  { images, verdicts: judged }: { images: readonly ImageOfPool[]; verdicts: ReadonlyMap<string, Verdict> },
): TrustedTarget {
  const last = recordedTarget(status.target);
  const before = recordedTarget(status.previous);
  const verdicts = asked ? stillRefused(status, asked, judged) : judged;
  const verdict = asked && verdicts.get(asked.image);
  const takes = asked === undefined || asked.image === last?.image || mayBeTaken(verdict);
  const target = takes ? asked : last;
  const trouble = takes ? undefined : troubleOf(asked.image, verdict);
  const unknown = target && unknownOf(verdicts.get(target.image));
  const refused = images.flatMap(image => refusedBy(image, verdicts.get(image.image)));
  const unjudged = isConfigured(verdicts)
    ? unjudgedOf(images, verdicts)
    : unjudgedOf(
        images.filter(of => of.addon),
        verdicts,
      );
  return {
    ...(target ? { target: withTrust(target, verdicts) } : {}),
    ...(before ? { previous: withTrust(before, verdicts) } : {}),
    ...(trouble && target ? { trouble } : {}),
    ...(trouble && !target ? { frozen: frozenBy(trouble) } : {}),
    trust: { refused, ...(unjudged.length > 0 ? { unjudged } : {}), ...(unknown ? { unknown } : {}) },
    ...(verdict ? { trusted: conditionOf(verdict) } : {}),
  };
}

/**
 * What is asked for and was refused stays so when the policies are gone that refused it: to take them away, by mistake or for a moment, accepts nothing.
 * Until a person says it, by a policy that lets it through, or asks for what the pool had before.
 */
function stillRefused(
  status: SystemPoolStatus,
  asked: ResolvedTarget,
  verdicts: ReadonlyMap<string, Verdict>,
): ReadonlyMap<string, Verdict> {
  const { record, error } = verdicts.get(asked.image) ?? {};
  const isGone =
    error === undefined ? record?.decision === 'NotConfigured' : reasonOf(error) === ('TrustRemoved' satisfies PoolReason);
  const reason = refusalIn(status) ?? (record?.decision === 'Refused' ? record.reason : undefined);
  if (!isGone || reason === undefined) return verdicts;
  const { image, trust } = recordedTarget(status.target) ?? {};
  if (asked.image === image && trust?.decision !== 'Refused') return verdicts;
  const message = `${reason}, by TrustPolicies that are gone since; apply one that allows it, or one with scope.root and mode Skip, which lets everything through`;
  const known = record ?? { digest: digestOf(asked.image), basis: '', signers: [] };
  return new Map(verdicts).set(asked.image, { record: { ...known, decision: 'Refused', reason, message } });
}

/** Why what is asked for was refused, as the status says. */
function refusalIn({ conditions }: SystemPoolStatus): string | undefined {
  const said = conditionIn(conditions, 'ImageTrusted');
  return said?.status === 'False' && said.reason !== ('Warned' satisfies Decision) ? said.reason : undefined;
}

function mayBeTaken(verdict: Verdict | undefined): boolean {
  return verdict?.record !== undefined && verdict.error === undefined && isAllowed(verdict.record);
}

function withTrust(target: ResolvedTarget, verdicts: ReadonlyMap<string, Verdict>): ResolvedTarget {
  const record = verdicts.get(target.image)?.record;
  return record ? { ...target, trust: record } : target;
}

function troubleOf(image: string, verdict: Verdict | undefined): Trouble {
  const { record, error } = verdict ?? {};
  if (record && error === undefined)
    return { reason: record.reason, message: `${image} is not trusted: ${record.message}`, stalls: true };
  return { reason: reasonOf(error), message: `nobody can say whether ${image} is trusted: ${messageOf(error)}`, stalls: false };
}

function frozenBy({ reason, message, stalls }: Trouble): Frozen {
  return { reason, message, ...(stalls ? { stalled: true } : {}) };
}

/** What was refused stays so until it is found to be allowed. */
function refusedBy({ alone, ...of }: ImageOfPool, verdict: Verdict | undefined): JudgedImage[] {
  const record = verdict?.record;
  if (!record || isAllowed(record) || (alone && isUnsigned(record))) return [];
  return [said(of, record)];
}

/** What nodes may run of which nobody can say whether it is allowed. */
function unjudgedOf(images: readonly ImageOfPool[], verdicts: ReadonlyMap<string, Verdict>): JudgedImage[] {
  const whole = new Set(images.flatMap(({ alone, own, digests }) => (alone || own ? [] : digests)));
  return images.flatMap(({ alone, ...of }) => {
    const { record, error } = verdicts.get(of.image) ?? {};
    if (alone && of.digests.every(digest => whole.has(digest))) return [];
    if (alone && record && isUnsigned(record)) {
      const message = `the index that it is of is not known, and of the platform itself: ${record.message}`;
      return [said(of, { reason: record.reason, message })];
    }
    if (error === undefined || (record && !isAllowed(record))) return [];
    return [said(of, { reason: reasonOf(error), message: messageOf(error) })];
  });
}

function said(
  { image, digests, own, addon, sets }: Pick<ImageOfPool, 'image' | 'digests' | 'own' | 'addon' | 'sets'>,
  { reason, message }: Pick<JudgedImage, 'reason' | 'message'>,
): JudgedImage {
  return { image, digests, ...(own ? { own } : {}), ...(addon ? { addon } : {}), ...(sets ? { sets } : {}), reason, message };
}

/** Whether there is any policy for images. What has no name says nothing of that. */
function isConfigured(verdicts: ReadonlyMap<string, Verdict>): boolean {
  return [...verdicts.values()].some(({ record, error }) =>
    error === undefined ? record?.decision !== 'NotConfigured' : !(error instanceof StallingError),
  );
}

function unknownOf(verdict: Verdict | undefined): TrustState['unknown'] {
  const { record, error } = verdict ?? {};
  if (error === undefined || (record && !isAllowed(record))) return undefined;
  const why = record ? 'whether the target is still trusted' : 'whether the target is trusted';
  return {
    reason: reasonOf(error),
    message: `nothing starts, and go-aheads not used yet are taken back, until it is known ${why}: ${messageOf(error)}`,
  };
}

function conditionOf({ record, error }: Verdict): Pick<Condition, 'status' | 'reason' | 'message'> {
  if (error !== undefined) return { status: 'Unknown', reason: reasonOf(error), message: messageOf(error) };
  return record ? trustedCondition(record) : { status: 'Unknown', reason: 'NotConfigured', message: 'not judged' };
}
