import { readBody } from './body.ts';
import { sha256 } from './digest.ts';
import { NotFoundError } from './errors.ts';
import type { Place } from './places.ts';
import { TryAgain } from './retry.ts';
import { dump } from './transport.ts';
import type { Answer, RegistryTransport } from './transport.ts';

/** One try of each way to read a blob at one place; the client repeats them. */
export class Blobs {
  readonly #transport: RegistryTransport;
  readonly #deadlineMs: number;

  constructor(transport: RegistryTransport, deadlineMs: number) {
    this.#transport = transport;
    this.#deadlineMs = deadlineMs;
  }

  /** Size, or undefined when the registry says it is not there. */
  async stat(place: Place, digest: string): Promise<number | undefined> {
    const what = `${place.name}@${digest}`;
    const answer = await this.#transport.send({
      place,
      method: 'HEAD',
      target: path(place, `blobs/${digest}`),
      actions: 'pull',
      accept: [200, 404],
      deadlineMs: this.#deadlineMs,
    });
    await dump(answer);
    if (isAbsent(answer)) return undefined;
    const size = Number(answer.headers['content-length'] ?? Number.NaN);
    if (!Number.isSafeInteger(size)) throw new TryAgain('RegistryUnavailable', `${what}: the registry does not say its size`);
    return size;
  }

  async read(place: Place, digest: string, o: { limitBytes: number; size?: number | undefined }): Promise<Uint8Array> {
    const what = `${place.name}@${digest}`;
    const deadlineMs = this.#deadlineMs + transferMs(o.size ?? o.limitBytes);
    const bytes = await readBody(await this.#get(place, digest, { deadlineMs }), what, o);
    if (sha256(bytes) !== digest) throw new TryAgain('DigestMismatch', `${what} does not have the bytes of its digest`);
    return bytes;
  }

  /** The blob from an offset on: 206 with what follows, or 200 with the whole from a registry without ranges. */
  async open(place: Place, digest: string, offset: number): Promise<Answer> {
    const answer = await this.#get(place, digest, { stream: true, offset });
    const range = answer.headers['content-range'] ?? '';
    if (answer.status === 206 && !range.startsWith(`bytes ${offset}-`)) {
      answer.body.on('error', () => undefined).destroy();
      throw new TryAgain('RegistryUnavailable', `${place.name}@${digest}: the registry answers another range (${range})`);
    }
    return answer;
  }

  async #get(
    place: Place,
    digest: string,
    { offset = 0, ...o }: { deadlineMs?: number; stream?: boolean; offset?: number },
  ): Promise<Answer> {
    const answer = await this.#transport.send({
      ...o,
      place,
      method: 'GET',
      target: path(place, `blobs/${digest}`),
      actions: 'pull',
      accept: offset > 0 ? [200, 206, 404] : [200, 404],
      ...(offset > 0 ? { headers: { range: `bytes=${offset}-` } } : {}),
    });
    if (isAbsent(answer)) throw new NotFoundError(`blob ${place.name}@${digest}`);
    return answer;
  }
}

/** Milliseconds for so many bytes: no slower than a hundred kilobytes a second. */
export function transferMs(bytes: number): number {
  return Math.ceil(bytes / 100);
}

/** `/v2/<repository>/<rest>`. */
export function path(place: Place, rest: string): string {
  return `/v2/${place.repository}/${rest}`;
}

/** Only the registry's own 404 is "not there"; what it redirects to may be missing for other reasons, and is thrown before. */
export function isAbsent(answer: Answer): boolean {
  return answer.status === 404 && !answer.redirected;
}

/** Docker-Content-Digest is optional; where it is, it must be the one expected. */
export function checkDigest(answer: Answer, digest: string, what: string): void {
  const said = answer.headers['docker-content-digest'];
  if (said !== undefined && said !== digest)
    throw new TryAgain('DigestMismatch', `${what}: the registry took ${digest} for ${String(said)}`);
}
