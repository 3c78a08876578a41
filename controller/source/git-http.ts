/** Requests to one Git server: own connections and authority, credentials sent to that host only, answers bounded and classified. */
import { Agent, ProxyAgent, request, type Dispatcher } from 'undici';
import { TransientError, StallingError } from '../api/errors.ts';
import { metrics } from '../telemetry/metrics.ts';
import { type Credentials, withoutCredentials } from './credentials.ts';
import type { SourceReason } from './reasons.ts';

export interface GitHttpOptions {
  /** Base URL of the repository, without credentials. */
  url: string;
  credentials: Credentials;
  userAgent: string;
  /** URL of the proxy that a URL is reached through, undefined for none; absent: no proxy. */
  proxyOf?: (url: URL) => string | undefined;
  now: () => number;
}

/** What every request of one operation shares. */
export interface Wire {
  /** Ends a request, its answer's body included. */
  signal: AbortSignal;
  /** Called with each chunk's length as it arrives. */
  onBytes?: (bytes: number) => void;
}

export interface GitRequest {
  method: 'GET' | 'POST';
  /** Appended to the base URL, such as `/git-upload-pack`. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array;
}

export interface GitResponse {
  contentType: string;
  body: AsyncIterable<Uint8Array>;
}

const mostRedirects = 5;
const connectMs = 15_000;

export class GitHttp {
  readonly #options: GitHttpOptions;
  /** By proxy, '' for none: a redirect to https may go another way. */
  readonly #agents = new Map<string, Dispatcher>();
  /** The base URL after redirects, so that one redirect does not cost each request another. */
  #base: string;

  constructor(options: GitHttpOptions) {
    this.#options = options;
    this.#base = options.url.replace(/\/+$/, '');
  }

  /** An answer of status 200. Everything else is thrown as the error that says what to do about it. */
  async send(o: GitRequest, wire: Wire): Promise<GitResponse> {
    let url = new URL(this.#base + o.path);
    for (let redirects = 0; ; redirects++) {
      const response = await this.#once(url, o, wire.signal);
      const location = response.statusCode >= 300 && response.statusCode < 400 ? response.headers['location'] : undefined;
      if (typeof location !== 'string') return this.#accepted(response, wire);
      await response.body.dump();
      if (redirects === mostRedirects)
        throw new TransientError('GitOperationFailed' satisfies SourceReason, 'the Git server redirects in circles');
      url = this.#redirected(url, location, o.path);
    }
  }

  /** Cuts credentials out of a text that the server sent. */
  redact(text: string): string {
    return withoutCredentials(text, this.#options.credentials);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map(agent => agent.destroy()));
  }

  #agentFor(url: URL): Dispatcher {
    const proxy = this.#options.proxyOf?.(url) ?? '';
    const agent = this.#agents.get(proxy) ?? createAgent(proxy, this.#options.credentials.ca);
    this.#agents.set(proxy, agent);
    return agent;
  }

  async #once(url: URL, o: GitRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { authorization } = this.#options.credentials;
    const started = performance.now();
    let code = 'error';
    try {
      const response = await request(url, {
        dispatcher: this.#agentFor(url),
        method: o.method,
        signal,
        headersTimeout: 0,
        bodyTimeout: 0,
        headers: {
          // Hosting services tell Git clients from browsers by this word.
          'user-agent': `git/2.0 ${this.#options.userAgent}`,
          ...(authorization ? { authorization } : {}),
          ...o.headers,
        },
        ...(o.body ? { body: o.body } : {}),
      });
      code = String(response.statusCode);
      return response;
    } catch (error) {
      throw this.#unreachable(error, signal);
    } finally {
      metrics.gitRequests.inc({ host: url.host, code });
      metrics.gitSeconds.observe({ host: url.host }, (performance.now() - started) / 1000);
    }
  }

  /**
   * Where a redirect leads. Only the same host, because the answer decides what nodes boot and the credentials are that host's;
   * https stays https, http may become https.
   */
  #redirected(from: URL, location: string, path: string): URL {
    const to = new URL(location, from);
    const upgrade = from.protocol === 'http:' && to.protocol === 'https:' && from.hostname === to.hostname;
    if (!upgrade && (to.protocol !== from.protocol || to.host !== from.host)) {
      throw new StallingError(
        'InsecureRedirect' satisfies SourceReason,
        `${from.origin} redirects to ${to.origin}; set spec.url to where the repository is`,
      );
    }
    if (to.href.endsWith(path)) this.#base = to.href.slice(0, -path.length);
    return to;
  }

  async #accepted(response: Dispatcher.ResponseData, wire: Wire): Promise<GitResponse> {
    if (response.statusCode === 200) {
      return { contentType: String(response.headers['content-type'] ?? ''), body: this.#counted(response.body, wire) };
    }
    await response.body.dump();
    throw errorOfStatus(response.statusCode, response.headers['retry-after'], {
      url: this.#base,
      authenticated: this.#options.credentials.authorization !== undefined,
      now: this.#options.now(),
    });
  }

  async *#counted(body: AsyncIterable<Uint8Array>, { signal, onBytes }: Wire): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of body) {
        onBytes?.(chunk.byteLength);
        yield chunk;
      }
    } catch (error) {
      throw this.#unreachable(error, signal);
    }
  }

  #unreachable(error: unknown, signal: AbortSignal): Error {
    if (error instanceof StallingError || error instanceof TransientError) return error;
    const what = signal.aborted ? abortMessage(signal) : causeOf(error);
    return new TransientError('GitServerUnavailable' satisfies SourceReason, `${this.#base}: ${this.redact(what)}`, {
      cause: error,
    });
  }
}

function createAgent(proxy: string, ca: string | undefined): Dispatcher {
  const connect = { timeout: connectMs, ...(ca ? { ca } : {}) };
  const pool = { connections: 4, keepAliveTimeout: 30_000 };
  if (proxy === '') return new Agent({ ...pool, connect });
  // The authority of spec.secretRef is the Git server's, not the proxy's.
  return new ProxyAgent({ ...pool, uri: proxy, proxyTunnel: false, requestTls: connect, connectTimeout: connectMs });
}

/** The error of an HTTP status; `authenticated` says whether credentials were sent. */
export function errorOfStatus(
  status: number,
  retryAfter: string | string[] | undefined,
  o: { url: string; authenticated: boolean; now: number },
): TransientError {
  const fail = (reason: SourceReason, message: string): TransientError => {
    const retryAfterMs = retryAfterOf(retryAfter, o.now);
    return new TransientError(reason, `${o.url}: ${message}`, retryAfterMs === undefined ? {} : { retryAfterMs });
  };
  // A 403 that says when to come again is a rate limit.
  const limited = status === 429 || (status === 403 && retryAfter !== undefined);
  if (!limited && (status === 401 || status === 403)) {
    const hint = o.authenticated
      ? 'the credentials of spec.secretRef are refused'
      : 'it wants credentials; name a Secret in spec.secretRef';
    return fail('AuthenticationFailed', `the Git server answered ${status}: ${hint}`);
  }
  if (status === 404 || status === 410) {
    const hint = o.authenticated ? '' : ', or it is private and spec.secretRef is missing';
    return fail('RepositoryNotFound', `the Git server answered ${status}: no repository there${hint}`);
  }
  if (limited || status >= 500) return fail('GitServerUnavailable', `the Git server answered ${status}`);
  return fail('GitOperationFailed', `the Git server answered ${status}`);
}

/** Milliseconds of a Retry-After header (RFC 9110 §10.2.3: seconds or a date), at most an hour. */
function retryAfterOf(value: string | string[] | undefined, now: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 3_600_000) : undefined;
}

function abortMessage(signal: AbortSignal): string {
  const reason: unknown = signal.reason;
  return reason instanceof Error && reason.name === 'TimeoutError'
    ? 'no complete answer within spec.timeout'
    : 'the request was given up';
}

/** undici wraps the system error; its innermost cause is the one that says something. */
function causeOf(error: unknown): string {
  let at: unknown = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  if (at instanceof AggregateError && at.errors[0] instanceof Error) at = at.errors[0];
  return at instanceof Error ? at.message || at.name : String(at);
}
