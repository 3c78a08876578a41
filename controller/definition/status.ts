/** The status of a definition after a pass: pure. */
import { isDeepStrictEqual } from 'node:util';
import { type Outcome, conditionOf, conditionsOf, isTrue } from '../api/conditions.ts';
import { StallingError } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import { requestedAt } from '../api/names.ts';
import type { SystemDefinition, SystemDefinitionStatus, SystemDefinitionStatusBase } from '../api/system-definition.ts';
import type { DefinitionReason } from './reasons.ts';

/** What a pass found out of the present spec. */
export interface Present {
  base: SystemDefinitionStatusBase;
  contextDigest: string;
  /** The ImageBuild of these inputs, as last read. */
  build: ImageBuild;
  /** Revision of the repository in use. */
  revision?: string | undefined;
}

/** The status when the present inputs are known and their build is followed. The image is copied when it is there. */
export function followingStatus(definition: SystemDefinition, present: Present, now: Date): SystemDefinitionStatus {
  const { base, contextDigest, build, revision } = present;
  const image = build.status?.phase === 'Succeeded' ? build.status.image : undefined;
  const previous = definition.status ?? {};
  const good = image
    ? {
        image: image.reference ?? `${build.spec.output.repository}@${image.digest}`,
        digests: [...new Set([image.digest, ...(image.platforms ?? []).map(platform => platform.digest)])],
        ...(revision === undefined ? {} : { revision }),
        ...(image.version === undefined ? {} : { version: image.version }),
      }
    : lastGood(previous);
  return {
    ...observed(definition),
    base,
    contextDigest,
    latestBuild: build.metadata.name,
    ...good,
    conditions: conditionsOf(previous.conditions, definition.metadata.generation, outcomeOf(build, revision), now),
  };
}

/**
 * The status after an error. What a person must change is said of the present spec, whose context and build do not exist then; after
 * any other error the last status stays as it is. The last good image stays in both.
 */
export function failedStatus(
  definition: SystemDefinition,
  found: Partial<Present>,
  error: unknown,
  now: Date,
): SystemDefinitionStatus {
  const previous = definition.status ?? {};
  const conditions = conditionsOf(previous.conditions, definition.metadata.generation, { kind: 'Failed', error }, now);
  if (!(error instanceof StallingError)) return { ...previous, conditions };
  return { ...observed(definition), ...(found.base ? { base: found.base } : {}), ...lastGood(previous), conditions };
}

/** The last status, but for its conditions: they keep whether it was ready, and say Suspended. */
export function suspendedStatus(definition: SystemDefinition, now: Date): SystemDefinitionStatus {
  const previous = definition.status ?? {};
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

/** What the build's state says of the definition. */
export function outcomeOf(build: ImageBuild, revision: string | undefined): Outcome {
  const { name } = build.metadata;
  const { phase, image, failure, attempts = 0 } = build.status ?? {};
  const of = revision === undefined ? '' : ` of ${revision}`;
  if (phase === 'Succeeded' && image) {
    return {
      kind: 'Ready',
      reason: 'Succeeded' satisfies DefinitionReason,
      message: `built image ${image.version ?? image.digest}${of}`,
    };
  }
  const failed = failure && `step ${failure.step}: ${failure.message}`;
  if (phase === 'Failed' && !retryAsked(build)) {
    const message = `ImageBuild ${name} failed after ${attempts} attempts, ${failed ?? 'see its status'}; change the definition, or set the annotation ${requestedAt} to try again`;
    return { kind: 'Failed', error: new StallingError('BuildFailed' satisfies DefinitionReason, message) };
  }
  const reason: DefinitionReason = phase === 'Building' ? 'Building' : 'BuildPending';
  const verb = phase === 'Building' ? 'is building' : 'waits for its turn';
  return { kind: 'Progressing', reason, message: `ImageBuild ${name}${of} ${verb}${failed ? ` again, after ${failed}` : ''}` };
}

/** True while a build has been asked to try again and has not taken note yet. */
function retryAsked(build: ImageBuild): boolean {
  const asked = build.metadata.annotations?.[requestedAt];
  return asked !== undefined && asked !== build.status?.lastHandledReconcileAt;
}

/** True when the status must be written. */
export function statusDiffers(before: SystemDefinitionStatus | undefined, after: SystemDefinitionStatus): boolean {
  return !isDeepStrictEqual(before ?? {}, after);
}

/** What is news for an event: another Ready reason, or another image. */
export function isTransition(before: SystemDefinitionStatus | undefined, after: SystemDefinitionStatus): boolean {
  const [was, is] = [conditionOf(before?.conditions, 'Ready'), conditionOf(after.conditions, 'Ready')];
  return was?.reason !== is?.reason || was?.status !== is?.status || before?.image !== after.image;
}

/** The event of a transition: a warning when a person must act or something is tried again. */
export function transitionEvent({ conditions }: SystemDefinitionStatus): {
  type: 'Normal' | 'Warning';
  reason: string;
  note: string;
} {
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
