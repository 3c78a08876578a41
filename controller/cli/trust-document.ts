/** What `trust list` and `trust show` answer, as documents. Their shape is described in docs/cli.md and stays. */
import type { TrustPolicy, TrustPolicySpecRevoked } from '../api/trust-policy.ts';
import { describeScope, scopeOf } from '../trust/scope.ts';
import { optional } from './status-document.ts';
import { standingOf, type Standing } from './state.ts';
import { keysOf, pendingKeysOf, type PolicyKey } from './trust-keys.ts';

export interface KeyRow extends Omit<PolicyKey, 'text'> {
  /** Good: it counts. Revoked wins over Expired. */
  state: 'Good' | 'Revoked' | 'Expired' | 'Pending';
  /** RFC 3339. */
  lastUsed?: string;
}

export interface AuthorityRow {
  name: string;
  kind: 'key' | 'keyless' | 'openPGP' | 'ssh';
  /** Who may sign, of keyless. */
  identities: string[];
  /** What keeps it from counting. */
  message?: string;
  /** What of it nodes cannot check. */
  node?: string;
  lastUsed?: string;
}

export interface PolicyRow {
  name: string;
  scope: string;
  subjects: readonly string[];
  mode: string;
  require: number | string;
  exclusive: boolean;
  /** Of the cluster; absent of files. */
  standing?: Standing;
  authorities: AuthorityRow[];
  keys: KeyRow[];
  revoked: TrustPolicySpecRevoked[];
}

export interface TrustDocument {
  kind: 'Trust';
  policies: PolicyRow[];
}

/** `fromCluster`: policies have a status. */
export async function trustDocument(
  policies: readonly TrustPolicy[],
  { now, fromCluster }: { now: number; fromCluster: boolean },
): Promise<TrustDocument> {
  const revoked = new Set(policies.flatMap(p => (p.spec.revoked ?? []).map(r => r.fingerprint)));
  const rows = policies.map(async (policy): Promise<PolicyRow> => {
    const { mode, require, exclusive, scope, subjects } = policy.spec;
    const [keys, pending] = await Promise.all([keysOf(policy), pendingKeysOf(policy)]);
    return {
      name: policy.metadata.name,
      scope: describeScope(scopeOf(scope)),
      subjects,
      mode,
      require,
      exclusive,
      ...(fromCluster ? { standing: standingOf(policy, now) } : {}),
      authorities: authoritiesOf(policy),
      keys: [...keys, ...pending].map(key => keyRow(policy, key, { revoked, now })),
      revoked: policy.spec.revoked ?? [],
    };
  });
  return { kind: 'Trust', policies: await Promise.all(rows) };
}

function authoritiesOf({ spec, status }: TrustPolicy): AuthorityRow[] {
  return (spec.authorities ?? []).map(({ name, key, keyless, openPGP }) => {
    const said = status?.authorities?.find(a => a.name === name);
    return {
      name,
      kind: key ? 'key' : keyless ? 'keyless' : openPGP ? 'openPGP' : 'ssh',
      identities: (keyless?.identities ?? []).map(i => `${i.subject ?? i.subjectPattern ?? ''} (${i.issuer})`),
      ...optional('message', said?.message),
      ...optional('node', said?.node || undefined),
      ...optional('lastUsed', said?.lastUsed),
    };
  });
}

function keyRow(
  { spec, status }: TrustPolicy,
  key: PolicyKey,
  { revoked, now }: { revoked: ReadonlySet<string>; now: number },
): KeyRow {
  const ends = key.notAfter ?? spec.authorities?.find(a => a.name === key.authority)?.key?.notAfter;
  const isExpired = ends !== undefined && Date.parse(ends) < now;
  const state = revoked.has(key.fingerprint)
    ? 'Revoked'
    : key.authority === undefined
      ? 'Pending'
      : isExpired
        ? 'Expired'
        : 'Good';
  const lastUsed = status?.authorities?.find(a => a.name === key.authority)?.lastUsed;
  const { text: _text, ...shown } = key;
  return { ...shown, state, ...optional('notAfter', ends), ...optional('lastUsed', lastUsed) };
}
