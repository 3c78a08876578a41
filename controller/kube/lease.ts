/** Whose turn it is, from a Lease and how long it has been seen unchanged: pure. */
import type { Lease } from '../api/core.ts';

/** A Lease (undefined: there is none), and when this process first saw its resourceVersion, on its own monotonic clock. */
export interface ObservedLease {
  lease: Lease | undefined;
  seenAt: number;
}

export type LeaseStep = 'create' | 'renew' | 'take' | 'wait';

/**
 * What a candidate does with the Lease. The times written in it are never compared with a clock: clocks of machines differ and
 * step. Another's Lease counts as expired when this process has seen it unchanged for as long as its holder asked for.
 */
export function leaseStep(observed: ObservedLease, identity: string, now: number): LeaseStep {
  const spec = observed.lease?.spec;
  if (!observed.lease) return 'create';
  if (spec?.holderIdentity === identity) return 'renew';
  if (!spec?.holderIdentity) return 'take';
  return now > expiresAt(observed) ? 'take' : 'wait';
}

/** When a Lease that is not renewed can be taken by another, on the clock of seenAt. */
export function expiresAt({ lease, seenAt }: ObservedLease): number {
  return seenAt + (lease?.spec?.leaseDurationSeconds ?? 0) * 1000;
}

/** What is known of the Lease after it was read: the same version keeps the time at which it was first seen. */
export function observe(before: ObservedLease | undefined, lease: Lease | undefined, now: number): ObservedLease {
  const unchanged = before?.lease !== undefined && before.lease.metadata.resourceVersion === lease?.metadata.resourceVersion;
  return { lease, seenAt: unchanged ? before.seenAt : now };
}
