import { parseDuration } from '../api/duration.ts';
import type { ImageBuild } from '../api/image-build.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Base, BasePlatform } from './base.ts';
import { foundationTagOf } from './foundation-key.ts';

/** What makes one foundation: plain data, which a builder beside the controller is handed and a Job is given as flags. */
export interface FoundationTask {
  /** The context with the steps, as `host/repository@digest`. */
  context: string;
  /** The base's manifest for the platform, as `host/repository@digest`. */
  base: string;
  /** As `linux/amd64`. */
  platform: string;
  /** What is pushed to, `host/repository`. */
  repository: string;
  tag: string;
  /** Key of the foundation; the pushed manifest is annotated with it. */
  key: string;
  lint: Lint;
  /** Milliseconds for all of it. */
  timeoutMs: number;
}

export function taskOf(
  build: ImageBuild,
  base: Base,
  { platform, key }: { platform: BasePlatform; key: string },
): FoundationTask {
  const { context, execution, output } = build.spec;
  return {
    context: `${output.repository}@${context}`,
    base: `${base.repository}@${platform.digest}`,
    platform: platform.platform,
    repository: output.repository,
    tag: foundationTagOf(key),
    key,
    lint: execution.lint,
    timeoutMs: parseDuration(execution.timeout),
  };
}

/** What findings of bootc's lint do: fail the build, become warnings, or nothing, for it is not run. */
export type Lint = 'Error' | 'Warn' | 'Off';

export interface FoundationResult {
  /** Digest of the pushed manifest, which was read back. */
  digest: string;
  /** Findings of lint. */
  warnings: string[];
}

/** What a foundation is built with and which is no part of it. Asked for at each use, for a Secret may be rotated in between. */
export interface FoundationAccess {
  /** Credentials to pull the base and other stages with, or to read the context and push. */
  credentials(use: 'pull' | 'push'): Promise<DockerConfig | undefined>;
  /** The values of --mount=type=secret by id. */
  secrets(): Promise<ReadonlyMap<string, Uint8Array>>;
  /** For the builder's own transfers and the steps. */
  proxy?: FoundationProxy;
  /** Certificate authorities (PEM) trusted besides the machine's. */
  authorities?: string;
  signal: AbortSignal;
  /** Called for each line of output; gives it masked, without its end. */
  onOutput?: (masked: () => string) => void;
  /** Called when something is begun that takes its time, with words for it: a step as buildah names it, a pull, the push. */
  onStep?: (step: string) => void;
}

export interface FoundationProxy {
  http?: string;
  https?: string;
  noProxy?: string;
}

/** What runs the steps of foundations, on one architecture. */
export interface FoundationBuilder {
  /** As OCI names it: amd64, arm64, ... */
  readonly architecture: string;
  /**
   * Builds and pushes.
   * @throws BuildError when a step fails, lint finds what it must not, or the time is over; TransientError when an image cannot be pulled or
   *   pushed; StallingError for a context that is none; the signal's reason.
   */
  build(task: FoundationTask, access: FoundationAccess): Promise<FoundationResult>;
}
