/** What the reconciling of addons is given. */
import type { SystemAddon, SystemAddonSpecVariant } from '../api/system-addon.ts';
import type { InputTree } from '../definition/inputs.ts';
import type { Client } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { DockerConfig } from '../registry/credentials.ts';
import type { Registry } from '../registry/registry.ts';
import type { Log } from '../telemetry/log.ts';
import type { Trust } from '../trust/trust.ts';
import type { SigningServices } from './artifact-signing.ts';
import type { Packages } from './packages.ts';
import type { ResolvedSource } from './resolve-source.ts';

export interface MadeArtifact {
  /** `repository@sha256:<manifest>` */
  image: string;
  /** Of the file that hosts merge. */
  digest: string;
  /** Its size in bytes. */
  size: number;
  /** Bytes that the registry did not have. */
  sentBytes: number;
}

export interface ToMake {
  addon: SystemAddon;
  variant: SystemAddonSpecVariant;
  content: ResolvedSource['content'];
}

/**
 * @throws StallingError for what a person must change of the source; TransientError; what the registry throws; the signal's reason
 */
export type MakeVariant = (
  of: ToMake,
  o: { auth: DockerConfig | undefined; signal: AbortSignal; log: Log },
) => Promise<MadeArtifact>;

export interface AddonDependencies {
  client: Client;
  registry: Registry;
  /** A source's repository at `main@sha1:<40 hex>`, for this addon. Throws StallingError for a commit that is not allowed. */
  openRevision: (source: string, revision: string, by: SystemAddon['metadata'] & { kind: string }) => Promise<InputTree>;
  /** The registry credentials of a Secret in the operator's namespace; undefined when none is named. */
  readCredentials: (secret: string | undefined) => Promise<DockerConfig | undefined>;
  trust: Pick<Trust, 'judgeImage' | 'basis'>;
  signing: SigningServices;
  packages: Pick<Packages, 'installed' | 'rest' | 'tidy'>;
  /** Makes and pushes the artifact of one variant. */
  make: MakeVariant;
  events: Pick<EventRecorder, 'record'>;
  /** Epoch ms. */
  now: () => number;
  /** Milliseconds that never go back. */
  clock: () => number;
  /** In [0, 1). */
  random: () => number;
}
