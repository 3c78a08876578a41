/**
 * Keeps a store equal to one resource of the API: lists it, watches it, and begins again after whatever goes wrong, for ever.
 * client-node's informer is not used: it ends at the first error, asks for no bookmarks and keeps whole objects.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, TransientError } from '../api/errors.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Resource } from '../api/resource.ts';
import type { Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { rarely } from '../telemetry/rarely.ts';
import { backoffMs, watchBackoff } from './backoff.ts';
import type { List } from './client.ts';
import { isGone } from './errors.ts';
import { resourcePath } from './resource-path.ts';
import { keyOf, type Store, type StoredObject } from './store.ts';
import type { Transport } from './transport.ts';
import { watchEvents, type WatchEvent } from './watch-events.ts';

export interface ReflectorOptions<T extends KubeObject, P extends StoredObject> {
  transport: Transport;
  resource: Resource<T>;
  /** What the store keeps of an object. Pure; an object for which it throws keeps its last projection, and all is listed again. */
  project: (object: T) => P;
  store: Store<P>;
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  log: Log;
  random?: () => number;
  /** Objects per list request (default 500: about 8 MB of Nodes). */
  pageSize?: number;
  /** A watch that is silent for so long is dead (default 150 s; the server sends a bookmark about each minute). */
  idleMs?: number;
}

type Cause = 'start' | 'gone' | 'error' | 'check';

/** Several reflectors meet the same compaction or restart; they list again spread over so long. */
const relistSpreadMs = 5_000;
/** However well the watch does, all is listed anew so often (with up to a fifth more), so that a missed event cannot last for ever. */
const checkMs = 6 * 3_600_000;
/** A list that expires between its pages is begun again at once so often; then it counts as failed. */
const maxExpiredLists = 3;

/** An object that can never be projected must not make a list of every event. */
const projectionBackoff = { baseMs: 800, maxMs: 300_000 };

class ProjectionError extends TransientError {}

export class Reflector<T extends KubeObject, P extends StoredObject> {
  readonly #o: ReflectorOptions<T, P>;
  readonly #log: Log;
  readonly #random: () => number;
  readonly #abort = new AbortController();
  readonly #firstSync = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  /** Where the next watch begins; undefined when all has to be listed. */
  #resourceVersion: string | undefined;
  #relist: Cause = 'start';
  #failures = 0;
  #failingSince: number | undefined;
  #checkAt = 0;
  #unprojectedEvents = 0;
  /** Whoever wants a list that begins after they asked. */
  readonly #waiters: PromiseWithResolvers<void>[] = [];
  /** Ends the open watch. */
  #connection: AbortController | undefined;
  /** Ends the wait for the next try. */
  #nap: AbortController | undefined;
  readonly #worthALine = rarely();

  constructor(options: ReflectorOptions<T, P>) {
    this.#o = options;
    this.#log = options.log.child({ reflector: options.resource.plural });
    this.#random = options.random ?? Math.random;
    // Whoever waits for the sync sees the rejection; when nobody does, it is no news.
    this.#firstSync.promise.catch(() => undefined);
  }

  /** Begins; a second call does nothing. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the watch; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the reflector was stopped'));
    this.#firstSync.reject(this.#abort.signal.reason);
    await this.#running;
    for (const { reject } of this.#waiters.splice(0)) reject(this.#abort.signal.reason);
  }

  /**
   * Lists all anew; resolves when the store holds a list that the API server made after this call, rejects when stopped before. A watch
   * may lag by more than anybody notices; who takes over from another process has to know what that one wrote.
   */
  refresh(): Promise<void> {
    const waiter = Promise.withResolvers<void>();
    if (this.#abort.signal.aborted) waiter.reject(this.#abort.signal.reason);
    else this.#waiters.push(waiter);
    this.#connection?.abort(new Error('all is listed anew'));
    this.#nap?.abort();
    return waiter.promise;
  }

  /** Resolves when the store holds a first complete list; rejects when stopped before. */
  synced(): Promise<void> {
    return this.#firstSync.promise;
  }

  /** Since when (epoch ms) every list and watch has failed; undefined when all is well. For /healthz. */
  get failingSince(): number | undefined {
    return this.#failingSince;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined || this.#waiters.length > 0) await this.#list();
        // Asked for during the list: that one began too early.
        if (this.#waiters.length > 0) continue;
        await this.#watch();
        this.#endedWell();
        // A server that ends each watch at once must not be asked in a tight loop.
        await this.#sleep(100 + 400 * this.#random());
      } catch (error) {
        const refreshing = this.#connection?.signal.aborted === true && this.#waiters.length > 0;
        if (!signal.aborted && !refreshing) await this.#sleep(this.#failed(error));
      } finally {
        this.#connection = undefined;
      }
    }
  }

  #endedWell(): void {
    this.#failures = 0;
    this.#failingSince = undefined;
    if (performance.now() < this.#checkAt) return;
    this.#resourceVersion = undefined;
    this.#relist = 'check';
  }

  /** Counts a failure and returns how long to wait. */
  #failed(error: unknown): number {
    const resource = this.#o.resource.plural;
    if (isGone(error)) {
      this.#resourceVersion = undefined;
      this.#relist = 'gone';
      this.#log.info({ error }, 'the history that the watch needs is gone; listing again');
      if (++this.#failures === 1) return relistSpreadMs * this.#random();
    } else {
      metrics.watchErrors.inc({ resource });
      this.#failures++;
      this.#failingSince ??= Date.now();
      const level = this.#worthALine(messageOf(error)) ? 'warn' : 'debug';
      this.#log[level]({ error, failures: this.#failures }, 'list or watch failed; trying again');
    }
    if (error instanceof ProjectionError) return backoffMs(projectionBackoff, this.#unprojectedEvents, this.#random());
    const asked = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(asked, backoffMs(watchBackoff, this.#failures, this.#random()));
  }

  async #list(): Promise<void> {
    const { resource, store } = this.#o;
    const waiters = this.#waiters.length;
    metrics.relists.inc({ resource: resource.plural, reason: waiters > 0 ? 'check' : this.#relist });
    const { projections, failed, resourceVersion } = await this.#pages();
    let handlers: unknown;
    try {
      store.replace(projections, failed);
    } catch (error) {
      handlers = error;
    }
    store.synced = true;
    this.#resourceVersion = resourceVersion;
    this.#checkAt = failed.size > 0 ? 0 : performance.now() + checkMs * (1 + 0.2 * this.#random());
    if (failed.size === 0) this.#unprojectedEvents = 0;
    this.#firstSync.resolve();
    for (const { resolve } of this.#waiters.splice(0, waiters)) resolve();
    if (handlers !== undefined) this.#handlerThrew(handlers);
  }

  async #pages(): Promise<{ projections: P[]; failed: Set<string>; resourceVersion: string }> {
    for (let expired = 0; ; expired++) {
      try {
        return await this.#allPages();
      } catch (error) {
        // 410 on a continue token: the snapshot that the pages come from was compacted away.
        if (!isGone(error) || expired >= maxExpiredLists) throw error;
        this.#log.info({ error }, 'the list expired between its pages; beginning again');
        metrics.relists.inc({ resource: this.#o.resource.plural, reason: 'gone' });
      }
    }
  }

  async #allPages(): Promise<{ projections: P[]; failed: Set<string>; resourceVersion: string }> {
    const projections: P[] = [];
    const failed = new Set<string>();
    let next: string | undefined;
    for (;;) {
      const page: List<T> = await this.#o.transport.request<List<T>>({
        method: 'GET',
        path: this.#path(),
        query: { ...this.#selectors(), limit: this.#o.pageSize ?? 500, continue: next },
        retry: false,
        signal: this.#abort.signal,
      });
      for (const object of page.items) {
        const projection = this.#project(object);
        if (projection) projections.push(projection);
        else failed.add(object.metadata.uid ?? '');
      }
      next = page.metadata.continue || undefined;
      if (next === undefined) return { projections, failed, resourceVersion: page.metadata.resourceVersion };
    }
  }

  async #watch(): Promise<void> {
    // Leaving by `break` or by an error must not leave the connection open behind it.
    const connection = new AbortController();
    this.#connection = connection;
    try {
      const stream = await this.#o.transport.stream({
        path: this.#path(),
        query: {
          ...this.#selectors(),
          watch: true,
          allowWatchBookmarks: true,
          resourceVersion: this.#resourceVersion,
          timeoutSeconds: Math.round(300 * (1 + this.#random())),
        },
        idleMs: this.#o.idleMs ?? 150_000,
        signal: AbortSignal.any([this.#abort.signal, connection.signal]),
      });
      this.#failingSince = undefined;
      for await (const event of watchEvents<T>(stream)) {
        if (this.#abort.signal.aborted) return;
        this.#handle(event);
      }
    } finally {
      connection.abort();
    }
  }

  #handle({ type, object }: WatchEvent<T>): void {
    const { resource, store } = this.#o;
    this.#failures = 0;
    metrics.lastEventSeconds.set({ resource: resource.plural }, Date.now() / 1000);
    try {
      if (type !== 'BOOKMARK') {
        const projection = this.#project(object);
        if (!projection) throw this.#unprojected();
        // The key is the projection's also here: it need not carry the namespace.
        if (type === 'DELETED') store.delete(keyOf(projection));
        else store.set(projection);
      }
    } catch (error) {
      if (error instanceof ProjectionError) throw error;
      this.#handlerThrew(error);
    }
    this.#resourceVersion = object.metadata.resourceVersion;
  }

  #project(object: T): P | undefined {
    try {
      return this.#o.project(object);
    } catch (error) {
      this.#log.error({ error, object: keyOf(object.metadata) }, 'an object could not be projected; its last projection stays');
      return undefined;
    }
  }

  /** The store lacks an event now, so only a list makes it right again. */
  #unprojected(): ProjectionError {
    this.#resourceVersion = undefined;
    this.#relist = 'error';
    this.#unprojectedEvents++;
    return new ProjectionError('ProjectionFailed', 'an event could not be projected');
  }

  async #sleep(ms: number): Promise<void> {
    const nap = new AbortController();
    this.#nap = nap;
    // Only stop() and refresh() reject it, and the loop looks at both itself.
    await sleep(ms, undefined, { signal: AbortSignal.any([this.#abort.signal, nap.signal]) }).catch(() => undefined);
    this.#nap = undefined;
  }

  #handlerThrew(error: unknown): void {
    metrics.watchErrors.inc({ resource: this.#o.resource.plural });
    this.#log.error({ error }, 'a handler of a change threw; the store is right all the same');
  }

  #path(): string {
    return resourcePath(this.#o.resource, { namespace: this.#o.namespace });
  }

  #selectors(): Record<string, string | undefined> {
    return { labelSelector: this.#o.labelSelector, fieldSelector: this.#o.fieldSelector };
  }
}
