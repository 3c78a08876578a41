/** What `scantling status` answers, as a document: pure. Its shape is described in docs/cli.md and stays. */
import type { Lease } from '../api/core.ts';
import type { ImageBuild } from '../api/image-build.ts';
import { uninstallHolder } from '../api/names.ts';
import type { SystemDefinition } from '../api/system-definition.ts';
import type { SystemPool } from '../api/system-pool.ts';
import { matches } from '../rollout/select.ts';
import type { Chain } from './chain.ts';
import { nodeStandings, type NodeStanding } from './node-standing.ts';
import { poolStanding } from './pool-standing.ts';
import { isTrouble, referring, standingOf, type Standing } from './state.ts';
import { policyStandings, trustSummary, trustWords, type PolicyStanding, type TrustSummary } from './trust-summary.ts';
import { count, duration, list, shortName } from './words.ts';

export interface SourceRow extends Standing {
  name: string;
  /** Last applied. */
  revision?: string;
  /** Fetched, and not applied as a whole. */
  attempted?: string;
}

export interface DefinitionRow extends Standing {
  name: string;
  source?: string;
  revision?: string;
  image?: string;
  build?: string;
}

export interface BuildRow extends Standing {
  name: string;
  definition: string;
  phase: string;
  started?: string;
  ended?: string;
}

export interface PoolRow extends Standing {
  name: string;
  /** Of the definition that it follows. */
  definition?: string;
  revision?: string;
  image?: string;
  nodes: { total: number; updated: number; staged: number; updating: number; unavailable: number; failed: number };
  /** When the next of its nodes is out of time, RFC 3339. */
  until?: string;
}

export interface AddonStanding extends Standing {
  name: string;
  /** Variants with the artifact of their present source, of how many. */
  ready: string;
}

export interface Trouble {
  kind: string;
  name: string;
  reason: string;
  message: string;
  since?: string;
}

export interface StatusDocument {
  kind: 'Status';
  /** Nothing needs a person. */
  ok: boolean;
  /** The answer in one sentence. */
  summary: string;
  trouble: Trouble[];
  sources: SourceRow[];
  definitions: DefinitionRow[];
  /** The latest of each definition, and those that are at work. */
  builds: BuildRow[];
  pools: PoolRow[];
  nodes: NodeStanding[];
  addons: AddonStanding[];
  policies: PolicyStanding[];
  /** Absent for who may not read TrustPolicies. */
  trust?: TrustSummary;
}

/** A leader renews every few seconds; clocks may differ by some. */
const leaderSilentMs = 60_000;

/** The chain, or with `only` the part that belongs to one object of it. */
export function statusOf(chain: Chain, now: number): StatusDocument {
  const nodes = nodeStandings(chain, now);
  const sources = chain.sources.map((source): SourceRow => {
    const { lastAppliedRevision, lastAttemptedRevision } = source.status ?? {};
    const ahead = lastAttemptedRevision !== lastAppliedRevision ? lastAttemptedRevision : undefined;
    return {
      name: source.metadata.name,
      ...optional('revision', lastAppliedRevision),
      ...optional('attempted', ahead),
      ...standingOf(source, now),
    };
  });
  const definitions = chain.definitions.map((definition): DefinitionRow => {
    const { revision, image, latestBuild } = definition.status ?? {};
    return {
      name: definition.metadata.name,
      ...optional('source', definition.spec.sourceRef?.name),
      ...optional('revision', revision || undefined),
      ...optional('image', image),
      ...optional('build', latestBuild),
      ...definitionStanding(chain, definition, now),
    };
  });
  const latest = new Set(definitions.map(d => d.build));
  const builds = chain.builds
    .filter(b => latest.has(b.metadata.name) || b.status?.phase === 'Building')
    .map(b => buildRow(b, now));
  const pools = chain.pools.map(pool => poolRow(chain, pool, nodes, now));
  const addons = (chain.addons ?? []).map((addon): AddonStanding => {
    const ready = addon.status?.ready ?? `0/${addon.spec.variants.length}`;
    return { name: addon.metadata.name, ready, ...standingOf(addon, now) };
  });
  const policies = policyStandings(chain, now);
  const trust = trustSummary(chain);
  const trouble = [
    ...leaderTrouble(chain.lease, now),
    ...troubled('SystemSource', sources),
    ...troubled('SystemDefinition', definitions),
    ...troubled('ImageBuild', untold(builds, definitions)),
    ...troubled('SystemPool', pools),
    ...troubled('Node', nodes),
    ...troubled('SystemAddon', addons),
    ...troubled('TrustPolicy', policies),
  ];
  return {
    kind: 'Status',
    ok: trouble.length === 0,
    summary: withTrust(summaryOf({ trouble, pools, definitions, sources, twice: selectedTwice(chain) }), trustWords(trust)),
    trouble,
    sources,
    definitions,
    builds,
    pools,
    nodes,
    addons,
    policies,
    ...optional('trust', trust),
  };
}

function withTrust(sentence: string, trust: string): string {
  return trust === '' ? sentence : `${sentence.replace(/\.$/, '')}; ${trust}.`;
}

export function buildRow(build: ImageBuild, now: number): BuildRow {
  const { phase = 'Pending', startTime, completionTime } = build.status ?? {};
  return {
    name: build.metadata.name,
    definition: build.spec.definitionRef.name,
    phase,
    ...optional('started', startTime),
    ...optional('ended', completionTime),
    ...standingOf(build, now),
  };
}

function poolRow(chain: Chain, pool: SystemPool, nodes: readonly NodeStanding[], now: number): PoolRow {
  const { target, nodes: counts } = pool.status ?? {};
  const { total = 0, updated = 0, staged = 0, updating = 0, unavailable = 0, failed = 0 } = counts ?? {};
  const deadlines = nodes.flatMap(n =>
    n.pool === pool.metadata.name && n.until !== undefined && !isTrouble(n) ? [n.until] : [],
  );
  const definition = pool.spec.system.definitionRef?.name;
  return {
    name: pool.metadata.name,
    ...optional('definition', definition),
    ...optional('revision', target?.revision),
    ...optional('image', target?.image),
    nodes: { total, updated, staged, updating, unavailable, failed },
    ...optional('until', deadlines.toSorted()[0]),
    ...referring(poolStanding(chain, pool, now), 'SystemDefinition', definition, chain.definitions),
  };
}

/** By its own conditions, and whether what it refers to is there. */
export function definitionStanding({ definitions, sources }: Chain, definition: SystemDefinition, now: number): Standing {
  const { base, sourceRef } = definition.spec;
  const based = referring(standingOf(definition, now), 'SystemDefinition', base.definitionRef?.name, definitions);
  return referring(based, 'SystemSource', sourceRef?.name, sources);
}

/** The latest builds, without those of definitions that say of their build what is to be said. */
function untold(builds: readonly BuildRow[], definitions: readonly DefinitionRow[]): BuildRow[] {
  return builds.filter(b => definitions.some(d => d.build === b.name && !isTrouble(d)));
}

function leaderTrouble(lease: Lease | null | undefined, now: number): Trouble[] {
  if (lease === undefined) return [];
  const holder = lease?.spec?.holderIdentity;
  const say = (reason: string, message: string): Trouble[] => [
    {
      kind: 'Lease',
      name: lease?.metadata.name ?? '',
      reason,
      message,
      ...optional('since', lease?.spec?.renewTime ?? undefined),
    },
  ];
  if (!holder) return say('NoLeader', 'no controller works: nobody holds the Lease; look at the Deployment');
  if (holder.startsWith(uninstallHolder)) return say('Uninstalled', `no controller works: ${uninstalled(lease, now)}`);
  const silent = now - Date.parse(lease?.spec?.renewTime ?? '');
  if (!(silent > leaderSilentMs)) return [];
  return say('LeaderSilent', `no controller works: ${holder} renewed the Lease ${duration(silent)} ago; look at the Deployment`);
}

function uninstalled({ spec }: Lease, now: number): string {
  const { holderIdentity: holder, renewTime, leaseDurationSeconds = 0 } = spec ?? {};
  const end = Date.parse(renewTime ?? '') + leaseDurationSeconds * 1000;
  if (end > now) return `scantling uninstall (${holder}) holds the Lease for another ${duration(end - now)}`;
  return `the last to hold the Lease was scantling uninstall (${holder}), and none has come since; look at the Deployment if there is to be one`;
}

function troubled(kind: string, rows: readonly (Standing & { name: string })[]): Trouble[] {
  return rows
    .filter(isTrouble)
    .map(({ name, reason, message, since }) => ({ kind, name, reason, message, ...optional('since', since) }));
}

/** How many nodes too many the pools count together. Not known to who may not read Nodes. */
function selectedTwice({ pools, nodes = [] }: Chain): number {
  const selectors = pools.map(p => p.spec.nodeSelector);
  return nodes.reduce((n, node) => n + Math.max(0, selectors.filter(s => matches(s, node.labels)).length - 1), 0);
}

function summaryOf({
  trouble,
  pools,
  definitions,
  sources,
  twice,
}: Pick<StatusDocument, 'trouble' | 'pools' | 'definitions' | 'sources'> & { twice: number }): string {
  const total = Math.max(0, pools.reduce((n, p) => n + p.nodes.total, 0) - twice);
  const updated = Math.min(
    total,
    pools.reduce((n, p) => n + p.nodes.updated, 0),
  );
  const nodes =
    total === 0
      ? ''
      : `${updated} of ${count(total, 'node')} run what ${pools.length === 1 ? 'the pool wants' : 'their pools want'}`;
  if (trouble.length > 0) {
    const names = list(trouble.map(t => (t.kind === 'Lease' ? 'the controller' : `${t.kind} ${t.name}`)));
    return `In trouble: ${names}${nodes === '' ? '' : `; ${nodes}`}.`;
  }
  const moving = [...sources, ...definitions, ...pools].filter(row => row.state === 'Moving');
  const suspended = [...sources, ...definitions, ...pools].filter(row => row.state === 'Suspended');
  const held = suspended.length > 0 ? `; suspended: ${list(suspended.map(row => row.name))}` : '';
  if (moving.length > 0) {
    const first = pools.find(p => p.state === 'Moving');
    const what = first
      ? `pool ${first.name} ${shortName(first) ? `goes to ${shortName(first)}` : 'has no target yet'}`
      : list(moving.map(row => row.name));
    return `Moving: ${what}${nodes === '' ? '' : `; ${nodes}`}${held}.`;
  }
  if (total > 0) return `All is well: ${nodes}${held}.`;
  if (sources.length + definitions.length + pools.length === 0)
    return 'Nothing is declared yet: there is no SystemSource, no SystemDefinition and no SystemPool.';
  return `All is well; no pool has nodes${held}.`;
}

/** A field that is there only when it has a value. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  // A computed key widens to string; the type says what it is.
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
