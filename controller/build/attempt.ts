import { StallingError } from '../api/errors.ts';
import { parseDuration } from '../api/duration.ts';
import type { ImageBuildSpec } from '../api/image-build.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import { baseInfo } from './base.ts';
import { pullPlan } from './context.ts';
import type { Foundations } from './foundation.ts';
import { builderVersion, imageTag } from './name.ts';
import { publishImage } from './publish.ts';
import type { BuiltImage } from './publish.ts';

export interface Attempt {
  /** Name of the ImageBuild. */
  name: string;
  spec: ImageBuildSpec;
  auth: DockerConfig | undefined;
  signal: AbortSignal;
}

/**
 * One attempt, from context and base to a pushed image that was read back. Every step may be repeated: what exists is found, what is pushed has
 * the same bytes again.
 * @throws BuildError, StallingError, TransientError; the signal's reason when it is aborted.
 */
export async function runAttempt(registry: Registry, foundations: Foundations, attempt: Attempt): Promise<BuiltImage> {
  const { name, spec, auth, signal } = attempt;
  const { repository } = spec.output;
  if (spec.builderVersion !== builderVersion) {
    throw new StallingError(
      'BuilderVersion',
      `asked for builder version ${spec.builderVersion}; this version of Scantling has ${builderVersion}`,
    );
  }
  const [plan, base] = await Promise.all([
    pullPlan(registry, repository, spec.context, auth),
    baseInfo(registry, spec.base, auth),
  ]);
  if (plan.definition !== spec.definitionRef.name) {
    throw new StallingError(
      'InvalidContext',
      `context ${spec.context} is of definition ${plan.definition}, not of ${spec.definitionRef.name}`,
    );
  }
  signal.throwIfAborted();
  const { foundation } = plan;
  const timeoutMs = parseDuration(spec.execution.timeout);
  const onto = foundation ? await foundations.get({ base, foundation, repository, auth, timeoutMs, signal }) : base;
  signal.throwIfAborted();
  return publishImage(registry, { onto, base: spec.base, plan, context: spec.context, repository, tag: imageTag(name), auth });
}
