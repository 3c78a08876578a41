/** What the state of its ImageBuild says of a definition: pure. */
import { type Outcome, conditionOf } from '../api/conditions.ts';
import { StallingError } from '../api/errors.ts';
import type { ImageBuild } from '../api/image-build.ts';
import { cancelAnnotation, requestedAt } from '../api/names.ts';
import { shortRevision } from '../api/short-revision.ts';
import { shortStep } from '../api/short-step.ts';
import type { DefinitionReason } from './reasons.ts';

/** `repository@digest` of the image of a build that has succeeded and was not asked to see whether that is still there. */
export function imageOf(build: ImageBuild): string | undefined {
  const { phase, image } = build.status ?? {};
  if (phase !== 'Succeeded' || !image || isAskedAgain(build)) return undefined;
  return image.reference ?? `${build.spec.output.repository}@${image.digest}`;
}

/** True while a build has been asked to try again and has not taken note yet. */
export function isAskedAgain(build: ImageBuild): boolean {
  const asked = build.metadata.annotations?.[requestedAt];
  return asked !== undefined && asked !== build.status?.lastHandledReconcileAt;
}

/** True when the registry has its context no more, which only its definition can push again. */
export function lacksContext({ status }: ImageBuild): boolean {
  return status?.phase === 'Pending' && conditionOf(status.conditions, 'Ready')?.reason === 'ContextNotFound';
}

/** `revision` is that of the definition, for the message. */
export function outcomeOf(build: ImageBuild, revision: string | undefined): Outcome {
  const { phase } = build.status ?? {};
  const of = revision === undefined ? '' : ` of ${shortRevision(revision)}`;
  if (imageOf(build) !== undefined) {
    // By the build's name: the image's version stays the same when only the base has changed.
    const message = `ImageBuild ${build.metadata.name}${of} succeeded${troubleOf(build)}`;
    return { kind: 'Ready', reason: 'Succeeded' satisfies DefinitionReason, message };
  }
  return (
    endOf(build, of) ?? {
      kind: 'Progressing',
      reason: phase === 'Building' ? 'Building' : 'BuildPending',
      message: progressOf(build, of),
    }
  );
}

/** An image that is there may be signed otherwise than it is wanted now, and that may fail. */
function troubleOf({ status }: ImageBuild): string {
  const ready = conditionOf(status?.conditions, 'Ready');
  return ready?.status === 'False' ? `, and is not signed as is wanted now: ${ready.message}` : '';
}

/** A build that a person must do something for. */
function endOf(build: ImageBuild, of: string): Outcome | undefined {
  const { name, annotations } = build.metadata;
  const { phase, attempts = 0 } = build.status ?? {};
  if (phase === 'Failed' && !isAskedAgain(build) && !isChanged(build)) {
    const after = attempts > 0 ? ` after ${attempts} attempts` : '';
    const message = `ImageBuild ${name} failed${after}, ${failureOf(build) ?? 'see its status'}; change the definition, or set the annotation ${requestedAt} to try again`;
    return { kind: 'Failed', error: new StallingError('BuildFailed' satisfies DefinitionReason, message) };
  }
  if (phase === 'Canceled' && annotations?.[cancelAnnotation] !== undefined) {
    const message = `ImageBuild ${name}${of} was canceled by the annotation ${cancelAnnotation}; take it away to build, or change the definition`;
    return { kind: 'Failed', error: new StallingError('BuildCanceled' satisfies DefinitionReason, message) };
  }
  return undefined;
}

/** A change of how it is done tries a failed build again. */
function isChanged({ metadata, status }: ImageBuild): boolean {
  return status?.observedGeneration !== undefined && status.observedGeneration !== metadata.generation;
}

function progressOf(build: ImageBuild, of: string): string {
  const { phase, conditions } = build.status ?? {};
  const subject = `ImageBuild ${build.metadata.name}${of}`;
  if (phase === 'Succeeded' && isAskedAgain(build))
    return `${subject} looks whether its image is still in the registry, and builds it again if it is not`;
  const said = phase === 'Pending' || phase === 'Building' ? conditionOf(conditions, 'Ready')?.message : undefined;
  if (said !== undefined) return `${subject} ${phase === 'Building' ? 'is building' : 'waits'}: ${said}`;
  const failed = failureOf(build);
  return `${subject} ${phase === 'Building' ? 'is building' : 'waits for its turn'}${failed ? ` again, after ${failed}` : ''}`;
}

function failureOf({ status }: ImageBuild): string | undefined {
  if (!status?.failure) return undefined;
  const { step, message } = status.failure;
  // "inputs" is no step of the definition: nothing was begun.
  return step === 'inputs' ? message : `step ${shortStep(step)}: ${message}`;
}
