import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Readable } from 'node:stream';
import { TransientError, messageOf } from '../api/errors.ts';
import { metrics } from '../telemetry/metrics.ts';
import { connectionWords } from './connection-error.ts';
import { Connections } from './connections.ts';
import type { ProxySettings } from './proxy.ts';
import { Pace } from './pace.ts';
import type { Sleep } from './pace.ts';
import type { Place } from './places.ts';
import { errorWords, refusalOf } from './refusal.ts';
import { TryAgain, parseRetryAfter } from './retry.ts';
import { Authenticator } from './tokens.ts';

export interface Call {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  place: Place;
  /** Path with query on the host, or the absolute URL of an upload session. */
  target: string;
  actions: 'pull' | 'pull,push' | 'pull,delete';
  /** Another repository of the same host that the call reads (a mount). */
  alsoPull?: string;
  headers?: Record<string, string>;
  /** A stream is sent once: where the call would have to be sent again, TryAgain is thrown. */
  body?: Uint8Array | Readable;
  /** Statuses that the caller handles; all others are thrown. */
  accept: readonly number[];
  /** Milliseconds until headers and body must be through; without it only idle time is bounded. */
  deadlineMs?: number;
  /** Milliseconds that the registry may take to answer once it has everything; default: the transport's idle time. */
  answerMs?: number;
  /** The answer's body is a blob that is read while other requests go on. */
  stream?: boolean;
  /** The longest pause that a host may want before this call is given up. */
  maxWaitMs?: number;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Dispatcher.ResponseData['body'];
  /** True when another host than the registry gave the answer: its 404 says nothing of the registry's content. */
  redirected: boolean;
  /** Registry and call, for messages. */
  what: string;
  /** What the registry said for a status of 400 and more, whose body is read already. */
  words: string;
}

export interface TransportOptions {
  userAgent: string;
  proxy?: ProxySettings | undefined;
  /** PEM of authorities trusted for all hosts. */
  ca?: string | undefined;
  /** Milliseconds without a byte after which a connection counts as broken. */
  idleMs: number;
  /** The longest pause that a host may want before a call is given up, unless the call says another. */
  maxWaitMs: number;
  now: () => number;
  random: () => number;
  sleep: Sleep;
}

const maxRedirects = 5;
const maxWordsBytes = 64 * 1024;

/** HTTP to registries: authorization, redirects, the pace of each host, metrics, and the sorting of answers into final ones and those to try again. */
export class RegistryTransport {
  readonly #o: TransportOptions;
  readonly #connections: Connections;
  readonly #pace: Pace;
  readonly #authenticator: Authenticator;

  constructor(options: TransportOptions) {
    this.#o = options;
    this.#connections = new Connections(options);
    this.#pace = new Pace(options);
    this.#authenticator = new Authenticator({ connections: this.#connections, pace: this.#pace, ...options });
  }

  /**
   * One try: authorises, follows redirects of GET and HEAD. The caller must read or dump the body.
   * @throws TryAgain for what may pass in a moment; TransientError for what the registry refuses, with its own words.
   */
  async send(call: Call): Promise<Answer> {
    const { place } = call;
    const url = this.#url(call);
    const own = url.origin === place.origin;
    const demand = { place, scopes: scopesOf(call) };
    let authorization = own ? await this.#authenticator.header(demand) : undefined;
    let answer = await this.#exchange(url, call, authorization);
    if (answer.status === 401 && own) {
      await dump(answer);
      const header = [answer.headers['www-authenticate']].flat().join(', ');
      authorization = await this.#authenticator.challenged(demand, header, authorization);
      if (authorization === undefined) throw denied(call, 401, '');
      // A stream is spent: the whole step starts again, now with the authorization known.
      if (call.body !== undefined && !(call.body instanceof Uint8Array))
        throw new TryAgain('RegistryUnavailable', `${place.host} asked for authorization late: ${describe(call)}`);
      answer = await this.#exchange(url, call, authorization);
    }
    return this.#follow(url, call, authorization, answer);
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #follow(start: URL, call: Call, authorization: string | undefined, first: Answer): Promise<Answer> {
    let url = start;
    let answer = first;
    for (let hops = 0; isRedirect(answer.status) && (call.method === 'GET' || call.method === 'HEAD'); hops++) {
      await dump(answer);
      const location = answer.headers.location;
      if (hops === maxRedirects || location === undefined || !URL.canParse(location, url.href)) {
        throw new TryAgain('RegistryUnavailable', `${call.place.host} redirects ${describe(call)} without end or to nowhere`);
      }
      const next = new URL(location, url.href);
      refuseClearText(next, call.place);
      const same = next.origin === start.origin;
      answer = { ...(await this.#exchange(next, call, same ? authorization : undefined)), redirected: !same };
      url = next;
    }
    return this.#sort(url, answer, { call, authorization });
  }

  /** Takes note of the host's pace; hands back what the caller handles, throws the rest. */
  async #sort(url: URL, answer: Answer, o: { call: Call; authorization: string | undefined }): Promise<Answer> {
    const { status, redirected } = answer;
    const { call } = o;
    const retryAfterMs = this.#paced(url.host, answer);
    if (call.accept.includes(status) && status < 400) return answer;
    const words = errorWords(await said(answer), secretsOf(call.place, o.authorization));
    if (call.accept.includes(status) && !redirected) return { ...answer, words };
    const { reason, passing } = refusalOf(status, words, redirected);
    if (reason === 'RegistryAccessDenied') throw denied(call, status, words);
    const where = redirected ? `${call.place.host} redirects to a place that answers` : `${call.place.host} answers`;
    const message = `${where} ${status} to ${describe(call)}${words === '' ? '' : `: ${words}`}`;
    throw passing ? new TryAgain(reason, message, { retryAfterMs }) : new TransientError(reason, message);
  }

  /** Milliseconds that the host wants to be left alone, if it does: for all callers when it says that it is asked too much. */
  #paced(host: string, answer: Answer): number | undefined {
    const { status } = answer;
    if (status < 400) this.#pace.served(host);
    const asked = parseRetryAfter(answer.headers['retry-after'], this.#o.now());
    if (status === 429 || (status === 503 && asked !== undefined)) return this.#pace.pause(host, asked);
    return status >= 400 ? asked : undefined;
  }

  async #exchange(url: URL, call: Call, authorization: string | undefined): Promise<Answer> {
    const { place } = call;
    const maxWaitMs = call.maxWaitMs ?? this.#o.maxWaitMs;
    const what = describe(call);
    const leave = await this.#pace.enter(url.host, { stream: call.stream ?? false, maxWaitMs, what });
    const labels = { host: place.host, method: call.method };
    const started = performance.now();
    try {
      const response = await this.#connections.dispatcherFor(url, place.reach.certificatesFor(url, place)).request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: call.method,
        headers: {
          'user-agent': this.#o.userAgent,
          ...call.headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        body: call.body ?? null,
        signal: call.deadlineMs === undefined ? null : AbortSignal.timeout(call.deadlineMs),
        ...(call.answerMs === undefined ? {} : { headersTimeout: call.answerMs }),
      });
      metrics.registryRequests.inc({ ...labels, code: String(response.statusCode) });
      metrics.registrySeconds.observe(labels, (performance.now() - started) / 1000);
      response.body.once('close', leave);
      const { statusCode: status, headers, body } = response;
      return { status, headers, body, redirected: false, what: `${place.host}: ${what}`, words: '' };
    } catch (error) {
      leave();
      metrics.registryRequests.inc({ ...labels, code: 'error' });
      if (error instanceof TryAgain || error instanceof TransientError) throw error;
      throw new TryAgain('RegistryUnavailable', `${place.host}: ${what}: ${connectionWords(error)}`, { cause: error });
    }
  }

  /** Where a call goes: below its place's origin unless it says another. A registry behind a proxy may name itself with http; that is it too. */
  #url({ target, place }: Call): URL {
    const url = new URL(target, place.origin);
    const origin = new URL(place.origin);
    if (url.protocol === 'http:' && origin.protocol === 'https:' && url.host === origin.host) url.protocol = 'https:';
    refuseClearText(url, place);
    return url;
  }
}

/** Reads an answer to its end and drops it, so that the connection can be used again. */
export async function dump(answer: Answer): Promise<void> {
  try {
    await answer.body.dump();
  } catch (error) {
    throw new TryAgain('RegistryUnavailable', `${answer.what}: ${messageOf(error)}`, { cause: error });
  }
}

/** The beginning of a refusal's body; what is cut or late is not worth another error. */
async function said(answer: Answer): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body) {
      chunks.push(chunk as Uint8Array);
      if ((size += (chunk as Uint8Array).length) > maxWordsBytes) break;
    }
  } catch {
    // The status has come, and it decides.
  }
  return Buffer.concat(chunks);
}

function refuseClearText(url: URL, { host, repository, reach }: Place): void {
  if (url.protocol === 'https:' || reach.allowsPlain(url)) return;
  throw new TransientError(
    'RegistryRefused',
    `${host} sends to ${url.protocol}//${url.host}, which is not https and not listed as insecure (${repository})`,
  );
}

function scopesOf({ place: { repository }, actions, alsoPull }: Call): string[] {
  const own = `repository:${repository}:${actions}`;
  return alsoPull === undefined || alsoPull === repository ? [own] : [own, `repository:${alsoPull}:pull`];
}

function secretsOf({ credentials }: Place, authorization: string | undefined): string[] {
  const given = credentials ? [credentials.password, credentials.identityToken ?? ''] : [];
  return authorization === undefined ? given : [...given, authorization.replace(/^\w+ /, '')];
}

function denied(call: Call, status: number, words: string): TransientError {
  const who = call.place.credentials ? 'the credentials in use' : 'no credentials were given';
  const action = { pull: 'pull', 'pull,push': 'push', 'pull,delete': 'deletion' }[call.actions];
  const quote = words === '' ? '' : `: ${words}`;
  const message = `${call.place.host} denies ${action} on ${call.place.repository} (${status}, ${who})${quote}`;
  return new TransientError('RegistryAccessDenied', message);
}

function describe({ method, place, target }: Call): string {
  // Upload sessions carry state in their path and query, which helps nobody.
  const part = /\/(manifests|blobs|referrers)\/(uploads\b|[^?]*)/.exec(target)?.[0] ?? '';
  return `${method} ${place.repository}${part}`;
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
