/** Keeps an eye on what the program needs of its surroundings: at the start until all is there, later when something looks like it is gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../kube/backoff.ts';
import type { Answer } from '../kube/transport.ts';
import type { Log } from '../telemetry/log.ts';
import { noAnswer, type Finding } from './finding.ts';
import type { Seen } from './look.ts';

export interface PreconditionsOptions {
  look: () => Promise<Seen>;
  log: Log;
  /** While something is missing, looks are at most so far apart, doubling from the first to the second (default 1 s, 15 s). */
  retryMs?: readonly [number, number];
  /** While all is well, looks are so far apart (default 5 min) … */
  intervalMs?: number;
  /** … but a refusal of the API server brings one forward, no sooner after the last than this (default 5 s). */
  suspicionMs?: number;
  /** Told that all is there again, after something was missing that lists and watches need; not after the API server did not answer a look. */
  onMended?: () => void;
  /** The same trouble is said again after so long (default 1 min). */
  repeatMs?: number;
  /** Of many processes that miss the same thing, no two are to look in step. */
  random?: () => number;
}

/** Whether an answer of the API server could mean that a permission or a CRD is gone. */
export function isSuspicious({ status, path }: Pick<Answer, 'status' | 'path'>): boolean {
  return status === 403 || (status === 404 && /^\/apis\/scantling\.dev\/[^/]+\/[^/]+$/.test(path));
}

export class Preconditions {
  readonly #o: Required<PreconditionsOptions>;
  readonly #stop = new AbortController();
  readonly #met = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #findings: readonly Finding[] | undefined;
  /** When each trouble was last said, by a monotonic clock. */
  readonly #said = new Map<string, number>();
  #newerSaid = '';
  #failures = 0;
  #wasMet = false;
  #wasMissing = false;
  #suspicious: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  constructor(options: PreconditionsOptions) {
    this.#o = {
      retryMs: [1_000, 15_000],
      intervalMs: 300_000,
      suspicionMs: 5_000,
      repeatMs: 60_000,
      onMended: () => undefined,
      random: Math.random,
      ...options,
    };
    // Whoever waits sees it.
    this.#met.promise.catch(() => undefined);
  }

  /** Begins to look. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when a look has found nothing that blocks; rejects when stopped before. */
  met(): Promise<void> {
    return this.#met.promise;
  }

  /** For /readyz: what blocks, a line each. */
  problems(): string[] {
    if (!this.#findings) return ['the cluster has not been looked at yet'];
    return this.#findings.filter(({ severity }) => severity !== 'warning').map(({ message }) => message);
  }

  /**
   * For /readyz of an agent: as problems(), but once all was there, an API server that does not answer is left out. It is no fault of the agent,
   * and thousands that are not ready all at once would stop the update of their DaemonSet, and hide those that really have a fault.
   */
  ownProblems(): string[] {
    if (!this.#wasMet) return this.problems();
    const own = (this.#findings ?? []).filter(({ severity, key }) => severity !== 'warning' && key !== noAnswer);
    return own.map(({ message }) => message);
  }

  /** Whether it is known why nothing works, and that a new process would find the same. */
  explains(): boolean {
    return (this.#findings ?? []).some(({ severity }) => severity === 'blocking');
  }

  /** Looks soon: something may have changed. */
  suspect(): void {
    this.#suspicious.resolve();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the process is ending'));
    this.#met.reject(this.#stop.signal.reason);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const seen = await this.#o.look();
      // What a look is refused is what it tells of.
      this.#suspicious = Promise.withResolvers<void>();
      if (signal.aborted) return;
      this.#take(seen);
      await this.#pause();
    }
  }

  #take({ findings, newer }: Seen): void {
    const { log } = this.#o;
    const blocked = this.problems().length > 0 && this.#findings !== undefined;
    this.#findings = findings;
    this.#failures = this.problems().length > 0 ? this.#failures + 1 : 0;
    for (const finding of findings) this.#say(finding);
    for (const key of this.#said.keys()) if (!findings.some(finding => finding.key === key)) this.#said.delete(key);
    if (newer.length > 0 && newer.join() !== this.#newerSaid)
      log.info({ newer }, 'CRDs are newer than this program, which is fine: what it does not know it leaves alone');
    this.#newerSaid = newer.join();
    this.#wasMissing ||= findings.some(hindersWatches);
    if (this.#failures > 0) return;
    if (blocked) log.info({}, 'all that was missing is there now');
    // Whatever else is mended, watches have gone on meanwhile, or recover by themselves; to list all anew would be for nothing.
    if (this.#wasMissing) this.#o.onMended();
    this.#wasMissing = false;
    this.#wasMet = true;
    this.#met.resolve();
  }

  #say({ key, severity, message }: Finding): void {
    const now = performance.now();
    const before = this.#said.get(key);
    // A warning is for whoever reads the log once.
    if (before !== undefined && (severity === 'warning' || now - before < this.#o.repeatMs)) return;
    this.#said.set(key, now);
    if (severity === 'warning') this.#o.log.warn({ precondition: key }, message);
    else this.#o.log.error({ precondition: key }, message);
  }

  async #pause(): Promise<void> {
    const { retryMs, intervalMs, suspicionMs, random } = this.#o;
    const waited = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, waited.signal]);
    const rest = (ms: number): Promise<void> => sleep(ms, undefined, { signal }).catch(() => undefined);
    const [baseMs, maxMs] = retryMs;
    if (this.#failures > 0) return rest(backoffMs({ baseMs, maxMs }, this.#failures, random()));
    const end = rest(intervalMs * (0.8 + 0.2 * random()));
    // What brings the next look forward must not make look after look.
    await rest(suspicionMs * (1 + random()));
    await Promise.race([this.#suspicious.promise, end]);
    waited.abort();
  }
}

/** A clock that is wrong ends no watch. */
function hindersWatches({ severity, key }: Finding): boolean {
  return severity === 'blocking' && key !== 'clock';
}
