import type { Begun } from './blob-source.ts';
import type { DockerConfig } from './credentials.ts';
import type { FileBlob } from './file-content.ts';
import type { Descriptor } from './media-types.ts';

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

/** A blob that another repository has, of the same registry or of another. */
export interface CopiedBlob {
  from: string;
  digest: string;
  size: number;
}

/** What a tag is to name instead of what it names now (undefined: nothing); undefined when it is right as it is. Asked again as often as needed. */
export type Amendment = (
  current: Manifest | undefined,
) => Promise<{ mediaType: string; bytes: Uint8Array } | undefined> | { mediaType: string; bytes: Uint8Array } | undefined;

export interface PushedManifest {
  mediaType: string;
  bytes: Uint8Array;
  tag?: string;
}

/** Called once, when all that was asked for is there; what was called goes on until it has been seen to stay. */
export interface Written {
  written?: () => void;
}

/**
 * An OCI distribution client (distribution specification 1.1). Repositories are `host/repository`, images are that with a tag or
 * digest. Everything that comes in is checked against its digest, and against its size where the caller knows it. What a digest proves may come
 * from a mirror; tags only from mirrors that are configured for it; everything else is asked of the registry itself. Every method throws
 * - NotFoundError when the registry says definitely that the thing is not there (404 of that endpoint, nothing else),
 * - TransientError `RegistryAccessDenied` (401/403), `RegistryUnavailable` (network, 429, 5xx after its retries, with retryAfterMs where the
 *   registry said), `DigestMismatch`, `RegistryQuotaExceeded` (413, 507, or the registry's words), `RegistryRefused` (another 4xx),
 * - StallingError `InvalidImage` for a name that is none.
 * Messages name the registry and the repository, and quote the registry's own code and words; secrets in them are masked.
 */
export interface Registry {
  /** What a tag names, or that a digest is there. One HEAD, where the registry answers it fully. */
  resolve(image: string, auth?: DockerConfig): Promise<Resolved>;
  /**
   * Refused when larger than `limitBytes` (default 4 MiB), or with more values than there is room for in that.
   * @param size as the descriptor that led here declares it
   */
  manifest(image: string, auth?: DockerConfig, size?: number, limitBytes?: number): Promise<Manifest>;
  /** A blob in memory. Refused when larger than `limitBytes` (default 8 MiB), or not of `size` where that is given. */
  blob(repository: string, digest: string, auth?: DockerConfig, limitBytes?: number, size?: number): Promise<Uint8Array>;
  /**
   * The bytes of a blob as they come, for what is too large for memory; goes on where it was interrupted. Its digest is checked at its end, with the last of them.
   * @param begun bytes that the caller has already, of which there are fewer than the blob's: those behind them follow
   */
  readBlob(
    repository: string,
    blob: { digest: string; size: number },
    auth?: DockerConfig,
    begun?: Begun,
  ): AsyncIterable<Uint8Array>;
  /** The blob's size, undefined when it is not there. */
  hasBlob(repository: string, digest: string, auth?: DockerConfig): Promise<number | undefined>;
  /**
   * Whether blobs may be pushed to a repository: opens an upload, and gives it up. For who has long work to do before there is something to push.
   * @throws as a push that is not allowed
   */
  checkPush(repository: string, auth?: DockerConfig): Promise<void>;
  /**
   * Uploads unless there; returns the digest. More than 8 MiB go in pieces, and on where they were interrupted.
   * @param o `isNew`: it is most likely not there, and is not looked for
   */
  pushBlob(repository: string, bytes: Uint8Array, auth?: DockerConfig, o?: { isNew?: boolean }): Promise<string>;
  /** Uploads a file unless its blob is there, a piece of 8 MiB in memory at a time. Throws what the file system does, too. */
  pushFile(repository: string, blob: FileBlob, auth?: DockerConfig): Promise<'present' | 'pushed'>;
  /**
   * Makes a blob of another repository appear in `repository`: nothing when there, a mount on the same registry, else a copy that holds one piece
   * of 8 MiB in memory and goes on where it was interrupted, on either side. Says which of the three it was.
   */
  copyBlob(repository: string, blob: CopiedBlob, auth?: DockerConfig): Promise<'present' | 'mounted' | 'copied'>;
  /** Pushes by digest, and by tag when given, reads back and compares; returns the digest. One with a subject is then among its referrers. */
  pushManifest(repository: string, manifest: PushedManifest, auth?: DockerConfig): Promise<string>;
  /** The same of several: those with one subject come into the list of its referrers with one write. */
  pushManifests(repository: string, manifests: readonly PushedManifest[], auth?: DockerConfig, o?: Written): Promise<string[]>;
  /**
   * Changes what a tag names where others may change it at the same time, so that nobody's change is lost: made again on what is there until it has
   * stayed. What the new manifest names must be there.
   */
  amendTag(repository: string, tag: string, change: Amendment, auth?: DockerConfig, o?: Written): Promise<void>;
  /**
   * What refers to a manifest, by the referrers API and the referrers tag. An empty list means that there is none; a failed look-up throws.
   * Where a list does not say the artifact type of an entry, its manifest is read.
   */
  referrers(repository: string, digest: string, auth?: DockerConfig, o?: { artifactType?: string }): Promise<Descriptor[]>;
  /**
   * Deletes a manifest by digest, and with it its tags and its entry in the referrers tag of its subject.
   * @throws StallingError `DeletionUnsupported` where the registry does not delete, NotFoundError when it is not there
   */
  deleteManifest(repository: string, digest: string, auth?: DockerConfig): Promise<void>;
  /** Closes the connections. */
  close(): Promise<void>;
}
