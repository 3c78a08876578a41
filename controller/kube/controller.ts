/** Workers that take keys from a queue and reconcile them: one worker a key, results and errors decide when a key comes again. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, reasonOf } from '../api/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { requeueOf, type Outcome, type Requeue } from './requeue.ts';
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
      // Begun in a turn of its own: whoever enqueues is not to run a reconcile, and a reconcile may enqueue.
      const worker = Promise.resolve()
        .then(() => this.#work(taken.key))
        .finally(() => {
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
    const outcome = await this.#outcome(key, { log, signal: this.#abort.signal, reconcileId });
    const seconds = (performance.now() - started) / 1000;
    metrics.reconcileSeconds.observe({ controller: name }, seconds);
    metrics.workqueueWorkSeconds.observe({ name }, seconds);
    const requeue = requeueOf(outcome, this.#failures.get(key) ?? 0, this.#random());
    metrics.reconcileTotal.inc({ controller: name, result: requeue.result });
    if (requeue.result === 'error') metrics.reconcileErrors.inc({ controller: name });
    if (requeue.failures > 0) {
      this.#failures.set(key, requeue.failures);
      metrics.workqueueRetries.inc({ name });
    } else this.#failures.delete(key);
    if ('error' in outcome) {
      if (this.#abort.signal.aborted)
        log.info({ reason: messageOf(outcome.error) }, 'the pass was cut off by the end of the process');
      else logFailure(log, outcome.error, requeue);
    }
    if (requeue.afterMs !== undefined) this.enqueue(key, { afterMs: requeue.afterMs });
  }

  async #outcome(key: string, context: ReconcileContext): Promise<Outcome> {
    try {
      return { requeueAfterMs: (await this.#o.reconcile(key, context))?.requeueAfterMs };
    } catch (error) {
      return { error };
    }
  }
}

/** What is expected in the course of things is not an error in the log; only what nobody foresaw comes with its stack. */
function logFailure(log: Log, error: unknown, { kind, failures, afterMs }: Requeue): void {
  const fields = {
    reason: reasonOf(error),
    ...(failures > 0 ? { failures } : {}),
    ...(afterMs === undefined ? {} : { afterMs }),
  };
  if (kind === 'waiting') log.debug(fields, `waiting: ${messageOf(error)}`);
  else if (kind === 'conflict') log.debug(fields, `the object changed meanwhile: ${messageOf(error)}`);
  else if (kind === 'stalled') log.warn(fields, `stalled: ${messageOf(error)}`);
  else if (kind === 'transient') log.warn(fields, `reconcile failed: ${messageOf(error)}`);
  else log.error({ ...fields, error }, 'reconcile failed');
}
