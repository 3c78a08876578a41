import { open as openFile } from 'node:fs/promises';
import { StallingError } from '../api/errors.ts';
import { Amendments } from './amendments.ts';
import { BlobSource, contentOf } from './blob-source.ts';
import type { Begun } from './blob-source.ts';
import { Blobs } from './blobs.ts';
import type { RegistriesConfiguration } from './configuration.ts';
import type { Credentials, DockerConfig } from './credentials.ts';
import { isDigest, sha256 } from './digest.ts';
import { Deletions } from './deletions.ts';
import { FileContent } from './file-content.ts';
import type { FileBlob } from './file-content.ts';
import { Manifests } from './manifests.ts';
import { Mirrors } from './mirrors.ts';
import type { Sleep } from './pace.ts';
import { Places } from './places.ts';
import type { Place } from './places.ts';
import type { ProxySettings } from './proxy.ts';
import { formatReference, parseReference, repositoryOf } from './reference.ts';
import { Referrers, settleMs } from './referrers.ts';
import { Pushes } from './pushes.ts';
import type { Amendment, CopiedBlob, PushedManifest, Registry, Written } from './registry.ts';
import { TryAgain, lasting, retryPolicy, uploadRetryPolicy, withRetries } from './retry.ts';
import type { Persistence, RetryPolicy, Retrying } from './retry.ts';
import { RegistryTransport } from './transport.ts';
import { Uploads, pieceBytes } from './uploads.ts';

export interface RegistryOptions {
  /** Hosts (with port) that are spoken to in plain http, besides those that the configuration names. */
  insecureHosts?: ReadonlySet<string>;
  /** Asked before each operation, so that a change counts from the next one on. */
  configuration?: () => RegistriesConfiguration | Promise<RegistriesConfiguration>;
  /** PEM of authorities that are trusted for every host, besides the system's. */
  ca?: string;
  proxy?: ProxySettings;
  userAgent: string;
  retry?: RetryPolicy;
  /** For the pieces of an upload under way; default: `retry` where that is given, else a more patient one. */
  uploadRetry?: RetryPolicy;
  /** Milliseconds: without a byte until a connection counts as broken, and for a whole call without a blob. */
  timeouts?: { idleMs: number; callMs: number };
  /** Uploads of more bytes go in pieces of so many. */
  pieceBytes?: number;
  now?: () => number;
  random?: () => number;
  sleep?: Sleep;
}

const defaultBlobBytes = 8 * 1024 * 1024;
/** Of a blob that is read as it comes. */
const readBytes = 1024 * 1024;
const defaultTimeouts = { idleMs: 30_000, callMs: 60_000 };

/** The client of all registries of this process; connections, tokens, the pace of each host and ways to authorise are shared. */
export function createRegistry(options: RegistryOptions): Registry {
  const client = new Client(options);
  // A plain object: callers take single functions from it.
  return {
    resolve: (...of) => client.resolve(...of),
    manifest: (...of) => client.manifest(...of),
    blob: (...of) => client.blob(...of),
    readBlob: (...of) => client.readBlob(...of),
    hasBlob: (...of) => client.hasBlob(...of),
    checkPush: (...of) => client.checkPush(...of),
    pushBlob: (...of) => client.pushBlob(...of),
    pushFile: (...of) => client.pushFile(...of),
    copyBlob: (...of) => client.copyBlob(...of),
    pushManifest: (...of) => client.pushManifest(...of),
    pushManifests: (...of) => client.pushManifests(...of),
    amendTag: (...of) => client.amendTag(...of),
    referrers: (...of) => client.referrers(...of),
    deleteManifest: (...of) => client.deleteManifest(...of),
    close: () => client.close(),
  };
}

/** Each operation as its tries, at the places where it may happen. */
class Client implements Registry {
  readonly #transport: RegistryTransport;
  readonly #places: Places;
  readonly #mirrors: Mirrors;
  readonly #blobs: Blobs;
  readonly #manifests: Manifests;
  readonly #uploads: Uploads;
  readonly #referrers: Referrers;
  readonly #pushes: Pushes;
  readonly #deletions: Deletions;
  readonly #amendments: Amendments;
  readonly #retrying: Retrying;
  readonly #persistence: Persistence;

  constructor(options: RegistryOptions) {
    const { idleMs, callMs: deadlineMs } = options.timeouts ?? defaultTimeouts;
    const now = options.now ?? Date.now;
    const random = options.random ?? Math.random;
    const sleep = options.sleep ?? pause;
    const policy = options.retry ?? retryPolicy;
    this.#retrying = { policy, random, sleep };
    const patient = { policy: options.uploadRetry ?? options.retry ?? uploadRetryPolicy, random, sleep };
    this.#persistence = { begin: this.#retrying, goOn: patient };
    const { userAgent, proxy, ca } = options;
    const transport = new RegistryTransport({ userAgent, proxy, ca, idleMs, maxWaitMs: policy.maxWaitMs, now, random, sleep });
    this.#transport = transport;
    this.#places = new Places(options);
    this.#mirrors = new Mirrors(this.#places, now);
    this.#blobs = new Blobs(transport, deadlineMs);
    this.#manifests = new Manifests(transport, deadlineMs);
    this.#uploads = new Uploads({
      transport,
      blobs: this.#blobs,
      persistence: this.#persistence,
      deadlineMs,
      pieceBytes: options.pieceBytes ?? pieceBytes,
      now,
    });
    const manifests = this.#manifests;
    const retrying = this.#retrying;
    const referrers = new Referrers({ transport, manifests, retrying, deadlineMs, settleMs, now });
    this.#referrers = referrers;
    this.#pushes = new Pushes({ manifests, referrers, retrying });
    this.#deletions = new Deletions({ manifests, referrers, retrying });
    this.#amendments = new Amendments({ manifests, retrying, settleMs, now });
  }

  async resolve(image: string, auth?: DockerConfig): Promise<{ reference: string; digest: string; mediaType: string }> {
    const { repository, name } = imageOf(image);
    const found = await this.#read(repository, auth, isDigest(name), place => this.#manifests.resolve(place, name));
    return { reference: `${repository}@${found.digest}`, ...found };
  }

  async manifest(image: string, auth?: DockerConfig, size?: number, limitBytes?: number): ReturnType<Registry['manifest']> {
    const { repository, name } = imageOf(image);
    return this.#read(repository, auth, isDigest(name), place => this.#manifests.read(place, name, size, limitBytes));
  }

  async blob(
    repository: string,
    digest: string,
    auth?: DockerConfig,
    limitBytes: number = defaultBlobBytes,
    size?: number,
  ): Promise<Uint8Array> {
    wellFormed(digest);
    return this.#read(repository, auth, true, place => this.#blobs.read(place, digest, { limitBytes, size }));
  }

  async *readBlob(
    repository: string,
    blob: { digest: string; size: number },
    auth?: DockerConfig,
    begun?: Begun,
  ): AsyncGenerator<Uint8Array, undefined> {
    wellFormed(blob.digest);
    const open = (offset: number): ReturnType<Blobs['open']> =>
      this.#mirrors.read({ repository, auth, byDigest: true }, place => this.#blobs.open(place, blob.digest, offset));
    const source = new BlobSource({ ...blob, from: repository }, open, this.#persistence, begun);
    try {
      for (let left = blob.size - (begun?.offset ?? 0); left > 0;) {
        const piece = await source.next(readBytes);
        left -= piece.length;
        if (left === 0) source.verify();
        // The source uses its memory again for the next piece.
        yield Uint8Array.from(piece);
      }
      return undefined;
    } catch (error) {
      throw error instanceof TryAgain ? lasting(error) : error;
    } finally {
      source.close();
    }
  }

  async hasBlob(repository: string, digest: string, auth?: DockerConfig): Promise<number | undefined> {
    wellFormed(digest);
    const place = await this.#place(repository, auth);
    return this.#retried(() => this.#blobs.stat(place, digest));
  }

  async checkPush(repository: string, auth?: DockerConfig): Promise<void> {
    const place = await this.#place(repository, auth);
    await this.#uploads.abandon(place, await this.#retried(() => this.#uploads.open(place)));
  }

  async pushBlob(repository: string, bytes: Uint8Array, auth?: DockerConfig, o?: { isNew?: boolean }): Promise<string> {
    const digest = sha256(bytes);
    if (o?.isNew !== true && (await this.hasBlob(repository, digest, auth)) === bytes.length) return digest;
    await this.#retried(async () => {
      const place = await this.#place(repository, auth);
      await this.#uploads.send(place, await this.#uploads.open(place), contentOf(bytes, digest));
    });
    return digest;
  }

  async pushFile(repository: string, blob: FileBlob, auth?: DockerConfig): ReturnType<Registry['pushFile']> {
    wellFormed(blob.digest);
    if ((await this.hasBlob(repository, blob.digest, auth)) === blob.size) return 'present';
    const handle = await openFile(blob.file);
    try {
      await this.#retried(async () => {
        const place = await this.#place(repository, auth);
        await this.#uploads.send(place, await this.#uploads.open(place), new FileContent(blob, handle));
      });
    } finally {
      await handle.close();
    }
    return 'pushed';
  }

  async copyBlob(repository: string, blob: CopiedBlob, auth?: DockerConfig): ReturnType<Registry['copyBlob']> {
    wellFormed(blob.digest);
    if (repository === blob.from || (await this.hasBlob(repository, blob.digest, auth)) === blob.size) return 'present';
    return this.#retried(attempt => this.#transfer(repository, blob, { auth, attempt }));
  }

  async pushManifest(repository: string, manifest: PushedManifest, auth?: DockerConfig): Promise<string> {
    await this.#pushes.push(await this.#place(repository, auth), [manifest]);
    return sha256(manifest.bytes);
  }

  async pushManifests(
    repository: string,
    manifests: readonly PushedManifest[],
    auth?: DockerConfig,
    o?: Written,
  ): Promise<string[]> {
    await this.#pushes.push(await this.#place(repository, auth), manifests, o);
    return manifests.map(({ bytes }) => sha256(bytes));
  }

  async amendTag(repository: string, tag: string, change: Amendment, auth?: DockerConfig, o?: Written): Promise<void> {
    await this.#amendments.amend(await this.#place(repository, auth), { tag, change, ...o });
  }

  async referrers(
    repository: string,
    digest: string,
    auth?: DockerConfig,
    o?: { artifactType?: string },
  ): ReturnType<Registry['referrers']> {
    return this.#referrers.list(await this.#place(repository, auth), wellFormed(digest), o?.artifactType);
  }

  async deleteManifest(repository: string, digest: string, auth?: DockerConfig): Promise<void> {
    await this.#deletions.delete(await this.#place(repository, auth), wellFormed(digest));
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  /** From a mirror, else from the registry itself, which alone is asked again. */
  #read<T>(
    repository: string,
    auth: DockerConfig | undefined,
    byDigest: boolean,
    from: (place: Place) => Promise<T>,
  ): Promise<T> {
    return this.#retried(() => this.#mirrors.read({ repository, auth, byDigest }, from));
  }

  /** One try of a mount, and of a copy where it does not happen. */
  async #transfer(
    repository: string,
    blob: CopiedBlob,
    { auth, attempt }: { auth: DockerConfig | undefined; attempt: number },
  ): Promise<'mounted' | 'copied'> {
    const to = await this.#place(repository, auth);
    const from = await this.#place(blob.from, auth);
    const mountable = from.origin === to.origin && sameAccount(from.credentials, to.credentials);
    const session = mountable
      ? await this.#uploads.mount(to, { repository: from.repository, digest: blob.digest })
      : await this.#uploads.open(to);
    if (session === undefined) return 'mounted';
    // Bytes that were not those of the digest may have come from a mirror; the registry itself has the last word.
    const open = (offset: number): ReturnType<Blobs['open']> =>
      attempt > 1
        ? this.#blobs.open(from, blob.digest, offset)
        : this.#mirrors.read({ repository: blob.from, auth, byDigest: true }, place =>
            this.#blobs.open(place, blob.digest, offset),
          );
    const source = new BlobSource(blob, open, this.#persistence);
    try {
      await this.#uploads.send(to, session, source);
      return 'copied';
    } finally {
      source.close();
    }
  }

  async #place(repository: string, auth: DockerConfig | undefined): Promise<Place> {
    return (await this.#places.reach()).place(repository, auth);
  }

  #retried<T>(work: (attempt: number) => Promise<T>): Promise<T> {
    return withRetries(this.#retrying, work);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

function imageOf(image: string): { repository: string; name: string } {
  const reference = parseReference(image);
  const name = reference.digest ?? reference.tag;
  if (name === undefined) throw new StallingError('InvalidImage', `${formatReference(reference)} has neither tag nor digest`);
  return { repository: repositoryOf(reference), name };
}

function wellFormed(digest: string): string {
  if (!isDigest(digest)) throw new StallingError('InvalidImage', `${JSON.stringify(digest.slice(0, 100))} is no sha256 digest`);
  return digest;
}

function sameAccount(a: Credentials | undefined, b: Credentials | undefined): boolean {
  return a?.username === b?.username && a?.password === b?.password && a?.identityToken === b?.identityToken;
}
