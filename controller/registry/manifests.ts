import { StallingError } from '../api/errors.ts';
import { checkDigest, isAbsent, path } from './blobs.ts';
import { readBody } from './body.ts';
import { isDigest, sha256 } from './digest.ts';
import { NotFoundError, TooLargeError } from './errors.ts';
import { mediaTypes } from './media-types.ts';
import type { Place } from './places.ts';
import type { Manifest, Resolved } from './registry.ts';
import { TryAgain } from './retry.ts';
import { dump } from './transport.ts';
import type { Answer, RegistryTransport } from './transport.ts';

const manifestTypes: readonly string[] = [
  mediaTypes.index,
  mediaTypes.manifest,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
];
const accept = manifestTypes.join(', ');
/** What the distribution specification asks registries to accept at least, and most accept at most. */
export const maxManifestBytes = 4 * 1024 * 1024;
/** Of what is read at most, a value takes up as many bytes: a list of short descriptors has one for each forty. */
const bytesPerValue = 40;

/** One try of each manifest operation at one place. `name` is a tag or a digest. */
export class Manifests {
  readonly #transport: RegistryTransport;
  readonly #deadlineMs: number;

  constructor(transport: RegistryTransport, deadlineMs: number) {
    this.#transport = transport;
    this.#deadlineMs = deadlineMs;
  }

  async resolve(place: Place, name: string): Promise<Omit<Resolved, 'reference'>> {
    const image = imageName(place, name);
    const answer = await this.#get('HEAD', place, name, [405]);
    await dump(answer);
    if (isAbsent(answer)) throw new NotFoundError(`image ${image}`);
    const pinned = isDigest(name) ? name : undefined;
    const digest = answer.headers['docker-content-digest'] ?? pinned;
    const mediaType = contentType(answer);
    if (answer.status === 200 && typeof digest === 'string' && isDigest(digest) && manifestTypes.includes(mediaType)) {
      if (pinned !== undefined) checkDigest(answer, pinned, image);
      return { digest, mediaType };
    }
    // The digest header is optional, and HEAD is not everywhere: the manifest itself says.
    const manifest = await this.read(place, name);
    return { digest: manifest.digest, mediaType: manifest.mediaType };
  }

  /** `size`: as the descriptor that led here declares it. */
  async read(place: Place, name: string, size?: number, limitBytes: number = maxManifestBytes): Promise<Manifest> {
    const image = imageName(place, name);
    const answer = await this.#get('GET', place, name, []);
    if (isAbsent(answer)) throw new NotFoundError(`image ${image}`);
    const bytes = await readBody(answer, image, { limitBytes, size });
    const digest = sha256(bytes);
    const pinned = isDigest(name);
    if (pinned && digest !== name) {
      throw new TryAgain('DigestMismatch', `${image}: the registry sent other bytes than those of its digest`);
    }
    checkDigest(answer, digest, image);
    const json = parseManifest(bytes, image, { pinned, limitBytes });
    return { digest, mediaType: typeOf(json, contentType(answer), image), bytes, json };
  }

  /** Puts and reads back: a write counts only when the same bytes come out again. */
  async write(place: Place, name: string, manifest: { mediaType: string; bytes: Uint8Array }): Promise<void> {
    const digest = await this.put(place, name, manifest);
    const image = imageName(place, name);
    try {
      const read = await this.read(place, name);
      if (read.digest !== digest) throw new TryAgain('DigestMismatch', `${image} is ${read.digest} after ${digest} was pushed`);
    } catch (error) {
      if (error instanceof NotFoundError)
        throw new TryAgain('RegistryUnavailable', `${image} is not there after its push`, { cause: error });
      throw error;
    }
  }

  /** Puts without reading back; returns the digest. */
  async put(place: Place, name: string, manifest: { mediaType: string; bytes: Uint8Array }): Promise<string> {
    const { mediaType, bytes } = manifest;
    const answer = await this.#transport.send({
      place,
      method: 'PUT',
      target: path(place, `manifests/${name}`),
      actions: 'pull,push',
      headers: { 'content-type': mediaType },
      body: bytes,
      accept: [200, 201, 202, 400, 404],
      deadlineMs: this.#deadlineMs,
    });
    const { status, words } = answer;
    // A blob that it just took may not be visible to it yet.
    if (status >= 400) {
      const said = [status, words].join(' ').trim();
      throw new TryAgain('RegistryRefused', `${imageName(place, name)}: the registry refuses the manifest (${said})`);
    }
    await dump(answer);
    const digest = sha256(bytes);
    checkDigest(answer, digest, place.name);
    return digest;
  }

  /**
   * @throws NotFoundError when it is not there, StallingError `DeletionUnsupported` when the registry lets nothing be deleted.
   */
  async remove(place: Place, digest: string): Promise<void> {
    const answer = await this.#transport.send({
      place,
      method: 'DELETE',
      target: path(place, `manifests/${digest}`),
      actions: 'pull,delete',
      accept: [200, 202, 204, 404, 405],
      deadlineMs: this.#deadlineMs,
    });
    const image = imageName(place, digest);
    if (isAbsent(answer)) throw new NotFoundError(`image ${image}`);
    if (answer.status === 405) {
      throw new StallingError('DeletionUnsupported', `${image}: the registry does not let manifests be deleted (405)`);
    }
    await dump(answer);
  }

  #get(method: 'GET' | 'HEAD', place: Place, name: string, also: readonly number[]): Promise<Answer> {
    return this.#transport.send({
      place,
      method,
      target: path(place, `manifests/${name}`),
      actions: 'pull',
      headers: { accept },
      accept: [200, 404, ...also],
      deadlineMs: this.#deadlineMs,
    });
  }
}

/** `host/repository:tag` or `host/repository@digest`. */
export function imageName(place: Place, name: string): string {
  return `${place.name}${isDigest(name) ? '@' : ':'}${name}`;
}

export function contentType(answer: Answer): string {
  return (answer.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/**
 * A JSON object of an answer; what is none came from somewhere else on the way, unless its digest says that it is what it should be. What has more values
 * than any manifest of that size is not parsed: megabytes of brackets would hold up everything else for most of a second.
 */
export function parseManifest(
  bytes: Uint8Array,
  image: string,
  { pinned, limitBytes = maxManifestBytes }: { pinned: boolean; limitBytes?: number },
): Record<string, unknown> {
  const most = Math.floor(limitBytes / bytesPerValue);
  if (hasMoreValues(bytes, most)) {
    const message = `${image} has more than ${most} values`;
    throw pinned ? new StallingError('InvalidImage', message) : new TooLargeError(message);
  }
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error;
  }
  // With the right digest these are the bytes for ever; without one, a proxy's error page may have come instead.
  if (pinned) throw new StallingError('InvalidImage', `${image} is no manifest`);
  throw new TryAgain('RegistryUnavailable', `${image}: the registry did not answer with a manifest`);
}

/** Of JSON, without parsing it: every value but the first is behind a comma or an opening bracket. What is in a string is none. */
function hasMoreValues(bytes: Uint8Array, most: number): boolean {
  let values = 1;
  let inString = false;
  for (let i = 0; i < bytes.length && values <= most; i++) {
    const byte = bytes[i];
    if (byte === quote) inString = !inString;
    else if (inString) i += byte === backslash ? 1 : 0;
    else if (byte === comma || byte === bracket || byte === brace) values++;
  }
  return values > most;
}

const [quote, backslash, comma, bracket, brace] = Buffer.from('"\\,[{');

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
