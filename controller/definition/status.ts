/** The status of a definition after a pass: pure. */
import { isDeepStrictEqual } from 'node:util';
import { type Outcome, conditionOf, conditionsOf, isTrue } from '../api/conditions.ts';
import { StallingError } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import { requestedAt } from '../api/names.ts';
import type { SystemDefinition, SystemDefinitionStatus } from '../api/system-definition.ts';
import { imageOf, outcomeOf } from './build-outcome.ts';
import { imageConditions } from './image-findings.ts';
import type { InputImages } from './input-images.ts';
import type { DefinitionReason } from './reasons.ts';

/** What a pass found out of the present spec. */
export interface Present {
  images: InputImages;
  contextDigest: string;
  /** The ImageBuild of these inputs, as last read. */
  build: ImageBuild;
  /** Revision of the repository in use. */
  revision?: string | undefined;
  /** What lint found in the plan; undefined when it was not rendered anew, so that what was found before stands. */
  findings?: readonly string[] | undefined;
}

/** The status when the present inputs are known and their build is followed. The image is copied when it is there. */
export function followingStatus(definition: SystemDefinition, present: Present, now: Date): SystemDefinitionStatus {
  const { images, contextDigest, build, revision } = present;
  const reference = imageOf(build);
  const image = build.status?.image;
  const previous = ownStatus(definition.status);
  const good =
    reference !== undefined && image
      ? {
          image: reference,
          digests: [...new Set([image.digest, ...(image.platforms ?? []).map(platform => platform.digest)])],
          ...(revision === undefined ? {} : { revision }),
          ...(image.version === undefined ? {} : { version: image.version }),
        }
      : lastGood(previous);
  const findings =
    present.findings?.map(text => `${planMark}${text}`) ?? previous.warnings?.filter(text => text.startsWith(planMark));
  return {
    ...observed(definition),
    ...imagesStatus(images),
    ...warningsStatus([...images.warnings, ...(findings ?? []), ...(build.status?.warnings ?? [])]),
    contextDigest,
    latestBuild: build.metadata.name,
    ...good,
    conditions: conditionsOf(
      previous.conditions,
      definition.metadata.generation,
      outcomeOf(build, revision),
      now,
      images.conditions,
    ),
  };
}

/**
 * The status after an error. What a person must change is said of the present spec, whose context and build do not exist then; after
 * any other error the last status stays as it is. The last good image, and the digests it is made of, stay in both.
 */
export function failedStatus(
  definition: SystemDefinition,
  { images }: { images?: InputImages },
  error: unknown,
  now: Date,
): SystemDefinitionStatus {
  const previous = ownStatus(definition.status);
  const { base, workloadImages } = previous;
  const outcome: Outcome = { kind: 'Failed', error };
  const conditions = conditionsOf(previous.conditions, definition.metadata.generation, outcome, now, images?.conditions);
  if (!(error instanceof StallingError)) return { ...previous, conditions };
  const made = { ...(base ? { base } : {}), ...(workloadImages ? { workloadImages } : {}) };
  return {
    ...observed(definition),
    ...(images ? { ...imagesStatus(images), ...warningsStatus(images.warnings) } : made),
    ...lastGood(previous),
    conditions,
  };
}

/** The last status, but for its conditions: they keep whether it was ready, and say Suspended. */
export function suspendedStatus(definition: SystemDefinition, now: Date): SystemDefinitionStatus {
  const previous = ownStatus(definition.status);
  const ready = isTrue(previous.conditions, 'Ready');
  const says = {
    reason: 'Suspended' satisfies DefinitionReason,
    message: 'spec.build.suspend is set; the last good image stays',
  };
  const outcome: Outcome = ready ? { kind: 'Ready', ...says } : { kind: 'Progressing', ...says };
  const conditions = conditionsOf(previous.conditions, definition.metadata.generation, outcome, now);
  return {
    ...previous,
    ...observed(definition),
    conditions: conditions.filter(condition => condition.type !== 'Reconciling'),
  };
}

/** What lint found in a plan begins so, to be told from what it found in the image of a foundation. */
const planMark = 'plan: ';
/** maxItems and maxLength of status.warnings. */
const mostWarnings = 64;
const longestWarning = 1024;

function imagesStatus({ base, workloads }: InputImages): SystemDefinitionStatus {
  const workloadImages = [...workloads].map(([image, digest]) => ({ image, digest }));
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
  return [...(moved && !toldByBuild.includes(is?.reason) ? [readyNews(after)] : []), ...of];
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

function lastGood({ image, digests, revision, version }: SystemDefinitionStatus): SystemDefinitionStatus {
  return {
    ...(image === undefined ? {} : { image }),
    ...(digests === undefined ? {} : { digests }),
    ...(revision === undefined ? {} : { revision }),
    ...(version === undefined ? {} : { version }),
  };
}
