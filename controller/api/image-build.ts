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
 * All inputs of the image, written by the controller, and how it is built.
 * Rule: what is built is immutable, only execution and signing may change; change the definition instead.
 */
export interface ImageBuildSpec {
  definitionRef: ImageBuildSpecDefinitionRef;
  /**
   * Commit that first asked for these inputs, as main@sha1:<40 hex>.
   */
  revision?: string;
  /**
   * Digest of the context artifact in the output repository.
   * Rule: must be a digest, as sha256:<64 hex digits>.
   */
  context: string;
  /**
   * Base image, as repository@digest.
   * Rule: must be an image by digest, as registry.example.com/team/base@sha256:<64 hex digits>.
   */
  base: string;
  output: ImageBuildSpecOutput;
  /**
   * Platforms of the image; without it, all platforms of the base.
   *
   * Items: Rule: must be a platform, as linux/amd64 or linux/arm/v7.
   */
  platforms?: string[];
  signing?: ImageBuildSpecSigning;
  execution: ImageBuildSpecExecution;
  /**
   * Version of the rules that turn a context into an image.
   */
  builderVersion: string;
}
/**
 * The SystemDefinition that asked for it first.
 */
export interface ImageBuildSpecDefinitionRef {
  /**
   * Name of the SystemDefinition.
   */
  name: string;
  /**
   * Its metadata.generation then.
   */
  generation?: number;
}
/**
 * Where the context is and the image goes.
 */
export interface ImageBuildSpecOutput {
  /**
   * Repository with its registry host, without tag and digest.
   */
  repository: string;
  pushSecretRef?: ImageBuildSpecOutputPushSecretRef;
}
/**
 * Secret of type kubernetes.io/dockerconfigjson in the operator's namespace, for the repository.
 */
export interface ImageBuildSpecOutputPushSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * Signs the image, and what is said of it, after the push.
 */
export interface ImageBuildSpecSigning {
  keySecretRef: ImageBuildSpecSigningKeySecretRef;
  previousKeySecretRef?: ImageBuildSpecSigningPreviousKeySecretRef;
  /**
   * Attests how the image was made (SLSA provenance v1). Default: true.
   */
  provenance: boolean;
  /**
   * Attests what is in the image. Default: SPDX.
   */
  sbom: 'SPDX' | 'CycloneDX' | 'None';
}
/**
 * Secret in the operator's namespace: cosign.key (encrypted, of cosign, with cosign.password; or plain PKCS#8). P-256, so that hosts can check it. Its annotation scantling.dev/signs says which repositories it signs in.
 */
export interface ImageBuildSpecSigningKeySecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * The key before it, as keySecretRef: signs as well, while there are hosts that do not know the new one.
 */
export interface ImageBuildSpecSigningPreviousKeySecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
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
   * Deadline of one attempt, as 45m or 1h30m. Default: 30m.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  timeout: string;
  resources?: ImageBuildSpecExecutionResources;
  /**
   * Labels of the nodes that Jobs may run on, besides their architecture.
   */
  nodeSelector?: {
    [k: string]: string;
  };
  /**
   * Taints of nodes that the pod of a Job tolerates.
   */
  tolerations?: ImageBuildSpecExecutionToleration[];
  /**
   * PriorityClass of the pod of a Job; without it, the cluster's default.
   */
  priorityClassName?: string;
  /**
   * Secrets of the operator's namespace for RUN --mount=type=secret,id=...; they are in no layer, argument or log.
   */
  secrets?: ImageBuildSpecExecutionSecret[];
  proxy?: ImageBuildSpecExecutionProxy;
  caBundleRef?: ImageBuildSpecExecutionCaBundleRef;
  /**
   * What findings of bootc's lint do: fail the build, show in status.warnings, or nothing. Default: Warn.
   */
  lint: 'Error' | 'Warn' | 'Off';
  pullSecretRef?: ImageBuildSpecExecutionPullSecretRef;
}
/**
 * Requests and limits of the pod of a Job.
 */
export interface ImageBuildSpecExecutionResources {
  /**
   * What the pod asks for, by resource, such as cpu: 500m or memory: 2Gi.
   */
  requests?: {
    [k: string]: string;
  };
  /**
   * What the pod may use at most, by resource, such as memory: 4Gi.
   */
  limits?: {
    [k: string]: string;
  };
}
export interface ImageBuildSpecExecutionToleration {
  /**
   * Key of the taint; without it, every key (operator Exists).
   */
  key?: string;
  /**
   * Exists: any value. Equal, which is Kubernetes' default: the value below.
   */
  operator?: 'Exists' | 'Equal';
  /**
   * Value of the taint, with operator Equal.
   */
  value?: string;
  /**
   * Effect of the taint; without it, every effect.
   */
  effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  /**
   * Seconds that a taint with effect NoExecute is tolerated; without it, for ever.
   */
  tolerationSeconds?: number;
}
export interface ImageBuildSpecExecutionSecret {
  /**
   * The id that RUN --mount=type=secret names.
   * Rule: must hold only letters, digits, ".", "_" and "-", and begin with a letter or digit, as api-token.
   */
  id: string;
  secretRef: ImageBuildSpecExecutionSecretSecretRef;
}
/**
 * Where the value is.
 */
export interface ImageBuildSpecExecutionSecretSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
  /**
   * Key of the Secret whose value is mounted.
   * Rule: must hold only letters, digits, ".", "_" and "-", as ca.crt.
   */
  key: string;
}
/**
 * Proxy for the steps of a foundation, and for its pulls and pushes.
 */
export interface ImageBuildSpecExecutionProxy {
  /**
   * Proxy for http:// URLs, as http://proxy.example.com:3128.
   * Rule: must be a URL that begins with http:// or https://, without spaces and without credentials, as http://proxy.example.com:3128.
   */
  http?: string;
  /**
   * Proxy for https:// URLs, as http://proxy.example.com:3128.
   * Rule: must be a URL that begins with http:// or https://, without spaces and without credentials, as http://proxy.example.com:3128.
   */
  https?: string;
  /**
   * Hosts and domains that are reached without a proxy, separated by commas.
   */
  noProxy?: string;
}
/**
 * ConfigMap of the operator's namespace with certificate authorities (PEM) that a foundation's pulls, pushes and steps trust besides the usual ones.
 */
export interface ImageBuildSpecExecutionCaBundleRef {
  /**
   * Name of the ConfigMap, in the operator's namespace.
   */
  name: string;
  /**
   * Key of the ConfigMap that holds the certificates. Default: ca.crt.
   * Rule: must hold only letters, digits, ".", "_" and "-", as ca.crt.
   */
  key: string;
}
/**
 * Secret to pull the base; without it, that of output.pushSecretRef.
 */
export interface ImageBuildSpecExecutionPullSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * How far the build is, and what came of it. Written by the controller.
 */
export interface ImageBuildStatus {
  /**
   * The metadata.generation that the status speaks of.
   */
  observedGeneration?: number;
  /**
   * Value of the annotation reconcile.scantling.dev/requestedAt that was last acted upon.
   */
  lastHandledReconcileAt?: string;
  /**
   * Pending: waits, Ready says for what. Canceled: ended by the annotation scantling.dev/cancel, or because a newer build took its place.
   */
  phase?: 'Pending' | 'Building' | 'Succeeded' | 'Failed' | 'Canceled';
  /**
   * Assemble: no foundation had to be built.
   */
  builder?: 'Assemble' | 'Job' | 'Process';
  /**
   * Attempts whose step failed, and the last one.
   */
  attempts?: number;
  /**
   * Attempts that are left; at 0 a person has to do something.
   */
  attemptsLeft?: number;
  /**
   * The Jobs of the present or last attempt.
   */
  jobs?: ImageBuildStatusJob[];
  /**
   * Jobs that were lost in the present attempt, such as with their node; a lost Job is made again and uses up no attempt.
   */
  interruptions?: ImageBuildStatusInterruption[];
  /**
   * What the finish layers were put on, where the definition runs steps.
   */
  foundations?: ImageBuildStatusFoundation[];
  /**
   * Findings of lint.
   */
  warnings?: string[];
  /**
   * When the present or last attempt began.
   */
  startTime?: string;
  /**
   * When the last attempt ended.
   */
  completionTime?: string;
  image?: ImageBuildStatusImage;
  trust?: ImageBuildStatusTrust;
  /**
   * Signatures of ours that were pushed and read back.
   */
  signatures?: ImageBuildStatusSignature[];
  /**
   * Signed statements of ours that were pushed and read back.
   */
  attestations?: ImageBuildStatusAttestation[];
  failure?: ImageBuildStatusFailure;
  /**
   * What the controller says of the object; Ready is always there, Reconciling and Stalled only while True.
   */
  conditions?: Condition[];
}
export interface ImageBuildStatusJob {
  /**
   * Platform that the Job builds for, as linux/amd64.
   */
  platform: string;
  /**
   * Namespace of the Job.
   */
  namespace: string;
  /**
   * Name of the Job.
   */
  name: string;
  /**
   * Name of its pod, once there is one.
   */
  pod?: string;
}
export interface ImageBuildStatusInterruption {
  /**
   * As linux/amd64.
   */
  platform: string;
  /**
   * How many Jobs of the platform were lost.
   */
  count: number;
}
export interface ImageBuildStatusFoundation {
  /**
   * As linux/amd64.
   */
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
  /**
   * Digest of the proxy, the authorities and the Secrets that its steps had. Builds of other repositories take it only where theirs is equal.
   */
  environment?: string;
}
/**
 * The image that was pushed.
 */
export interface ImageBuildStatusImage {
  /**
   * Image, as repository@digest.
   */
  reference?: string;
  /**
   * Digest of the index.
   */
  digest: string;
  /**
   * Label org.opencontainers.image.version of the image.
   */
  version?: string;
  /**
   * The image of each platform in the index.
   */
  platforms?: ImageBuildStatusImagePlatform[];
}
export interface ImageBuildStatusImagePlatform {
  /**
   * As linux/amd64 or linux/arm64/v8.
   */
  platform: string;
  /**
   * Digest of the platform's manifest.
   */
  digest: string;
}
/**
 * What the trust policies say of it.
 */
export interface ImageBuildStatusTrust {
  /**
   * Trusted: signed as the policy wants. Warned and Skipped: let through by the mode of the policy. NotConfigured: no policy for such things exists.
   */
  decision: 'Trusted' | 'Warned' | 'Skipped' | 'Refused' | 'NotConfigured';
  /**
   * One word for programs; docs/conditions.md has them all.
   */
  reason: string;
  /**
   * Who signed, or what is missing.
   */
  message: string;
  /**
   * Of the index.
   */
  digest: string;
  /**
   * Commit that it is known to be built from.
   */
  commit?: string;
  /**
   * TrustPolicy that governs the name.
   */
  policy?: string;
  /**
   * Its metadata.generation.
   */
  generation?: number;
  /**
   * Digest of all that this depends on: policies, keys, trusted roots, revocations. While it is the same nothing is looked up again.
   */
  basis: string;
  /**
   * From then on it is judged again, because something that it rests on expires or begins to count.
   */
  until?: string;
  /**
   * Who signed, of those who count.
   */
  signers?: ImageBuildStatusTrustSigner[];
}
export interface ImageBuildStatusTrustSigner {
  /**
   * As policy/authority.
   */
  authority: string;
  /**
   * Fingerprint of the key.
   */
  key?: string;
  identity?: ImageBuildStatusTrustSignerIdentity;
  /**
   * Signature, Bundle, Attestation, OpenPGP or SSH.
   */
  form: string;
  /**
   * Of an attestation.
   */
  predicateType?: string;
  /**
   * Entry of the transparency log.
   */
  logIndex?: string;
  /**
   * When it was signed, by a log or a timestamp service.
   */
  time?: string;
}
/**
 * Of a certificate, in place of a key.
 */
export interface ImageBuildStatusTrustSignerIdentity {
  /**
   * Who vouches for the subject.
   */
  issuer: string;
  /**
   * URI or e-mail address.
   */
  subject: string;
}
export interface ImageBuildStatusSignature {
  /**
   * What is signed: the index or a manifest of a platform.
   */
  digest: string;
  /**
   * Fingerprint of the key.
   */
  key: string;
  /**
   * Signature (tag .sig, which hosts read) or Bundle (referrer).
   */
  form: string;
}
export interface ImageBuildStatusAttestation {
  /**
   * What it is about: the index or a manifest of a platform.
   */
  digest: string;
  /**
   * Fingerprint of the key.
   */
  key: string;
  /**
   * As https://slsa.dev/provenance/v1.
   */
  predicateType: string;
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
  /**
   * Platform that it happened on, as linux/amd64.
   */
  platform?: string;
  /**
   * Job that it happened in.
   */
  job?: string;
  /**
   * The Job's pod.
   */
  pod?: string;
  /**
   * Exit code of the step; 137 is a kill, often for want of memory.
   */
  exitCode?: number;
  /**
   * What went wrong, in the words of the program that failed.
   */
  message: string;
  /**
   * Last lines of the step's output, secrets masked.
   */
  log?: string[];
}
