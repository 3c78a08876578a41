/** The status of an addon: pure. */
import { isDeepStrictEqual } from 'node:util';
import { type Outcome, conditionOf, conditionsOf, isTrue } from '../api/conditions.ts';
import { StallingError, TransientError, WaitingError, messageOf, reasonOf } from '../api/errors.ts';
import type { Condition } from '../api/meta.ts';
import { requestedAt } from '../api/names.ts';
import type {
  SystemAddon,
  SystemAddonSpec,
  SystemAddonSpecVariant,
  SystemAddonStatus,
  SystemAddonStatusVariant,
} from '../api/system-addon.ts';
import { eventOfCondition } from '../trust/judgement.ts';
import { historyAfter } from './history.ts';
import type { AddonReason } from './reasons.ts';
import { variantKey } from './variant-key.ts';
import { variantName } from './variant.ts';

type Said = Pick<Condition, 'status' | 'reason' | 'message'>;

/** What of a variant's status is about its last good artifact. */
export type Artifact = Pick<
  SystemAddonStatusVariant,
  'image' | 'digest' | 'size' | 'services' | 'requires' | 'source' | 'inputs' | 'trust' | 'signatures' | 'attestations'
>;

/** How one variant stands in a pass. */
export type VariantState =
  | { kind: 'Good'; artifact: Artifact }
  /** Is being made, or is going to be. */
  | { kind: 'ToMake'; artifact: Artifact }
  | { kind: 'Failed'; artifact: Artifact; error: unknown };

export interface Present {
  /** In the order of the spec. */
  states: readonly VariantState[];
  /** The condition ImageTrusted; undefined where no image was judged. */
  trusted?: Said | undefined;
  /** Why tags or artifacts could not be looked up though what is known of them stays in use. */
  lookupsFailed: readonly Error[];
  /** Something was not looked up yet after a start, so nobody knows whether what failed before would fail again. */
  unsure: boolean;
}

/** maxLength of the message of a variant. */
const longestMessage = 2048;

/** What the status says of a variant's last good artifact; nothing when it never had one. */
export function artifactOf(status: SystemAddonStatus | undefined, variant: SystemAddonSpecVariant): Artifact {
  const key = variantKey(variant);
  const found: Artifact = status?.variants?.find(of => variantKey(of) === key) ?? {};
  const { image, digest, size, services, requires, source, inputs, trust, signatures, attestations } = found;
  return {
    ...(image === undefined ? {} : { image }),
    ...(digest === undefined ? {} : { digest }),
    ...(size === undefined ? {} : { size }),
    ...(services === undefined ? {} : { services }),
    ...(requires === undefined ? {} : { requires }),
    ...(source === undefined ? {} : { source }),
    ...(inputs === undefined ? {} : { inputs }),
    ...(trust === undefined ? {} : { trust }),
    ...(signatures === undefined ? {} : { signatures }),
    ...(attestations === undefined ? {} : { attestations }),
  };
}

/**
 * What an artifact that is made of this spec starts and needs, as its status says it: pools go by that, since the spec may be another by then. What is empty is
 * left out.
 */
export function needsOf({ services = [], requires = {} }: Pick<SystemAddonSpec, 'services' | 'requires'>): Artifact {
  const { addons = [], systemd, kernelModules = [], paths = [] } = requires;
  const needed = {
    ...(addons.length > 0 ? { addons } : {}),
    ...(systemd === undefined ? {} : { systemd }),
    ...(kernelModules.length > 0 ? { kernelModules } : {}),
    ...(paths.length > 0 ? { paths } : {}),
  };
  return {
    ...(services.length > 0 ? { services } : {}),
    ...(Object.keys(needed).length > 0 ? { requires: needed } : {}),
  };
}

/** The status while variants are made, and when all are. */
export function presentStatus(addon: SystemAddon, present: Present, now: Date): SystemAddonStatus {
  const { states, trusted, lookupsFailed, unsure } = present;
  const good = states.filter(({ kind }) => kind === 'Good').length;
  const [first] = lookupsFailed;
  const variants = addon.spec.variants.map((variant, i) => entryOf(variant, states[i]));
  const history = historyAfter(addon.status, variants, now);
  const failed = first && {
    status: 'True' as const,
    reason: reasonOf(first),
    message: `${lookupsFailed.map(messageOf).join('; ')}; what is known stays in use`,
  };
  return {
    ...observed(addon),
    ready: `${good}/${states.length}`,
    variants,
    ...(history.length > 0 ? { history } : {}),
    conditions: conditionsOf(addon.status?.conditions, addon.metadata.generation, presentOutcome(addon, states), now, {
      ImageTrusted: trusted,
      ...(failed || !unsure ? { LookupFailed: failed } : {}),
    }),
  };
}

function entryOf({ platform, os }: SystemAddonSpecVariant, state: VariantState | undefined): SystemAddonStatusVariant {
  const { id, versionId, sysextLevel } = os;
  return {
    platform,
    os: { id, ...(versionId === undefined ? {} : { versionId }), ...(sysextLevel === undefined ? {} : { sysextLevel }) },
    ...state?.artifact,
    ...(state?.kind === 'Failed'
      ? { reason: reasonOf(state.error), message: messageOf(state.error).slice(0, longestMessage).toWellFormed() }
      : {}),
  };
}

/** What comes of the variants together. */
export function presentOutcome({ spec }: Pick<SystemAddon, 'spec'>, states: readonly VariantState[]): Outcome {
  const named = spec.variants.map((variant, i) => ({ name: variantName(variant), state: states[i] }));
  const failures = named.flatMap(({ name, state }) => (state?.kind === 'Failed' ? [{ name, error: state.error }] : []));
  const toMake = named.filter(({ state }) => state?.kind === 'ToMake');
  const [next] = toMake;
  if (next) {
    const others = toMake.length > 1 ? `, and then ${toMake.length - 1} more` : '';
    const failed = failures.length > 0 ? `; ${wordsOf(failures)}` : '';
    return { kind: 'Progressing', reason: 'Building' satisfies AddonReason, message: `making ${next.name}${others}${failed}` };
  }
  if (failures.length > 0) return { kind: 'Failed', error: together(failures) };
  const message = named.length === 1 ? 'the artifact is made' : `all ${named.length} artifacts are made`;
  return { kind: 'Ready', reason: 'Succeeded' satisfies AddonReason, message };
}

interface Failure {
  name: string;
  error: unknown;
}

function wordsOf(failures: readonly Failure[]): string {
  return failures.map(({ name, error }) => `${name}: ${messageOf(error)}`).join('; ');
}

/** One error that is retried as the most hopeful of them: what may pass by itself before what is waited for, and that before what a person must change. */
function together(failures: readonly Failure[]): Error {
  const message = wordsOf(failures);
  const errors = failures.map(({ error }) => error);
  const transient = errors.find(error => !(error instanceof StallingError) && !(error instanceof WaitingError));
  if (transient !== undefined) {
    const after = transient instanceof TransientError ? transient.retryAfterMs : undefined;
    const options = { cause: transient, ...(after === undefined ? {} : { retryAfterMs: after }) };
    return new TransientError(reasonOf(transient), message, options);
  }
  const waiting = errors.find(error => error instanceof WaitingError);
  if (waiting) return new WaitingError(waiting.reason, message, waiting.requeueAfterMs, { cause: waiting });
  const [first] = errors;
  return new StallingError(reasonOf(first), message, { cause: first });
}

/** The last status, but for its conditions, which keep whether it was ready and say Suspended. */
export function suspendedStatus(addon: SystemAddon, now: Date): SystemAddonStatus {
  const { conditions: before, ...previous } = addon.status ?? {};
  const says = {
    reason: 'Suspended' satisfies AddonReason,
    message: 'spec.suspend is set; the last good artifacts stay',
  };
  const outcome: Outcome = isTrue(before, 'Ready') ? { kind: 'Ready', ...says } : { kind: 'Ended', ...says };
  return { ...previous, ...observed(addon), conditions: conditionsOf(before, addon.metadata.generation, outcome, now) };
}

/** True when the status must be written. */
export function statusDiffers(before: SystemAddonStatus | undefined, after: SystemAddonStatus): boolean {
  return !isDeepStrictEqual(before, after);
}

function observed({ metadata }: SystemAddon): SystemAddonStatus {
  const requested = metadata.annotations?.[requestedAt];
  return {
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    ...(requested === undefined ? {} : { lastHandledReconcileAt: requested }),
  };
}

export interface News {
  type: 'Normal' | 'Warning';
  reason: string;
  note: string;
}

/**
 * What is news for events: artifacts that are new, another reason of Ready, another refusal, and what is newly said of the images. `began`: the status at the
 * begin of the pass, because what fails again each time it is tried is news once.
 */
export function newsOf(
  before: SystemAddonStatus | undefined,
  after: SystemAddonStatus,
  began: SystemAddonStatus | undefined,
): News[] {
  const built = newArtifacts(before, after).map((variant): News => {
    const reason: AddonReason = 'Built';
    return { type: 'Normal', reason, note: `${variantName(variant)}: ${variant.image}, ${variant.size} bytes` };
  });
  const trusted = trustNews(before, after);
  const ready = readyNews(began, after, newArtifacts(began, after).length > 0);
  const same = trustNews(began, after) !== undefined && ready?.reason === conditionOf(after.conditions, 'ImageTrusted')?.reason;
  return [...built, ...(ready && !same ? [ready] : []), ...(trusted ? [trusted] : [])];
}

function newArtifacts(before: SystemAddonStatus | undefined, { variants = [] }: SystemAddonStatus): SystemAddonStatusVariant[] {
  return variants.filter(variant => {
    const was = before?.variants?.find(of => variantKey(of) === variantKey(variant))?.image;
    return variant.image !== undefined && variant.image !== was;
  });
}

function readyNews(before: SystemAddonStatus | undefined, after: SystemAddonStatus, built: boolean): News | undefined {
  const [was, is] = [conditionOf(before?.conditions, 'Ready'), conditionOf(after.conditions, 'Ready')];
  if (!is || is.reason === ('Building' satisfies AddonReason)) return undefined;
  const stalled = isTrue(after.conditions, 'Stalled');
  const reworded = stalled && was?.message !== is.message;
  if (was?.reason === is.reason && was.status === is.status && !reworded) return undefined;
  // What was made says so itself, and so does what comes after it was being made.
  if (is.reason === ('Succeeded' satisfies AddonReason) && (built || was?.reason === ('Building' satisfies AddonReason)))
    return undefined;
  const retried = conditionOf(after.conditions, 'Reconciling')?.reason === 'ProgressingWithRetry';
  return { type: stalled || retried ? 'Warning' : 'Normal', reason: is.reason, note: is.message };
}

/** One event for each change of what trust says of the images. */
function trustNews(before: SystemAddonStatus | undefined, after: SystemAddonStatus): News | undefined {
  const now = conditionOf(after.conditions, 'ImageTrusted');
  const event = now && eventOfCondition(conditionOf(before?.conditions, 'ImageTrusted'), now);
  return event && { ...event, note: now.message };
}
