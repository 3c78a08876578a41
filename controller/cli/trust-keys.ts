/** Which keys policies have, from what is in their specs and, of Secrets, from what the controller says of them. */
import type { TrustPolicy, TrustPolicySpecAuthority, TrustPolicyStatusPendingKey } from '../api/trust-policy.ts';
import { StallingError } from '../api/errors.ts';
import { readKeyMaterial, type KeyMaterial } from '../trust/key-material.ts';

/** A key that may sign, or one that waits for a person. */
export interface PolicyKey {
  policy: string;
  /** Absent while it waits. */
  authority?: string;
  kind: KeyMaterial['kind'];
  fingerprint: string;
  algorithm?: string;
  identities: readonly string[];
  subkeys: readonly string[];
  notAfter?: string;
  /** Where it is, when that is not the policy: `Secret NAME`, or the URL of one that waits. */
  location?: string;
  /** The key as a policy has it; absent when it is in a Secret. */
  text?: string;
}

/** Every key of a policy's authorities. One that cannot be read is left out: the controller says so. */
export async function keysOf(policy: TrustPolicy): Promise<PolicyKey[]> {
  const found = await Promise.all((policy.spec.authorities ?? []).map(authority => keysOfAuthority(policy, authority)));
  return found.flat();
}

async function keysOfAuthority({ metadata, status }: TrustPolicy, authority: TrustPolicySpecAuthority): Promise<PolicyKey[]> {
  const named = { policy: metadata.name, authority: authority.name };
  const text = inlineKeys(authority);
  if (text !== undefined) return (await readable(text)).map(key => ({ ...named, ...key }));
  // By certificate nobody has a key of their own; what the status lists is of the trusted root.
  if (authority.keyless) return [];
  const kind = authority.key ? 'key' : authority.openPGP ? 'openPGP' : 'ssh';
  const secret = (authority.key ?? authority.openPGP ?? authority.ssh)?.secretRef?.name;
  const listed = status?.authorities?.find(({ name }) => name === authority.name)?.keys ?? [];
  // Beside a key for images the status lists those of its trusted root, which are of somebody; the key itself is of nobody.
  const known = authority.key ? listed.filter(({ identity }) => identity === undefined) : listed;
  return known.map(({ fingerprint, algorithm, identity, notAfter }) => ({
    ...named,
    kind,
    fingerprint,
    identities: identity === undefined ? [] : [identity],
    subkeys: [],
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(secret === undefined ? {} : { location: `Secret ${secret}` }),
  }));
}

/** The keys that are written in an authority itself. */
export function inlineKeys({ key, openPGP, ssh }: TrustPolicySpecAuthority): string | undefined {
  return key?.data ?? openPGP?.data ?? ssh?.allowedSigners;
}

/** The keys that wait. What the status says of a key is taken from the key itself: the two must be the same. */
export async function pendingKeysOf({ metadata, status }: TrustPolicy): Promise<PolicyKey[]> {
  const found = await Promise.all((status?.pendingKeys ?? []).map(pending => ofPending(metadata.name, pending)));
  return found.flat();
}

async function ofPending(policy: string, { fingerprint, location, key = '' }: TrustPolicyStatusPendingKey): Promise<PolicyKey[]> {
  const keys = (await readable(key)).filter(k => k.fingerprint === fingerprint);
  return keys.map(k => ({ policy, ...k, ...(location === undefined ? {} : { location }) }));
}

async function readable(text: string): Promise<KeyMaterial[]> {
  try {
    return await readKeyMaterial(Buffer.from(text));
  } catch (error) {
    if (error instanceof StallingError) return [];
    throw error;
  }
}
