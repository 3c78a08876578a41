/**
 * What hosts require of the images of one scope: pure. A host has a list of requirements which must all be met, and each can be "signed by one of these keys"; that is
 * enough for any number of distinct authorities, with one requirement for each way to leave out one less than may be missing.
 */
import type { HostAcceptance } from '../api/host-trust.ts';
import { keysForHosts } from './host-limits.ts';
import type { ImageAuthority, PublicKey, Revocation, ScopedPolicy } from './rules.ts';
import { covers } from './scope.ts';
import { outside } from './validity.ts';

export interface Unsaid {
  policy: string;
  /** Absent where it is the policy itself. */
  authority?: string;
  why: string;
}

/** What a host does with the images of a scope: each of `clauses` must be met, by a signature of one of its keys. */
export interface ScopeRequirements {
  accepts: HostAcceptance;
  clauses: readonly (readonly PublicKey[])[];
  unsaid: readonly Unsaid[];
}

export interface Standing {
  revoked: readonly Revocation[];
  /** Epoch ms. */
  now: number;
}

/** More requirements than this, and more keys in more than one of them, are not written into a file that every pull reads. */
const maxClauses = 64;
const maxKeys = 4096;

/** The requirements of a scope, by the policies that have it (more than one when two contradict: all are to be satisfied) and those above. */
export function requirementsOf(scope: string, policies: readonly ScopedPolicy[], standing: Standing): ScopeRequirements {
  const own = policies.filter(policy => policy.scope === scope);
  const above = policies.filter(policy => policy.scope !== scope && covers(policy.scope, scope));
  const each = own.map(policy => requirementsOfPolicy(policy, policy.exclusive ? [] : above, standing));
  return {
    accepts: strictest(each.map(({ accepts }) => accepts)),
    clauses: distinct(each.flatMap(({ clauses }) => clauses)),
    unsaid: each.flatMap(({ unsaid }) => unsaid),
  };
}

function strictest(accepts: readonly HostAcceptance[]): HostAcceptance {
  return accepts.find(a => a === 'Nothing') ?? accepts.find(a => a === 'Signatures') ?? 'Anything';
}

function requirementsOfPolicy(policy: ScopedPolicy, above: readonly ScopedPolicy[], standing: Standing): ScopeRequirements {
  if (policy.mode !== 'Enforce')
    return anything([{ policy: policy.policy, why: `mode is ${policy.mode}: nodes accept anything` }]);
  // All is each authority of the governing policy; a number and Any count those of the policies above too.
  const counted = policy.require === 'All' ? [policy] : [policy, ...above];
  const authorities = counted.flatMap(p => p.authorities);
  const limits = limitsOf(policy, authorities);
  const groups = policy.require === 'All' ? authorities.map(authority => [authority]) : groupsOf(authorities);
  const { checked, unchecked } = split(groups, standing);
  const wanted = policy.require === 'Any' ? 1 : policy.require === 'All' ? groups.length : policy.require;
  if (checked.length + unchecked.length < Math.max(wanted, 1)) return { accepts: 'Nothing', clauses: [], unsaid: limits };
  if (checked.length === 0) return anything([...limits, { policy: policy.policy, why: nobody }]);

  const threshold = expressible(Math.min(wanted, checked.length), checked);
  const unsaid = threshold < wanted ? [...limits, { policy: policy.policy, why: fewer(threshold, wanted) }] : limits;
  return { accepts: 'Signatures', clauses: clausesOf(checked, threshold), unsaid };
}

const nobody = 'has no authority that nodes can check: they accept anything, and the controller alone judges';

function fewer(threshold: number, wanted: number): string {
  return `nodes require ${threshold} of the ${wanted} authorities, as they cannot check more`;
}

function anything(unsaid: readonly Unsaid[]): ScopeRequirements {
  return { accepts: 'Anything', clauses: [], unsaid };
}

function limitsOf(policy: ScopedPolicy, authorities: readonly ImageAuthority[]): Unsaid[] {
  const named = authorities.flatMap(authority => {
    const { limit } = keysForHosts(authority);
    return limit === undefined ? [] : [{ policy: authority.policy, authority: authority.name, why: limit }];
  });
  if (policy.attestations.length === 0) return named;
  return [...named, { policy: policy.policy, why: 'nodes do not check attestations' }];
}

/** Those that can be met at all now: by a key that nodes can check, or otherwise. */
function split(groups: readonly (readonly ImageAuthority[])[], { revoked, now }: Standing) {
  const gone = new Set(revoked.map(({ fingerprint }) => fingerprint));
  const checked: PublicKey[][] = [];
  const unchecked: ImageAuthority[][] = [];
  for (const group of groups) {
    const live = group.filter(authority => authority.kind === 'keyless' || outside(authority, now) === undefined);
    const usable = live.filter(a => a.kind === 'keyless' || a.keys.some(({ fingerprint }) => !gone.has(fingerprint)));
    const keys = usable.flatMap(authority => keysForHosts(authority).keys).filter(({ fingerprint }) => !gone.has(fingerprint));
    if (keys.length > 0) checked.push(keys);
    else if (usable.length > 0) unchecked.push(usable);
  }
  return { checked, unchecked };
}

/** Authorities that have a key in common, together: where authorities are counted, they count once. */
function groupsOf(authorities: readonly ImageAuthority[]): ImageAuthority[][] {
  let groups: { members: ImageAuthority[]; keys: Set<string> }[] = [];
  for (const authority of authorities) {
    const keys = new Set(authority.kind === 'key' ? authority.keys.map(({ fingerprint }) => fingerprint) : []);
    const [joined, apart] = partition(groups, group => [...keys].some(key => group.keys.has(key)));
    const members = [...joined.flatMap(group => group.members), authority];
    groups = [...apart, { members, keys: new Set([...keys, ...joined.flatMap(group => [...group.keys])]) }];
  }
  return groups.map(({ members }) => members);
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter(item => !test(item))];
}

/** The number to require, as near to what is wanted as can be written down. */
function expressible(wanted: number, groups: readonly (readonly PublicKey[])[]): number {
  const keys = groups.reduce((sum, group) => sum + group.length, 0);
  let threshold = wanted;
  while (threshold > 1) {
    const clauses = combinations(groups.length, threshold - 1);
    // Each key is in as many of them as leave others out.
    const written = (clauses * keys * (groups.length - threshold + 1)) / groups.length;
    if (clauses <= maxClauses && written <= maxKeys) break;
    threshold--;
  }
  return threshold;
}

function combinations(n: number, k: number): number {
  let count = 1;
  for (let i = 0; i < Math.min(k, n - k); i++) count = (count * (n - i)) / (i + 1);
  return count;
}

/** `threshold` of the groups have signed exactly when one of any `groups - threshold + 1` has. */
function clausesOf(groups: readonly (readonly PublicKey[])[], threshold: number): PublicKey[][] {
  return subsets(groups, groups.length - threshold + 1).map(subset => {
    const keys = new Map(subset.flat().map(key => [key.fingerprint, key]));
    return [...keys.values()].toSorted((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
  });
}

function subsets<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  // Not begun where it cannot be ended: all ways to leave out one of 32 are 32, and not 2³².
  if (items.length < size) return [];
  return items.flatMap((item, i) => subsets(items.slice(i + 1), size - 1).map(rest => [item, ...rest]));
}

/** Each once and in an order of their own, so that the order of policies and authorities says nothing. */
function distinct(clauses: readonly (readonly PublicKey[])[]): (readonly PublicKey[])[] {
  const byKeys = new Map(clauses.map(clause => [clause.map(({ fingerprint }) => fingerprint).join(' '), clause]));
  return [...byKeys].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, clause]) => clause);
}
