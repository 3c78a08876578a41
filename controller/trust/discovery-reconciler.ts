/** Discovery of a TrustPolicy: look where its prefix says, and keep what was found for a person. It trusts nothing and nobody. */
import { isDeepStrictEqual } from 'node:util';
import { conditionOf, timestamp } from '../api/conditions.ts';
import { parseDuration } from '../api/duration.ts';
import type { Condition } from '../api/meta.ts';
import { fieldManagers, requestedAt } from '../api/names.ts';
import { type TrustPolicy, type TrustPolicyStatus, trustpolicies } from '../api/trust-policy.ts';
import type { Client } from '../kube/client.ts';
import type { Reconcile } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import { findObject } from '../kube/find-object.ts';
import type { DiscoverOptions, Discovery } from './discovery.ts';
import { pendingKeysOf } from './pending-keys.ts';
import type { PolicyBook } from './policy-book.ts';
import { type PolicyReason, keysPending } from './reasons.ts';
import { revocationsOf } from './select-rules.ts';

type Asking = Pick<DiscoverOptions, 'prefix' | 'allowPrivate'>;

export interface DiscoveryDependencies {
  client: Client;
  book: PolicyBook;
  discover: (asking: Asking) => Promise<Discovery>;
  events: Pick<EventRecorder, 'record'>;
  /** Epoch ms. */
  now: () => number;
}

/** When a policy was last looked for, and for what. Forgotten, it is looked for again. */
interface Look {
  asked: string;
  at: number;
  everyMs: number;
  attempts: readonly string[];
}

type DiscoveryStatus = Pick<TrustPolicyStatus, 'pendingKeys' | 'conditions'>;

const fieldManager = fieldManagers.discovery;
const shortestMs = 60_000;
/** A look that was not answered is tried again sooner than one that found nothing. */
const retryMs = 600_000;
/** As long as the policies are not read, it is not known what is revoked. */
const unreadMs = 5_000;

export function createDiscoveryReconciler(o: DiscoveryDependencies): { reconcile: Reconcile } {
  const looks = new Map<string, Look>();

  const write = async (policy: TrustPolicy, status: DiscoveryStatus): Promise<void> => {
    const { apiVersion, kind, metadata } = policy;
    if (isDeepStrictEqual(ownStatus(policy.status), status)) return;
    const named = { name: metadata.name, ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) };
    await o.client.applyStatus(trustpolicies, { apiVersion, kind, metadata: named, status }, { fieldManager });
  };

  const record = ({ apiVersion, kind, metadata }: TrustPolicy, note: string): void => {
    const regarding = { apiVersion, kind, name: metadata.name, ...(metadata.uid ? { uid: metadata.uid } : {}) };
    o.events.record({ regarding, type: 'Warning', reason: 'KeyPending' satisfies PolicyReason, action: 'Discover', note });
  };

  /** What is found now, where it is time to look. */
  const lookAt = async (policy: TrustPolicy, asking: Asking): Promise<{ look: Look; found: Discovery | undefined }> => {
    const before = looks.get(policy.metadata.name);
    const asked = JSON.stringify([policy.metadata.uid, policy.metadata.annotations?.[requestedAt], asking]);
    if (before?.asked === asked && o.now() < nextLook(before)) return { look: before, found: undefined };
    const found = await o.discover(asking);
    const { attempts, complete } = found;
    const intervalMs = Math.max(shortestMs, parseDuration(policy.spec.discovery?.interval ?? '24h'));
    const look: Look = { asked, at: o.now(), attempts, everyMs: complete ? intervalMs : Math.min(retryMs, intervalMs) };
    looks.set(policy.metadata.name, look);
    return { look, found };
  };

  const reconcile: Reconcile = async name => {
    const policy = await findObject(o.client, trustpolicies, name);
    const asking = policy && askingOf(policy);
    if (!asking) {
      looks.delete(name);
      if (policy) await write(policy, {});
      return;
    }
    const read = o.book.loaded();
    const own = read?.find(({ policy }) => policy === name);
    if (!read || !own) return { requeueAfterMs: unreadMs };
    const { look, found } = await lookAt(policy, asking);
    const { pendingKeys, added } = pendingKeysOf({
      current: policy.status?.pendingKeys ?? [],
      // Not looked at now: what waits goes on waiting, but for what is accepted or revoked since.
      discovery: found ?? { found: [], complete: false },
      accepted: new Set(own.authorities.flatMap(({ keys }) => keys.map(({ fingerprint }) => fingerprint))),
      revoked: new Set(revocationsOf(read).map(({ fingerprint }) => fingerprint)),
      now: o.now(),
    });
    const said = saidOf(pendingKeys.length, look);
    await write(policy, {
      ...(pendingKeys.length > 0 ? { pendingKeys } : {}),
      ...(said ? { conditions: [dated(policy, said, o.now())] } : {}),
    });
    for (const fingerprint of added) {
      record(policy, `key ${fingerprint} was found for ${asking.prefix}; scantling trust approve, or revoke, decides on it`);
    }
    return { requeueAfterMs: Math.max(1_000, nextLook(look) - o.now()) };
  };

  return { reconcile };
}

/** Where to look; undefined when the policy does not want it, or has no prefix that could be asked. */
function askingOf({ metadata, spec }: TrustPolicy): Asking | undefined {
  const { prefix } = spec.scope;
  if (metadata.deletionTimestamp !== undefined || spec.discovery?.enabled !== true || prefix === undefined) return undefined;
  return { prefix, allowPrivate: spec.discovery.allowPrivateAddresses };
}

function nextLook({ at, everyMs }: Look): number {
  return at + everyMs;
}

type Said = Pick<Condition, 'status' | 'reason' | 'message'>;

function saidOf(pending: number, { attempts }: Look): Said | undefined {
  if (pending > 0) {
    const keys = pending === 1 ? '1 key waits' : `${pending} keys wait`;
    return {
      status: 'True',
      reason: 'KeyPending' satisfies PolicyReason,
      message: `${keys} for a person (status.pendingKeys): scantling trust approve FINGERPRINT, or revoke`,
    };
  }
  if (attempts.length === 0) return undefined;
  const message = `no key found: ${attempts.join('; ')}`.slice(0, 4096).toWellFormed();
  return { status: 'False', reason: 'DiscoveryFailed' satisfies PolicyReason, message };
}

function dated({ metadata, status }: TrustPolicy, said: Said, now: number): Condition {
  const before = conditionOf(status?.conditions, keysPending);
  return {
    type: keysPending,
    ...said,
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    lastTransitionTime: before?.status === said.status ? before.lastTransitionTime : timestamp(new Date(now)),
  };
}

function ownStatus(status: TrustPolicyStatus | undefined): DiscoveryStatus {
  const condition = conditionOf(status?.conditions, keysPending);
  return {
    ...(status?.pendingKeys && status.pendingKeys.length > 0 ? { pendingKeys: status.pendingKeys } : {}),
    ...(condition ? { conditions: [condition] } : {}),
  };
}
