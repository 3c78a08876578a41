/** TrustPolicy: read what it names, hand it to those who judge, and say what was read. One status write a pass, and none when nothing is new. */
import { StallingError } from '../api/errors.ts';
import { fieldManagers } from '../api/names.ts';
import { type TrustPolicy, type TrustPolicyStatus, trustpolicies } from '../api/trust-policy.ts';
import type { Client } from '../kube/client.ts';
import type { Reconcile, Result } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import { findObject } from '../kube/find-object.ts';
import type { TrustFigures } from './figures.ts';
import { LateRoots } from './late-roots.ts';
import type { PolicyBook } from './policy-book.ts';
import { type ReadPolicy, readPolicy } from './read-policy.ts';
import type { Sources } from './sources.ts';
import type { TrustedRoots, TrustedRootSource } from './trusted-root.ts';
import { conflictsOf, revocationsOf } from './select-rules.ts';
import { type Looked, type News, newsOf, nextChange, outcomeOf, policyStatus, statusDiffers } from './status.ts';
import type { Uses } from './uses.ts';

export interface PolicyDependencies {
  client: Client;
  book: PolicyBook;
  sources: Sources;
  roots: Pick<TrustedRoots, 'lastFetched'>;
  figures: Pick<TrustFigures, 'rootFetched'>;
  uses: Uses;
  events: Pick<EventRecorder, 'record'>;
  /** Epoch ms. */
  now: () => number;
  /** Has a policy read again. */
  wake: (name: string) => void;
  /** Of several controllers one says what was read; the others read for themselves only. Default: true. */
  speaks?: boolean;
}

const fieldManager = fieldManagers.trust;
/** A Secret or ConfigMap wakes nobody, so that what it holds counts within this time. */
const rereadMs = 60_000;
/** What was used is shown so often. */
const showMs = 600_000;

export function createPolicyReconciler(o: PolicyDependencies): { reconcile: Reconcile } {
  const late = new LateRoots({ read: from => o.sources.trustedRoot(from) });

  const write = async (policy: TrustPolicy, status: TrustPolicyStatus): Promise<void> => {
    const { apiVersion, kind, metadata, status: before } = policy;
    if (!statusDiffers(before, status)) return;
    const named = { name: metadata.name, ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) };
    await o.client.applyStatus(trustpolicies, { apiVersion, kind, metadata: named, status }, { fieldManager });
    for (const news of newsOf(before, status)) record(policy, news);
  };

  const record = ({ apiVersion, kind, metadata }: TrustPolicy, { type, reason, note }: News): void => {
    const regarding = { apiVersion, kind, name: metadata.name, ...(metadata.uid ? { uid: metadata.uid } : {}) };
    o.events.record({ regarding, type, reason, action: 'Read', note });
  };

  /** Reads the policy, and notes how old what came by TUF is. */
  const readFrom = async (policy: TrustPolicy): Promise<ReadPolicy> => {
    const asked: TrustedRootSource[] = [];
    const trustedRoot = (from: TrustedRootSource): Promise<string> => {
      asked.push(from);
      return late.read(from, () => o.wake(policy.metadata.name));
    };
    const read = await readPolicy(policy, { ...o.sources, trustedRoot });
    const times = await Promise.all(asked.map(from => o.roots.lastFetched(from)));
    const known = times.filter(time => time !== undefined);
    o.figures.rootFetched(policy.metadata.name, known.length > 0 ? Math.min(...known) : undefined);
    return read;
  };

  const reconcile: Reconcile = async name => {
    const policy = await findObject(o.client, trustpolicies, name);
    // One that is being deleted stands until it is gone: nothing may be accepted that it refuses.
    if (!policy) return;
    const read = o.book.put(await readFrom(policy));
    const known = o.book.known();
    const now = o.now();
    const looked: Looked = {
      read,
      revoked: revocationsOf(known),
      conflicts: conflictsOf(known, read).map(other => other.policy),
      lastUsed: (authority, before) => o.uses.shown(authority, before),
      now,
    };
    if (o.speaks !== false) await write(policy, policyStatus(policy, looked));
    const outcome = outcomeOf(looked);
    // A conflict ends, and a revocation comes, by another policy, which wakes this one; a key in a Secret by itself.
    if (outcome.kind === 'Failed' && !(outcome.error instanceof StallingError)) throw outcome.error;
    return again(policy, read, now);
  };

  return { reconcile };
}

function again(policy: TrustPolicy, read: ReadPolicy, now: number): Result {
  const change = nextChange(read, now);
  const soonest = Math.min(
    namesOthers(policy) ? rereadMs : Number.POSITIVE_INFINITY,
    read.authorities.length > 0 ? showMs : Number.POSITIVE_INFINITY,
    change === undefined ? Number.POSITIVE_INFINITY : change - now + 1,
  );
  return Number.isFinite(soonest) ? { requeueAfterMs: soonest } : {};
}

/** Whether something of the policy is in another object, or elsewhere, and may change without it. */
function namesOthers({ spec }: TrustPolicy): boolean {
  return (spec.authorities ?? []).some(({ key, keyless, openPGP, ssh }) => {
    const root = key?.trustedRoot ?? keyless?.trustedRoot;
    const elsewhere = root !== undefined && root.data === undefined;
    return elsewhere || [key, openPGP, ssh].some(kind => kind?.secretRef !== undefined);
  });
}
