/**
 * The one way to the API server: one undici agent, deadlines, bounded retries, the write fence and the metrics of every request.
 * Must never send a write when the fence is closed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { TransientError, messageOf } from '../api/errors.ts';
import { metrics } from '../telemetry/metrics.ts';
import { ConnectionError, errorOf, headerOf, wrapped } from './answer-error.ts';
import { Authentication, type Credentials, type TlsMaterial } from './authentication.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { createDispatcher } from './dispatcher.ts';
import { ApiError } from './errors.ts';
import { RequestSlots } from './request-slots.ts';
import { changesNothing, isLeasePath } from './resource-path.ts';
import { retryDelayMs } from './retry.ts';

export interface TransportOptions {
  kubeConfig: ClusterAccess;
  /** E.g. `scantling-controller/0.2.0 (linux/x64)`: audit logs and flow schemas tell us by it. */
  userAgent: string;
  /** Requests at once, watches not counted (default 8; a controller's dozen watches come on top). */
  connections?: number;
  /** Of a read with all its attempts, of Leases too, where the request does not say. Absent: 30 s for each attempt, 5 s for Leases. */
  readTimeoutMs?: number;
  /** Beside the user that the configuration impersonates; client-node knows only that. */
  impersonatedGroups?: readonly string[];
  /** False when nothing but Leases may be written; asked before every attempt, and while one is under way. Absent: always open. */
  fence?: () => boolean;
  /** Told of every answer, before its body is read; must not throw. */
  observe?: (answer: Answer) => void;
  random?: () => number;
}

/** The beginning of an answer. */
export interface Answer {
  status: number;
  /** Of the request. */
  path: string;
  /** The header. */
  date: string | undefined;
  /** When the request was made and when the answer began, epoch ms. */
  sentAt: number;
  receivedAt: number;
}

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  body?: object;
  /** Default application/json. */
  contentType?: string;
  /** Default application/json. */
  accept?: string;
  /** Of one attempt, from its start to the last byte of the answer (default 30 s or `readTimeoutMs`; 10 s for writes; 5 s for Leases). */
  deadlineMs?: number;
  /** False: every failure is the caller's (default true). */
  retry?: boolean;
  signal?: AbortSignal;
}

export interface StreamRequest {
  path: string;
  query?: ApiRequest['query'];
  /** Default application/json. */
  accept?: string;
  /** How long the stream may be silent before it counts as dead. */
  idleMs: number;
  signal: AbortSignal;
}

/** What an attempt may take, or all of them together. */
interface Time {
  allMs: number;
  /** Of performance.now(); undefined before the first of them has begun. */
  endsAt: number | undefined;
}

const fencePollMs = 100;

export class Transport {
  readonly #authentication: Authentication;
  readonly #kubeConfig: ClusterAccess;
  readonly #server: URL;
  readonly #userAgent: string;
  readonly #readTimeoutMs: number | undefined;
  readonly #headersTimeoutMs: number;
  readonly #groups: readonly string[];
  readonly #slots: RequestSlots;
  readonly #fence: () => boolean;
  readonly #observe: (answer: Answer) => void;
  readonly #random: () => number;
  #agent: { dispatcher: Dispatcher; tls: TlsMaterial } | undefined;

  constructor(options: TransportOptions) {
    const cluster = options.kubeConfig.getCurrentCluster();
    if (!cluster) throw new Error('the kubeconfig names no cluster');
    this.#kubeConfig = options.kubeConfig;
    this.#authentication = new Authentication(options.kubeConfig);
    this.#server = new URL(cluster.server);
    this.#userAgent = options.userAgent;
    this.#readTimeoutMs = options.readTimeoutMs;
    // Who waits longer on purpose waits longer for the beginning too.
    this.#headersTimeoutMs = Math.max(10_000, options.readTimeoutMs ?? 0);
    this.#groups = options.impersonatedGroups ?? [];
    this.#slots = new RequestSlots(options.connections ?? 8);
    this.#fence = options.fence ?? (() => true);
    this.#observe = options.observe ?? (() => undefined);
    this.#random = options.random ?? Math.random;
  }

  /**
   * Sends one request and returns its JSON. Throws ApiError for an answer of 400 or more, TransientError (ConnectionFailed,
   * NoCredentials, NotLeading) when there was none, and the signal's reason when aborted.
   */
  async request<T>(request: ApiRequest): Promise<T> {
    return (await this.#retried(request, parse)) as T;
  }

  /** As `request`, for the few answers that are plain text. */
  requestText(request: ApiRequest): Promise<string> {
    return this.#retried({ ...request, accept: '*/*' }, text => text);
  }

  async #retried<T>(request: ApiRequest, read: (text: string) => T): Promise<T> {
    const wholeMs = request.method === 'GET' && request.deadlineMs === undefined ? this.#readTimeoutMs : undefined;
    const time: Time = { allMs: wholeMs ?? this.#attemptMs(request), endsAt: undefined };
    for (let attempts = 1; ; attempts++) {
      let delay: number | undefined;
      if (wholeMs === undefined) time.endsAt = undefined;
      try {
        return await this.#attempt(request, read, time);
      } catch (error) {
        delay = request.retry === false ? undefined : this.#retryDelay(request, attempts, error);
        if (delay === undefined) throw error;
        if (wholeMs !== undefined && time.endsAt !== undefined && performance.now() + delay >= time.endsAt) throw error;
      }
      await sleep(delay, undefined, request.signal ? { signal: request.signal } : {});
    }
  }

  /**
   * Opens an endless answer (a watch) and returns its bytes. Takes no request slot and is never retried here. Throws as `request`
   * does, also from the iteration: when the connection breaks or is silent for longer than `idleMs`.
   */
  async stream(request: StreamRequest): Promise<AsyncIterable<Uint8Array>> {
    const { path, query, accept, idleMs, signal } = request;
    const get = { method: 'GET', path, ...(query ? { query } : {}), ...(accept ? { accept } : {}) } as const;
    const response = await this.#send(get, { signal, bodyTimeout: idleMs });
    if (response.statusCode >= 400) throw errorOf(path, response, await response.body.text());
    return untilBroken(response.body, signal);
  }

  /** Ends every connection; what is still under way fails. */
  async close(): Promise<void> {
    await this.#agent?.dispatcher.destroy();
    this.#agent = undefined;
  }

  #attemptMs({ deadlineMs, path, method }: ApiRequest): number {
    return deadlineMs ?? (isLeasePath(path) ? 5_000 : method === 'GET' ? 30_000 : 10_000);
  }

  #retryDelay(request: ApiRequest, attempts: number, error: unknown): number | undefined {
    // Who leads, or wants to, decides anew each time; a person only reads.
    const decides = isLeasePath(request.path) && (request.method !== 'GET' || this.#readTimeoutMs === undefined);
    if (request.signal?.aborted || decides) return undefined;
    if (error instanceof ApiError) {
      // Refused before it was looked at, and by now the token is read anew.
      if (error.status === 401 && attempts === 1) return 0;
      const { status, retryAfterMs } = error;
      return retryDelayMs(
        { method: request.method, attempts, status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
        this.#random(),
      );
    }
    return error instanceof ConnectionError ? retryDelayMs({ method: request.method, attempts }, this.#random()) : undefined;
  }

  async #attempt<T>(request: ApiRequest, read: (text: string) => T, time: Time): Promise<T> {
    return this.#slots.run(async () => {
      request.signal?.throwIfAborted();
      const fenced = request.method !== 'GET' && !isLeasePath(request.path) && !changesNothing(request.path);
      const now = performance.now();
      time.endsAt ??= now + time.allMs;
      const deadlineMs = Math.max(1, Math.round(time.endsAt - now));
      const deadline = AbortSignal.timeout(deadlineMs);
      const closing = new AbortController();
      // A write that hangs must not arrive after another process has taken over.
      const poll = fenced ? setInterval(() => this.#fence() || closing.abort(notLeading()), fencePollMs) : undefined;
      try {
        const signal = AbortSignal.any([deadline, closing.signal, ...(request.signal ? [request.signal] : [])]);
        const response = await this.#send(request, { signal, bodyTimeout: deadlineMs, fenced });
        const text = await response.body.text();
        if (response.statusCode >= 400) throw errorOf(request.path, response, text);
        return read(text);
      } catch (error) {
        if (closing.signal.aborted) throw closing.signal.reason;
        if (request.signal?.aborted) throw request.signal.reason;
        if (deadline.aborted) throw new ConnectionError(`the API server did not answer within ${time.allMs / 1000} s`, error);
        throw wrapped(error);
      } finally {
        clearInterval(poll);
      }
    });
  }

  async #send(
    request: ApiRequest,
    o: { signal: AbortSignal; bodyTimeout: number; fenced?: boolean },
  ): Promise<Dispatcher.ResponseData> {
    const started = performance.now();
    const sentAt = Date.now();
    const host = this.#server.host;
    let code = '<error>';
    try {
      const { headers, tls } = await this.#credentials();
      const dispatcher = this.#dispatcher(tls);
      // The last look before the bytes leave: nothing is awaited between here and the dispatch.
      if (o.fenced && !this.#fence()) throw notLeading();
      const response = await dispatcher.request({
        origin: this.#server.origin,
        path: this.#path(request),
        method: request.method,
        headers: {
          ...headers,
          ...(this.#groups.length > 0 ? { 'impersonate-group': [...this.#groups] } : {}),
          'user-agent': this.#userAgent,
          accept: request.accept ?? 'application/json',
          ...(request.body ? { 'content-type': request.contentType ?? 'application/json' } : {}),
        },
        body: request.body ? JSON.stringify(request.body) : null,
        signal: o.signal,
        headersTimeout: this.#headersTimeoutMs,
        bodyTimeout: o.bodyTimeout,
      });
      code = String(response.statusCode);
      const { statusCode: status } = response;
      this.#observe({ status, path: request.path, date: headerOf(response, 'date'), sentAt, receivedAt: Date.now() });
      // The server no longer knows our token: a rotated one may be there already.
      if (response.statusCode === 401) this.#authentication.refresh();
      return response;
    } catch (error) {
      throw wrapped(error);
    } finally {
      metrics.restRequests.inc({ code, method: request.method, host });
      metrics.restSeconds.observe({ verb: request.method, host }, (performance.now() - started) / 1000);
    }
  }

  async #credentials(): Promise<Credentials> {
    try {
      return await this.#authentication.credentials();
    } catch (error) {
      throw new TransientError('NoCredentials', `no credentials for the API server: ${messageOf(error)}`, { cause: error });
    }
  }

  #path(request: ApiRequest): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) if (value !== undefined) query.set(name, String(value));
    const prefix = this.#server.pathname.replace(/\/$/, '');
    return query.size > 0 ? `${prefix}${request.path}?${query.toString()}` : `${prefix}${request.path}`;
  }

  /** The one agent; a new one only when the certificates on disk are others, and then the old one finishes what it has. */
  #dispatcher(tls: TlsMaterial): Dispatcher {
    if (this.#agent && sameTls(this.#agent.tls, tls)) return this.#agent.dispatcher;
    void this.#agent?.dispatcher.close();
    const dispatcher = createDispatcher(this.#kubeConfig, tls);
    this.#agent = { dispatcher, tls };
    return dispatcher;
  }
}

function notLeading(): TransientError {
  return new TransientError('NotLeading', 'this process does not lead, so it writes nothing');
}

async function* untilBroken(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk;
  } catch (error) {
    signal.throwIfAborted();
    throw wrapped(error);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConnectionError('the answer of the API server is not JSON', error);
  }
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
