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
 * Rule: a build is immutable; change the definition instead.
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
   * Default: "30m".
   */
  timeout: string;
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
export interface ImageBuildStatus {
  observedGeneration?: number;
  lastHandledReconcileAt?: string;
  phase?: 'Pending' | 'Building' | 'Succeeded' | 'Failed';
  attempts?: number;
  startTime?: string;
  completionTime?: string;
  image?: ImageBuildStatusImage;
  failure?: ImageBuildStatusFailure;
  conditions?: Condition[];
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
  step: string;
  exitCode?: number;
  message: string;
  /**
   * Last lines of the step's output, secrets masked.
   */
  log?: string[];
}
