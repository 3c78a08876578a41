/** What a person can do about a reason, in one sentence each: pure. A test holds that every key is a reason that is given. */
import { allowRemovals, allowRewind, approveBase, requestedAt } from '../api/names.ts';

const again = `the annotation ${requestedAt} with a new value asks for another try`;

/** By reason; what passes by itself has none. For {name} and {follows} see adviceFor. */
export const advice: Readonly<Record<string, string>> = {
  // Sources
  AuthenticationFailed: 'Correct the credentials in the Secret that spec.secretRef names.',
  RepositoryNotFound: 'Correct spec.url, or give the credentials the right to read the repository.',
  RefNotFound: 'Correct spec.ref, or push the branch, tag or commit.',
  PathNotFound: 'Correct spec.path, or commit the directory.',
  NoDocuments: 'Commit a document of Scantling below spec.path, or correct spec.path.',
  DocumentsRefused: 'Correct the lines that the message names, and push; the last good version stays until then.',
  NonFastForward: `If history was rewritten on purpose, annotate the SystemSource with ${allowRewind}=COMMIT.`,
  PruneBlocked: `If the removals are meant, annotate the SystemSource with ${allowRemovals}=COMMIT.`,
  ObjectClaimed: 'Remove the object from all sources but one.',
  LimitExceeded: 'Raise the cap in spec.limits that the message names, or make the commit smaller.',
  SecretNotFound: "Create the Secret in the operator's namespace.",
  InvalidSecret: 'Give the Secret the keys that the message names.',
  ConfigMapNotFound: "Create the ConfigMap, with the key that the message names, in the operator's namespace.",
  GitServerUnavailable: 'Look at the Git server and at the way there (proxy, network policy, certificates).',
  // Definitions
  RenderFailed: 'Correct the field that the message names.',
  LintFailed: 'Correct the findings, or set spec.build.lint to Warn.',
  InputNotFound: 'Commit the file that the message names, or correct the "from".',
  SourceNotReady: 'Look at the SystemSource: scantling why source/{follows}.',
  OutputConflict: 'Give one of the definitions another output.repository.',
  BaseNotFound: 'Correct spec.base, or push the base image.',
  BaseNotReady: 'Look at the definition that the base comes from.',
  BaseCycle: 'Break the circle that the message shows.',
  BaseNotBootable: 'Use a bootable base (bootc) or wait for its next update.',
  WaitingForApproval: `Annotate the SystemDefinition with ${approveBase}=DIGEST when the new base is wanted.`,
  BuildFailed: `Read the output with scantling logs {name} and correct the step; ${again}.`,
  BuildCanceled: 'Take the annotation scantling.dev/cancel off the ImageBuild to let it run again.',
  DefinitionNotReady: 'Look at the definition: scantling why definition/{follows}.',
  // Builds
  Unschedulable: 'Give the cluster a node that fits, or change build.resources, nodeSelector or tolerations.',
  OOMKilled: 'Raise build.resources.limits.memory.',
  DeadlineExceeded: 'Raise build.timeout, or look at what takes so long with scantling logs {name}.',
  ImagePullBackOff: "Look at the name and the pull secrets of the builder's image.",
  InvalidImageName: "Correct the name of the builder's image (--builder-image).",
  CreateContainerConfigError: "Give the build's pod what the message names.",
  JobRefused: "Change what the API server's words name.",
  // Addons
  ContentRefused: 'Name the paths of the message in ignore, or take them out of the source.',
  AddonTooLarge: 'Make it smaller: name in ignore what hosts do not need, or make two addons of it.',
  InvalidLayer: 'Push the source image anew; the message says what is wrong with it.',
  InvalidMatch: 'Correct the os of the variant that the message names.',
  PlatformUnsupported: 'Push the source image for that platform, or take the variant away.',
  ImageFailed: 'Give the controller a directory with the room that the message asks for (--build-directory).',
  // Trust
  Untrusted:
    'Have it signed by whom the policy names, or let its signer count (scantling trust add); scantling verify explains each signature.',
  NoPolicy: 'Add a TrustPolicy that covers the name (scantling trust add --prefix), or one with scope.root and mode Skip.',
  Revoked: 'Sign it with a key that is not revoked, or go to an image that is signed by one.',
  InvalidKey: 'Correct the key that the message names; scantling trust show tells which there are.',
  ScopeConflict: 'Give one of the policies another scope, or make one policy of both.',
  Expired: 'Let the next key count (scantling trust add), and sign with it.',
  // Pools and nodes
  PodDisruptionBudget: 'Make the workload healthy or scale it up, or loosen its PodDisruptionBudget.',
  UnmanagedPod: 'Delete the pod if it may go, or set drain.force on the SystemPool.',
  EmptyDirPod: 'Delete the pod if its data may go, or set drain.deleteEmptyDirData on the SystemPool.',
  PodTerminating: 'Look at what keeps the pod from ending: its finalizers, its volumes, its node.',
  DrainTimeout: `Look at what keeps its pods; ${again} on the SystemPool.`,
  DrainBlocked: 'Look at the pods and budgets that the message names.',
  RolloutHalted: `Look at the failed nodes; another target, or ${again} on the SystemPool, goes on.`,
  NodesFailed: `Look at the failed nodes; ${again} on the SystemPool.`,
  NodesNotReady: 'Look at the nodes that the message names: kubectl describe node NAME.',
  PullSecretConflict: "Rename or delete the Secret in the agents' namespace that the message names.",
  InvalidRegistries: 'Correct registries.yaml in the ConfigMap of --registries-config.',
  NoBudget: 'Set rollout.maxUnavailable to 1 or more.',
  WaitingForBudget: 'Bring the nodes that the message names back, or raise rollout.maxUnavailable.',
  NodeConflict: 'Narrow a nodeSelector so that one SystemPool selects the node.',
  NoNodes: 'Label nodes so that nodeSelector selects them, or correct nodeSelector.',
  StageTimeout: "Look at the agent's pod on the node, and at the node's way to the registry.",
  RebootTimeout: 'Look at the console of the machine; when it runs again, the SystemPool goes on.',
  NotReady: 'Look at the kubelet on the node: kubectl describe node {name}.',
  WrongAddons: `Look at who changed what is merged (scantling profile show {name}); ${again} on the SystemPool.`,
  AddonsFailed: `See which addons are not merged (scantling profile show {name}), and go back to the former ones, or correct what the message names; ${again} on the SystemPool.`,
  AddonsNotReady: 'Give the addon that the message names a variant for the system, or take it out of the profile.',
  InvalidAddons: 'Correct the annotation scantling.dev/addons of the Node that the message names.',
  AgentTooOld: 'Upgrade the agents; hosts that can merge no addons need an image with spec.addons.support.',
  WrongImage: 'Find out who changed what the node boots (bootc status on it).',
  Unmanaged: 'Install the host from a bootable image (bootc install), or take it out of the pool.',
  HostReadOnly: 'Install the host to its disk; a live system cannot be updated.',
  HostIncompatible: 'Remove the layered packages on the host (rpm-ostree reset).',
  DiskFull: 'Make room on the host.',
  EtcConflict: 'Resolve the conflict below /etc on the host.',
  DeploymentCorrupt: 'Remove the damaged deployment on the host.',
  SignatureRejected: "Correct the host's signature policy, or sign the image.",
  RegistryUnauthorized: 'Give the pool a pullSecretRef that may read the repository.',
  RegistryUnavailable: "Look at the registry, and at the node's way there.",
  ImageNotFound: 'Push the image, or correct its name.',
  FellBack: `Look at why the boot failed (journalctl -b -1 on the node); ${again} on the SystemPool, or another commit.`,
  FinalizeFailed: `Look at ostree-finalize-staged on the node; ${again} on the SystemPool.`,
  Unapplied: `Look at the host; ${again} on the SystemPool.`,
  Unknown: 'Look at what the host boots (bootc status on it).',
  RebootOverdue: 'Look at what holds the shutdown up on the host (systemctl list-jobs, systemd-inhibit).',
  RebootRefused: 'Look at what forbids a reboot on the host.',
  ApprovalSpent: `On the SystemPool, ${again}.`,
  MemoryUnwritable: 'Make room on the host, or make it writable.',
  HostBusy: "Wait, or end what holds the host's deployment lock.",
  Forbidden: 'Compare the RBAC of the installation with docs/permissions.md.',
  Suspended: 'Unset spec.suspend when it is to go on.',
};

/** What waits with one of these, and would go on by itself, does so only when a person has done what is advised: no time mends it. */
export const waitsForPerson: ReadonlySet<string> = new Set([
  'SecretNotFound',
  'InvalidSecret',
  'ConfigMapNotFound',
  'PullSecretConflict',
  'InvalidRegistries',
  'JobRefused',
  'ImagePullBackOff',
  'InvalidImageName',
  'CreateContainerConfigError',
  'NoBudget',
  'NodesNotReady',
]);

/** Of what only this command says. */
export const ownAdvice: Readonly<Record<string, string>> = {
  Gone: 'Apply it, or correct the name where it is referred to.',
  NotSeen: 'Look at the controller: scantling version, kubectl -n scantling-system get pods.',
  AgentSilent: "Look at the agent's pod on the node: kubectl -n scantling-system get pods -o wide.",
  NoReport: "If it stays so, look at the agent's pod on the node.",
  NodeGone: 'Nothing, if the machine is gone for good: its NodeTarget goes with its pool.',
  NodeNotReady: 'Look at the kubelet on the node: kubectl describe node {name}.',
  NoPool: 'Label the node so that a SystemPool selects it, or widen a nodeSelector.',
};

/** `name`: of what has the reason. `follows`: of what that is made from. */
export function adviceFor(reason: string, { name, follows = 'NAME' }: { name: string; follows?: string }): string | undefined {
  return (advice[reason] ?? ownAdvice[reason])?.replaceAll('{name}', name).replaceAll('{follows}', follows);
}
