import { StallingError } from '../api/errors.ts';
import { Blobs, checkDigest, expect, isAbsent, path, place } from './blobs.ts';
import { readBody } from './body.ts';
import type { DockerConfig } from './credentials.ts';
import { isDigest, sha256 } from './digest.ts';
import { NotFoundError } from './errors.ts';
import { mediaTypes } from './media-types.ts';
import { formatReference, parseReference, repositoryOf } from './reference.ts';
import type { Manifest, Registry, Resolved } from './registry.ts';
import { TryAgain, retryPolicy, withRetries } from './retry.ts';
import type { RetryPolicy } from './retry.ts';
import { RegistryTransport, dump } from './transport.ts';
import type { Answer } from './transport.ts';

export interface RegistryOptions {
  /** Hosts (with port) that are spoken to in plain http. */
  insecureHosts: ReadonlySet<string>;
  userAgent: string;
  retry?: RetryPolicy;
  now?: () => number;
  random?: () => number;
}

const manifestTypes: readonly string[] = [
  mediaTypes.index,
  mediaTypes.manifest,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
];
const accept = manifestTypes.join(', ');
/** What the distribution specification asks registries to accept at least, and most accept at most. */
const maxManifestBytes = 4 * 1024 * 1024;
const defaultBlobBytes = 8 * 1024 * 1024;
const deadlineMs = 60_000;

/** The client of all registries of this process; connections, tokens and ways to authorise are shared. */
export function createRegistry(options: RegistryOptions): Registry {
  const transport = new RegistryTransport({
    insecureHosts: options.insecureHosts,
    userAgent: options.userAgent,
    now: options.now ?? Date.now,
  });
  const policy = options.retry ?? retryPolicy;
  const retried = <T>(work: () => Promise<T>): Promise<T> => withRetries(policy, options.random ?? Math.random, work);
  const blobs = new Blobs(transport);
  const manifests = new Manifests(transport);
  const hasBlob = (repository: string, digest: string, auth?: DockerConfig): Promise<number | undefined> =>
    retried(() => blobs.stat(repository, wellFormed(digest), auth));
  return {
    resolve: (image, auth) => retried(() => manifests.resolve(image, auth)),
    manifest: (image, auth) => retried(() => manifests.read(image, auth)),
    blob: (repository, digest, auth, limit) =>
      retried(() => blobs.read(repository, wellFormed(digest), auth, limit ?? defaultBlobBytes)),
    hasBlob,
    async pushBlob(repository, bytes, auth) {
      const digest = sha256(bytes);
      if ((await hasBlob(repository, digest, auth)) !== bytes.length)
        await retried(() => blobs.upload(repository, { digest, bytes }, auth));
      return digest;
    },
    async copyBlob(repository, blob, auth) {
      wellFormed(blob.digest);
      if (repository === blob.from || (await hasBlob(repository, blob.digest, auth)) === blob.size) return;
      await retried(() => blobs.transfer(repository, blob, auth));
    },
    async pushManifest(repository, manifest, auth) {
      const digest = sha256(manifest.bytes);
      await retried(() => manifests.write(repository, digest, manifest, auth));
      if (manifest.tag !== undefined) await pushTag(repository, { ...manifest, tag: manifest.tag, digest }, auth);
      return digest;
    },
    close: () => transport.close(),
  };

  async function pushTag(
    repository: string,
    manifest: { mediaType: string; bytes: Uint8Array; tag: string; digest: string },
    auth?: DockerConfig,
  ): Promise<void> {
    await retried(() => manifests.write(repository, manifest.tag, manifest, auth));
  }
}

/** One try of each manifest operation. */
class Manifests {
  readonly #transport: RegistryTransport;

  constructor(transport: RegistryTransport) {
    this.#transport = transport;
  }

  async resolve(image: string, auth: DockerConfig | undefined): Promise<Resolved> {
    const { reference, repository, name } = imageOf(image);
    const answer = await this.#send('HEAD', repository, name, auth);
    await dump(answer);
    if (isAbsent(answer)) throw new NotFoundError(`image ${image}`);
    const digest = answer.headers['docker-content-digest'] ?? reference.digest;
    const mediaType = contentType(answer);
    if (answer.status === 200 && typeof digest === 'string' && isDigest(digest) && manifestTypes.includes(mediaType)) {
      if (reference.digest !== undefined) checkDigest(answer, reference.digest, image);
      return { reference: `${repository}@${digest}`, digest, mediaType };
    }
    if (answer.status !== 200 && answer.status !== 405) expect(answer, [200], image);
    // The digest header is optional, and HEAD is not everywhere: the manifest itself says.
    const manifest = await this.read(image, auth);
    return { reference: `${repository}@${manifest.digest}`, digest: manifest.digest, mediaType: manifest.mediaType };
  }

  async read(image: string, auth: DockerConfig | undefined): Promise<Manifest> {
    const { reference, repository, name } = imageOf(image);
    const answer = await this.#send('GET', repository, name, auth);
    if (answer.status !== 200) {
      await dump(answer);
      if (isAbsent(answer)) throw new NotFoundError(`image ${image}`);
      expect(answer, [200], image);
    }
    const bytes = await readBody(answer, maxManifestBytes, image);
    const digest = sha256(bytes);
    if (reference.digest !== undefined && digest !== reference.digest) {
      throw new TryAgain('DigestMismatch', `${image}: the registry sent other bytes than those of its digest`);
    }
    checkDigest(answer, digest, image);
    const json = parseManifest(bytes, image, reference.digest !== undefined);
    return { digest, mediaType: typeOf(json, contentType(answer), image), bytes, json };
  }

  /** Puts and reads back: a write counts only when the same bytes come out again. */
  async write(
    repository: string,
    name: string,
    manifest: { mediaType: string; bytes: Uint8Array },
    auth: DockerConfig | undefined,
  ): Promise<void> {
    const { mediaType, bytes } = manifest;
    const answer = await this.#transport.send({
      ...place(repository, auth),
      method: 'PUT',
      target: path(repository, `manifests/${name}`),
      actions: 'pull,push',
      headers: { 'content-type': mediaType },
      body: bytes,
      deadlineMs,
    });
    const refused = answer.status >= 400 ? await readBody(answer, maxManifestBytes, repository) : undefined;
    if (refused === undefined) await dump(answer);
    // A blob it just took may not be visible to it yet.
    if (refused && (answer.status === 404 || answer.status === 400)) {
      throw new TryAgain(
        'RegistryRefused',
        `${repository}: the registry refuses the manifest (${answer.status} ${errorCodes(refused)})`,
      );
    }
    const digest = sha256(bytes);
    expect(answer, [201], `manifest ${repository}:${name}`);
    checkDigest(answer, digest, repository);
    await this.#verify(repository, name, digest, auth);
  }

  async #verify(repository: string, name: string, digest: string, auth: DockerConfig | undefined): Promise<void> {
    const image = isDigest(name) ? `${repository}@${name}` : `${repository}:${name}`;
    try {
      const read = await this.read(image, auth);
      if (read.digest !== digest) throw new TryAgain('DigestMismatch', `${image} is ${read.digest} after ${digest} was pushed`);
    } catch (error) {
      if (error instanceof NotFoundError)
        throw new TryAgain('RegistryUnavailable', `${image} is not there after its push`, { cause: error });
      throw error;
    }
  }

  #send(method: 'GET' | 'HEAD', repository: string, name: string, auth: DockerConfig | undefined): Promise<Answer> {
    return this.#transport.send({
      ...place(repository, auth),
      method,
      target: path(repository, `manifests/${name}`),
      actions: 'pull',
      headers: { accept },
      deadlineMs,
    });
  }
}

function imageOf(image: string): { reference: ReturnType<typeof parseReference>; repository: string; name: string } {
  const reference = parseReference(image);
  const name = reference.digest ?? reference.tag;
  if (name === undefined) throw new StallingError('InvalidImage', `${formatReference(reference)} has neither tag nor digest`);
  return { reference, repository: repositoryOf(reference), name };
}

function wellFormed(digest: string): string {
  if (!isDigest(digest)) throw new StallingError('InvalidImage', `${JSON.stringify(digest.slice(0, 100))} is no sha256 digest`);
  return digest;
}

function contentType(answer: Answer): string {
  return (answer.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function parseManifest(bytes: Uint8Array, image: string, pinned: boolean): { mediaType?: unknown } {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error;
  }
  // With the right digest these are the bytes for ever; without one, a proxy's error page may have come instead.
  if (pinned) throw new StallingError('InvalidImage', `${image} is no manifest`);
  throw new TryAgain('RegistryUnavailable', `${image}: the registry did not answer with a manifest`);
}

/** The document's own mediaType must agree with the header where both are known: the digest covers only the document. */
function typeOf(json: { mediaType?: unknown }, header: string, image: string): string {
  const own = json.mediaType;
  if (own === undefined && manifestTypes.includes(header)) return header;
  if (typeof own === 'string' && manifestTypes.includes(own) && (own === header || !manifestTypes.includes(header))) return own;
  throw new StallingError(
    'InvalidImage',
    `${image} is neither an image manifest nor an index (${JSON.stringify(own ?? header)})`,
  );
}

function errorCodes(body: Uint8Array): string {
  const codes = [
    ...Buffer.from(body)
      .toString('utf8')
      .matchAll(/"code"\s*:\s*"([A-Z_]{1,64})"/g),
  ].map(m => m[1]);
  return [...new Set(codes)].slice(0, 5).join(' ');
}
