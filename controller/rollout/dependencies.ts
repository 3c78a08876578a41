/** What the reconciling of pools is given, and what its passes share. */
import type { Client } from '../kube/client.ts';
import type { ApiError } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Store } from '../kube/store.ts';
import type { Registry } from '../registry/registry.ts';
import type {
  AddonOfferView,
  BuiltImageView,
  DefinitionImageView,
  NodeTargetView,
  NodeView,
  SystemPoolView,
} from './projection.ts';
import type { CompareAddons, Comparisons } from './comparisons.ts';
import type { PoolDoor, PoolTrust } from './pool-trust.ts';
import type { PullSecrets } from './pull-secrets.ts';
import type { Setbacks } from './setbacks.ts';
import type { ReadSystem, Systems } from './systems.ts';
import type { Written } from './written.ts';

export interface PoolDependencies {
  client: Client;
  registry: Pick<Registry, 'resolve' | 'manifest'>;
  events: Pick<EventRecorder, 'record'>;
  /** Which system is in an image, by its os-release. */
  readSystem: ReadSystem;
  /** Whether addons hide files of each other. */
  compareAddons: CompareAddons;
  trust: PoolDoor;
  /** Digest of what hosts are to require of an image's repository now: null without policies, undefined while it is not known. */
  hostRule: (image: string) => string | null | undefined;
  stores: PoolStores;
  /** The operator's own namespace, and the one whose Secrets agents read. */
  namespaces: { operator: string; agents: string };
  /** Epoch ms. */
  now: () => number;
}

export interface PoolStores {
  pools: Store<SystemPoolView>;
  nodes: Store<NodeView>;
  nodeTargets: Store<NodeTargetView>;
  definitions: Store<DefinitionImageView>;
  /** With builtIndexes. */
  builds: Store<BuiltImageView>;
  addons: Store<AddonOfferView>;
}

/** What the passes share: the stores with our own writes in them, and hints that only save calls. */
export interface PoolMemory {
  pools: Written<SystemPoolView>;
  nodes: Written<NodeView>;
  nodeTargets: Written<NodeTargetView>;
  /** When the status was last written, by pool. */
  statusWrittenAt: Map<string, number>;
  /** When a node's pods were last looked at. */
  drainedAt: Map<string, number>;
  /** Since when every look at a node's pods found the drain blocked. */
  blockedSince: Map<string, number>;
  /** Nodes for which a write was refused. */
  refusals: Setbacks<ApiError>;
  /** Images that could not be looked up. */
  lookUps: Setbacks<unknown>;
  pullSecrets: PullSecrets;
  systems: Systems;
  comparisons: Comparisons;
  trust: PoolTrust;
}
