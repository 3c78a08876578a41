/**
 * The only place that makes conditions. They follow kstatus (sigs.k8s.io/cli-utils/pkg/kstatus): Ready is always there,
 * Reconciling and Stalled only while True and never both, and a condition that means the same keeps its lastTransitionTime.
 */
import { StallingError, WaitingError, messageOf, reasonOf } from './errors.ts';
import type { Condition } from './meta.ts';

/** What a reconcile came to: done, still at work (no error), ended on purpose without a result, or failed. */
export type Outcome =
  | { kind: 'Ready'; reason: string; message: string }
  | { kind: 'Progressing'; reason: string; message: string }
  | { kind: 'Ended'; reason: string; message: string }
  | { kind: 'Failed'; error: unknown };

/**
 * The conditions after a reconcile. Types other than Ready, Reconciling and Stalled are kept as they are in `previous`
 * unless `extra` names them; an extra with value undefined is removed.
 */
export function conditionsOf(
  previous: readonly Condition[] | undefined,
  generation: number | undefined,
  outcome: Outcome,
  now: Date,
  extra: Readonly<Record<string, Pick<Condition, 'status' | 'reason' | 'message'> | undefined>> = {},
): Condition[] {
  const wanted: Record<string, Pick<Condition, 'status' | 'reason' | 'message'> | undefined> = { ...extra, ...summary(outcome) };
  const before = new Map((previous ?? []).map(c => [c.type, c]));
  const types = new Set([...before.keys(), ...Object.keys(wanted)]);
  const out: Condition[] = [];
  for (const type of types) {
    const want = type in wanted ? wanted[type] : before.get(type);
    if (!want) continue;
    const old = before.get(type);
    out.push({
      type,
      status: want.status,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: old?.status === want.status ? old.lastTransitionTime : timestamp(now),
      reason: want.reason,
      message: cut(want.message),
    });
  }
  return out.toSorted((a, b) => (a.type < b.type ? -1 : 1));
}

function summary(outcome: Outcome): Record<string, Pick<Condition, 'status' | 'reason' | 'message'> | undefined> {
  if (outcome.kind === 'Ready') {
    return {
      Ready: { status: 'True', reason: outcome.reason, message: outcome.message },
      Reconciling: undefined,
      Stalled: undefined,
    };
  }
  if (outcome.kind === 'Progressing') {
    const c = { reason: outcome.reason, message: outcome.message };
    return { Ready: { status: 'False', ...c }, Reconciling: { status: 'True', ...c }, Stalled: undefined };
  }
  if (outcome.kind === 'Ended') {
    const c = { reason: outcome.reason, message: outcome.message };
    return { Ready: { status: 'False', ...c }, Reconciling: undefined, Stalled: undefined };
  }
  const c = { reason: reasonOf(outcome.error), message: messageOf(outcome.error) };
  if (outcome.error instanceof StallingError) {
    return { Ready: { status: 'False', ...c }, Reconciling: undefined, Stalled: { status: 'True', ...c } };
  }
  const reconciling = outcome.error instanceof WaitingError ? c.reason : 'ProgressingWithRetry';
  return {
    Ready: { status: 'False', ...c },
    Reconciling: { status: 'True', reason: reconciling, message: c.message },
    Stalled: undefined,
  };
}

/** The condition of a type, if there. */
export function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find(c => c.type === type);
}

/** True when the condition is there and True. */
export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditionOf(conditions, type)?.status === 'True';
}

/** metav1.Time: RFC 3339 with whole seconds, as the API server stores it, so that what is read back compares equal. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The API server's limit on a condition message is 32,768 bytes; more helps nobody. */
function cut(message: string): string {
  return message.length <= 4096 ? message : `${message.slice(0, 4095)}…`;
}
