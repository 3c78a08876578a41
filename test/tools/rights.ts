/** Every right that manifests/base gives, one verb on one resource each, with the comment that says what it is for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../../controller/api/meta.ts';
import { isMap, isSeq, parseAllDocuments, type Document } from 'yaml';

const directory = join(import.meta.dirname, '../../manifests/base');

export interface Right {
  /** As `ClusterRole scantling-agent`, `Role scantling-system/scantling-controller`. */
  role: string;
  /** '' for all of the cluster. */
  namespace: string;
  verb: string;
  group: string;
  resource: string;
  /** Names of objects that it is limited to. */
  names: readonly string[];
}

/** A rule of a role as it is written. */
export interface RightRule {
  role: string;
  namespace: string;
  groups: readonly string[];
  resources: readonly string[];
  verbs: readonly string[];
  names: readonly string[];
  /** The comment over the rule, or over its role when that has only one. */
  reason: string;
}

interface WrittenRole extends KubeObject {
  rules?: { apiGroups?: string[]; resources?: string[]; verbs: string[]; resourceNames?: string[] }[];
}

/** The rules of all roles, in the order in which the install has them. Throws for one without a comment that says why. */
export function rightRules(): RightRule[] {
  const kustomization = parseAllDocuments(readFileSync(join(directory, 'kustomization.yaml'), 'utf8'))[0]?.toJS() as {
    resources: string[];
  };
  return kustomization.resources.flatMap(file =>
    parseAllDocuments(readFileSync(join(directory, file), 'utf8')).flatMap(document => rulesOf(document as Document)),
  );
}

/** The single rights of rules. */
export function rightsOf(rules: readonly RightRule[]): Right[] {
  return rules.flatMap(({ role, namespace, names, groups, resources, verbs }) =>
    groups.flatMap(group =>
      resources.flatMap(resource => verbs.map(verb => ({ role, namespace, verb, group, resource, names }))),
    ),
  );
}

/** The single rights of a role; none of any other object. */
export function writtenRights(object: KubeObject): Right[] {
  if (object.kind !== 'ClusterRole' && object.kind !== 'Role') return [];
  const { metadata, rules = [] } = object as WrittenRole;
  const place = { role: nameOf(object), namespace: metadata.namespace ?? '', reason: '' };
  return rightsOf(
    rules.map(({ apiGroups = [], resources = [], verbs, resourceNames = [] }) => ({
      ...place,
      groups: apiGroups,
      resources,
      verbs,
      names: resourceNames,
    })),
  );
}

function nameOf({ kind, metadata: { name, namespace = '' } }: KubeObject): string {
  return kind === 'Role' ? `Role ${namespace}/${name}` : `ClusterRole ${name}`;
}

function rulesOf(document: Document): RightRule[] {
  const written = document.toJS() as WrittenRole | null;
  if (written?.kind !== 'ClusterRole' && written?.kind !== 'Role') return [];
  const { namespace = '' } = written.metadata;
  const role = nameOf(written);
  const nodes = document.get('rules');
  const rules = written.rules ?? [];
  return rules.map((rule, i) => {
    const node = isSeq(nodes) ? nodes.items[i] : undefined;
    // The comment over the first of a list is the list's, to the parser.
    const over = i === 0 && isSeq(nodes) ? nodes.commentBefore : undefined;
    const reason =
      (isMap(node) ? node.commentBefore : undefined) ?? over ?? (rules.length === 1 ? commentOf(document) : undefined);
    if (!reason) throw new Error(`${role}: rule ${i + 1} has no comment that says what it is for`);
    return {
      role,
      namespace,
      groups: rule.apiGroups ?? [],
      resources: rule.resources ?? [],
      verbs: rule.verbs,
      names: rule.resourceNames ?? [],
      reason: reason.replaceAll(/\s*\n\s*/g, ' ').trim(),
    };
  });
}

function commentOf(document: Document): string | undefined {
  const { contents } = document;
  return document.commentBefore ?? (isMap(contents) ? (contents.commentBefore ?? undefined) : undefined);
}
