// Generated from crds/imagebuilds.yaml by `npm run generate`. Do not edit.
import type { Condition, ObjectMeta } from './meta.ts';
import type { Resource } from './resource.ts';

export const imagebuilds: Resource<ImageBuild> = {
  group: 'scantling.dev',
  version: 'v1alpha1',
  plural: 'imagebuilds',
  kind: 'ImageBuild',
  namespaced: false,
};

/**
 * ImageBuild is one immutable attempt to turn a context and a base digest into an image. Its name holds the hash of all inputs, so equal inputs are the same object.
 */
export interface ImageBuild {
  apiVersion: 'scantling.dev/v1alpha1';
  kind: 'ImageBuild';
  metadata: ObjectMeta;
  spec: ImageBuildSpec;
  status?: ImageBuildStatus;
}
/**
 * Rule: what is built is immutable, only execution may change; change the definition instead.
 */
export interface ImageBuildSpec {
  definitionRef: ImageBuildSpecDefinitionRef;
  /**
   * Commit that first asked for these inputs, as main@sha1:<40 hex>.
   */
  revision?: string;
  /**
   * Digest of the context artifact in the output repository.
   */
  context: string;
  /**
   * Base image, as repository@digest.
   */
  base: string;
  output: ImageBuildSpecOutput;
  /**
   * Platforms of the image; without it, all platforms of the base.
   */
  platforms?: string[];
  execution: ImageBuildSpecExecution;
  /**
   * Version of the rules that turn a context into an image.
   */
  builderVersion: string;
}
export interface ImageBuildSpecDefinitionRef {
  name: string;
}
export interface ImageBuildSpecOutput {
  repository: string;
  pushSecretRef?: ImageBuildSpecOutputPushSecretRef;
}
export interface ImageBuildSpecOutputPushSecretRef {
  name: string;
}
/**
 * How it is built, which changes nothing in the result. A change tries a failed build again.
 */
export interface ImageBuildSpecExecution {
  /**
   * What runs the steps of a foundation: a Kubernetes Job, or buildah beside the controller. Without it, the first of --builders. Without such steps neither is needed.
   */
  builder?: 'Job' | 'Process';
  /**
   * Deadline of one attempt.
   * Default: "30m".
   */
  timeout: string;
  resources?: ImageBuildSpecExecutionResources;
  /**
   * Labels of the nodes that Jobs may run on, besides their architecture.
   */
  nodeSelector?: {
    [k: string]: string;
  };
  tolerations?: ImageBuildSpecExecutionToleration[];
  priorityClassName?: string;
  /**
   * Secrets of the operator's namespace for RUN --mount=type=secret,id=...; they are in no layer, argument or log.
   */
  secrets?: ImageBuildSpecExecutionSecret[];
  proxy?: ImageBuildSpecExecutionProxy;
  caBundleRef?: ImageBuildSpecExecutionCaBundleRef;
  /**
   * What findings of bootc's lint do: fail the build, show in status.warnings, or nothing.
   * Default: "Warn".
   */
  lint: 'Error' | 'Warn' | 'Off';
  pullSecretRef?: ImageBuildSpecExecutionPullSecretRef;
}
/**
 * Requests and limits of the pod of a Job.
 */
export interface ImageBuildSpecExecutionResources {
  requests?: {
    [k: string]: string;
  };
  limits?: {
    [k: string]: string;
  };
}
export interface ImageBuildSpecExecutionToleration {
  key?: string;
  operator?: 'Exists' | 'Equal';
  value?: string;
  effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  tolerationSeconds?: number;
}
export interface ImageBuildSpecExecutionSecret {
  id: string;
  secretRef: ImageBuildSpecExecutionSecretSecretRef;
}
export interface ImageBuildSpecExecutionSecretSecretRef {
  name: string;
  key: string;
}
/**
 * Proxy for the steps of a foundation, and for its pulls and pushes.
 */
export interface ImageBuildSpecExecutionProxy {
  http?: string;
  https?: string;
  noProxy?: string;
}
/**
 * ConfigMap of the operator's namespace with certificate authorities (PEM) that a foundation's pulls, pushes and steps trust besides the usual ones.
 */
export interface ImageBuildSpecExecutionCaBundleRef {
  name: string;
  /**
   * Default: "ca.crt".
   */
  key: string;
}
/**
 * Secret to pull the base; without it, that of output.pushSecretRef.
 */
export interface ImageBuildSpecExecutionPullSecretRef {
  name: string;
}
export interface ImageBuildStatus {
  observedGeneration?: number;
  lastHandledReconcileAt?: string;
  phase?: 'Pending' | 'Building' | 'Succeeded' | 'Failed' | 'Canceled';
  /**
   * Assemble: no foundation had to be built.
   */
  builder?: 'Assemble' | 'Job' | 'Process';
  /**
   * Attempts whose step failed, and the last one.
   */
  attempts?: number;
  attemptsLeft?: number;
  /**
   * The Jobs of the present or last attempt.
   */
  jobs?: ImageBuildStatusJob[];
  /**
   * What the finish layers were put on, where the definition runs steps.
   */
  foundations?: ImageBuildStatusFoundation[];
  /**
   * Findings of lint.
   */
  warnings?: string[];
  startTime?: string;
  completionTime?: string;
  image?: ImageBuildStatusImage;
  failure?: ImageBuildStatusFailure;
  conditions?: Condition[];
}
export interface ImageBuildStatusJob {
  platform: string;
  namespace: string;
  name: string;
  pod?: string;
}
export interface ImageBuildStatusFoundation {
  platform: string;
  /**
   * Hash of base, steps, platform and rules; equal keys are built once.
   */
  key: string;
  /**
   * As repository@digest.
   */
  reference: string;
  /**
   * Built by this build or one that it was copied from, so that builds of other repositories may take it; otherwise it was found under its tag.
   */
  built?: boolean;
}
export interface ImageBuildStatusImage {
  /**
   * Image, as repository@digest.
   */
  reference?: string;
  /**
   * Digest of the index.
   */
  digest: string;
  version?: string;
  platforms?: ImageBuildStatusImagePlatform[];
}
export interface ImageBuildStatusImagePlatform {
  /**
   * As linux/amd64 or linux/arm64/v8.
   */
  platform: string;
  digest: string;
}
/**
 * Why the last attempt failed; absent after a success.
 */
export interface ImageBuildStatusFailure {
  /**
   * Text of the step, or what was done in place of one, such as push.
   */
  step: string;
  /**
   * Of the Containerfile, from 1.
   */
  stepNumber?: number;
  /**
   * Of pod-level trouble, such as OOMKilled, Evicted, ImagePullBackOff or Unschedulable.
   */
  reason?: string;
  platform?: string;
  job?: string;
  pod?: string;
  exitCode?: number;
  message: string;
  /**
   * Last lines of the step's output, secrets masked.
   */
  log?: string[];
}
