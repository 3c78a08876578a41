/**
 * One process of several leads: the one that holds a Lease. It stops believing so a good while before another may take over, and once
 * it has stopped it never leads again; the process is to end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from '../api/core.ts';
import { messageOf } from '../api/errors.ts';
import type { OwnerReference } from '../api/meta.ts';
import { fieldManagers } from '../api/names.ts';
import type { Log } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { rarely } from '../telemetry/rarely.ts';
import type { Client } from './client.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';
import { expiresAt, leaseStep, observe, type LeaseStep, type ObservedLease } from './lease.ts';
import { giveLeaseUp, readLease, writeLease, type LeaseRecord } from './lease-record.ts';

export interface LeaderElectorOptions {
  client: Client;
  namespace: string;
  name: string;
  /** Of this process and no other, also not of its next life: the host's name and something random. */
  identity: string;
  log: Log;
  /** Called once when the lease is no longer known to be held; the process must end. */
  onLost?: (reason: string) => void;
  /**
   * What a Lease goes with that is made here: the ServiceAccount, which an uninstallation removes after the rights of whoever uses it. Then
   * no process that lost the Lease may write any more, and the next installation need not wait for as long as an uninstallation holds it.
   */
  owner?: () => Promise<OwnerReference | undefined>;
  /** After so long without renewal others take over (default 15 s; whole seconds). */
  leaseDurationMs?: number;
  /** After so long without renewal this process no longer leads (default 10 s; less than leaseDurationMs). */
  renewDeadlineMs?: number;
  /** From one renewal to the next (default 4 s, or two fifths of renewDeadlineMs where that is less). */
  renewPeriodMs?: number;
  /** Between the looks of those who wait, and after a renewal that failed (default 2.5 s). */
  retryPeriodMs?: number;
  /** A monotonic clock in milliseconds. */
  now?: () => number;
  random?: () => number;
}

type Defaulted = 'leaseDurationMs' | 'renewDeadlineMs' | 'renewPeriodMs' | 'retryPeriodMs' | 'now' | 'random';

export class LeaderElector {
  readonly #o: Required<Pick<LeaderElectorOptions, Defaulted>> & LeaderElectorOptions;
  readonly #stop = new AbortController();
  readonly #record: LeaseRecord;
  #state: 'new' | 'candidate' | 'leading' | 'lost' | 'released' = 'new';
  #observed: ObservedLease | undefined;
  /** Until when the lease is known to be held: from the start of the last successful write. */
  #validUntil = -Infinity;
  #watchdog: NodeJS.Timeout | undefined;
  #loop: Promise<void> | undefined;
  readonly #worthALine = rarely();

  constructor(options: LeaderElectorOptions) {
    const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000 } = options;
    const renewPeriodMs = Math.min(4_000, 0.4 * renewDeadlineMs);
    const defaults = { leaseDurationMs, renewDeadlineMs, renewPeriodMs, retryPeriodMs: 2_500 };
    this.#o = { ...defaults, now: () => performance.now(), random: Math.random, ...options };
    const { client, namespace, name } = options;
    this.#record = { client, namespace, name, fieldManager: fieldManagers.lease };
    if (this.#o.renewDeadlineMs >= this.#o.leaseDurationMs) throw new Error('renewDeadlineMs must be less than leaseDurationMs');
    metrics.leader.set({ name }, 0);
  }

  /** Resolves when this process leads, which may be never; rejects when it is released before. Called once. */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new Error('leader election was started before');
    this.#state = 'candidate';
    const leading = Promise.withResolvers<void>();
    this.#loop = this.#run(() => leading.resolve()).finally(() =>
      leading.reject(new Error('leader election ended before this process led')),
    );
    await leading.promise;
  }

  /** True while the lease is known to be held. This is the fence of the transport: once false, false for ever. */
  isLeading(): boolean {
    if (this.#state !== 'leading') return false;
    if (this.#o.now() < this.#validUntil) return true;
    // The timer below may be late when the loop was blocked; whoever asks must not be told a stale yes.
    this.#lose('the lease could not be renewed in time');
    return false;
  }

  /** Ends the election and gives the lease up, so that another need not wait for it to expire. */
  async release(): Promise<void> {
    const held = this.isLeading();
    if (this.#state !== 'lost') this.#state = 'released';
    clearTimeout(this.#watchdog);
    metrics.leader.set({ name: this.#o.name }, 0);
    this.#stop.abort();
    // A renewal under way would take the lease back.
    await this.#loop;
    const resourceVersion = this.#observed?.lease?.metadata.resourceVersion;
    if (!held || resourceVersion === undefined) return;
    try {
      await giveLeaseUp(this.#record, resourceVersion);
      this.#o.log.info({ lease: this.#o.name }, 'gave the lease up');
    } catch (error) {
      this.#o.log.warn({ lease: this.#o.name, error }, 'could not give the lease up; it will expire');
    }
  }

  async #run(led: () => void): Promise<void> {
    while (this.#state === 'candidate' || this.#state === 'leading') {
      const done = await this.#attempt(led);
      // Only release() rejects it, and the loop looks at that itself.
      await sleep(this.#pauseMs(done), undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  /** How long after an attempt the next one comes. Renewals are most of what an idle controller asks of the API server. */
  #pauseMs(done: boolean): number {
    const { renewPeriodMs, retryPeriodMs, random, now } = this.#o;
    if (this.#state === 'leading') return done ? renewPeriodMs : retryPeriodMs;
    const expires = (this.#observed ? expiresAt(this.#observed) : Infinity) - now();
    const pause = retryPeriodMs * (1 + 0.2 * random());
    // Whoever waits is there when the lease expires, not up to a period later.
    return expires > 0 ? Math.min(pause, expires + 1) : pause;
  }

  /** One try to take or renew the lease; resolves with whether it went well. Never rejects: what fails is tried again until the deadline. */
  async #attempt(led: () => void): Promise<boolean> {
    const { now, identity, log, name } = this.#o;
    const started = now();
    try {
      // While leading, the version of the last write is known, and writing over it tells whether it still is the newest.
      if (this.#state !== 'leading' || !this.#observed) this.#observed = await this.#look();
      const step = leaseStep(this.#observed, identity, now());
      if (this.#state === 'leading' && step !== 'renew') {
        const { lease } = this.#observed;
        this.#lose(lease ? `the lease is held by "${lease.spec?.holderIdentity ?? ''}"` : 'the lease was deleted');
      } else if (step !== 'wait') {
        this.#held(await this.#write(step, this.#observed.lease), started, led);
      }
      return true;
    } catch (error) {
      // Whoever looks now may take it for free.
      if (isNotFound(error)) this.#lose('the lease was deleted');
      if (isConflict(error)) this.#forgetVersion();
      // A rival that was faster is the ordinary course of an election.
      const fields = { lease: name, reason: messageOf(error) };
      if (this.#state === 'leading') log.warn(fields, 'could not renew the lease');
      else if (!isConflict(error) && !isAlreadyExists(error) && this.#worthALine(fields.reason))
        log.warn(fields, 'could not take the lease');
      return false;
    }
  }

  /** While leading, the next attempt reads the lease; a candidate keeps what it saw, because its age matters. */
  #forgetVersion(): void {
    if (this.#state === 'leading') this.#observed = undefined;
  }

  #held(lease: Lease, started: number, led: () => void): void {
    const { now, renewDeadlineMs, name, log, identity } = this.#o;
    this.#observed = { lease, seenAt: started };
    if (this.#state !== 'leading' && this.#state !== 'candidate') return;
    // An answer that came too late: the time in which it was true is over.
    if (started + renewDeadlineMs <= now() || (this.#state === 'leading' && !this.isLeading())) return;
    this.#validUntil = started + renewDeadlineMs;
    this.#watch();
    if (this.#state === 'leading') return;
    this.#state = 'leading';
    metrics.leader.set({ name }, 1);
    log.info({ lease: name, identity }, 'leading');
    led();
  }

  /** Ends the belief when its time is over, though nobody asks. Timers may be early by a part of a millisecond: then it looks once more. */
  #watch(): void {
    clearTimeout(this.#watchdog);
    const look = (): void => {
      if (this.isLeading()) this.#watch();
    };
    this.#watchdog = setTimeout(look, this.#validUntil - this.#o.now() + 1);
  }

  #lose(reason: string): void {
    if (this.#state !== 'leading') return;
    this.#state = 'lost';
    clearTimeout(this.#watchdog);
    this.#stop.abort();
    metrics.leader.set({ name: this.#o.name }, 0);
    this.#o.log.error({ lease: this.#o.name, reason }, 'leader election lost');
    this.#o.onLost?.(reason);
  }

  async #look(): Promise<ObservedLease> {
    const { now, leaseDurationMs, owner } = this.#o;
    const before = this.#observed;
    const observed = observe(before, await readLease(this.#record), now());
    const [formerly] = before?.lease?.metadata.ownerReferences ?? [];
    if (observed.lease || !formerly) return observed;
    const account = await owner?.();
    // It went with the account of an installation before this one, which has no rights any more; only what is under way may still arrive.
    const isOfAnother = account !== undefined && account.uid !== formerly.uid;
    return isOfAnother ? { ...observed, believedMs: Math.min(observed.believedMs ?? 0, leaseDurationMs) } : observed;
  }

  async #write(step: Exclude<LeaseStep, 'wait'>, lease: Lease | undefined): Promise<Lease> {
    const { identity, leaseDurationMs: durationMs } = this.#o;
    if (step !== 'create' && lease) return writeLease(this.#record, step, lease, { identity, durationMs });
    return writeLease(this.#record, 'create', undefined, { identity, durationMs, owner: await this.#o.owner?.() });
  }
}
