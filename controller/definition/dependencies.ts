/** What the reconciling of definitions is given, and what its passes share. */
import type { SystemDefinition } from '../api/system-definition.ts';
import type { Client } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Store } from '../kube/store.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import type { Trust } from '../trust/trust.ts';
import type { BaseChecks } from './base-checks.ts';
import type { FollowedImages } from './followed-images.ts';
import type { HostTrustFiles } from './host-trust.ts';
import type { ImagePlatforms } from './image-platforms.ts';
import type { JudgedImages } from './image-trust.ts';
import type { InputTree } from './inputs.ts';
import type { AddonView, DefinitionView } from './projection.ts';
import type { RenderedContexts } from './rendered-contexts.ts';

export interface DefinitionDependencies {
  client: Client;
  registry: Registry;
  /** All definitions, with definitionIndexes. */
  definitions: Store<DefinitionView>;
  /** All addons: hosts are told who may sign them. */
  addons: Store<AddonView>;
  /** A source's repository at `main@sha1:<40 hex>`, for this definition. Throws StallingError for a commit that is not allowed. */
  openRevision: (source: string, revision: string, by: SystemDefinition['metadata']) => Promise<InputTree>;
  /** The registry credentials of a Secret in the operator's namespace; undefined when none is named. */
  readCredentials: (secret: string | undefined) => Promise<DockerConfig | undefined>;
  trust: Pick<Trust, 'judgeImage' | 'basis'>;
  /** What an image tells its hosts, which pull these, of the trust policies as they are now. Throws TransientError or WaitingError where that is not known. */
  hostTrust: (images: readonly string[]) => HostTrustFiles;
  events: Pick<EventRecorder, 'record'>;
  /** Epoch ms. */
  now: () => number;
  /** Milliseconds that never go back. */
  clock: () => number;
  /** In [0, 1). */
  random: () => number;
}

/** What passes share. Nothing of it is needed: without it, the same is looked up and rendered again. */
export interface Shared {
  followed: FollowedImages;
  checks: BaseChecks;
  platforms: ImagePlatforms;
  rendered: RenderedContexts;
  judged: JudgedImages;
}
