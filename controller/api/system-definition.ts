// Generated from crds/systemdefinitions.yaml by `npm run generate`. Do not edit.
import type { Condition, ObjectMeta } from './meta.ts';
import type { Resource } from './resource.ts';

export const systemdefinitions: Resource<SystemDefinition> = {
  group: 'scantling.dev',
  version: 'v1alpha1',
  plural: 'systemdefinitions',
  kind: 'SystemDefinition',
  namespaced: false,
};

/**
 * SystemDefinition declares one operating system; Scantling renders it, builds a bootable image from it and keeps the image's digest in status.
 * Rule: name is at most 200 characters, because builds are named after it.
 */
export interface SystemDefinition {
  apiVersion: 'scantling.dev/v1alpha1';
  kind: 'SystemDefinition';
  metadata: ObjectMeta;
  spec: SystemDefinitionSpec;
  status?: SystemDefinitionStatus;
}
/**
 * Rule: "from" reads a path of a repository, so it needs sourceRef.
 * Rule: packages and containerfile exclude each other; install packages inside the Containerfile.
 */
export interface SystemDefinitionSpec {
  base: SystemDefinitionSpecBase;
  sourceRef?: SystemDefinitionSpecSourceRef;
  packages?: SystemDefinitionSpecPackages;
  containerfile?: SystemDefinitionSpecContainerfile;
  files?: SystemDefinitionSpecFile[];
  trees?: SystemDefinitionSpecTree[];
  units?: SystemDefinitionSpecUnit[];
  /**
   * Kernel arguments, written to /usr/lib/bootc/kargs.d.
   */
  kernelArguments?: string[];
  users?: SystemDefinitionSpecUser[];
  /**
   * Platforms of the image, as linux/amd64 or linux/arm64; without it, all platforms of the base.
   *
   * Items: Rule: a platform, as linux/amd64 or linux/arm/v7.
   */
  platforms?: string[];
  /**
   * Pods that podman runs on the node as part of the system, as Quadlet units; their images are pinned by digest, bound to the image and pulled with it.
   */
  workloads?: SystemDefinitionSpecWorkload[];
  /**
   * OCI labels of the image. The labels that Scantling and bootc use are refused.
   */
  labels?: {
    [k: string]: string;
  };
  output: SystemDefinitionSpecOutput;
  history: SystemDefinitionSpecHistory;
  build: SystemDefinitionSpecBuild;
}
/**
 * Rule: exactly one of image, definitionRef is required.
 */
export interface SystemDefinitionSpecBase {
  /**
   * Bootable base image with its registry host, by tag or digest.
   * Rule: an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>.
   */
  image?: string;
  definitionRef?: SystemDefinitionSpecBaseDefinitionRef;
  pullSecretRef?: SystemDefinitionSpecBasePullSecretRef;
  /**
   * What happens when the base has a new digest: Always builds on it; Manual says BaseUpdateAvailable and waits for the annotation scantling.dev/approve-base with that digest.
   * Default: "Always".
   */
  update: 'Always' | 'Manual';
  /**
   * How often the tags of the base and of the workloads are looked up, plus up to a tenth; at least 10s.
   * Default: "10m".
   * Rule: a duration of at least 10s, as 90s or 1h30m.
   */
  interval: string;
}
/**
 * Another SystemDefinition, whose last good image is the base.
 */
export interface SystemDefinitionSpecBaseDefinitionRef {
  name: string;
}
/**
 * Secret of type kubernetes.io/dockerconfigjson in the operator's namespace, to pull the base and the workloads' images; without it, that of output.pushSecretRef.
 */
export interface SystemDefinitionSpecBasePullSecretRef {
  name: string;
}
/**
 * The SystemSource that "from" paths are read from. A source sets it on what it applies.
 */
export interface SystemDefinitionSpecSourceRef {
  name: string;
  /**
   * Directory in the repository that "from" paths are relative to.
   * Default: ".".
   */
  path: string;
  /**
   * Revision that "from" paths are read at, as main@sha1:<40 hex>; without it, the source's last applied revision.
   */
  revision?: string;
}
/**
 * Packages of the base's distribution; makes a foundation, built with a container engine.
 * Rule: name at least one package to install or remove.
 */
export interface SystemDefinitionSpecPackages {
  manager: 'dnf' | 'apt' | 'zypper';
  /**
   * Package repositories beside those of the base.
   */
  repositories?: SystemDefinitionSpecPackagesRepository[];
  install?: string[];
  remove?: string[];
}
/**
 * Rule: gpgKey is required, or gpgCheck: false for packages that nobody signed.
 */
export interface SystemDefinitionSpecPackagesRepository {
  name: string;
  url: string;
  /**
   * Of an apt repository; one that ends in / is a flat repository without components.
   * Default: "./".
   */
  suite: string;
  /**
   * Of an apt repository.
   */
  components?: string[];
  /**
   * Public keys that packages (dnf, zypper) or the repository (apt) must be signed with, ASCII-armored.
   */
  gpgKey?: string;
  /**
   * Default: true.
   */
  gpgCheck: boolean;
  /**
   * Leaves the repository configured in the image; otherwise it is there only for the installation.
   * Default: false.
   */
  keep: boolean;
}
/**
 * The escape hatch, instructions that run on top of the base; makes a foundation, built with a container engine.
 * Rule: exactly one of inline, from is required.
 */
export interface SystemDefinitionSpecContainerfile {
  /**
   * Containerfile instructions. Without FROM they run on the base; with stages of its own, the last one is FROM base.
   */
  inline?: string;
  /**
   * Containerfile in the repository, relative to the document.
   */
  from?: string;
  /**
   * Directory in the repository, relative to the document, that COPY and ADD read from; without it there is nothing to copy.
   */
  context?: string;
}
/**
 * Rule: exactly one of content, from is required.
 */
export interface SystemDefinitionSpecFile {
  /**
   * Absolute path in the image, below /etc, /usr/bin, /usr/lib, /usr/libexec or /usr/share.
   */
  path: string;
  /**
   * Octal permissions; always root:root.
   * Default: "0644".
   */
  mode: string;
  content?: string;
  /**
   * File in the repository, relative to the document.
   */
  from?: string;
}
export interface SystemDefinitionSpecTree {
  /**
   * Directory in the repository, relative to the document.
   */
  from: string;
  /**
   * Directory in the image that its content is placed in; every file must end up where files may be.
   */
  to: string;
}
/**
 * Rule: a masked unit can have neither contents, dropIns nor enabled.
 */
export interface SystemDefinitionSpecUnit {
  name: string;
  /**
   * Starts the unit at boot (true) or keeps it from being started by presets (false). A unit with contents is enabled through wantedBy; one of the base by its own [Install] section, which makes a foundation.
   */
  enabled?: boolean;
  /**
   * Targets whose .wants directory links the unit; default multi-user.target.
   */
  wantedBy?: string[];
  /**
   * Links the unit to /dev/null so that nothing can start it.
   * Default: false.
   */
  mask: boolean;
  contents?: string;
  dropIns?: SystemDefinitionSpecUnitDropIn[];
}
export interface SystemDefinitionSpecUnitDropIn {
  name: string;
  contents: string;
}
export interface SystemDefinitionSpecUser {
  name: string;
  /**
   * Fixed user and group id; without it systemd-sysusers picks one.
   */
  uid?: number;
  description?: string;
  /**
   * Default /var/home/<name>.
   */
  home?: string;
  /**
   * Default /usr/sbin/nologin.
   */
  shell?: string;
  groups?: string[];
  sshAuthorizedKeys?: string[];
}
export interface SystemDefinitionSpecWorkload {
  name: string;
  /**
   * Pod: the containers share a network of their own and reach each other on localhost. Host: the node's network.
   * Default: "Pod".
   */
  network: 'Pod' | 'Host';
  /**
   * Volumes that outlive containers and updates.
   */
  volumes?: SystemDefinitionSpecWorkloadVolume[];
  containers: SystemDefinitionSpecWorkloadContainer[];
}
export interface SystemDefinitionSpecWorkloadVolume {
  name: string;
  /**
   * Directory or file of the node; without it, a volume that podman keeps.
   */
  hostPath?: string;
}
export interface SystemDefinitionSpecWorkloadContainer {
  name: string;
  /**
   * Image with its registry host, by tag or digest. A tag is followed as that of the base.
   * Rule: an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>.
   */
  image: string;
  /**
   * Replaces the image's entry point.
   */
  command?: string[];
  args?: string[];
  env?: SystemDefinitionSpecWorkloadContainerEnv[];
  /**
   * Ports of the pod that the node offers; with network Host there is nothing to map.
   */
  ports?: SystemDefinitionSpecWorkloadContainerPort[];
  volumeMounts?: SystemDefinitionSpecWorkloadContainerVolumeMount[];
  /**
   * Files of the node that hold secrets; the image never does.
   */
  secretRefs?: SystemDefinitionSpecWorkloadContainerSecretRef[];
  user?: string;
  /**
   * Default: false.
   */
  readOnlyRootFilesystem: boolean;
  /**
   * Containers of the same workload that are started first.
   */
  dependsOn?: string[];
  /**
   * Default: "Always".
   */
  restart: 'Always' | 'OnFailure' | 'Never';
  healthCheck?: SystemDefinitionSpecWorkloadContainerHealthCheck;
}
export interface SystemDefinitionSpecWorkloadContainerEnv {
  name: string;
  value: string;
}
export interface SystemDefinitionSpecWorkloadContainerPort {
  containerPort: number;
  hostPort: number;
  hostIP?: string;
  /**
   * Default: "TCP".
   */
  protocol: 'TCP' | 'UDP' | 'SCTP';
}
export interface SystemDefinitionSpecWorkloadContainerVolumeMount {
  name: string;
  mountPath: string;
  /**
   * Default: false.
   */
  readOnly: boolean;
}
/**
 * Rule: exactly one of mountPath, env: true is required.
 */
export interface SystemDefinitionSpecWorkloadContainerSecretRef {
  /**
   * File on the node, such as /etc/office/database-password.
   */
  hostPath: string;
  /**
   * Where the container sees it, read-only.
   */
  mountPath?: string;
  /**
   * Reads NAME=value lines of the file into the environment.
   */
  env?: boolean;
}
export interface SystemDefinitionSpecWorkloadContainerHealthCheck {
  command: string[];
  /**
   * Default: "30s".
   */
  interval: string;
  /**
   * Default: "30s".
   */
  timeout: string;
  /**
   * Default: "0s".
   */
  startPeriod: string;
  /**
   * Default: 3.
   */
  retries: number;
  /**
   * What podman does when the container is unhealthy.
   * Default: "None".
   */
  onFailure: 'None' | 'Restart' | 'Stop';
}
export interface SystemDefinitionSpecOutput {
  /**
   * Repository with its registry host, without a tag, that contexts and images are pushed to.
   * Rule: a repository, without tag or digest: Scantling tags what it pushes.
   * Rule: a repository with its registry host, in lower case, as registry.example.com/team/worker.
   */
  repository: string;
  pushSecretRef?: SystemDefinitionSpecOutputPushSecretRef;
}
/**
 * Secret of type kubernetes.io/dockerconfigjson in the operator's namespace; also used to pull the base.
 */
export interface SystemDefinitionSpecOutputPushSecretRef {
  name: string;
}
/**
 * Which finished builds are kept. What a node has booted, staged or as rollback, or what a pool targets, is always kept.
 */
export interface SystemDefinitionSpecHistory {
  /**
   * Newest good builds that are kept.
   * Default: 5.
   */
  successful: number;
  /**
   * Newest failed or canceled builds that are kept.
   * Default: 2.
   */
  failed: number;
  /**
   * Images: with a build, its image, context and foundation are removed from the output repository, by digest.
   * Default: "None".
   */
  prune: 'None' | 'Images';
  /**
   * A build that ended less than this ago is kept.
   * Default: "24h".
   */
  gracePeriod: string;
}
export interface SystemDefinitionSpecBuild {
  /**
   * Asks for no new builds; the last image stays.
   * Default: false.
   */
  suspend: boolean;
  /**
   * Build arguments (ARG) of the Containerfile; part of what makes a foundation equal. Never a place for secrets.
   */
  args?: {
    [k: string]: string;
  };
  /**
   * What runs the steps of a foundation: a Kubernetes Job, or buildah beside the controller. Without it, the first of --builders. Without such steps neither is needed.
   */
  builder?: 'Job' | 'Process';
  /**
   * Deadline of one attempt.
   * Default: "30m".
   */
  timeout: string;
  resources?: SystemDefinitionSpecBuildResources;
  /**
   * Labels of the nodes that Jobs may run on, besides their architecture.
   */
  nodeSelector?: {
    [k: string]: string;
  };
  tolerations?: SystemDefinitionSpecBuildToleration[];
  priorityClassName?: string;
  /**
   * Secrets of the operator's namespace for RUN --mount=type=secret,id=...; they are in no layer, argument or log.
   */
  secrets?: SystemDefinitionSpecBuildSecret[];
  proxy?: SystemDefinitionSpecBuildProxy;
  caBundleRef?: SystemDefinitionSpecBuildCaBundleRef;
  /**
   * What findings of bootc's lint do: fail the build, show in status.warnings, or nothing.
   * Default: "Warn".
   */
  lint: 'Error' | 'Warn' | 'Off';
}
/**
 * Requests and limits of the pod of a Job.
 */
export interface SystemDefinitionSpecBuildResources {
  requests?: {
    [k: string]: string;
  };
  limits?: {
    [k: string]: string;
  };
}
export interface SystemDefinitionSpecBuildToleration {
  key?: string;
  operator?: 'Exists' | 'Equal';
  value?: string;
  effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  tolerationSeconds?: number;
}
export interface SystemDefinitionSpecBuildSecret {
  id: string;
  secretRef: SystemDefinitionSpecBuildSecretSecretRef;
}
export interface SystemDefinitionSpecBuildSecretSecretRef {
  name: string;
  key: string;
}
/**
 * Proxy for the steps of a foundation, and for its pulls and pushes.
 */
export interface SystemDefinitionSpecBuildProxy {
  http?: string;
  https?: string;
  noProxy?: string;
}
/**
 * ConfigMap of the operator's namespace with certificate authorities (PEM) that a foundation's pulls, pushes and steps trust besides the usual ones.
 */
export interface SystemDefinitionSpecBuildCaBundleRef {
  name: string;
  /**
   * Default: "ca.crt".
   */
  key: string;
}
export interface SystemDefinitionStatus {
  observedGeneration?: number;
  lastHandledReconcileAt?: string;
  /**
   * Digest of the rendered context.
   */
  contextDigest?: string;
  base?: SystemDefinitionStatusBase;
  workloadImages?: SystemDefinitionStatusWorkloadImage[];
  /**
   * Findings that do not stop the build.
   */
  warnings?: string[];
  /**
   * Finished builds that are kept, newest first, and why.
   */
  history?: SystemDefinitionStatusHistory[];
  /**
   * ImageBuild of the present inputs.
   */
  latestBuild?: string;
  /**
   * Last good image, as repository@digest.
   */
  image?: string;
  /**
   * Index and platform digests of the last good image; a node that booted any of them runs it.
   */
  digests?: string[];
  /**
   * Commit of the last good image, as main@sha1:<40 hex>; empty for a definition without a source.
   */
  revision?: string;
  /**
   * Label org.opencontainers.image.version of the last good image.
   */
  version?: string;
  conditions?: Condition[];
}
export interface SystemDefinitionStatusBase {
  /**
   * Image that was resolved: spec.base.image, or the repository of the definition it is based on.
   */
  image?: string;
  /**
   * What is built on.
   */
  digest?: string;
  /**
   * Newer digest that waits for approval, or cannot be built on.
   */
  available?: string;
}
export interface SystemDefinitionStatusWorkloadImage {
  /**
   * As in the spec.
   */
  image: string;
  digest: string;
}
export interface SystemDefinitionStatusHistory {
  build: string;
  phase?: string;
  digest?: string;
  /**
   * Such as "newest good", "booted by node-3", "younger than 24h".
   */
  kept: string;
}
