import type { DockerConfig } from './credentials.ts';

/** A tag or digest resolved to what it names now. */
export interface Resolved {
  /** `host/repository@digest`. */
  reference: string;
  digest: string;
  mediaType: string;
}

export interface Manifest {
  digest: string;
  mediaType: string;
  /** Exactly the bytes that `digest` is over. */
  bytes: Uint8Array;
  /** The parsed bytes. */
  json: unknown;
}

/**
 * An OCI distribution client (distribution specification 1.1). Repositories are `host/repository`, images are that with a tag or
 * digest. Everything that comes in is checked against its digest. Every method throws
 * - NotFoundError when the registry says definitely that the thing is not there (404 of that endpoint, nothing else),
 * - TransientError `RegistryAccessDenied` (401/403), `RegistryUnavailable` (network, 429, 5xx after its retries), `DigestMismatch`,
 *   `RegistryRefused` (another 4xx),
 * - StallingError `InvalidImage` for a name that is none.
 */
export interface Registry {
  /** What a tag names, or that a digest is there. */
  resolve(image: string, auth?: DockerConfig): Promise<Resolved>;
  manifest(image: string, auth?: DockerConfig): Promise<Manifest>;
  /** A blob in memory. Refused when larger than `limitBytes` (default 8 MiB). */
  blob(repository: string, digest: string, auth?: DockerConfig, limitBytes?: number): Promise<Uint8Array>;
  /** The blob's size, undefined when it is not there. */
  hasBlob(repository: string, digest: string, auth?: DockerConfig): Promise<number | undefined>;
  /** Uploads unless there; returns the digest. */
  pushBlob(repository: string, bytes: Uint8Array, auth?: DockerConfig): Promise<string>;
  /** Makes a blob of another repository appear in `repository`: nothing when there, a mount on the same registry, else a streamed copy. */
  copyBlob(repository: string, blob: { from: string; digest: string; size: number }, auth?: DockerConfig): Promise<void>;
  /** Pushes by digest, and by tag when given, reads back and compares; returns the digest. */
  pushManifest(
    repository: string,
    manifest: { mediaType: string; bytes: Uint8Array; tag?: string },
    auth?: DockerConfig,
  ): Promise<string>;
  /** Closes the connections. */
  close(): Promise<void>;
}
