import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { TransientError, messageOf } from '../api/errors.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { Credentials } from './credentials.ts';
import { TryAgain, parseRetryAfter } from './retry.ts';
import { Authenticator } from './tokens.ts';

export interface Call {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  host: string;
  repository: string;
  /** Path with query on the host, or the absolute URL of an upload session. */
  target: string;
  actions: 'pull' | 'pull,push';
  /** Another repository of the same host that the call reads (a mount). */
  alsoPull?: string;
  credentials: Credentials | undefined;
  headers?: Record<string, string>;
  /** A stream is sent once: where the call would have to be sent again, TryAgain is thrown. */
  body?: Uint8Array | Readable;
  /** Milliseconds until headers and body must be through; without it only idle time is bounded. */
  deadlineMs?: number;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Dispatcher.ResponseData['body'];
  /** True when another URL than the registry's own gave the answer: its 404 says nothing of the registry's content. */
  redirected: boolean;
}

const maxRedirects = 5;
const idleMs = 30_000;
const connectMs = 10_000;
/** Enough for the layers of one image at a time, few enough for a registry's rate limit. */
const connectionsPerHost = 16;

/** HTTP to registries: origin, authorization, redirects, metrics, and the sorting of answers into final ones and those to try again. */
export class RegistryTransport {
  readonly #insecureHosts: ReadonlySet<string>;
  readonly #insecureOrigins: ReadonlySet<string>;
  readonly #userAgent: string;
  readonly #agent: Agent;
  readonly #authenticator: Authenticator;
  readonly #now: () => number;

  constructor(options: { insecureHosts: ReadonlySet<string>; userAgent: string; now: () => number }) {
    this.#insecureHosts = options.insecureHosts;
    this.#insecureOrigins = new Set([...options.insecureHosts].map(host => new URL(`http://${host}`).origin));
    this.#userAgent = options.userAgent;
    this.#now = options.now;
    this.#agent = new Agent({
      connections: connectionsPerHost,
      headersTimeout: idleMs,
      bodyTimeout: idleMs,
      connect: { timeout: connectMs },
    });
    this.#authenticator = new Authenticator({
      dispatcher: this.#agent,
      insecureOrigins: this.#insecureOrigins,
      now: options.now,
    });
  }

  /**
   * One try: authorises, follows redirects of GET and HEAD. The caller must read or dump the body.
   * @throws TryAgain for a failed connection, 408, 429 and 5xx; TransientError `RegistryAccessDenied` for 401 and 403.
   */
  async send(call: Call): Promise<Answer> {
    const url = this.#url(call);
    const own = url.origin === this.#origin(call.host);
    const demand = { host: call.host, scopes: scopesOf(call), credentials: call.credentials };
    let authorization = own ? await this.#authenticator.header(demand) : undefined;
    let answer = await this.#exchange(url, call, authorization);
    if (answer.status === 401 && own) {
      await dump(answer);
      const header = [answer.headers['www-authenticate']].flat().join(', ');
      authorization = await this.#authenticator.challenged(demand, header, authorization);
      if (authorization === undefined) throw denied(call, 401);
      // A stream is spent: the whole step starts again, now with the authorization known.
      if (call.body !== undefined && !(call.body instanceof Uint8Array))
        throw new TryAgain('RegistryUnavailable', `${call.host} asked for authorization late`);
      answer = await this.#exchange(url, call, authorization);
    }
    return this.#follow(url, call, authorization, answer);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #follow(start: URL, call: Call, authorization: string | undefined, first: Answer): Promise<Answer> {
    let url = start;
    let answer = first;
    for (let hops = 0; isRedirect(answer.status) && (call.method === 'GET' || call.method === 'HEAD'); hops++) {
      await dump(answer);
      const location = answer.headers.location;
      if (hops === maxRedirects || location === undefined || !URL.canParse(location, url.href)) {
        throw new TryAgain('RegistryUnavailable', `${call.host} redirects without end or to nowhere`);
      }
      const next = new URL(location, url.href);
      this.#refuseClearText(next, call.host);
      const same = next.origin === start.origin;
      answer = { ...(await this.#exchange(next, call, same ? authorization : undefined)), redirected: !same };
      url = next;
    }
    return this.#sort(answer, call);
  }

  async #sort(answer: Answer, call: Call): Promise<Answer> {
    const { status } = answer;
    if (status === 401 || status === 403) {
      await dump(answer);
      throw answer.redirected
        ? new TryAgain('RegistryUnavailable', `${call.host} redirects to a place that answers ${status}`)
        : denied(call, status);
    }
    if (status === 408 || status === 429 || status >= 500) {
      await dump(answer);
      const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], this.#now());
      throw new TryAgain('RegistryUnavailable', `${call.host} answers ${status} to ${describe(call)}`, { retryAfterMs });
    }
    return answer;
  }

  async #exchange(url: URL, call: Call, authorization: string | undefined): Promise<Answer> {
    try {
      const response = await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: call.method,
        headers: {
          'user-agent': this.#userAgent,
          ...call.headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        body: call.body ?? null,
        signal: call.deadlineMs === undefined ? null : AbortSignal.timeout(call.deadlineMs),
      });
      metrics.registryRequests.inc({ host: call.host, method: call.method, code: String(response.statusCode) });
      return { status: response.statusCode, headers: response.headers, body: response.body, redirected: false };
    } catch (error) {
      metrics.registryRequests.inc({ host: call.host, method: call.method, code: 'error' });
      if (error instanceof TryAgain || error instanceof TransientError) throw error;
      throw new TryAgain('RegistryUnavailable', `${call.host}: ${describe(call)}: ${messageOf(error)}`, { cause: error });
    }
  }

  #url(call: Call): URL {
    const url = new URL(call.target, this.#origin(call.host));
    this.#refuseClearText(url, call.host);
    return url;
  }

  #origin(host: string): string {
    // Docker Hub's images are named docker.io and served elsewhere.
    const server = host === 'docker.io' || host === 'index.docker.io' ? 'registry-1.docker.io' : host;
    return new URL(`${this.#insecureHosts.has(host) ? 'http' : 'https'}://${server}`).origin;
  }

  #refuseClearText(url: URL, host: string): void {
    if (url.protocol === 'https:' || this.#insecureOrigins.has(url.origin)) return;
    throw new TransientError(
      'RegistryRefused',
      `${host} sends to ${url.protocol}//${url.host}, which is not https and not listed as insecure`,
    );
  }
}

/** Reads an answer to its end and drops it, so that the connection can be used again. */
export async function dump(answer: Answer): Promise<void> {
  try {
    await answer.body.dump();
  } catch (error) {
    throw new TryAgain('RegistryUnavailable', messageOf(error), { cause: error });
  }
}

function scopesOf(call: Call): string[] {
  const own = `repository:${call.repository}:${call.actions}`;
  return call.alsoPull === undefined || call.alsoPull === call.repository ? [own] : [own, `repository:${call.alsoPull}:pull`];
}

function denied(call: Call, status: number): TransientError {
  const who = call.credentials ? 'the credentials in use' : 'no credentials were given';
  const action = call.actions === 'pull' ? 'pull' : 'push';
  return new TransientError('RegistryAccessDenied', `${call.host} denies ${action} on ${call.repository} (${status}, ${who})`);
}

function describe(call: Call): string {
  // Upload sessions carry state in their query, which helps nobody.
  return `${call.method} ${call.repository}${/\/(manifests|blobs)\/[^?]*/.exec(call.target)?.[0] ?? ''}`;
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
