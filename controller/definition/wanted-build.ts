/** The ImageBuild of a definition's present inputs: found, asked for, and kept as the definition wants it. */
import { isDeepStrictEqual } from 'node:util';
import { WaitingError } from '../api/errors.ts';
import { type ImageBuild, imagebuilds } from '../api/image-build.ts';
import { fieldManagers, requestedAt } from '../api/names.ts';
import type { SystemDefinition } from '../api/system-definition.ts';
import type { Client } from '../kube/client.ts';
import { findObject } from '../kube/find-object.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import { NotFoundError } from '../registry/errors.ts';
import type { Registry } from '../registry/registry.ts';
import { imageOf, isAskedAgain } from './build-outcome.ts';
import { type BuildRequest, executionOf, requestedBuildName } from './build-request.ts';
import { mergePatch } from './merge-patch.ts';
import type { DefinitionReason } from './reasons.ts';

/** The garbage collector takes the builds of a deleted definition in about this time. */
const collectionRecheckMs = 5_000;

/** The ImageBuild of these inputs, if it exists and is this definition's. Throws WaitingError `BuildNotOwned`. */
export async function findBuild(
  client: Client,
  definition: SystemDefinition,
  request: Pick<BuildRequest, 'base' | 'context'>,
): Promise<ImageBuild | undefined> {
  const build = await findObject(client, imagebuilds, requestedBuildName(definition, request));
  if (!build) return undefined;
  const owned = build.metadata.ownerReferences?.some(owner => owner.uid === definition.metadata.uid) ?? false;
  if (owned && build.metadata.deletionTimestamp === undefined) return build;
  const message = `ImageBuild ${build.metadata.name} is not this definition's, or is being deleted; it is made again when it is gone`;
  throw new WaitingError('BuildNotOwned' satisfies DefinitionReason, message, collectionRecheckMs);
}

/** How a build is done follows its definition until it is done: a larger memory limit must reach the build that lacks memory. */
export async function alignExecution(client: Client, definition: SystemDefinition, build: ImageBuild): Promise<ImageBuild> {
  const execution = executionOf(definition.spec);
  if (build.status?.phase === 'Succeeded' || isDeepStrictEqual(build.spec.execution, execution)) return build;
  const body = { spec: { execution: mergePatch(build.spec.execution, execution) } };
  return client.mergePatch(imagebuilds, build.metadata.name, body, { fieldManager: fieldManagers.definition });
}

export interface Asking {
  client: Client;
  registry: Pick<Registry, 'resolve'>;
  /** To read the output repository. */
  auth: () => Promise<DockerConfig | undefined>;
  /** A person asked for this pass. */
  requested: boolean;
  /** Epoch ms. */
  now: () => number;
}

/**
 * Asks for a build to be done again where that is wanted: one that failed or waits, when the definition was asked to reconcile; one that
 * succeeded, when its image is definitely gone. That is looked up when the definition comes back to it, and on request.
 */
export async function askAgain(o: Asking, definition: SystemDefinition, build: ImageBuild): Promise<ImageBuild> {
  const { requested } = o;
  const value = definition.metadata.annotations?.[requestedAt];
  const asked = isAskedAgain(build) || (requested && build.metadata.annotations?.[requestedAt] === value);
  if (asked) return build;
  const { phase } = build.status ?? {};
  // One that waits may do so for a quarter of an hour, for what the person who asks has mended.
  const wanted = phase === 'Failed' || phase === 'Pending' ? requested : await isGone(o, definition, build);
  if (!wanted) return build;
  const request = (requested ? value : undefined) ?? new Date(o.now()).toISOString();
  const body = { metadata: { annotations: { [requestedAt]: request } } };
  return o.client.mergePatch(imagebuilds, build.metadata.name, body, { fieldManager: fieldManagers.definition });
}

/** True only when the registry says definitely (404) that the image of a build is not there. */
async function isGone({ registry, auth, requested }: Asking, { status }: SystemDefinition, build: ImageBuild): Promise<boolean> {
  const image = imageOf(build);
  if (image === undefined || (!requested && status?.latestBuild === build.metadata.name)) return false;
  try {
    await registry.resolve(image, await auth());
    return false;
  } catch (error) {
    if (error instanceof NotFoundError) return true;
    throw error;
  }
}
