/** The ImageBuild that a definition asks for: pure. */
import type { ImageBuild, ImageBuildSpecExecution } from '../api/image-build.ts';
import { definitionLabel } from '../api/names.ts';
import type { SystemDefinition, SystemDefinitionSpec } from '../api/system-definition.ts';
import { buildName, builderVersion } from '../build/name.ts';
import { parseReference, repositoryOf } from '../registry/reference.ts';

export interface BuildRequest {
  /** The base image with its digest, as in status.base. */
  base: { image: string; digest: string };
  /** Of the context. */
  context: string;
  revision?: string | undefined;
}

/** The name of the ImageBuild of these inputs. */
export function requestedBuildName(definition: SystemDefinition, request: Pick<BuildRequest, 'base' | 'context'>): string {
  const { base, context } = request;
  const output = definition.spec.output.repository;
  const platforms = platformsOf(definition.spec);
  return buildName(definition.metadata.name, { context, base: baseReference(base), output, ...platforms, builderVersion });
}

/** The whole object, owned by the definition. */
export function requestedBuild(definition: SystemDefinition, request: BuildRequest): ImageBuild {
  const { apiVersion, kind, metadata, spec } = definition;
  const { repository, pushSecretRef } = spec.output;
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'ImageBuild',
    metadata: {
      name: requestedBuildName(definition, request),
      // A label's value holds 63 characters, fewer than a name; spec.definitionRef always has it.
      ...(metadata.name.length <= 63 ? { labels: { [definitionLabel]: metadata.name } } : {}),
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '', controller: true }],
    },
    spec: {
      definitionRef: { name: metadata.name, ...(metadata.generation === undefined ? {} : { generation: metadata.generation }) },
      ...(request.revision === undefined ? {} : { revision: request.revision }),
      context: request.context,
      base: baseReference(request.base),
      output: { repository, ...(pushSecretRef ? { pushSecretRef } : {}) },
      ...platformsOf(spec),
      ...(spec.signing ? { signing: spec.signing } : {}),
      execution: executionOf(definition.spec),
      builderVersion,
    },
  };
}

function baseReference({ image, digest }: { image: string; digest: string }): string {
  return `${repositoryOf(parseReference(image))}@${digest}`;
}

/** The order in which they are listed means nothing. */
function platformsOf({ platforms }: SystemDefinitionSpec): { platforms?: string[] } {
  return platforms ? { platforms: platforms.toSorted() } : {};
}

/** How the definition wants to be built: all of spec.build that changes nothing in the result. */
export function executionOf({ base, build }: SystemDefinitionSpec): ImageBuildSpecExecution {
  const { suspend: _suspend, args: _args, ...execution } = build;
  return { ...execution, ...(base.pullSecretRef ? { pullSecretRef: base.pullSecretRef } : {}) };
}
