/** Which objects a revision removes (pure). An error is never "gone", empty is never "delete", and many at once need a person's word. */
import type { SystemSourceStatusInventory } from '../api/system-source.ts';

export interface PruneInput {
  prune: boolean;
  /** spec.maxRemovals. */
  maxRemovals: number | string;
  /** Value of the allow-removals annotation, if any. */
  allowed: string | undefined;
  /** Commit of the revision. */
  oid: string;
  /** False when spec.path is missing from the revision. */
  pathExists: boolean;
  /** Documents of our kinds that were found, good or bad. */
  documents: number;
  /** Documents refused, for whatever reason. */
  failures: number;
  /** What this source applied before. */
  inventory: readonly SystemSourceStatusInventory[];
  /** What the revision declares. */
  declared: readonly { kind: string; name: string }[];
}

export interface PruneDecision {
  remove: SystemSourceStatusInventory[];
  /** Objects without a document that stay; they remain in the inventory. */
  keep: SystemSourceStatusInventory[];
  /** Why they stay, for the condition PruneBlocked; undefined when nothing is held back. */
  blocked: string | undefined;
}

export function decidePrune(input: PruneInput): PruneDecision {
  const declared = new Set(input.declared.map(keyOf));
  const gone = input.inventory.filter(entry => !declared.has(keyOf(entry)));
  if (gone.length === 0) return { remove: [], keep: [], blocked: undefined };
  if (!input.prune) return { remove: [], keep: gone, blocked: undefined };
  const blocked = reasonToKeep(input, gone.length);
  return blocked === undefined ? { remove: gone, keep: [], blocked } : { remove: [], keep: gone, blocked };
}

function reasonToKeep(input: PruneInput, removals: number): string | undefined {
  const what = `${removals} of ${input.inventory.length} objects`;
  if (!input.pathExists) return `${what} would be removed, but the path is missing from ${input.oid}`;
  if (input.documents === 0) return `${what} would be removed, but ${input.oid} holds no documents under the path`;
  if (input.failures > 0)
    return `no accepted document for ${what} in ${input.oid}; nothing is removed while documents are refused`;
  const most = removalsAllowed(input.maxRemovals, input.inventory.length);
  if (removals <= most || input.allowed === input.oid) return undefined;
  return `${what} would be removed and maxRemovals is ${input.maxRemovals}; to allow it, annotate scantling.dev/allow-removals=${input.oid}`;
}

/** How many objects one commit may remove: a number as it is; a percentage of the inventory rounded down, at least 1 (0% is none). */
export function removalsAllowed(maxRemovals: number | string, inventory: number): number {
  if (typeof maxRemovals === 'number') return maxRemovals;
  const percent = Number(/^(\d{1,3})%$/.exec(maxRemovals)?.[1] ?? 0);
  return percent === 0 ? 0 : Math.max(1, Math.floor((inventory * percent) / 100));
}

/** Identity of an object among the cluster-scoped kinds of our group. */
export function keyOf(object: { kind: string; name: string }): string {
  return `${object.kind}/${object.name}`;
}
