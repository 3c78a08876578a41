/** Which found keys wait for a person: pure. */
import type { TrustPolicyStatusPendingKey } from '../api/trust-policy.ts';
import type { Discovery, FoundKey } from './discovery.ts';

/** As many as the status holds. */
const maxPending = 32;
const maxIdentities = 16;
const maxIdentity = 256;

export interface PendingInput {
  /** status.pendingKeys as it is. */
  current: readonly TrustPolicyStatusPendingKey[];
  discovery: Pick<Discovery, 'found' | 'complete'>;
  /** Fingerprints of the policy's authorities: what was accepted does not wait. */
  accepted: ReadonlySet<string>;
  /** Fingerprints that any policy revokes: such a key never returns, whoever serves it. */
  revoked: ReadonlySet<string>;
  now: number;
}

export interface Pending {
  pendingKeys: TrustPolicyStatusPendingKey[];
  /** Fingerprints that did not wait before: one event each. */
  added: string[];
}

/** A key goes on waiting while a look that failed does not say otherwise; those that waited first are not pushed out by others. */
export function pendingKeysOf({ current, discovery, accepted, revoked, now }: PendingInput): Pending {
  const known = new Map(current.map(key => [key.fingerprint, key]));
  const found = new Set(discovery.found.map(key => key.fingerprint));
  const stays = current.filter(key => !discovery.complete || found.has(key.fingerprint));
  const fresh = discovery.found.filter(key => !known.has(key.fingerprint)).map(key => pendingKey(key, now));
  const pendingKeys = [...stays, ...fresh]
    .filter(({ fingerprint }) => !accepted.has(fingerprint) && !revoked.has(fingerprint))
    .slice(0, maxPending);
  return { pendingKeys, added: pendingKeys.map(key => key.fingerprint).filter(fingerprint => !known.has(fingerprint)) };
}

function pendingKey({ fingerprint, algorithm, identities, location, text }: FoundKey, now: number): TrustPolicyStatusPendingKey {
  return {
    fingerprint,
    algorithm: algorithm.slice(0, 32),
    identities: identities.slice(0, maxIdentities).map(identity => identity.slice(0, maxIdentity).toWellFormed()),
    location: location.slice(0, 2048),
    firstSeen: new Date(now).toISOString(),
    key: text,
  };
}
