/** Workers that take keys from a queue and reconcile them: one worker a key, results and errors decide when a key comes again. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StallingError, TransientError, WaitingError, messageOf } from '../api/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { backoffMs, conflictBackoff, reconcileBackoff } from './backoff.ts';
import { isConflict } from './errors.ts';
import { WorkQueue } from './work-queue.ts';

export interface Result {
  /** Look again after so long, though nothing changed. */
  requeueAfterMs?: number;
}

export interface ReconcileContext {
  /** Carries the controller, the key and the reconcile id. */
  log: Log;
  /** Aborted when the process no longer waits for its workers. */
  signal: AbortSignal;
  reconcileId: string;
}

/** Brings one object nearer to what it should be. Level-triggered: it is told only the key. */
export type Reconcile = (key: string, context: ReconcileContext) => Promise<Result | void>;

export interface ControllerOptions {
  name: string;
  reconcile: Reconcile;
  /** Workers (default 1). */
  concurrency?: number;
  log: Log;
  random?: () => number;
  /** A clock in milliseconds that never goes back (default: monotonic). */
  now?: () => number;
}

/** setTimeout takes no longer time; the timer is set again when it fires. */
const longestTimerMs = 2 ** 31 - 1;
/** What a worker is given to end after its signal was aborted. */
const abortGraceMs = 1_000;

export class Controller {
  readonly #o: ControllerOptions;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #queue = new WorkQueue();
  readonly #failures = new Map<string, number>();
  readonly #abort = new AbortController();
  readonly #workers = new Set<Promise<void>>();
  #state: 'new' | 'running' | 'stopped' = 'new';
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ControllerOptions) {
    this.#o = options;
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    metrics.maxConcurrentReconciles.set({ controller: options.name }, this.#concurrency);
  }

  /** Asks for a key to be reconciled, at once or later; asked twice, it is done once, at the earlier time. Works before `start`, does nothing after `stop`. */
  enqueue(key: string, o: { afterMs?: number } = {}): void {
    if (this.#state === 'stopped') return;
    const now = this.#now();
    metrics.workqueueAdds.inc({ name: this.#o.name });
    this.#queue.add(key, now + (o.afterMs ?? 0), now);
    this.#dispatch();
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.#dispatch();
  }

  /** Takes no more keys, and waits for the workers; after `timeoutMs` (default 30 s) their signal is aborted. Later keys are not lost: the next process lists all. */
  async stop(timeoutMs = 30_000): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    const waited = new AbortController();
    const finished = Promise.all(this.#workers).then(() => true);
    // The race is over when either is; the other timer is only cleared.
    const timeout = (ms: number) => sleep(ms, false, { signal: waited.signal }).catch(() => false);
    if (!(await Promise.race([finished, timeout(timeoutMs)]))) {
      this.#abort.abort(new Error('the process is ending'));
      if (!(await Promise.race([finished, timeout(abortGraceMs)]))) {
        this.#o.log.warn({ controller: this.#o.name, workers: this.#workers.size }, 'workers did not end in time');
      }
    }
    waited.abort();
  }

  get #concurrency(): number {
    return this.#o.concurrency ?? 1;
  }

  #dispatch(): void {
    if (this.#state !== 'running') return;
    const { name } = this.#o;
    while (this.#workers.size < this.#concurrency) {
      const now = this.#now();
      const taken = this.#queue.take(now);
      if (!taken) break;
      metrics.workqueueQueueSeconds.observe({ name }, Math.max(0, now - taken.since) / 1000);
      const worker = this.#work(taken.key).finally(() => {
        this.#workers.delete(worker);
        metrics.activeWorkers.set({ controller: name }, this.#workers.size);
        this.#queue.done(taken.key, this.#now());
        this.#dispatch();
      });
      this.#workers.add(worker);
      metrics.activeWorkers.set({ controller: name }, this.#workers.size);
    }
    metrics.workqueueDepth.set({ name }, this.#queue.depth);
    this.#setTimer();
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const now = this.#now();
    const due = this.#queue.nextDue(now);
    if (due === undefined || this.#workers.size >= this.#concurrency) return;
    this.#timer = setTimeout(() => this.#dispatch(), Math.min(longestTimerMs, Math.max(0, due - now)));
  }

  /** One reconcile. Never rejects. */
  async #work(key: string): Promise<void> {
    const { name } = this.#o;
    const reconcileId = randomBytes(6).toString('hex');
    const log = this.#o.log.child({ controller: name, key, reconcileId });
    const started = performance.now();
    let result: string;
    try {
      result = this.#succeeded(key, await this.#o.reconcile(key, { log, signal: this.#abort.signal, reconcileId }));
    } catch (error) {
      result = this.#failed(key, error, log);
    }
    const seconds = (performance.now() - started) / 1000;
    metrics.reconcileSeconds.observe({ controller: name }, seconds);
    metrics.workqueueWorkSeconds.observe({ name }, seconds);
    metrics.reconcileTotal.inc({ controller: name, result });
  }

  #succeeded(key: string, result: Result | void): string {
    this.#failures.delete(key);
    if (result?.requeueAfterMs === undefined) return 'success';
    this.enqueue(key, { afterMs: result.requeueAfterMs });
    return 'requeue_after';
  }

  #failed(key: string, error: unknown, log: Log): string {
    const { name } = this.#o;
    if (this.#abort.signal.aborted) {
      log.info({ error }, 'reconcile was cut off by the end of the process');
      return 'error';
    }
    if (error instanceof WaitingError) {
      this.#failures.delete(key);
      log.debug({ reason: error.reason, requeueAfterMs: error.requeueAfterMs }, `waiting: ${error.message}`);
      this.enqueue(key, { afterMs: error.requeueAfterMs });
      return 'requeue_after';
    }
    if (error instanceof StallingError) {
      this.#failures.delete(key);
      log.warn({ reason: error.reason }, `stalled: ${error.message}`);
      metrics.reconcileErrors.inc({ controller: name });
      return 'error';
    }
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    metrics.workqueueRetries.inc({ name });
    if (isConflict(error)) {
      const afterMs = backoffMs(conflictBackoff, failures, this.#random());
      log.debug({ reason: messageOf(error), afterMs }, 'the object changed meanwhile; reconciling again');
      this.enqueue(key, { afterMs });
      return 'requeue';
    }
    metrics.reconcileErrors.inc({ controller: name });
    const asked = error instanceof TransientError ? (error.retryAfterMs ?? 0) : 0;
    const afterMs = Math.max(asked, backoffMs(reconcileBackoff, failures, this.#random()));
    if (error instanceof TransientError)
      log.warn({ reason: error.reason, failures, afterMs }, `reconcile failed: ${error.message}`);
    else log.error({ error, failures, afterMs }, 'reconcile failed');
    this.enqueue(key, { afterMs });
    return 'error';
  }
}
