/** The status of a SystemPool: what it should say, whether that is worth a write now, and which events go with it. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { conditionOf, conditionsOf, type Outcome } from '../api/conditions.ts';
import { StallingError } from '../api/errors.ts';
import type { Condition } from '../api/meta.ts';
import type { SystemPoolStatus, SystemPoolStatusAddons, SystemPoolStatusTarget } from '../api/system-pool.ts';
import type { SystemPoolView } from './projection.ts';
import type { PoolReason } from './reasons.ts';
import { eventOfCondition } from '../trust/judgement.ts';
import type { Summary } from './summary.ts';
import type { ResolvedTarget } from './target.ts';

/** Counts and messages that only move on are written no more often than this. */
export const statusIntervalMs = 5_000;

/** The status with another target, and the one before it remembered: Ready no longer, until a pass has looked at the nodes. */
export function withTarget(
  pool: Pick<SystemPoolView, 'status' | 'generation'>,
  { target, previous }: { target: ResolvedTarget; previous?: ResolvedTarget | undefined },
  now: number,
): SystemPoolStatus {
  const { generation } = pool;
  const status = previous ? { ...pool.status, previous: inStatus(previous) } : pool.status;
  const next = inStatus(target);
  const { target: last } = status;
  if (isDeepStrictEqual(last, next)) return status;
  if (last?.image === next.image) return { ...status, target: next };
  const started: Outcome = {
    kind: 'Progressing',
    reason: 'RollingOut',
    message: `the target is now ${next.revision ?? next.image}`,
  };
  const conditions = conditionsOf(status.conditions, generation, started, new Date(now));
  return { ...status, target: next, ...(last ? { previous: last } : {}), conditions };
}

function inStatus(target: ResolvedTarget): SystemPoolStatusTarget {
  return { ...target, digests: [...target.digests] };
}

/** The whole status after a pass. `error` is why the target could not be found out, or was not taken; `trusted` what trust says of it. */
export function statusAfter(
  pool: SystemPoolView,
  summary: Summary,
  o: {
    now: number;
    handled: string | undefined;
    error?: unknown;
    trusted?: Said | undefined;
    addons?: SystemPoolStatusAddons | undefined;
  },
): SystemPoolStatus {
  const { now, handled, error, trusted, addons } = o;
  const { currentWave: _, failedNodes: __, addons: ___, lastHandledReconcileAt, ...kept } = pool.status;
  const last = handled ?? lastHandledReconcileAt;
  return {
    ...kept,
    ...(pool.generation === undefined ? {} : { observedGeneration: pool.generation }),
    ...(last === undefined ? {} : { lastHandledReconcileAt: last }),
    ...(addons ? { addons } : {}),
    nodes: summary.nodes,
    ...(summary.currentWave ? { currentWave: summary.currentWave } : {}),
    ...(summary.failedNodes.length > 0 ? { failedNodes: summary.failedNodes } : {}),
    conditions: conditionsOf(pool.status.conditions, pool.generation, outcomeOf(summary, error), new Date(now), {
      ...(trusted ? { ImageTrusted: trusted } : {}),
      RunningUntrusted: runningUntrusted(summary),
    }),
  };
}

/** True is what was found; what nobody can say is never left out. */
function runningUntrusted({ untrusted, unjudged }: Summary): Said | undefined {
  if (!untrusted && !unjudged) return undefined;
  const unknown = unjudged && `nobody can say whether trust allows what these nodes run: ${unjudged.message}`;
  const message = [untrusted?.message, unknown].filter(part => part !== undefined).join('; ');
  if (untrusted) return { status: 'True', reason: untrusted.reason, message };
  return { status: 'Unknown', reason: 'RunningUnjudged' satisfies PoolReason, message };
}

type Said = Pick<Condition, 'status' | 'reason' | 'message'>;

function outcomeOf({ outcome }: Summary, error: unknown): Outcome {
  if (error !== undefined) return { kind: 'Failed', error };
  const { kind, reason, message } = outcome;
  return kind === 'Stalled' ? { kind: 'Failed', error: new StallingError(reason, message) } : { kind, reason, message };
}

/** `small`: only counts or messages moved on, so it may wait for statusIntervalMs. */
export function statusChange(before: SystemPoolStatus, after: SystemPoolStatus): 'none' | 'small' | 'large' {
  if (isDeepStrictEqual(before, after)) return 'none';
  return isDeepStrictEqual(withoutProgress(before), withoutProgress(after)) ? 'small' : 'large';
}

function withoutProgress({ conditions, failedNodes, addons, ...rest }: SystemPoolStatus): object {
  return {
    ...rest,
    addons: addons && { ...addons, problems: addons.problems?.map(({ reason }) => reason) },
    nodes: undefined,
    failedNodes: failedNodes?.map(({ name, reason }) => ({ name, reason })),
    conditions: conditions?.map(({ type, status, reason }) => ({ type, status, reason })),
  };
}

export interface Transition {
  type: 'Normal' | 'Warning';
  reason: string;
  action: string;
  note: string;
}

/** The events of a status that was written: one for each thing that happened to the pool as a whole, and none for a node that goes well. */
export function transitionsOf(before: SystemPoolStatus, after: SystemPoolStatus): Transition[] {
  const out: Transition[] = [];
  const started = after.target?.image === before.target?.image ? undefined : after.target;
  if (started?.image) {
    out.push(transition('Normal', 'RolloutStarted', [`target is ${started.image}`, started.revision].filter(Boolean).join(', ')));
  }
  const known = new Set(before.failedNodes?.map(n => n.name));
  for (const { name, reason, message } of after.failedNodes ?? []) {
    if (!known.has(name)) out.push(transition('Warning', 'NodeFailed', `${name}: ${reason}: ${message}`));
  }
  return [...out, ...trustTransitions(before, after), ...readyTransitions(before, after)];
}

const removed = 'TrustRemoved' satisfies PoolReason;

/** One for each change of what trust says of the image that is asked for, and one when nodes are found to run what it does not allow. */
function trustTransitions(before: SystemPoolStatus, after: SystemPoolStatus): Transition[] {
  const out: Transition[] = [];
  const [was, is] = [conditionOf(before.conditions, 'ImageTrusted'), conditionOf(after.conditions, 'ImageTrusted')];
  if (is && is.reason === removed && was?.reason !== removed) {
    out.push({ type: 'Warning', reason: removed, action: 'Judge', note: is.message });
  }
  const event = is && eventOfCondition(was, is);
  if (event) out.push({ ...event, action: 'Judge', note: is.message });
  const running = conditionOf(after.conditions, 'RunningUntrusted');
  if (running?.status === 'True' && conditionOf(before.conditions, 'RunningUntrusted')?.status !== 'True') {
    out.push({ type: 'Warning', reason: 'RunningUntrusted' satisfies PoolReason, action: 'Judge', note: running.message });
  }
  return out;
}

/** Nodes wait for addons. They do for a moment while an image is read or a set compared, too: that is no warning. */
const addonEvents: readonly (Pick<Transition, 'type'> & { reason: PoolReason })[] = [
  { reason: 'AddonsNotReady', type: 'Normal' },
  { reason: 'Collision', type: 'Warning' },
  { reason: 'InvalidAddons', type: 'Warning' },
];

function readyTransitions(before: SystemPoolStatus, after: SystemPoolStatus): Transition[] {
  const last = conditionOf(before.conditions, 'Ready');
  const ready = conditionOf(after.conditions, 'Ready');
  if (!ready) return [];
  const out: Transition[] = [];
  if (before.currentWave === 'canary' && after.currentWave === 'rest')
    out.push(transition('Normal', 'CanaryDone', `the canary is proven, the other nodes follow; ${ready.message}`));
  if (ready.reason === last?.reason) return out;
  if (ready.reason === 'RolloutHalted') out.push(transition('Warning', 'RolloutHalted', ready.message));
  const waits = addonEvents.find(({ reason }) => reason === ready.reason);
  if (waits) out.push(transition(waits.type, waits.reason, ready.message));
  if (ready.reason === 'Updated' && last?.status !== 'True') out.push(transition('Normal', 'RolloutComplete', ready.message));
  return out;
}

function transition(type: Transition['type'], reason: PoolReason, note: string): Transition {
  return { type, reason, action: 'Rollout', note };
}
