/** `scantling trust revoke FINGERPRINT`: nothing by that key is accepted any more, whichever policy names it. */
import type { TrustPolicy, TrustPolicySpecRevoked } from '../api/trust-policy.ts';
import { UsageError } from '../command-line.ts';
import type { Invocation } from '../running.ts';
import { formatOf, print } from './output.ts';
import { fingerprintOf } from './trust-fingerprint.ts';
import { hostNotes, policyOf, TrustRefusedError } from './trust-edit.ts';
import { keysOf, pendingKeysOf } from './trust-keys.ts';
import { openStore, type PolicyStore } from './trust-store.ts';

/** The policy of revocations that no other policy is the place for. It covers nothing. */
const ownPolicy = 'revoked';

interface RevocationReport extends TrustPolicySpecRevoked {
  kind: 'TrustRevocation';
  policy: string;
  /** Absent when it was revoked before. */
  place?: string;
  /** Authorities that have the key, which does not count there any more. */
  affects: string[];
  /** What follows from it. */
  notes: string[];
}

/** Exit code 0 when it is revoked, also before. Throws UsageError, TrustRefusedError. */
export async function trustRevoke(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout } = invocation;
  const format = formatOf(config);
  const entry = entryOf(fingerprintOf(positionals[0] ?? ''), config);
  const store = await openStore(invocation);
  try {
    const policies = await store.policies();
    const { affects, homes } = await havingKey(policies, entry.fingerprint);
    const before = policies.find(p => p.spec.revoked?.some(r => r.fingerprint === entry.fingerprint && !isStricter(entry, r)));
    const done = before
      ? { policy: before.metadata.name }
      : await revoke(store, policies, { entry, homes, name: config['policy-name'] });
    const notes = before ? [] : hostNotes(policies.filter(p => affects.some(name => name.startsWith(`${p.metadata.name}/`))));
    const report: RevocationReport = { kind: 'TrustRevocation', ...entry, ...done, affects, notes };
    await print(stdout, format, report, wordsOf);
    return 0;
  } finally {
    await store.close();
  }
}

function entryOf(fingerprint: string, { since, reason }: Invocation['config']): TrustPolicySpecRevoked {
  if (since !== '' && (Number.isNaN(Date.parse(since)) || !/^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(since)))
    throw new UsageError(`--since is a time of RFC 3339, as 2026-03-01T00:00:00Z, not "${since}"`);
  return { fingerprint, ...(since === '' ? {} : { since }), ...(reason === '' ? {} : { reason }) };
}

/** Whether it refuses what the other one lets through. */
function isStricter(entry: TrustPolicySpecRevoked, than: TrustPolicySpecRevoked): boolean {
  if (than.since === undefined) return false;
  return entry.since === undefined || Date.parse(entry.since) < Date.parse(than.since);
}

interface Having {
  /** As `policy/authority`. */
  affects: string[];
  /** Policies that name the key, or where it waits. */
  homes: TrustPolicy[];
}

async function havingKey(policies: readonly TrustPolicy[], fingerprint: string): Promise<Having> {
  const [affects, homes]: [string[], TrustPolicy[]] = [[], []];
  for (const policy of policies) {
    const keys = [...(await keysOf(policy)), ...(await pendingKeysOf(policy))];
    const having = keys.filter(key => key.fingerprint === fingerprint || key.subkeys.includes(fingerprint));
    affects.push(...having.flatMap(key => (key.authority === undefined ? [] : [`${key.policy}/${key.authority}`])));
    if (having.length > 0) homes.push(policy);
  }
  return { affects, homes };
}

async function revoke(
  store: PolicyStore,
  policies: readonly TrustPolicy[],
  { entry, homes, name }: { entry: TrustPolicySpecRevoked; homes: readonly TrustPolicy[]; name: string },
): Promise<{ policy: string; place: string }> {
  const [first] = homes;
  const chosen = name || first?.metadata.name || ownPolicy;
  const policy = policies.find(p => p.metadata.name === chosen);
  if (policy) return { policy: chosen, place: await store.change(policy, [{ kind: 'revoke', entry }]) };
  if (name !== '') throw new TrustRefusedError(`there is no TrustPolicy ${name}`);
  const made = policyOf(ownPolicy, { scope: { root: true }, subjects: ['Image', 'Git'], mode: 'Enforce', revoked: [entry] });
  return { policy: ownPolicy, place: await store.create(made) };
}

function wordsOf({ fingerprint, policy, place, since, affects, notes }: RevocationReport): string {
  const from = since === undefined ? '' : `; what is proved to be signed before ${since} stays good`;
  const lines = [
    place === undefined ? `${fingerprint} is revoked already, by TrustPolicy ${policy}` : `revoked ${fingerprint}${from}`,
    ...affects.map(name => `it does not count any more as ${name}`),
    ...(place === undefined ? [] : [`written: ${place}`]),
    ...notes.map(note => `note: ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}
