/** Reads and writes a Lease, for those who hold it or want to. */
import { leases, type Lease } from '../api/core.ts';
import type { OwnerReference } from '../api/meta.ts';
import type { Client } from './client.ts';
import { isNotFound } from './errors.ts';
import type { LeaseStep } from './lease.ts';
import { microTime } from './microtime.ts';

/** Which Lease, and as whom it is written. */
export interface LeaseRecord {
  client: Client;
  namespace: string;
  name: string;
  fieldManager: string;
}

export interface Holding {
  identity: string;
  /** After so long without renewal others take over; rounded up to whole seconds. */
  durationMs: number;
  /** What a Lease goes with that is made here. */
  owner?: OwnerReference | undefined;
}

/** What is known of the Lease that is written over. */
export type LeaseBefore = Pick<Lease, 'spec'> & { metadata: { resourceVersion?: string | undefined } };

/** Undefined when there is none. Throws ApiError and TransientError. */
export async function readLease({ client, name, namespace }: LeaseRecord): Promise<Lease | undefined> {
  try {
    return await client.get(leases, name, namespace);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Creates, takes or renews it. The version of `before` is a precondition, so that of several who judged the same Lease one wins: the others
 * get the ApiError of a conflict, and of one that exists when it is created.
 */
export async function writeLease(
  record: LeaseRecord,
  step: Exclude<LeaseStep, 'wait'>,
  before: LeaseBefore | undefined,
  { identity, durationMs, owner }: Holding,
): Promise<Lease> {
  const { client, name, namespace, fieldManager } = record;
  // For people who read it; nothing compares it.
  const renewTime = microTime(new Date());
  const held = { holderIdentity: identity, leaseDurationSeconds: Math.ceil(durationMs / 1000), renewTime };
  if (step === 'create') {
    const metadata = { name, namespace, ...(owner ? { ownerReferences: [owner] } : {}) };
    const spec = { ...held, acquireTime: renewTime, leaseTransitions: 0 };
    return client.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }, { fieldManager });
  }
  const leaseTransitions = (before?.spec?.leaseTransitions ?? 0) + 1;
  const spec = step === 'renew' ? held : { ...held, acquireTime: renewTime, leaseTransitions };
  return patchLease(record, before?.metadata.resourceVersion, spec);
}

/** Gives a held Lease up: nobody need wait for it to expire. */
export function giveLeaseUp(record: LeaseRecord, resourceVersion: string): Promise<Lease> {
  return patchLease(record, resourceVersion, {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    renewTime: microTime(new Date()),
  });
}

function patchLease({ client, name, namespace, fieldManager }: LeaseRecord, resourceVersion: string | undefined, spec: object) {
  return client.mergePatch(leases, name, { metadata: { resourceVersion }, spec }, { fieldManager, namespace });
}
