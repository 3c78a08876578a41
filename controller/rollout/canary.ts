/**
 * The nodes that prove a target before the others follow. Nodes of one pool may be to run other sets of addons than others: a set is new to those that are to run it,
 * however many run the image with another one, so each set is proven by itself, besides the image.
 */
import { away, count, type Draft, type Entry, mayStart, proven } from './draft.ts';

/** Nodes that the canary of the target still lacks, whatever addons they run. */
export function canaryLeft(draft: Draft): number {
  return lackOf(draft, draft.entries.length, count(draft, proven));
}

/** Whether anything is still to be proven before all may go on. */
export function hasCanaryLeft(draft: Draft): boolean {
  if (canaryLeft(draft) > 0) return true;
  const groups = groupsOf(draft);
  return draft.entries.some(e => (groups.get(setOf(e))?.lack ?? 0) > 0 && mayStart(e) && e.state.kind !== 'Updated');
}

/** How many nodes may still be taken before what they are to run is proven; any number after. */
export class CanaryTurns {
  #all: number;
  readonly #bySet: Map<string, Group>;

  constructor(draft: Draft) {
    const lack = canaryLeft(draft);
    this.#all = lack === 0 ? Number.POSITIVE_INFINITY : lack - count(draft, isTaken);
    this.#bySet = groupsOf(draft);
  }

  has(entry: Entry): boolean {
    if (this.#all <= 0) return false;
    const group = this.#bySet.get(setOf(entry));
    return !group || group.lack === 0 || group.lack > group.taken;
  }

  use(entry: Entry): void {
    this.#all--;
    const group = this.#bySet.get(setOf(entry));
    if (group) group.taken++;
  }
}

interface Group {
  nodes: number;
  proven: number;
  /** Nodes that its canary lacks. */
  lack: number;
  taken: number;
}

function groupsOf(draft: Draft): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const entry of draft.entries) {
    const set = setOf(entry);
    let group = groups.get(set);
    if (!group) groups.set(set, (group = { nodes: 0, proven: 0, lack: 0, taken: 0 }));
    group.nodes++;
    if (proven(entry)) group.proven++;
    if (isTaken(entry)) group.taken++;
  }
  for (const group of groups.values()) group.lack = lackOf(draft, group.nodes, group.proven);
  return groups;
}

function lackOf({ pool: { canary } }: Draft, nodes: number, isProven: number): number {
  return Math.max(0, Math.min(canary, nodes) - isProven);
}

function isTaken(entry: Entry): boolean {
  return away(entry) && entry.state.kind !== 'Outdated';
}

/** What the node is to run over the image; '' for nothing. */
function setOf({ member }: Entry): string {
  return member.addons?.digest ?? '';
}
