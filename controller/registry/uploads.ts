import { Readable } from 'node:stream';
import { TransientError } from '../api/errors.ts';
import type { Content } from './blob-source.ts';
import type { Blobs } from './blobs.ts';
import { checkDigest, path, transferMs } from './blobs.ts';
import type { Place } from './places.ts';
import { TryAgain, withRetries } from './retry.ts';
import type { Persistence } from './retry.ts';
import { dump } from './transport.ts';
import type { Answer, Call, RegistryTransport } from './transport.ts';

/** An upload that the registry has opened. */
interface Session {
  /** Absolute; each answer may name another one. */
  url: string;
  /** The smallest piece that the registry takes, but for the last (header OCI-Chunk-Min-Length). */
  minBytes: number;
}

/** Smaller ones are sent in one request; larger ones in pieces of this size, each of which is in memory until the registry has it. */
export const pieceBytes = 8 * 1024 * 1024;
/** A registry that wants larger pieces gets the whole in one request, which needs no memory. */
const largestPieceBytes = 64 * 1024 * 1024;
/** How long a registry that refused pieces gets wholes at once. */
const wholeMs = 60 * 60_000;
const octets = { 'content-type': 'application/octet-stream' };

/** The registry no longer knows the upload, or has it in a state from which nothing leads on: only a new one helps. */
class SessionLost extends Error {}

export interface UploadOptions {
  transport: RegistryTransport;
  blobs: Blobs;
  persistence: Persistence;
  deadlineMs: number;
  pieceBytes: number;
  now: () => number;
}

/** Puts blobs into a repository: in one request, or in pieces that go on after an interruption where the registry says it is. */
export class Uploads {
  readonly #o: UploadOptions;
  readonly #wholeUntil = new Map<string, number>();

  constructor(options: UploadOptions) {
    this.#o = options;
  }

  /**
   * Has the registry take a blob from another of its repositories.
   * @returns the session to upload to where it does not: the specification lets it open one instead.
   */
  async mount(place: Place, from: { repository: string; digest: string }): Promise<Session | undefined> {
    const query = `?mount=${encodeURIComponent(from.digest)}&from=${encodeURIComponent(from.repository)}`;
    try {
      const answer = await this.#start(place, query, from.repository);
      if (answer.status !== 201) return session(answer, place);
      checkDigest(answer, from.digest, place.name);
      return undefined;
    } catch (error) {
      // Who may not read the other repository may still push to this one; some registries then refuse the whole request.
      if (error instanceof TransientError && error.reason === 'RegistryAccessDenied') return this.open(place);
      throw error;
    }
  }

  async open(place: Place): Promise<Session> {
    return session(await this.#start(place, ''), place);
  }

  /** Tells the registry that nothing comes of an upload. Asked once, for its own limits end what it does not take for ended. */
  async abandon(place: Place, opened: Session): Promise<void> {
    const { deadlineMs } = this.#o;
    try {
      // Registries that let an upload be ended only by who may delete answer 401 or 403, and some know no such request.
      await this.#send(place, opened, { method: 'DELETE', accept: [200, 202, 204, 404, 405], deadlineMs });
    } catch (error) {
      if (!(error instanceof TryAgain) && !(error instanceof TransientError)) throw error;
    }
  }

  /** @throws TryAgain when only a new session helps. */
  async send(place: Place, opened: Session, content: Content): Promise<void> {
    const size = Math.max(this.#o.pieceBytes, opened.minBytes);
    const whole = (this.#wholeUntil.get(place.host) ?? 0) > this.#o.now() || size > largestPieceBytes;
    try {
      if (content.size <= this.#o.pieceBytes || whole) await this.#whole(place, opened, content);
      else await this.#commit(place, await this.#pieces(place, opened, { content, size }), content);
    } catch (error) {
      if (error instanceof SessionLost) throw new TryAgain('RegistryUnavailable', error.message, { cause: error });
      throw error;
    }
  }

  async #start(place: Place, query: string, alsoPull?: string): Promise<Answer> {
    const answer = await this.#o.transport.send({
      place,
      method: 'POST',
      target: path(place, `blobs/uploads/${query}`),
      actions: 'pull,push',
      headers: { 'content-length': '0' },
      accept: [201, 202],
      deadlineMs: this.#o.deadlineMs,
      ...(alsoPull === undefined ? {} : { alsoPull }),
    });
    await dump(answer);
    return answer;
  }

  async #pieces(place: Place, opened: Session, o: { content: Content; size: number }): Promise<Session> {
    let at = opened;
    for (let offset = 0; offset < o.content.size;) {
      const piece = await o.content.next(o.size);
      at = await this.#piece(place, at, { piece, offset });
      offset += piece.length;
    }
    o.content.verify();
    return at;
  }

  /** Sends one piece, from where the registry says it is after each interruption. */
  async #piece(place: Place, opened: Session, { piece, offset }: { piece: Uint8Array; offset: number }): Promise<Session> {
    let at = opened;
    let sent = 0;
    const { begin, goOn } = this.#o.persistence;
    await withRetries(offset === 0 ? begin : goOn, async attempt => {
      if (attempt > 1) {
        const status = await this.#status(place, at);
        at = status.session;
        sent = status.received - offset;
        if (sent < 0 || sent > piece.length) throw lost(place, `it has ${status.received} bytes of an upload, not ${offset}`);
      }
      while (sent < piece.length) {
        const answer = await this.#patch(place, at, { bytes: piece.subarray(sent), offset: offset + sent });
        at = { ...at, ...optionalSession(answer, place) };
        const received = (receivedOf(answer) ?? offset + piece.length) - offset;
        if (received > piece.length) throw lost(place, 'it has more bytes of an upload than were sent');
        if (received <= sent) throw new TryAgain('RegistryUnavailable', `upload to ${place.name}: the registry took nothing`);
        sent = received;
      }
    });
    return at;
  }

  async #patch(place: Place, at: Session, { bytes, offset }: { bytes: Uint8Array; offset: number }): Promise<Answer> {
    const refusals = offset === 0 ? [400, 405, 411, 413, 415, 416, 501] : [400, 416];
    const answer = await this.#send(place, at, {
      method: 'PATCH',
      headers: {
        ...octets,
        'content-length': String(bytes.length),
        'content-range': `${offset}-${offset + bytes.length - 1}`,
      },
      body: bytes,
      accept: [200, 201, 202, 204, 404, ...refusals],
      deadlineMs: this.#o.deadlineMs + transferMs(bytes.length),
      answerMs: this.#o.deadlineMs + transferMs(bytes.length),
    });
    const { status, words } = answer;
    if (status < 400) return answer;
    const said = `${status}${words === '' ? '' : ` ${words}`}`;
    if (status === 404) throw lost(place, `it no longer knows an upload (${said})`);
    if (offset === 0) {
      this.#wholeUntil.set(place.host, this.#o.now() + wholeMs);
      throw lost(place, `it takes no uploads in pieces of ${bytes.length} bytes (${said})`);
    }
    if (status === 400) throw lost(place, `it refuses a piece of an upload (${said})`);
    throw new TryAgain('RegistryUnavailable', `upload to ${place.name}: the registry has another part of it (${said})`);
  }

  /** How many bytes of an upload the registry has. */
  async #status(place: Place, at: Session): Promise<{ session: Session; received: number }> {
    const accept = [200, 202, 204, 400, 404, 405, 416];
    const answer = await this.#send(place, at, { method: 'GET', accept, deadlineMs: this.#o.deadlineMs });
    const received = answer.status < 400 ? receivedOf(answer) : undefined;
    if (received === undefined) throw lost(place, `it does not say how much of an upload it has (${answer.status})`);
    return { session: { ...at, ...optionalSession(answer, place) }, received };
  }

  async #whole(place: Place, at: Session, content: Content): Promise<void> {
    const { size } = content;
    const small = size <= this.#o.pieceBytes;
    if (small) {
      const bytes = await content.next(size);
      content.verify();
      await this.#put(place, at, { content, body: bytes });
      return;
    }
    const body = Readable.from(checked(content, this.#o.pieceBytes), { objectMode: false });
    try {
      await this.#put(place, at, { content, body });
    } finally {
      body.destroy();
    }
  }

  /** Ends an upload whose bytes are all there. An answer that is lost on its way is no reason to send them again. */
  async #commit(place: Place, at: Session, content: Content): Promise<void> {
    await withRetries(this.#o.persistence.goOn, async attempt => {
      if (attempt > 1 && (await this.#o.blobs.stat(place, content.digest)) === content.size) return;
      await this.#put(place, at, { content, body: new Uint8Array(0) });
    });
  }

  async #put(place: Place, at: Session, o: { content: Content; body: NonNullable<Call['body']> }): Promise<void> {
    const { digest, size } = o.content;
    const whole = o.body instanceof Uint8Array ? o.body.length : size;
    // The registry reads all of it once more to compare the digest, fifty megabytes a second at worst.
    const answerMs = this.#o.deadlineMs + transferMs(whole) + Math.ceil(size / 50_000);
    const answer = await this.#send(
      place,
      { ...at, url: withDigest(at.url, digest) },
      {
        method: 'PUT',
        headers: { ...octets, 'content-length': String(whole) },
        body: o.body,
        accept: [201, 204, 400, 404, 416],
        answerMs,
        ...(o.body instanceof Uint8Array ? { deadlineMs: answerMs } : {}),
      },
    );
    if (answer.status >= 400) {
      throw lost(place, `it did not take an upload (${[answer.status, answer.words].join(' ').trim()})`);
    }
    checkDigest(answer, digest, place.name);
  }

  async #send(place: Place, at: Session, call: Omit<Call, 'place' | 'target' | 'actions'>): Promise<Answer> {
    const { maxWaitMs } = this.#o.persistence.goOn.policy;
    const answer = await this.#o.transport.send({ place, target: at.url, actions: 'pull,push', maxWaitMs, ...call });
    if (answer.status < 400) await dump(answer);
    return answer;
  }
}

/** All bytes; the last of them only once the whole is right, so that the registry cannot take a wrong one for complete. */
async function* checked(content: Content, count: number): AsyncGenerator<Uint8Array> {
  for (let left = content.size; left > 0;) {
    const piece = await content.next(count);
    left -= piece.length;
    if (left === 0) content.verify();
    yield piece;
  }
}

function lost({ name }: Place, what: string): SessionLost {
  return new SessionLost(`upload to ${name}: the registry says that ${what}`);
}

function session(answer: Answer, place: Place): Session {
  const found = optionalSession(answer, place);
  if (found.url === undefined)
    throw new TryAgain('RegistryUnavailable', `upload to ${place.name}: the registry names no upload session`);
  const minBytes = Number(answer.headers['oci-chunk-min-length'] ?? 0);
  return { url: found.url, minBytes: Number.isSafeInteger(minBytes) && minBytes > 0 ? minBytes : 0 };
}

/** Where the upload goes on, if the answer says so; relative to the collection of uploads. */
function optionalSession(answer: Answer, place: Place): { url?: string } {
  const { location } = answer.headers;
  const base = `${place.origin}${path(place, 'blobs/uploads/')}`;
  return location === undefined || location === '' || !URL.canParse(location, base) ? {} : { url: new URL(location, base).href };
}

function withDigest(url: string, digest: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}

/** Bytes by the Range header, `0-<last>`. For none registries write `0-0`, so that is what it means. */
function receivedOf(answer: Answer): number | undefined {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers['range'] ?? '')?.[1];
  if (last === undefined) return undefined;
  return last === '0' ? 0 : Number(last) + 1;
}
