/** Which nodes belong to which pool: label selectors as Kubernetes defines them (apimachinery, pkg/labels/selector.go). */
import type { SystemPoolSpecNodeSelector } from '../api/system-pool.ts';

type Labels = Readonly<Record<string, string>>;

/** Whether a selector selects an object of these labels. An empty selector selects nothing here: it would take the whole cluster. */
export function matches(selector: SystemPoolSpecNodeSelector, labels: Labels): boolean {
  const wanted = Object.entries(selector.matchLabels ?? {});
  const expressions = selector.matchExpressions ?? [];
  if (wanted.length === 0 && expressions.length === 0) return false;
  return wanted.every(([key, value]) => labels[key] === value) && expressions.every(e => matchesExpression(e, labels));
}

function matchesExpression(
  { key, operator, values = [] }: NonNullable<SystemPoolSpecNodeSelector['matchExpressions']>[number],
  labels: Labels,
): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    // As in Kubernetes, a label that is not there is not one of the values.
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

export interface Selecting {
  name: string;
  deleting: boolean;
  spec: { nodeSelector: SystemPoolSpecNodeSelector };
}

/**
 * The nodes that `pool` selects, each with the other pools that select it too (sorted). A pool that is being deleted claims nothing.
 */
export function membersOf<N extends { name: string; labels: Labels }>(
  pool: Selecting,
  pools: readonly Selecting[],
  nodes: readonly N[],
): { node: N; conflicts: string[] }[] {
  if (pool.deleting) return [];
  const others = pools.filter(p => p.name !== pool.name && !p.deleting).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return nodes
    .filter(node => matches(pool.spec.nodeSelector, node.labels))
    .map(node => ({ node, conflicts: others.filter(p => matches(p.spec.nodeSelector, node.labels)).map(p => p.name) }));
}
