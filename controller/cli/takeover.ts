/** Takes the controllers' Lease over without waiting for it to expire, so that whoever leads ends and nobody follows. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from '../api/core.ts';
import { TransientError } from '../api/errors.ts';
import { fieldManagers, uninstallHolder } from '../api/names.ts';
import type { OwnerReference } from '../api/meta.ts';
import type { Client } from '../kube/client.ts';
import { ApiError, isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts';
import { readLease, writeLease, type LeaseBefore, type LeaseRecord } from '../kube/lease-record.ts';

export interface TakeoverOptions {
  client: Client;
  namespace: string;
  name: string;
  /** Of this run and no other; begins with `uninstallHolder`. */
  identity: string;
  /** For so long after the last renewal nobody else takes the Lease. */
  holdMs: number;
  /** How long an earlier run's Lease is waited out: it may have been killed while a controller still believed to lead. */
  graceMs: number;
  /** For how long a controller holds a Lease: one that is not there may just have been deleted. */
  leaseMs: number;
  /** What a Lease goes with that is made here; see LeaderElectorOptions. */
  owner?: OwnerReference | undefined;
  /** A monotonic clock in milliseconds. */
  now?: () => number;
}

const retryMs = 200;
/** A leader writes the Lease every four seconds; that many conflicts in a row are something else. */
const maxConflicts = 50;

/** What came of it: the Lease is ours, or there is no namespace to have one in. `waitMs`: for so long somebody may still believe to lead. */
export interface Seized {
  held: boolean;
  /** Who had it. */
  from?: string;
  waitMs: number;
}

/** Somebody else has the Lease now. */
export class LostError extends Error {}

export class Takeover {
  readonly #o: TakeoverOptions & { now: () => number };
  readonly #record: LeaseRecord;
  #resourceVersion: string | undefined;
  /** When the last write that is known to have arrived was begun, or the last look that found no namespace. */
  #renewedAt = -Infinity;
  /** The operator's namespace is gone, or going: nobody makes a Lease in it. */
  #nowhere = false;

  constructor(options: TakeoverOptions) {
    this.#o = { now: () => performance.now(), ...options };
    const { client, namespace, name } = options;
    this.#record = { client, namespace, name, fieldManager: fieldManagers.uninstall };
  }

  /** Takes the Lease, whoever has it. Nothing may be written before `waitMs` is over. Throws ApiError, and LostError when it cannot be had. */
  async seize(signal: AbortSignal): Promise<Seized> {
    for (let conflicts = 0; conflicts < maxConflicts; conflicts++) {
      signal.throwIfAborted();
      const begun = this.#o.now();
      const lease = await readLease(this.#record);
      try {
        await this.#write(lease ? 'take' : 'create', lease);
        return this.#seized(lease);
      } catch (error) {
        if (lease === undefined && hasNoNamespace(error)) {
          this.#nowhere = true;
          this.#renewedAt = begun;
          return { held: false, waitMs: this.#o.graceMs };
        }
        if (!isConflict(error) && !isAlreadyExists(error) && !isNotFound(error)) throw error;
        await sleep(retryMs, undefined, { signal });
      }
    }
    throw new LostError(`the Lease ${this.#o.namespace}/${this.#o.name} changes all the time and cannot be taken over`);
  }

  #seized(before: Lease | undefined): Seized {
    const { graceMs, leaseMs } = this.#o;
    // Whoever had one that was deleted by hand does not know it yet.
    if (!before) return { held: true, waitMs: leaseMs + graceMs };
    const from = before.spec?.holderIdentity;
    if (!from) return { held: true, waitMs: 0 };
    const earlier = from.startsWith(uninstallHolder);
    return { held: true, from, waitMs: earlier ? graceMs : (before.spec?.leaseDurationSeconds ?? 0) * 1000 };
  }

  /** The fence of the transport: true while nobody else can have the Lease. */
  isHeld(): boolean {
    return this.#o.now() < this.#renewedAt + this.#o.holdMs * 0.8;
  }

  /** Renews the Lease when that is due, or at once with `force`. Throws LostError when somebody else has it, ApiError, TransientError. */
  async keep(force = false): Promise<void> {
    if (this.#nowhere) return this.#lookForNone();
    if (!force && this.#o.now() < this.#renewedAt + this.#o.holdMs * 0.1) return;
    try {
      await this.#write('renew', { metadata: { resourceVersion: this.#resourceVersion } });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
      const lease = await readLease(this.#record);
      const holder = lease?.spec?.holderIdentity;
      // Without one, somebody deleted it, and a controller may lead by the next.
      if (holder !== this.#o.identity) throw new LostError(`the Lease is held by ${holder ? `"${holder}"` : 'nobody'} now`);
      this.#resourceVersion = lease?.metadata.resourceVersion;
      await this.#write('renew', lease);
    }
  }

  /** Who installs anew meanwhile makes the namespace first. */
  async #lookForNone(): Promise<void> {
    const begun = this.#o.now();
    const lease = await readLease(this.#record);
    if (lease) throw new LostError(`there is a Lease again, held by "${lease.spec?.holderIdentity ?? ''}"`);
    this.#renewedAt = begun;
  }

  async #write(step: 'create' | 'take' | 'renew', before: LeaseBefore | undefined): Promise<void> {
    const { identity, holdMs: durationMs, owner } = this.#o;
    const begun = this.#o.now();
    const written = await writeLease(this.#record, step, before, { identity, durationMs, owner });
    this.#resourceVersion = written.metadata.resourceVersion;
    this.#renewedAt = begun;
    if (this.#resourceVersion === undefined) throw new TransientError('NoVersion', 'the API server gave the Lease no version');
  }
}

/** Of the creation of a Lease. */
function hasNoNamespace(error: unknown): boolean {
  if (isNotFound(error)) return true;
  return error instanceof ApiError && error.status === 403 && error.causes.some(c => c.reason === 'NamespaceTerminating');
}
