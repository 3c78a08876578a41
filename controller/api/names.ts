/** Every annotation, label, finalizer and field manager that Scantling writes or reads. */

/** Any new value forces a pass and is echoed in status.lastHandledReconcileAt. */
export const requestedAt = 'reconcile.scantling.dev/requestedAt';

/** On a SystemSource: the commit id whose removals are allowed beyond maxRemovals. */
export const allowRemovals = 'scantling.dev/allow-removals';
/** On a SystemSource: the commit id that may be gone to though it does not descend from the last accepted one. */
export const allowRewind = 'scantling.dev/allow-rewind';

/** On what a source applied: the source's name (label), the document, and the digest of all that the document reads. */
export const sourceLabel = 'scantling.dev/source';
export const documentAnnotation = 'scantling.dev/document';
export const inputsAnnotation = 'scantling.dev/inputs';

/** On an ImageBuild: its definition's name (label). */
export const definitionLabel = 'scantling.dev/definition';
/** On a SystemDefinition that installs the packages of a SystemAddon: the addon's name (label). */
export const addonLabel = 'scantling.dev/addon';
/** On a Job and its pod: the ImageBuild it is for, by uid, and the key of the foundation it makes (labels). */
export const buildLabel = 'scantling.dev/build';
export const foundationLabel = 'scantling.dev/foundation';
/** On a Job and its pod: the ImageBuild's name and the platform; on a Job: how many Jobs of its attempt were lost before it (annotations). */
export const buildAnnotation = 'scantling.dev/image-build';
export const platformAnnotation = 'scantling.dev/platform';
export const generationAnnotation = 'scantling.dev/generation';
export const interruptionsAnnotation = 'scantling.dev/interruptions';
/** On an ImageBuild: any value ends it; taken away, it may run again. */
export const cancelAnnotation = 'scantling.dev/cancel';
/** On a SystemDefinition with base.update Manual: the base digest that may be built on. */
export const approveBase = 'scantling.dev/approve-base';
/** On a Secret that spec.signing names: the repositories that its key signs in, as prefixes with commas or line breaks between them. */
export const signsAnnotation = 'scantling.dev/signs';
/** On a NodeTarget: its pool's name (label). */
export const poolLabel = 'scantling.dev/pool';

/** On a Node that we cordoned: JSON {pool, since, target, wasUnschedulable}, written in the same patch as the cordon. Nothing else may lift that cordon but its owner. */
export const cordonAnnotation = 'scantling.dev/cordon';

/** On a Node: which addons it asks for besides its pool, as JSON: [{"name": …, "addon": …}]. */
export const addonsAnnotation = 'scantling.dev/addons';

/** On a NodeTarget: failures (`<digest>/<time>`, separated by spaces) that a person has allowed to be tried again. */
export const retriedAnnotation = 'scantling.dev/retried';

/** On a NodeTarget: the uid of the Node that it is for; another Node of that name is another machine. */
export const nodeUIDAnnotation = 'scantling.dev/node-uid';

/** On a NodeTarget: digest (of hostRuleText) of what its host is to require of images of its repository, by the trust policies as they are now. Absent without policies. */
export const hostRuleAnnotation = 'scantling.dev/host-rule';

/** On a NodeTarget, from its go-ahead on: whoever deletes it, its node ends its reboot first. */
export const nodeTargetFinalizer = 'scantling.dev/reboot';
/** On a SystemPool: its nodes' cordons are lifted before it goes. */
export const poolFinalizer = 'scantling.dev/rollout';
/** On a SystemSource: what it applied is left or pruned by its own rules before it goes. */
export const sourceFinalizer = 'scantling.dev/inventory';

/** On a source, definition, addon or pool: the shard that is to act on it (label), and the Lease of the controller that does, '' for none (annotation). */
export const shardLabel = 'scantling.dev/shard';
export const shardHolder = 'scantling.dev/shard-holder';

/** The Lease of the controller that acts on what has no shard. */
export const defaultLease = 'scantling-controller';

/** The namespace of the operator, its Secrets and its Lease. */
export const defaultNamespace = 'scantling-system';
/** The namespace of what agents may read: copies of the pools' pull Secrets. */
export const defaultAgentNamespace = 'scantling-agents';

/** The Lease of the controllers; `scantling uninstall` takes it over under a name that begins with `uninstallHolder`. */
export const leaderLease = 'scantling-controller';
export const uninstallHolder = 'uninstall-';

export const fieldManagers = {
  source: 'scantling-source',
  definition: 'scantling-definition',
  addon: 'scantling-addon',
  build: 'scantling-build',
  retention: 'scantling-retention',
  rollout: 'scantling-rollout',
  trust: 'scantling-trust',
  discovery: 'scantling-discovery',
  agent: 'scantling-agent',
  webhook: 'scantling-webhook',
  uninstall: 'scantling-uninstall',
  cli: 'scantling-cli',
  shard: 'scantling-shard',
  lease: 'scantling-lease',
  events: 'scantling-events',
} as const;

/** Where a source's webhook is taken: the start of the path, which its name follows. */
export const webhookPrefix = '/hooks/';
