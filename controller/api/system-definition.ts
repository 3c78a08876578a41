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
   * OCI labels of the image. The labels that Scantling and bootc use are refused.
   */
  labels?: {
    [k: string]: string;
  };
  output: SystemDefinitionSpecOutput;
  build: SystemDefinitionSpecBuild;
}
export interface SystemDefinitionSpecBase {
  /**
   * Bootable base image with its registry host, by tag or digest. A tag is resolved to a digest when the definition changes, or on request.
   */
  image: string;
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
  install?: string[];
  remove?: string[];
}
/**
 * The escape hatch, instructions that run on top of the base; makes a foundation, built with a container engine.
 */
export interface SystemDefinitionSpecContainerfile {
  /**
   * Containerfile instructions without FROM, which the base supplies.
   */
  inline: string;
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
export interface SystemDefinitionSpecOutput {
  /**
   * Repository with its registry host, without a tag, that contexts and images are pushed to.
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
export interface SystemDefinitionSpecBuild {
  /**
   * Deadline of one attempt.
   * Default: "30m".
   */
  timeout: string;
  /**
   * Asks for no new builds; the last image stays.
   * Default: false.
   */
  suspend: boolean;
}
export interface SystemDefinitionStatus {
  observedGeneration?: number;
  lastHandledReconcileAt?: string;
  /**
   * Digest of the rendered context.
   */
  contextDigest?: string;
  base?: SystemDefinitionStatusBase;
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
   * spec.base.image that was resolved.
   */
  image?: string;
  digest?: string;
}
