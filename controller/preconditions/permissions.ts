/** Which permissions the program needs and lacks: pure. */
import { some, type Finding } from './finding.ts';

/** As in a Role. */
export interface Rule {
  apiGroups?: readonly string[];
  /** With the subresource, as `pods/eviction`. */
  resources?: readonly string[];
  resourceNames?: readonly string[];
  verbs: readonly string[];
}

/** A Role or ClusterRole of the installation, bound to the program's ServiceAccount. */
export interface NeededRole {
  /** As `ClusterRole scantling-agent`. */
  role: string;
  /** Where it is bound; '' for everywhere. */
  namespace: string;
  rules: readonly Rule[];
}

/** One question to the API server: may I? */
export interface Permission {
  verb: string;
  group: string;
  /** With the subresource. */
  resource: string;
  namespace: string;
  /** '' for any name. */
  name: string;
}

/** A rule, and those of its permissions that are not given. */
export interface Lack {
  role: NeededRole;
  rule: Rule;
  missing: readonly Permission[];
}

/** Where an installation is not as its manifests are written. */
export interface Places {
  namespace: string;
  agentNamespace: string;
  leaseName: string;
}

/** The names that manifests/ are written with. */
const written: Places = {
  namespace: 'scantling-system',
  agentNamespace: 'scantling-agents',
  leaseName: 'scantling-controller',
};

/** The roles for an installation in other places. */
export function placed(roles: readonly NeededRole[], places: Places): NeededRole[] {
  const namespaces = new Map([
    [written.namespace, places.namespace],
    [written.agentNamespace, places.agentNamespace],
  ]);
  const named = (rule: Rule): Rule =>
    rule.resources?.includes('leases') && rule.resourceNames
      ? { ...rule, resourceNames: rule.resourceNames.map(name => (name === written.leaseName ? places.leaseName : name)) }
      : rule;
  // A second release has names of its own; by that of its Lease the chart also names its roles.
  const prefix = /^(.+)-controller$/.exec(places.leaseName)?.[1];
  return roles.map(({ role, namespace, rules }) => ({
    role: prefix === undefined ? role : role.replace(/ scantling-/, ` ${prefix}-`),
    namespace: namespaces.get(namespace) ?? namespace,
    rules: rules.map(named),
  }));
}

/** What of a role is not among the rules that are granted in its namespace. */
export function lacksOf(role: NeededRole, granted: readonly Rule[]): Lack[] {
  return role.rules.flatMap(rule => {
    const missing = permissionsOf(rule, role.namespace).filter(
      permission => !granted.some(each => grants(each, permission) || grants(each, someSecret(each, permission))),
    );
    return missing.length > 0 ? [{ role, rule, missing }] : [];
  });
}

/** Who names the Secrets that may be read (`rbac.secretNames` of the chart) does so on purpose: any of them will do in the place of all. */
function someSecret({ resourceNames = [] }: Rule, permission: Permission): Permission {
  return permission.resource === 'secrets' && permission.verb === 'get'
    ? { ...permission, name: resourceNames[0] ?? '' }
    : permission;
}

function permissionsOf({ apiGroups = [''], resources = [], resourceNames = [''], verbs }: Rule, namespace: string): Permission[] {
  return apiGroups.flatMap(group =>
    resources.flatMap(resource => resourceNames.flatMap(name => verbs.map(verb => ({ verb, group, resource, namespace, name })))),
  );
}

/** As RBAC decides (kubernetes, pkg/apis/rbac/v1/evaluation_helpers.go): a star for all, also as the resource of a subresource. */
export function grants(rule: Rule, { verb, group, resource, name }: Permission): boolean {
  const subresource = resource.split('/')[1];
  return (
    has(rule.verbs, verb) &&
    has(rule.apiGroups ?? [], group) &&
    (has(rule.resources ?? [], resource) || (subresource !== undefined && (rule.resources ?? []).includes(`*/${subresource}`))) &&
    ((rule.resourceNames ?? []).length === 0 || rule.resourceNames?.includes(name) === true)
  );
}

const has = (values: readonly string[], wanted: string): boolean => values.includes('*') || values.includes(wanted);

/** Without these, only what needs them stops, and says so where it is asked for. */
const optional = new Set(['secrets', 'configmaps', 'pods/log', 'events']);

/** One line for each role that is not granted as a whole. `user` is whom the API server takes this process for. */
export function permissionFindings(lacks: readonly Lack[], user: string, version: string): Finding[] {
  const bySeverity = { blocking: lacks.filter(lack => !isOptional(lack)), warning: lacks.filter(isOptional) };
  return (['blocking', 'warning'] as const).flatMap(severity =>
    [...Map.groupBy(bySeverity[severity], lack => lack.role)].map(([role, ofRole]) => ({
      key: `permission ${severity} ${role.role} ${role.namespace}`,
      severity,
      message: `${user} lacks ${lackText(role, ofRole)}: apply the manifests or the chart of version ${version} again, or grant it`,
    })),
  );
}

function isOptional({ rule }: Lack): boolean {
  return (rule.resources ?? []).every(resource => optional.has(resource));
}

function lackText({ role, namespace }: NeededRole, lacks: readonly Lack[]): string {
  const where = namespace === '' ? 'in all namespaces' : `in the namespace ${namespace}`;
  // What nobody leaves out on purpose: where it is missing nothing is granted, as in a namespace that does not exist.
  const lease = lacks.some(({ missing }) => missing.some(({ verb, resource }) => verb === 'create' && resource === 'leases'));
  return `permissions of the ${role} ${where}${lease ? ' (does that namespace exist?)' : ''}: ${some(lacks.map(textOf), 3)}`;
}

/** What is missing of a rule, as it would be written. */
function textOf({ rule, missing }: Lack): string {
  const distinct = (field: 'verb' | 'group' | 'resource') => [...new Set(missing.map(permission => permission[field]))];
  const names = rule.resourceNames ? `, resourceNames: ${flowList(rule.resourceNames)}` : '';
  return `{apiGroups: ${flowList(distinct('group'))}, resources: ${flowList(distinct('resource'))}${names}, verbs: ${flowList(distinct('verb'))}}`;
}

function flowList(values: readonly string[]): string {
  return `[${values.map(value => (value === '' ? '""' : value)).join(', ')}]`;
}
