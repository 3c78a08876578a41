/** The status of a SystemSource after a pass (pure). */
import { type Outcome, conditionOf, conditionsOf } from '../api/conditions.ts';
import { StallingError, WaitingError } from '../api/errors.ts';
import type { Condition } from '../api/meta.ts';
import { allowRewind, requestedAt } from '../api/names.ts';
import { shortRevision } from '../api/short-revision.ts';
import type { SystemSource, SystemSourceStatus } from '../api/system-source.ts';
import { type RecordedJudgement, trustedCondition } from '../trust/judgement.ts';
import type { Failure } from './document.ts';
import { type SourceReason, filesIgnored, pruneBlocked, sourceVerified, webhookUnusable } from './reasons.ts';
import type { Transport } from './repository.ts';
import { parseRevision } from './revision.ts';
import type { SyncResult } from './sync.ts';
import { verificationOf } from './verify.ts';
import { type WebhookTrouble, webhookPathOf } from './webhook-status.ts';

/** What a pass found before it ended, well or not. */
export interface Pass {
  /** When it began, epoch ms. */
  began?: number;
  /** Revision that was resolved. */
  revision?: string;
  transport?: Transport;
  result?: SyncResult;
  /** What was judged of the revision, or what stands of an earlier judgement. */
  verification?: RecordedJudgement;
  /** What is wrong with the webhook, where the pass came so far as to look. */
  webhook?: { trouble: WebhookTrouble };
  error?: unknown;
}

/** maxItems of status.failures. */
const mostFailures = 100;

export function statusAfter(source: SystemSource, pass: Pass, now: Date): SystemSourceStatus {
  const { metadata, status: before, spec } = source;
  const { revision, transport, result, error, verification } = pass;
  const requested = metadata.annotations?.[requestedAt];
  const synced = error === undefined ? result : undefined;
  const applied = (synced?.reading.found ?? 0) > 0 ? revision : undefined;
  const outcome: Outcome = synced ? outcomeOf(synced, spec.path, shortRevision(revision ?? '')) : { kind: 'Failed', error };
  const acted = outcome.kind === 'Ready' || outcome.error instanceof StallingError;
  return withoutUndefined({
    ...before,
    ...(acted ? { observedGeneration: metadata.generation } : {}),
    ...(requested === undefined ? {} : { lastHandledReconcileAt: requested }),
    ...(revision === undefined ? {} : { lastAttemptedRevision: revision }),
    ...(verification && revision !== undefined ? verificationOf(verification, revision) : {}),
    ...(transport ? { transport: transport.transport, transportReason: transport.transportReason } : {}),
    ...(synced ? { inventory: synced.inventory, failures: bounded(synced.failures) } : {}),
    ...(applied === undefined ? {} : { lastAppliedRevision: applied }),
    lastHandledRewind: handledRewind(source, applied),
    webhookPath: webhookPathOf(source),
    conditions: conditionsOf(before?.conditions, metadata.generation, outcome, now, {
      ...extraConditions(synced),
      ...(verification ? { [sourceVerified]: trustedCondition(verification) } : {}),
      ...(pass.webhook ? { [webhookUnusable]: pass.webhook.trouble } : {}),
    }),
  });
}

/** A word for going back counts once: else it would let whoever may push go back there for as long as it stays on the object. */
function handledRewind({ metadata, status }: SystemSource, applied: string | undefined): string | undefined {
  const allowed = metadata.annotations?.[allowRewind];
  if (allowed === undefined) return undefined;
  return allowed === status?.lastHandledRewind || allowed === parseRevision(applied ?? status?.lastAppliedRevision ?? '')?.oid
    ? allowed
    : undefined;
}

/** What the condition SourceVerified says. */
type Verified = Pick<Condition, 'status' | 'reason' | 'message'>;

/** Suspended: nothing else is said than that, and whether what was judged still stands; Ready stays what it was. A source that never was Ready waits for a person to resume it. */
export function suspendedStatus(
  { metadata, status: before }: SystemSource,
  verified: Verified | undefined,
  now: Date,
): SystemSourceStatus {
  const message = 'spec.suspend is set: nothing is read, applied or removed until it is taken away';
  const reason = 'Suspended' satisfies SourceReason;
  const wasReady = conditionOf(before?.conditions, 'Ready')?.status === 'True';
  const outcome: Outcome = wasReady
    ? { kind: 'Ready', reason, message }
    : { kind: 'Failed', error: new StallingError(reason, message) };
  return withoutUndefined({
    ...before,
    observedGeneration: metadata.generation,
    conditions: conditionsOf(
      before?.conditions,
      metadata.generation,
      outcome,
      now,
      verified ? { [sourceVerified]: verified } : {},
    ),
  });
}

function stalled(reason: SourceReason, message: string): Final {
  return { kind: 'Failed', error: new StallingError(reason, message) };
}

type Final = Extract<Outcome, { kind: 'Ready' | 'Failed' }>;

function outcomeOf(result: SyncResult, path: string, revision: string): Final {
  const { reading, failures, claimedBy, blocked, inventory } = result;
  if (!reading.pathExists)
    return stalled('PathNotFound', `spec.path "${path}" is not a directory of ${revision}; correct it, or commit the directory`);
  if (reading.found === 0) {
    const beside = reading.ignored.length > 0 ? `; ignored: ${listed(reading.ignored)}` : '';
    return stalled('NoDocuments', `"${path}" holds no document of Scantling in ${revision}${beside}`);
  }
  const [first] = failures;
  const more = failures.length > 1 ? ` (and ${failures.length - 1} more in status.failures)` : '';
  if (claimedBy.length > 0) {
    const claim = failures.find(f => claimedBy.some(by => f.message.includes(`SystemSource ${by}`))) ?? first;
    return stalled('ObjectClaimed', `${claim ? textOf(claim) : claimedBy.join(', ')}${more}`);
  }
  if (first) return stalled('DocumentsRefused', `${textOf(first)}${more}`);
  if (blocked !== undefined) return stalled('PruneBlocked', blocked);
  return {
    kind: 'Ready',
    reason: 'Succeeded' satisfies SourceReason,
    message: `applied ${revision}: ${[counted(inventory.length, 'object'), ...ignoredFiles(reading.ignored)].join(', ')}`,
  };
}

/** `file:line: message`, as compilers write it. */
function textOf({ file, line, message }: Failure): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${message}`;
}

/** A pass that did not get to pruning says nothing new of it; nor one with refused documents of what is ignored, because they may read it. */
function extraConditions(result: SyncResult | undefined): Parameters<typeof conditionsOf>[4] {
  if (!result) return {};
  const { blocked, failures, reading } = result;
  const condition = { status: 'True', reason: 'PruneBlocked' satisfies SourceReason, message: blocked ?? '' } as const;
  return {
    [pruneBlocked]: blocked === undefined ? undefined : condition,
    ...(failures.length > 0 ? {} : { [filesIgnored]: ignoredCondition(reading.ignored) }),
  };
}

function ignoredCondition(paths: readonly string[]): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  if (paths.length === 0) return undefined;
  const [hold, were] = paths.length === 1 ? ['holds', 'was'] : ['hold', 'were'];
  const message = `${counted(paths.length, 'file')} ${hold} no document of scantling.dev and ${were} ignored: ${listed(paths)}`;
  return { status: 'True', reason: 'FilesIgnored' satisfies SourceReason, message };
}

function ignoredFiles(paths: readonly string[]): string[] {
  return paths.length === 0 ? [] : [`${counted(paths.length, 'file')} ignored`];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The first ten, in at most a thousand characters: what is meant is seen by a few. */
function listed(paths: readonly string[]): string {
  const shown = paths.toSorted().slice(0, 10);
  const more = paths.length > shown.length ? ` and ${paths.length - shown.length} more` : '';
  const text = shown.map(path => (path.length <= 96 ? path : `…${path.slice(-95).toWellFormed()}`)).join(', ');
  return `${text}${more}`;
}

function bounded(failures: readonly Failure[]): Failure[] {
  const cut = failures.map(f => ({ ...f, message: f.message.length > 4000 ? `${f.message.slice(0, 3999)}…` : f.message }));
  const ordered = cut.toSorted((a, b) => (a.file === b.file ? (a.line ?? 0) - (b.line ?? 0) : a.file < b.file ? -1 : 1));
  if (ordered.length <= mostFailures) return ordered;
  const rest = ordered.length - mostFailures + 1;
  return [
    ...ordered.slice(0, mostFailures - 1),
    { file: ordered[mostFailures - 1]?.file ?? '', message: `and ${rest} more failures` },
  ];
}

/** The event that a change of status is worth, if any. */
export function transitionOf(
  before: SystemSourceStatus | undefined,
  after: SystemSourceStatus,
  result: SyncResult | undefined,
): { type: 'Normal' | 'Warning'; reason: string; note: string } | undefined {
  const [was, is] = [conditionOf(before?.conditions, 'Ready'), conditionOf(after.conditions, 'Ready')];
  if (!is) return undefined;
  if (is.status !== 'True') {
    const news = was?.reason !== is.reason || was.message !== is.message;
    return news ? { type: 'Warning', reason: is.reason, note: is.message } : undefined;
  }
  if (before?.lastAppliedRevision === after.lastAppliedRevision) {
    return was?.status === 'True' ? undefined : { type: 'Normal', reason: is.reason, note: is.message };
  }
  const counts = result ? `: ${result.written} written, ${result.removed} removed` : '';
  return { type: 'Normal', reason: 'NewRevision', note: `${after.lastAppliedRevision ?? ''}${counts}` };
}

/** True when the error ends the pass without a word in the status: it comes again by itself, soon. */
export function isQuiet(error: unknown): error is WaitingError {
  return error instanceof WaitingError;
}

function withoutUndefined(status: { [K in keyof SystemSourceStatus]: SystemSourceStatus[K] | undefined }): SystemSourceStatus {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined));
}
