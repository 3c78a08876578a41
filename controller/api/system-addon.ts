// Generated from crds/systemaddons.yaml by `npm run generate`. Do not edit.
import type { Condition, ObjectMeta } from './meta.ts';
import type { Resource } from './resource.ts';

export const systemaddons: Resource<SystemAddon> = {
  group: 'scantling.dev',
  version: 'v1alpha1',
  plural: 'systemaddons',
  kind: 'SystemAddon',
  namespaced: false,
};

/**
 * SystemAddon is software that is merged over the systems of nodes without being part of their images: a container runtime, a kubelet, a driver. Scantling makes an image of each variant, which systemd-sysext puts over /usr and /opt.
 * Rule: name must hold only lower-case letters, digits and "-", and begin and end with a letter or digit, because systemd names the extension after it.
 * Rule: name is at most 63 characters, because systemd names the extension after it.
 * Rule: the addon requires itself.
 */
export interface SystemAddon {
  apiVersion: 'scantling.dev/v1alpha1';
  kind: 'SystemAddon';
  metadata: ObjectMeta;
  spec: SystemAddonSpec;
  status?: SystemAddonStatus;
}
/**
 * The software as it is wanted, for which systems, and where its images go.
 * Rule: "from" reads a path of a repository, so it needs sourceRef.
 * Rule: two variants are for the same platform and the same os, so neither could be chosen; take one away, or give its os another versionId or sysextLevel.
 */
export interface SystemAddonSpec {
  /**
   * Makes no new images and looks nothing up; the last ones stay. Default: false.
   */
  suspend: boolean;
  sourceRef?: SystemAddonSpecSourceRef;
  /**
   * The addon for each platform and system that it is for. A node gets the one that systemd would merge there: of several, one for its id before one for a system that it is like, that before _any, and one for its platform before one for _any.
   */
  variants: SystemAddonSpecVariant[];
  /**
   * Units that are started once the addon is merged, in this order. Nothing else starts them: the system has planned its boot before.
   *
   * Items: Rule: must be the name of a unit with its type, as kubelet.service.
   */
  services?: string[];
  apply?: SystemAddonSpecApply;
  requires?: SystemAddonSpecRequires;
  /**
   * Lets files with the setuid or setgid bit into the addon, which run as root whoever starts them. Default: false.
   */
  allowSetuid: boolean;
  /**
   * Globs of paths at which files of the addon may take the place of files of the system, as /usr/bin/runc or /usr/libexec/cni/**: "*" and "?" within a name, "**" across directories. An addon that hides other files of the system is not given to nodes. Where a directory takes the place of a link or a file, or the other way round, nothing allows it. Takes effect at once; nothing is made again. Default: none.
   *
   * Items: Rule: must be a path below /usr or /opt without a slash at its end, as /usr/bin/runc or /usr/libexec/cni/**.
   */
  allowReplace?: string[];
  output: SystemAddonSpecOutput;
  pullSecretRef?: SystemAddonSpecPullSecretRef;
  signing?: SystemAddonSpecSigning;
  history: SystemAddonSpecHistory;
  /**
   * How often the tags of images are looked up, plus up to a tenth; at least 10s. Default: 10m.
   * Rule: must be a duration of at least 10s, as 90s or 1h30m.
   */
  interval: string;
}
/**
 * The SystemSource that "from" paths are read from. A source sets it on what it applies.
 */
export interface SystemAddonSpecSourceRef {
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
 * Rule: an image is of one platform, and so are packages; say which, as linux/amd64.
 * Rule: packages are of one system; say in os which, as its /etc/os-release does.
 */
export interface SystemAddonSpecVariant {
  /**
   * Platform of the nodes, or _any where nothing in the addon depends on it, as with scripts. Default: linux/amd64.
   */
  platform: 'linux/amd64' | 'linux/arm64' | '_any';
  os: SystemAddonSpecVariantOs;
  source: SystemAddonSpecVariantSource;
}
/**
 * Which systems it is for, as in their /etc/os-release.
 * Rule: id _any is for every system, so versionId and sysextLevel need another id.
 * Rule: at most one of versionId, sysextLevel can be given.
 */
export interface SystemAddonSpecVariantOs {
  /**
   * ID of the system, as fedora, or _any for software that needs nothing of it. With systemd 258 and newer also an ID_LIKE of the system. Without versionId and sysextLevel it is for systems that have no VERSION_ID. Default: _any.
   * Rule: must be the ID of a system as /etc/os-release writes it, as fedora, or _any.
   */
  id: string;
  /**
   * VERSION_ID of the system, as 42.
   * Rule: must be a VERSION_ID as /etc/os-release writes it, as 42 or 12.1.
   */
  versionId?: string;
  /**
   * SYSEXT_LEVEL of the system, which its makers raise when extensions must be made anew.
   * Rule: must be a SYSEXT_LEVEL as /etc/os-release writes it, as 2.
   */
  sysextLevel?: string;
}
/**
 * What is in the addon: the file system of an image, or packages, files, trees and units.
 * Rule: either image, or packages, files, trees and units are required.
 */
export interface SystemAddonSpecVariantSource {
  image?: SystemAddonSpecVariantSourceImage;
  packages?: SystemAddonSpecVariantSourcePackages;
  /**
   * Files of the addon, each with its content here or from the repository.
   */
  files?: SystemAddonSpecVariantSourceFile[];
  /**
   * Directories of the repository that are placed in the addon with all that is in them.
   */
  trees?: SystemAddonSpecVariantSourceTree[];
  /**
   * systemd units: new ones, and changes to those of the host. Name in services what is to be started.
   */
  units?: SystemAddonSpecVariantSourceUnit[];
}
/**
 * An image whose file system becomes the addon. Only /usr and /opt of it can be; anything else is refused, unless it is named in ignore.
 */
export interface SystemAddonSpecVariantSourceImage {
  /**
   * The image with its registry host, by tag or digest. A tag is followed.
   * Rule: must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>.
   * Rule: needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1.
   */
  reference: string;
  /**
   * Directory of the image that /usr and /opt are in. Default: /.
   * Rule: must be an absolute path, as /rootfs.
   * Rule: must be a path without . and ...
   */
  path: string;
  /**
   * The image of a system that it is built FROM: only the layers above that become the addon, without what packages leave out. A tag is followed; an image that is not built from what it names is refused.
   * Rule: must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>.
   * Rule: needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1.
   */
  over?: string;
  /**
   * Paths below that directory that are left out with all below them, as /etc.
   *
   * Items: Rule: must be an absolute path without a slash at its end, as /etc.
   */
  ignore?: string[];
}
/**
 * Packages of a distribution. They are installed over the base by a SystemDefinition of their own, and what that adds below /usr and /opt becomes the addon. Package databases, and what is in /etc, /var and other directories of the host, are left out.
 */
export interface SystemAddonSpecVariantSourcePackages {
  base: SystemAddonSpecVariantSourcePackagesBase;
  /**
   * Package manager of the base.
   */
  manager: 'dnf' | 'apt' | 'zypper';
  /**
   * Package repositories beside those of the base.
   */
  repositories?: SystemAddonSpecVariantSourcePackagesRepository[];
  /**
   * Packages to install, each with its version where wanted: vim, kubelet-1.36.3 (dnf), kubelet=1.36.3-1.1 (apt).
   *
   * Items: Rule: must be one package, with its version where wanted, as vim or kubelet-1.36.3; an option of the package manager is none.
   */
  install: string[];
  /**
   * Paths that are left out as well, with all below them, as /usr/share/doc.
   *
   * Items: Rule: must be an absolute path without a slash at its end, as /usr/share/doc.
   */
  ignore?: string[];
  build?: SystemAddonSpecVariantSourcePackagesBuild;
}
/**
 * The system that they are installed over: an image, or that of a definition. Its updates are followed (interval); it is pulled with pullSecretRef.
 * Rule: exactly one of image, definitionRef is required.
 */
export interface SystemAddonSpecVariantSourcePackagesBase {
  /**
   * Image of the system with its registry host, by tag or digest.
   * Rule: must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>.
   * Rule: needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1.
   */
  image?: string;
  definitionRef?: SystemAddonSpecVariantSourcePackagesBaseDefinitionRef;
  /**
   * What happens when the base has a new digest: Always builds on it; Manual says BaseUpdateAvailable and waits for the annotation scantling.dev/approve-base with that digest, here on the SystemAddon. Default: Always.
   */
  update: 'Always' | 'Manual';
}
/**
 * A SystemDefinition, whose last good image is the base.
 */
export interface SystemAddonSpecVariantSourcePackagesBaseDefinitionRef {
  /**
   * Name of the SystemDefinition.
   */
  name: string;
}
/**
 * Rule: gpgKey is required, or gpgCheck: false for packages that nobody signed.
 */
export interface SystemAddonSpecVariantSourcePackagesRepository {
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
}
/**
 * How they are installed, as spec.build of a SystemDefinition; it changes nothing in the result.
 */
export interface SystemAddonSpecVariantSourcePackagesBuild {
  /**
   * What installs them: a Kubernetes Job, or buildah beside the controller. Without it, the first of --builders.
   */
  builder?: 'Job' | 'Process';
  /**
   * Deadline of one attempt, as 45m or 1h30m. Default: 30m.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  timeout: string;
  resources?: SystemAddonSpecVariantSourcePackagesBuildResources;
  /**
   * Labels of the nodes that Jobs may run on, besides their architecture.
   */
  nodeSelector?: {
    [k: string]: string;
  };
  /**
   * Taints of nodes that the pod of a Job tolerates.
   */
  tolerations?: SystemAddonSpecVariantSourcePackagesBuildToleration[];
  /**
   * PriorityClass of the pod of a Job; without it, the cluster's default.
   */
  priorityClassName?: string;
  proxy?: SystemAddonSpecVariantSourcePackagesBuildProxy;
  caBundleRef?: SystemAddonSpecVariantSourcePackagesBuildCaBundleRef;
}
/**
 * Requests and limits of the pod of a Job.
 */
export interface SystemAddonSpecVariantSourcePackagesBuildResources {
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
export interface SystemAddonSpecVariantSourcePackagesBuildToleration {
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
/**
 * Proxy for the installation, and for its pulls and pushes.
 */
export interface SystemAddonSpecVariantSourcePackagesBuildProxy {
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
 * ConfigMap of the operator's namespace with certificate authorities (PEM) that the installation, and its pulls and pushes, trust besides the usual ones.
 */
export interface SystemAddonSpecVariantSourcePackagesBuildCaBundleRef {
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
 * Rule: exactly one of content, from is required.
 */
export interface SystemAddonSpecVariantSourceFile {
  /**
   * Absolute path on the host, below /usr or /opt.
   * Rule: must be an absolute path below /usr or /opt, where extensions are merged, as /usr/bin/tool.
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
export interface SystemAddonSpecVariantSourceTree {
  /**
   * Directory in the repository, relative to the document.
   */
  from: string;
  /**
   * Directory on the host that its content is placed in; every file must end up below /usr or /opt.
   * Rule: must be an absolute path, as /usr/share/app.
   */
  to: string;
}
/**
 * Rule: contents, dropIns or both are required.
 */
export interface SystemAddonSpecVariantSourceUnit {
  /**
   * Name of the unit with its type, as app.service or sync@north.timer.
   * Rule: must be the name of a unit with its type, as sshd.service.
   */
  name: string;
  /**
   * The unit file. Without it, the unit is one of the host, or comes by files or trees.
   */
  contents?: string;
  /**
   * Changes to the unit, each a file in /usr/lib/systemd/system/NAME.d.
   */
  dropIns?: SystemAddonSpecVariantSourceUnitDropIn[];
}
export interface SystemAddonSpecVariantSourceUnitDropIn {
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
 * How nodes that run already take another version of the addon, or take it on or off. Default: with a reboot.
 * Rule: drain is said of mode Live; a node is drained before each reboot as its pool says.
 */
export interface SystemAddonSpecApply {
  /**
   * Live: on the running host, where every addon that differs says so, the image stays the same and the host can; with a reboot otherwise. For a moment nothing is merged then, and the services of the addons that changed are restarted. Default: Reboot.
   */
  mode: 'Reboot' | 'Live';
  /**
   * With Live: whether the node is cordoned, and its pods evicted if its pool does so, before. Default: true.
   */
  drain?: boolean;
}
/**
 * What a node must have for the addon to work. Where it is missing, nodes do not get the addon, and what they would have run with it stays as it is.
 */
export interface SystemAddonSpecRequires {
  /**
   * Other addons that must be in the same profile.
   *
   * Items: Rule: must be the name of a SystemAddon, as container-runtime.
   */
  addons?: string[];
  /**
   * Least version of systemd, as 255. Extensions are merged from 252 on.
   */
  systemd?: number;
  /**
   * Modules of the kernel that must be there, built in or to be loaded, as overlay.
   *
   * Items: Rule: must be the name of a kernel module, as br_netfilter.
   */
  kernelModules?: string[];
  /**
   * Files and directories that the system or another addon of the profile must bring, as /usr/bin/runc.
   *
   * Items: Rule: must be an absolute path without a slash at its end, as /usr/bin/runc.
   */
  paths?: string[];
}
/**
 * Where the images of the variants are pushed to.
 */
export interface SystemAddonSpecOutput {
  /**
   * Repository with its registry host, without a tag, that the images of the variants are pushed to.
   * Rule: must be a repository, without tag or digest: Scantling tags what it pushes.
   * Rule: must be a repository with its registry host, in lower case, as registry.example.com/team/worker.
   */
  repository: string;
  pushSecretRef?: SystemAddonSpecOutputPushSecretRef;
}
/**
 * Secret of type kubernetes.io/dockerconfigjson in the operator's namespace; also used to pull the images of the variants' sources.
 */
export interface SystemAddonSpecOutputPushSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * Secret of type kubernetes.io/dockerconfigjson in the operator's namespace, to pull the images of the variants' sources; without it, that of output.pushSecretRef.
 */
export interface SystemAddonSpecPullSecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * Signs the artifact of each variant, and what is said of it, after the push.
 */
export interface SystemAddonSpecSigning {
  keySecretRef: SystemAddonSpecSigningKeySecretRef;
  previousKeySecretRef?: SystemAddonSpecSigningPreviousKeySecretRef;
  /**
   * Attests how the artifact was made (SLSA provenance v1). Default: true.
   */
  provenance: boolean;
}
/**
 * Secret in the operator's namespace: cosign.key (encrypted, of cosign, with cosign.password; or plain PKCS#8). P-256, so that hosts can check it. Its annotation scantling.dev/signs says which repositories it signs in.
 */
export interface SystemAddonSpecSigningKeySecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * The key before it, as keySecretRef: signs as well, while there are hosts that do not know the new one.
 */
export interface SystemAddonSpecSigningPreviousKeySecretRef {
  /**
   * Name of the Secret, in the operator's namespace.
   */
  name: string;
}
/**
 * Which former artifacts are kept. What a node runs or is to run, or what an object names, is always kept.
 */
export interface SystemAddonSpecHistory {
  /**
   * Newest former artifacts of each variant that are kept. Default: 5.
   */
  successful: number;
  /**
   * Images: what is not kept is removed from the output repository, by digest. Default: None.
   */
  prune: 'None' | 'Images';
  /**
   * An artifact that was replaced less than this ago is kept, as 12h. Default: 24h.
   * Rule: must be a duration, as 90s or 1h30m.
   */
  gracePeriod: string;
}
/**
 * What became of the spec. Written by the controller.
 */
export interface SystemAddonStatus {
  /**
   * The metadata.generation that the status speaks of.
   */
  observedGeneration?: number;
  /**
   * Value of the annotation reconcile.scantling.dev/requestedAt that was last acted upon.
   */
  lastHandledReconcileAt?: string;
  /**
   * How many variants are as the spec wants them, of how many, as 2/2.
   */
  ready?: string;
  /**
   * The variants of the spec in its order, each with its last good image.
   */
  variants?: SystemAddonStatusVariant[];
  /**
   * Former artifacts that are still in the output repository, the last replaced first; the first 100.
   */
  history?: SystemAddonStatusHistory[];
  /**
   * What the controller says of the object; Ready is always there, Reconciling and Stalled only while True.
   */
  conditions?: Condition[];
}
export interface SystemAddonStatusVariant {
  /**
   * As in the spec.
   */
  platform: 'linux/amd64' | 'linux/arm64' | '_any';
  os: SystemAddonStatusVariantOs;
  /**
   * Its last good image in the output repository, as repository@digest.
   */
  image?: string;
  /**
   * Digest of the file that nodes merge, which is the one layer of the image.
   */
  digest?: string;
  /**
   * Size of that file in bytes.
   */
  size?: number;
  /**
   * Units that are started with that image.
   */
  services?: string[];
  requires?: SystemAddonStatusVariantRequires;
  /**
   * What it was made of: an image as repository@digest, or a commit as main@sha1:<40 hex>.
   */
  source?: string;
  /**
   * Digest of all that it was made of; while it is the same, nothing is made anew.
   */
  inputs?: string;
  trust?: SystemAddonStatusVariantTrust;
  /**
   * Signatures of ours of that image that were pushed and read back.
   */
  signatures?: SystemAddonStatusVariantSignature[];
  /**
   * Signed statements of ours of that image that were pushed and read back.
   */
  attestations?: SystemAddonStatusVariantAttestation[];
  /**
   * Why it is not as the spec wants it, in one word for programs; docs/conditions.md has them all.
   */
  reason?: string;
  /**
   * Why it is not as the spec wants it, and what to do.
   */
  message?: string;
}
/**
 * As in the spec.
 */
export interface SystemAddonStatusVariantOs {
  /**
   * ID of the system, or _any.
   */
  id: string;
  /**
   * VERSION_ID of the system.
   */
  versionId?: string;
  /**
   * SYSEXT_LEVEL of the system.
   */
  sysextLevel?: string;
}
/**
 * What that image needs of a node.
 */
export interface SystemAddonStatusVariantRequires {
  /**
   * Other addons.
   */
  addons?: string[];
  /**
   * Least version of systemd.
   */
  systemd?: number;
  /**
   * Modules of the kernel.
   */
  kernelModules?: string[];
  /**
   * Files and directories.
   */
  paths?: string[];
}
/**
 * What the trust policies say of it.
 */
export interface SystemAddonStatusVariantTrust {
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
  signers?: SystemAddonStatusVariantTrustSigner[];
}
export interface SystemAddonStatusVariantTrustSigner {
  /**
   * As policy/authority.
   */
  authority: string;
  /**
   * Fingerprint of the key.
   */
  key?: string;
  identity?: SystemAddonStatusVariantTrustSignerIdentity;
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
export interface SystemAddonStatusVariantTrustSignerIdentity {
  /**
   * Who vouches for the subject.
   */
  issuer: string;
  /**
   * URI or e-mail address.
   */
  subject: string;
}
export interface SystemAddonStatusVariantSignature {
  /**
   * Fingerprint of the key.
   */
  key: string;
  /**
   * Signature (tag .sig, which hosts read) or Bundle (referrer).
   */
  form: string;
}
export interface SystemAddonStatusVariantAttestation {
  /**
   * Fingerprint of the key.
   */
  key: string;
  /**
   * As https://slsa.dev/provenance/v1.
   */
  predicateType: string;
}
export interface SystemAddonStatusHistory {
  /**
   * As repository@digest.
   */
  image: string;
  /**
   * Digest of the file that nodes merge.
   */
  digest: string;
  /**
   * The variant it was of, as linux/amd64 for fedora 42.
   */
  variant: string;
  /**
   * When another artifact took its place, or the variant was taken away.
   */
  replaced: string;
  /**
   * Why it is kept, as the last look found; absent where nothing is removed.
   */
  kept?: string;
}
