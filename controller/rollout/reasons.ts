/** Every reason of a SystemPool's conditions and events and of a NodeTarget's status.rollout, and what it means. Reasons of the registry and of a node's agent pass through. */
export const poolReasons = {
  Updated: 'Every node runs the target and is Ready.',
  NoNodes: 'No node matches nodeSelector.',
  RollingOut: 'Nodes are staging, being drained or rebooting.',
  WaitingForBudget: 'Staged nodes wait until fewer nodes are unavailable; the message names the ones that are.',
  NoBudget: 'maxUnavailable is 0: nothing starts.',
  DrainBlocked:
    'All that is left to do waits for pods that may not be evicted; the message names them, and the disruption budget.',
  NodesNotReady: 'What is left are nodes that are not Ready, or were not heard of.',
  NodesFailed: 'Nodes failed on the target, fewer than failureThreshold; the others are done.',
  RolloutHalted:
    'As many nodes as failureThreshold failed on the target. Another target, or the annotation requestedAt, starts anew.',
  NodeConflict: 'A node is selected by several SystemPools; none of them moves it.',
  DefinitionNotReady: 'The SystemDefinition is missing or has no image yet.',
  ImageNotFound: 'The registry has no image of the name in spec.system.image; it is looked for again.',
  SecretNotFound: 'The Secret of pullSecretRef does not exist in the namespace of the operator; it is looked for again.',
  InvalidSecret:
    'The Secret of pullSecretRef is of the wrong type, cannot be read, or has no credentials for the image; it is looked at again.',
  PullSecretConflict: "A Secret that is not Scantling's has the name of the pool's copy in the agents' namespace.",
  Forbidden: 'The API server does not let the controller write; the message names the object. Compare the RBAC of the install.',
  Invalid: 'The API server refuses what the controller writes as invalid; the message names the object and the field.',
  BadRequest: 'The API server refuses what the controller writes; the message says why.',
  Suspended: 'spec.suspend is set: nothing new starts; approved nodes finish.',
  Deleting: 'The pool is being deleted: approved nodes finish, then every mark is taken off.',
  RunningUntrusted:
    'Nodes run an image that trust does not allow (condition, whose reason says why, and event). None is rebooted for it: move them to another target, or trust the image again.',
  RunningUnjudged:
    'Nodes run an image of which nobody can say whether trust allows it (condition RunningUntrusted, status Unknown): it was booted by hand and only its platform is known, or signatures cannot be looked up.',
  TrustChanged: 'What is trusted changed between plan and action; the pool looks again.',
  TrustNotLoaded: 'The controller has not read the trust policies yet.',
  TrustRemoved:
    'The last TrustPolicy for images was removed less than a minute ago (condition ImageTrusted and event). Nothing starts meanwhile; what was refused stays so until a policy allows it.',
  RolloutStarted: 'The pool has a new target (event).',
  CanaryDone: 'The canary is proven; the other nodes follow (event).',
  RolloutComplete: 'Every node runs the target (event).',
  NodeFailed: 'A node failed on the target (event).',
  PodDisruptionBudget: 'A disruption budget forbids an eviction.',
  UnmanagedPod: 'A pod that no controller would make anew is in the way; drain.force evicts it.',
  EmptyDirPod: 'A pod with an emptyDir volume is in the way; drain.deleteEmptyDirData evicts it.',
  PodTerminating: 'A pod is not gone although its grace period is over.',
  EvictionRefused: 'The API server refused an eviction for another reason.',
  StageTimeout: 'The node did not stage its target in time.',
  DrainTimeout: 'The node could not be drained in time; it is given back.',
  RebootTimeout: 'The node is not back on its target in time; it stays cordoned.',
  NotReady: 'The node booted its target but did not become Ready in time.',
  WrongAddons: 'The node runs its image with other addons than those it was approved for.',
  AddonsFailed: 'The node runs its image, but not all of its addons are merged; its NodeTarget says which.',
  AddonsNotReady:
    'An addon that nodes are to run has no variant for their system, or does not exist; nothing new starts on these nodes. It goes on by itself once there is one.',
  Collision:
    'An addon hides files of the system that nodes are to run, or of another addon; nothing new starts on these nodes. The message has the paths: leave them out of the addon, or name them in its spec.allowReplace.',
  InvalidAddons: 'The annotation scantling.dev/addons of a node cannot be read; nothing new starts on it.',
  AgentTooOld: 'Nodes are to run addons, and their agents cannot merge any: they wait for newer ones, or for hosts that can.',
  WrongImage: 'The node runs another image than the one it was approved for.',
  Unmanaged: 'The host was not booted from a bootable container image.',
  NodeChanged: 'A Node changed between plan and action; the pool looks again.',
  PoolGone: 'The pool was deleted between plan and action.',
  CacheNotSynced: 'The controller has not listed everything yet.',
} as const;

export type PoolReason = keyof typeof poolReasons;
