/** Whose turn it is, from a Lease and how long it has been seen unchanged: pure. */
import type { Lease } from '../api/core.ts';

/** A Lease (undefined: there is none), and since when this process has seen it so (its resourceVersion, its absence), on its own monotonic clock. */
export interface ObservedLease {
  lease: Lease | undefined;
  seenAt: number;
  /** Of a Lease that is gone: for how many ms whoever held it may still believe to. */
  believedMs?: number;
}

export type LeaseStep = 'create' | 'renew' | 'take' | 'wait';

/**
 * What a candidate does with the Lease. The times written in it are never compared with a clock: clocks of machines differ and
 * step. Another's Lease counts as expired when this process has seen it unchanged for as long as its holder asked for; one that somebody deleted,
 * when it has been gone for as long, because its holder learns of that only when it renews.
 */
export function leaseStep(observed: ObservedLease, identity: string, now: number): LeaseStep {
  const spec = observed.lease?.spec;
  if (!observed.lease) return observed.believedMs && now <= expiresAt(observed) ? 'wait' : 'create';
  if (spec?.holderIdentity === identity) return 'renew';
  if (!spec?.holderIdentity) return 'take';
  return now > expiresAt(observed) ? 'take' : 'wait';
}

/** When a Lease that is not renewed, or is gone, can be taken by another, on the clock of seenAt. */
export function expiresAt({ lease, seenAt, believedMs = 0 }: ObservedLease): number {
  return seenAt + (lease ? durationMs(lease) : believedMs);
}

/** What is known of the Lease after it was read: the same version, and the same absence, keep the time at which they were first seen. */
export function observe(before: ObservedLease | undefined, lease: Lease | undefined, now: number): ObservedLease {
  if (lease) {
    const unchanged = before?.lease?.metadata.resourceVersion === lease.metadata.resourceVersion;
    return { lease, seenAt: unchanged && before ? before.seenAt : now };
  }
  if (before && !before.lease) return before;
  return { lease, seenAt: now, believedMs: before?.lease?.spec?.holderIdentity ? durationMs(before.lease) : 0 };
}

function durationMs({ spec }: Lease): number {
  return (spec?.leaseDurationSeconds ?? 0) * 1000;
}
