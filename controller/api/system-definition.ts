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
 * The operating system as it is wanted, and where its image goes.
 * Rule: "from" reads a path of a repository, so it needs sourceRef.
 * Rule: packages and containerfile exclude each other; install packages inside the Containerfile.
 */
export interface SystemDefinitionSpec {
  base: SystemDefinitionSpecBase;
  sourceRef?: SystemDefinitionSpecSourceRef;
  packages?: SystemDefinitionSpecPackages;
  containerfile?: SystemDefinitionSpecContainerfile;
  /**
   * Files of the image, each with its content here or from the repository.
   */
  files?: SystemDefinitionSpecFile[];
  /**
   * Directories of the repository that are placed in the image with all that is in them.
   */
  trees?: SystemDefinitionSpecTree[];
  /**
   * systemd units: new ones, and what is to be with those of the base.
   */
  units?: SystemDefinitionSpecUnit[];
  addons?: SystemDefinitionSpecAddons;
  /**
   * Kernel arguments, written to /usr/lib/bootc/kargs.d.
   *
   * Items: Rule: must be one argument without spaces, as console=ttyS0; give each an entry of its own.
   */
  kernelArguments?: string[];
  /**
   * Accounts that systemd-sysusers makes at boot where they are missing.
   */
  users?: SystemDefinitionSpecUser[];
  /**
   * Platforms of the image, as linux/amd64 or linux/arm64; without it, all platforms of the base.
   *
   * Items: Rule: must be a platform, as linux/amd64 or linux/arm/v7.
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
  signing?: SystemDefinitionSpecSigning;
  history: SystemDefinitionSpecHistory;
  build: SystemDefinitionSpecBuild;
}
/**
 * What the image is built on: another image, or that of another definition. Its updates are followed.
 * Rule: exactly one of image, definitionRef is required.
 */
export interface SystemDefinitionSpecBase {
  /**
   * Bootable base image with its registry host, by tag or digest.
   * Rule: must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>.
   * Rule: needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1.
   */
  image?: string;
  definitionRef?: SystemDefinitionSpecBaseDefinitionRef;
  pullSecretRef?: SystemDefinitionSpecBasePullSecretRef;
  /**
   * What happens when the base has a new digest: Always builds on it; Manual says BaseUpdateAvailable and waits for the annotation scantling.dev/approve-base with that digest. Default: Always.
   */
  update: 'Always' | 'Manual';
  /**
   * How often the tags of the base and of the workloads are looked up, plus up to a tenth; at least 10s. Default: 10m.
   * Rule: must be a duration of at least 10s, as 90s or 1h30m.
   */
  interval: string;
}
/**
 * Another SystemDefinition, whose last good image is the base.
 */
export interface SystemDefinitionSpecBaseDefinitionRef {
  /**
   * Name of the SystemDefinition.
   */
  name: string;
}
/**
 * Secret of type kubernetes.io/dockerconfigjson in the operator's namespace, to pull the base and the workloads' images; without it, that of output.pushSecretRef.
 */
export interface SystemDefinitionSpecBasePullSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * The SystemSource that "from" paths are read from. A source sets it on what it applies.
 */
export interface SystemDefinitionSpecSourceRef {
  /**
   * Name of the SystemSource.
   */
  name: string;
  /**
   * Directory in the repository that "from" paths are relative to. Default: the root of the repository (.).
   */
  path: string;
  /**
   * Revision that "from" paths are read at, as main@sha1:<40 hex>; without it, the source's last applied revision.
   * Rule: must be a revision, as main@sha1:<40 hex digits>.
   */
  revision?: string;
}
/**
 * Packages of the base's distribution; makes a foundation, built with a container engine.
 * Rule: name at least one package to install or remove.
 */
export interface SystemDefinitionSpecPackages {
  /**
   * Package manager of the base.
   */
  manager: 'dnf' | 'apt' | 'zypper';
  /**
   * Package repositories beside those of the base.
   */
  repositories?: SystemDefinitionSpecPackagesRepository[];
  /**
   * Packages to install, each with its version where wanted: vim, kubelet-1.36.3 (dnf), kubelet=1.36.3-1.1 (apt).
   *
   * Items: Rule: must be one package, with its version where wanted, as vim or kubelet-1.36.3; an option of the package manager is none.
   */
  install?: string[];
  /**
   * Packages to remove, before others are installed.
   *
   * Items: Rule: must be one package, with its version where wanted, as vim or kubelet-1.36.3; an option of the package manager is none.
   */
  remove?: string[];
}
/**
 * Rule: gpgKey is required, or gpgCheck: false for packages that nobody signed.
 */
export interface SystemDefinitionSpecPackagesRepository {
  /**
   * Names the repository in the image and in messages.
   * Rule: must hold only letters, digits, ".", "_" and "-", and begin with a letter or digit, as k8s-stable.
   */
  name: string;
  /**
   * Where the repository is, such as https://packages.example.com/42/; file:// is a directory of the image.
   * Rule: must be a URL that begins with https://, http:// or file://, without spaces, as https://packages.example.com/42/.
   */
  url: string;
  /**
   * Of an apt repository; one that ends in / is a flat repository without components. Default: ./.
   * Rule: must hold only letters, digits, ".", "/", "_" and "-", as bookworm-updates/main.
   */
  suite: string;
  /**
   * Of an apt repository.
   *
   * Items: Rule: must hold only letters, digits, ".", "/", "_" and "-", as bookworm-updates/main.
   */
  components?: string[];
  /**
   * Public keys that packages (dnf, zypper) or the repository (apt) must be signed with, ASCII-armored.
   */
  gpgKey?: string;
  /**
   * Whether signatures are checked with gpgKey; false takes packages that nobody signed. Default: true.
   */
  gpgCheck: boolean;
  /**
   * Leaves the repository configured in the image; otherwise it is there only for the installation. Default: false.
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
   * Rule: must be an absolute path without a slash at its end, as /etc/motd.
   */
  path: string;
  /**
   * Permissions as an octal number in quotes, such as "0755"; the file is root's in any case. Default: 0644.
   * Rule: must be an octal mode, as "0644".
   */
  mode: string;
  /**
   * The content as it stands, at most 256 Ki characters.
   */
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
   * Rule: must be an absolute path, as /usr/share/app.
   */
  to: string;
}
/**
 * Rule: a masked unit can have neither contents, dropIns nor enabled.
 */
export interface SystemDefinitionSpecUnit {
  /**
   * Name of the unit with its type, as app.service or sync@north.timer.
   * Rule: must be the name of a unit with its type, as sshd.service.
   */
  name: string;
  /**
   * Starts the unit at boot (true) or keeps it from being started by presets (false). A unit with contents is enabled through wantedBy; one of the base by its own [Install] section, which makes a foundation.
   */
  enabled?: boolean;
  /**
   * Targets whose .wants directory links the unit; default multi-user.target.
   *
   * Items: Rule: must be the name of a unit with its type, as multi-user.target.
   */
  wantedBy?: string[];
  /**
   * Links the unit to /dev/null so that nothing can start it. Default: false.
   */
  mask: boolean;
  /**
   * The unit file. Without it, the unit is one of the base, or comes by files or trees.
   */
  contents?: string;
  /**
   * Changes to the unit, each a file in /usr/lib/systemd/system/NAME.d.
   */
  dropIns?: SystemDefinitionSpecUnitDropIn[];
}
export interface SystemDefinitionSpecUnitDropIn {
  /**
   * Name of the file, as 10-memory.conf.
   * Rule: must be the name of a file that ends in .conf, as 10-memory.conf.
   */
  name: string;
  /**
   * Content of the file.
   */
  contents: string;
}
/**
 * Whether hosts of the image merge addons (SystemAddon) over it.
 * Rule: required needs support.
 * Rule: profile needs support.
 */
export interface SystemDefinitionSpecAddons {
  /**
   * Puts the scripts and units into the image that merge, at boot, the addons that the cluster gives a node. The base needs systemd 252 or newer. Default: false.
   */
  support?: boolean;
  /**
   * A boot without all of its addons is not complete (boot-complete.target), for greenboot or boot counting. Default: false.
   */
  required?: boolean;
  /**
   * Addons that hosts of the image run, below what their pool and their Node ask for. It is a file of the image, /usr/share/scantling/profile.json, so that it comes and goes with it. An empty list takes the place of the profile of the base.
   */
  profile?: SystemDefinitionSpecAddonsProfile[];
}
export interface SystemDefinitionSpecAddonsProfile {
  /**
   * Name of the entry: pools and Nodes put another addon in its place, or none, by this name.
   * Rule: must be lower case letters, digits and dashes, as containerd.
   */
  name: string;
  /**
   * Name of the SystemAddon; '' for none.
   * Rule: must be the name of a SystemAddon, or '' to run nothing of this name.
   */
  addon: string;
}
export interface SystemDefinitionSpecUser {
  /**
   * Name of the account; root can be given groups and keys only.
   * Rule: must hold only lower-case letters, digits, "-" and "_", and begin with a letter or "_", as core.
   */
  name: string;
  /**
   * Fixed user and group id; without it systemd-sysusers picks one.
   */
  uid?: number;
  /**
   * What the account is for, one line.
   * Rule: must be one line without ":" and quotation marks, as Build agent.
   */
  description?: string;
  /**
   * Home directory; default /var/home/<name>.
   * Rule: must be an absolute path without spaces, ":" and quotation marks, as /var/home/core.
   */
  home?: string;
  /**
   * Login shell; default /usr/sbin/nologin, with which nobody can log in.
   * Rule: must be an absolute path without spaces, ":" and quotation marks, as /bin/bash.
   */
  shell?: string;
  /**
   * Groups that the account is a member of, besides its own.
   *
   * Items: Rule: must hold only lower-case letters, digits, "-" and "_", and begin with a letter or "_", as core.
   */
  groups?: string[];
  /**
   * Lines of the account's authorized_keys, one key each, as ssh-ed25519 AAAA... me@example.com; written anew at every boot.
   */
  sshAuthorizedKeys?: string[];
}
export interface SystemDefinitionSpecWorkload {
  /**
   * Names the pod and its services; containers are called <workload>-<container>.
   * Rule: must hold only lower-case letters, digits and "-", and begin and end with a letter or digit, as web-1.
   */
  name: string;
  /**
   * Pod: the containers share a network of their own and reach each other on localhost. Host: the node's network. Default: Pod.
   */
  network: 'Pod' | 'Host';
  /**
   * Volumes that outlive containers and updates.
   */
  volumes?: SystemDefinitionSpecWorkloadVolume[];
  /**
   * The containers of the pod.
   */
  containers: SystemDefinitionSpecWorkloadContainer[];
}
export interface SystemDefinitionSpecWorkloadVolume {
  /**
   * What volumeMounts call the volume.
   * Rule: must hold only lower-case letters, digits and "-", and begin and end with a letter or digit, as web-1.
   */
  name: string;
  /**
   * Directory or file of the node; without it, a volume that podman keeps.
   * Rule: must be an absolute path without spaces, ":", "," and "%", as /var/lib/office.
   */
  hostPath?: string;
}
export interface SystemDefinitionSpecWorkloadContainer {
  /**
   * Names the container within its workload.
   * Rule: must hold only lower-case letters, digits and "-", and begin and end with a letter or digit, as web-1.
   */
  name: string;
  /**
   * Image with its registry host, by tag or digest. A tag is followed as that of the base.
   * Rule: must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>.
   * Rule: needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1.
   */
  image: string;
  /**
   * Replaces the image's entry point.
   */
  command?: string[];
  /**
   * Arguments of the entry point; without it and command, those of the image.
   */
  args?: string[];
  /**
   * Environment variables. Everyone who can read the image can read them: no place for secrets.
   */
  env?: SystemDefinitionSpecWorkloadContainerEnv[];
  /**
   * Ports of the pod that the node offers; with network Host there is nothing to map.
   */
  ports?: SystemDefinitionSpecWorkloadContainerPort[];
  /**
   * Volumes of the workload that the container sees.
   */
  volumeMounts?: SystemDefinitionSpecWorkloadContainerVolumeMount[];
  /**
   * Files of the node that hold secrets; the image never does.
   */
  secretRefs?: SystemDefinitionSpecWorkloadContainerSecretRef[];
  /**
   * User inside of the container, by name or id, with a group where wanted, as 1000:1000; without it, the image's.
   * Rule: must be a user, by name or id, with a group where wanted, as app or 1000:1000.
   */
  user?: string;
  /**
   * Whether the container can write to its volumes only. Default: false.
   */
  readOnlyRootFilesystem: boolean;
  /**
   * Containers of the same workload that are started first.
   */
  dependsOn?: string[];
  /**
   * When systemd starts the container again after it has ended. Default: Always.
   */
  restart: 'Always' | 'OnFailure' | 'Never';
  healthCheck?: SystemDefinitionSpecWorkloadContainerHealthCheck;
}
export interface SystemDefinitionSpecWorkloadContainerEnv {
  /**
   * Name of the variable: letters, digits and "_", not beginning with a digit, as DATABASE_URL.
   */
  name: string;
  /**
   * Its value, which reaches the container as it is written.
   */
  value: string;
}
export interface SystemDefinitionSpecWorkloadContainerPort {
  /**
   * Port in the pod.
   */
  containerPort: number;
  /**
   * Port of the node.
   */
  hostPort: number;
  /**
   * Address of the node that offers the port; without it, all.
   * Rule: must be an IP address, as 127.0.0.1 or ::1.
   */
  hostIP?: string;
  /**
   * Protocol of the port. Default: TCP.
   */
  protocol: 'TCP' | 'UDP' | 'SCTP';
}
export interface SystemDefinitionSpecWorkloadContainerVolumeMount {
  /**
   * Name of the volume.
   */
  name: string;
  /**
   * Where the container sees it: an absolute path without spaces, ":", "," and "%".
   */
  mountPath: string;
  /**
   * Whether the container may only read it. Default: false.
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
/**
 * How podman finds out whether the container is healthy; without it, it is not asked.
 */
export interface SystemDefinitionSpecWorkloadContainerHealthCheck {
  /**
   * Runs inside of the container; exit code 0 is healthy. A list of words, without a shell.
   */
  command: string[];
  /**
   * Time between checks, as 30s or 5m. Default: 30s.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  interval: string;
  /**
   * How long one check may take, as 10s. Default: 30s.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  timeout: string;
  /**
   * Time after the start in which failures do not count, as 2m. Default: 0s.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  startPeriod: string;
  /**
   * Failures in a row that make it unhealthy. Default: 3.
   */
  retries: number;
  /**
   * What podman does when the container is unhealthy. Default: None.
   */
  onFailure: 'None' | 'Restart' | 'Stop';
}
/**
 * Where contexts and images are pushed to.
 */
export interface SystemDefinitionSpecOutput {
  /**
   * Repository with its registry host, without a tag, that contexts and images are pushed to.
   * Rule: must be a repository, without tag or digest: Scantling tags what it pushes.
   * Rule: must be a repository with its registry host, in lower case, as registry.example.com/team/worker.
   */
  repository: string;
  pushSecretRef?: SystemDefinitionSpecOutputPushSecretRef;
}
/**
 * Secret of type kubernetes.io/dockerconfigjson in the operator's namespace; also used to pull the base.
 */
export interface SystemDefinitionSpecOutputPushSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * Signs the image, and what is said of it, after the push.
 */
export interface SystemDefinitionSpecSigning {
  keySecretRef: SystemDefinitionSpecSigningKeySecretRef;
  previousKeySecretRef?: SystemDefinitionSpecSigningPreviousKeySecretRef;
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
export interface SystemDefinitionSpecSigningKeySecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * The key before it, as keySecretRef: signs as well, while there are hosts that do not know the new one.
 */
export interface SystemDefinitionSpecSigningPreviousKeySecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * Which finished builds are kept. What a node has booted, staged or as rollback, or what a pool targets, is always kept.
 */
export interface SystemDefinitionSpecHistory {
  /**
   * Newest good builds that are kept. Default: 5.
   */
  successful: number;
  /**
   * Newest failed or canceled builds that are kept. Default: 2.
   */
  failed: number;
  /**
   * Images: with a build, its image, context and foundation are removed from the output repository, by digest. Default: None.
   */
  prune: 'None' | 'Images';
  /**
   * A build that ended less than this ago is kept, as 12h. Default: 24h.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  gracePeriod: string;
}
/**
 * How the image is built. Apart from args, it changes nothing in the result.
 */
export interface SystemDefinitionSpecBuild {
  /**
   * Asks for no new builds; the last image stays. Default: false.
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
   * Deadline of one attempt, as 45m or 1h30m. Default: 30m.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  timeout: string;
  resources?: SystemDefinitionSpecBuildResources;
  /**
   * Labels of the nodes that Jobs may run on, besides their architecture.
   */
  nodeSelector?: {
    [k: string]: string;
  };
  /**
   * Taints of nodes that the pod of a Job tolerates.
   */
  tolerations?: SystemDefinitionSpecBuildToleration[];
  /**
   * PriorityClass of the pod of a Job; without it, the cluster's default.
   */
  priorityClassName?: string;
  /**
   * Secrets of the operator's namespace for RUN --mount=type=secret,id=...; they are in no layer, argument or log.
   */
  secrets?: SystemDefinitionSpecBuildSecret[];
  proxy?: SystemDefinitionSpecBuildProxy;
  caBundleRef?: SystemDefinitionSpecBuildCaBundleRef;
  /**
   * What findings of bootc's lint do: fail the build, show in status.warnings, or nothing. Default: Warn.
   */
  lint: 'Error' | 'Warn' | 'Off';
}
/**
 * Requests and limits of the pod of a Job.
 */
export interface SystemDefinitionSpecBuildResources {
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
export interface SystemDefinitionSpecBuildToleration {
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
export interface SystemDefinitionSpecBuildSecret {
  /**
   * The id that RUN --mount=type=secret names.
   * Rule: must hold only letters, digits, ".", "_" and "-", and begin with a letter or digit, as api-token.
   */
  id: string;
  secretRef: SystemDefinitionSpecBuildSecretSecretRef;
}
/**
 * Where the value is.
 */
export interface SystemDefinitionSpecBuildSecretSecretRef {
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
export interface SystemDefinitionSpecBuildProxy {
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
export interface SystemDefinitionSpecBuildCaBundleRef {
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
 * What became of the spec. Written by the controller.
 */
export interface SystemDefinitionStatus {
  /**
   * The metadata.generation that the status speaks of.
   */
  observedGeneration?: number;
  /**
   * Value of the annotation reconcile.scantling.dev/requestedAt that was last acted upon.
   */
  lastHandledReconcileAt?: string;
  /**
   * Digest of the rendered context.
   */
  contextDigest?: string;
  /**
   * Digest of what the image tells its host of the trust policies; absent where there is no policy for images.
   */
  hostTrust?: string;
  base?: SystemDefinitionStatusBase;
  /**
   * Digests of the images of workloads that are used.
   */
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
  trust?: SystemDefinitionStatusTrust;
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
  /**
   * What the controller says of the object; Ready is always there, Reconciling and Stalled only while True.
   */
  conditions?: Condition[];
}
/**
 * The base that is used.
 */
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
  trust?: SystemDefinitionStatusBaseTrust;
}
/**
 * What the trust policies say of it.
 */
export interface SystemDefinitionStatusBaseTrust {
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
   * Of the base.
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
  signers?: SystemDefinitionStatusBaseTrustSigner[];
}
export interface SystemDefinitionStatusBaseTrustSigner {
  /**
   * As policy/authority.
   */
  authority: string;
  /**
   * Fingerprint of the key.
   */
  key?: string;
  identity?: SystemDefinitionStatusBaseTrustSignerIdentity;
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
export interface SystemDefinitionStatusBaseTrustSignerIdentity {
  /**
   * Who vouches for the subject.
   */
  issuer: string;
  /**
   * URI or e-mail address.
   */
  subject: string;
}
export interface SystemDefinitionStatusWorkloadImage {
  /**
   * As in the spec.
   */
  image: string;
  /**
   * The digest that is used, as sha256:<64 hex>.
   */
  digest: string;
  trust?: SystemDefinitionStatusWorkloadImageTrust;
}
/**
 * What the trust policies say of it.
 */
export interface SystemDefinitionStatusWorkloadImageTrust {
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
   * Of the image.
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
  signers?: SystemDefinitionStatusWorkloadImageTrustSigner[];
}
export interface SystemDefinitionStatusWorkloadImageTrustSigner {
  /**
   * As policy/authority.
   */
  authority: string;
  /**
   * Fingerprint of the key.
   */
  key?: string;
  identity?: SystemDefinitionStatusWorkloadImageTrustSignerIdentity;
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
export interface SystemDefinitionStatusWorkloadImageTrustSignerIdentity {
  /**
   * Who vouches for the subject.
   */
  issuer: string;
  /**
   * URI or e-mail address.
   */
  subject: string;
}
export interface SystemDefinitionStatusHistory {
  /**
   * Name of the ImageBuild.
   */
  build: string;
  /**
   * How it ended: Succeeded, Failed or Canceled.
   */
  phase?: string;
  /**
   * Digest of its image, if it has one.
   */
  digest?: string;
  /**
   * Such as "newest good", "booted by node-3", "younger than 24h".
   */
  kept: string;
}
/**
 * What the trust policies say of it.
 */
export interface SystemDefinitionStatusTrust {
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
   * Of the last good image.
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
  signers?: SystemDefinitionStatusTrustSigner[];
}
export interface SystemDefinitionStatusTrustSigner {
  /**
   * As policy/authority.
   */
  authority: string;
  /**
   * Fingerprint of the key.
   */
  key?: string;
  identity?: SystemDefinitionStatusTrustSignerIdentity;
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
export interface SystemDefinitionStatusTrustSignerIdentity {
  /**
   * Who vouches for the subject.
   */
  issuer: string;
  /**
   * URI or e-mail address.
   */
  subject: string;
}
