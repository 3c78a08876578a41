/** The status of a definition after a pass: pure. */
import { isDeepStrictEqual } from 'node:util';
import { type Outcome, conditionOf, conditionsOf, isTrue } from '../api/conditions.ts';
import { StallingError } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import type { Condition } from '../api/meta.ts';
import { requestedAt } from '../api/names.ts';
import type { SystemDefinition, SystemDefinitionStatus } from '../api/system-definition.ts';
import { eventOfCondition } from '../trust/judgement.ts';
import { imageOf, outcomeOf } from './build-outcome.ts';
import { imageConditions } from './image-findings.ts';
import { failureOf, type ImageVerdict } from './image-trust.ts';
import type { InputImages } from './input-images.ts';
import type { KeptImages } from './kept-images.ts';
import type { DefinitionReason } from './reasons.ts';

type Said = Pick<Condition, 'status' | 'reason' | 'message'>;

/** What a pass found out of the present spec. */
export interface Present {
  images: InputImages;
  contextDigest: string;
  /** The ImageBuild of these inputs, as last read. */
  build: ImageBuild;
  /** Revision of the repository in use. */
  revision?: string | undefined;
  /** Digest of what the image tells its host of trust. */
  hostTrust?: string | undefined;
  /** What trust says of the build's image, or while there is none of the last good one. */
  imageTrust?: ImageVerdict | undefined;
  /** The condition ImageTrusted. */
  trusted?: Said | undefined;
  /** What lint found in the plan; undefined when it was not rendered anew, so that what was found before stands. */
  findings?: readonly string[] | undefined;
}

/** The status when the present inputs are known and their build is followed. The image is copied when it is there. */
export function followingStatus(definition: SystemDefinition, present: Present, now: Date): SystemDefinitionStatus {
  const { images, contextDigest, build, hostTrust } = present;
  const previous = ownStatus(definition.status);
  const findings =
    present.findings?.map(text => `${planMark}${text}`) ?? previous.warnings?.filter(text => text.startsWith(planMark));
  return {
    ...observed(definition),
    ...imagesStatus(images),
    ...warningsStatus([...images.warnings, ...(findings ?? []), ...(build.status?.warnings ?? [])]),
    contextDigest,
    ...(hostTrust === undefined ? {} : { hostTrust }),
    latestBuild: build.metadata.name,
    ...goodImage(previous, present),
    conditions: conditionsOf(previous.conditions, definition.metadata.generation, presentOutcome(present), now, {
      ...images.conditions,
      ...(present.trusted ? { ImageTrusted: present.trusted } : {}),
    }),
  };
}

/** What comes of the present inputs: that of their build, unless its image is not trusted. */
export function presentOutcome({ build, revision, imageTrust }: Present): Outcome {
  const outcome = outcomeOf(build, revision);
  const failure = imageTrust && failureOf({ what: `the image of ImageBuild ${build.metadata.name}` }, imageTrust);
  return outcome.kind === 'Ready' && failure ? { kind: 'Failed', error: failure } : outcome;
}

/** The image of the build, unless it is not trusted: then the last one stays, which nodes may run. */
function goodImage(previous: SystemDefinitionStatus, present: Present): SystemDefinitionStatus {
  const { build, revision, imageTrust } = present;
  const reference = imageOf(build);
  const image = build.status?.image;
  const trust = imageTrust?.record ? { trust: imageTrust.record } : {};
  if (reference === undefined || !image) return { ...lastGood(previous), ...(previous.image === undefined ? {} : trust) };
  if (presentOutcome(present).kind !== 'Ready') return { ...lastGood(previous), ...(reference === previous.image ? trust : {}) };
  return {
    image: reference,
    digests: [...new Set([image.digest, ...(image.platforms ?? []).map(platform => platform.digest)])],
    ...(revision === undefined ? {} : { revision }),
    ...(image.version === undefined ? {} : { version: image.version }),
    ...trust,
  };
}

/**
 * The status after an error. What a person must change is said of the present spec, whose context and build do not exist then; after
 * any other error the last status stays as it is. The last good image, and the digests it is made of, stay in both.
 */
export function failedStatus(
  definition: SystemDefinition,
  { images, trusted }: { images?: InputImages; trusted?: Said | undefined },
  error: unknown,
  now: Date,
): SystemDefinitionStatus {
  const previous = ownStatus(definition.status);
  const { base, workloadImages } = previous;
  const outcome: Outcome = { kind: 'Failed', error };
  const conditions = conditionsOf(previous.conditions, definition.metadata.generation, outcome, now, {
    ...images?.conditions,
    ...(trusted ? { ImageTrusted: trusted } : {}),
  });
  if (!(error instanceof StallingError)) return { ...previous, conditions };
  const made = { ...(base ? { base } : {}), ...(workloadImages ? { workloadImages } : {}) };
  return {
    ...observed(definition),
    ...(images ? { ...imagesStatus(images), ...warningsStatus(images.warnings) } : made),
    ...lastGood(previous),
    conditions,
  };
}

/** The last status, but for its conditions, which keep whether it was ready and say Suspended, and for what trust says of what is there. */
export function suspendedStatus(
  definition: SystemDefinition,
  { imageTrust, trusted }: Pick<KeptImages, 'imageTrust' | 'trusted'>,
  now: Date,
): SystemDefinitionStatus {
  const previous = ownStatus(definition.status);
  const ready = isTrue(previous.conditions, 'Ready');
  const says = {
    reason: 'Suspended' satisfies DefinitionReason,
    message: 'spec.build.suspend is set; the last good image stays',
  };
  const outcome: Outcome = ready ? { kind: 'Ready', ...says } : { kind: 'Progressing', ...says };
  const conditions = conditionsOf(
    previous.conditions,
    definition.metadata.generation,
    outcome,
    now,
    trusted ? { ImageTrusted: trusted } : {},
  );
  return {
    ...previous,
    ...(imageTrust?.record ? { trust: imageTrust.record } : {}),
    ...observed(definition),
    conditions: conditions.filter(condition => condition.type !== 'Reconciling'),
  };
}

/** What lint found in a plan begins so, to be told from what it found in the image of a foundation. */
const planMark = 'plan: ';
/** maxItems and maxLength of status.warnings. */
const mostWarnings = 64;
const longestWarning = 1024;

function imagesStatus({ base, workloads, workloadTrust }: InputImages): SystemDefinitionStatus {
  const workloadImages = [...workloadTrust].map(([image, trust]) => ({
    image,
    digest: workloads.get(image) ?? trust.digest,
    trust,
  }));
  return { base, ...(workloadImages.length > 0 ? { workloadImages } : {}) };
}

function warningsStatus(all: readonly string[]): SystemDefinitionStatus {
  const warnings = [...new Set(all.map(text => text.slice(0, longestWarning).toWellFormed()))].slice(0, mostWarnings);
  return warnings.length > 0 ? { warnings } : {};
}

/** The history is written by retention alone. */
function ownStatus(status: SystemDefinitionStatus | undefined): SystemDefinitionStatus {
  const { history: _history, ...own } = status ?? {};
  return own;
}

/** True when the status must be written. */
export function statusDiffers(before: SystemDefinitionStatus | undefined, after: SystemDefinitionStatus): boolean {
  return !isDeepStrictEqual(ownStatus(before), after);
}

export interface News {
  type: 'Normal' | 'Warning';
  reason: string;
  note: string;
}

/** Told already, when the build was asked for, and by the ImageBuild itself. */
const toldByBuild: readonly (string | undefined)[] = ['BuildPending', 'Building'] satisfies DefinitionReason[];

/** What is news for events: another Ready reason, another image, and what is newly said of the images it is made of. */
export function newsOf(before: SystemDefinitionStatus | undefined, after: SystemDefinitionStatus): News[] {
  const [was, is] = [conditionOf(before?.conditions, 'Ready'), conditionOf(after.conditions, 'Ready')];
  const moved = was?.reason !== is?.reason || was?.status !== is?.status || before?.image !== after.image;
  const of = imageConditions.flatMap((type): News[] => {
    const [old, now] = [conditionOf(before?.conditions, type), conditionOf(after.conditions, type)];
    const same = old?.reason === now?.reason && (type === 'LookupFailed' || old?.message === now?.message);
    if (!now || same) return [];
    return [{ type: type === 'BaseUpdateAvailable' ? 'Normal' : 'Warning', reason: now.reason, note: now.message }];
  });
  const trusted = trustNews(before, after);
  const told =
    toldByBuild.includes(is?.reason) || (trusted && is?.reason === conditionOf(after.conditions, 'ImageTrusted')?.reason);
  return [...(moved && !told ? [readyNews(after)] : []), ...of, ...(trusted ? [trusted] : [])];
}

/** One event for each change of what trust says of the definition's images. */
function trustNews(before: SystemDefinitionStatus | undefined, after: SystemDefinitionStatus): News | undefined {
  const now = conditionOf(after.conditions, 'ImageTrusted');
  const event = now && eventOfCondition(conditionOf(before?.conditions, 'ImageTrusted'), now);
  return event && { ...event, note: now.message };
}

/** A warning when a person must act or something is tried again. */
function readyNews({ conditions }: SystemDefinitionStatus): News {
  const ready = conditionOf(conditions, 'Ready');
  const retried = conditionOf(conditions, 'Reconciling')?.reason === 'ProgressingWithRetry';
  const type = retried || isTrue(conditions, 'Stalled') ? 'Warning' : 'Normal';
  return { type, reason: ready?.reason ?? 'Unknown', note: ready?.message ?? '' };
}

function observed({ metadata }: SystemDefinition): SystemDefinitionStatus {
  const requested = metadata.annotations?.[requestedAt];
  return {
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    ...(requested === undefined ? {} : { lastHandledReconcileAt: requested }),
  };
}

function lastGood({ image, digests, revision, version, trust }: SystemDefinitionStatus): SystemDefinitionStatus {
  return {
    ...(trust === undefined ? {} : { trust }),
    ...(image === undefined ? {} : { image }),
    ...(digests === undefined ? {} : { digests }),
    ...(revision === undefined ? {} : { revision }),
    ...(version === undefined ? {} : { version }),
  };
}
