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
  const lacks = new Map([...groupsOf(draft)].map(([set, group]) => [set, group.lack]));
  return draft.entries.some(e => (lacks.get(setOf(e)) ?? 0) > 0 && mayStart(e) && e.state.kind !== 'Updated');
}

/** How many nodes may still be taken before what they are to run is proven; any number after. */
export class CanaryTurns {
  #all: number;
  readonly #bySet: Map<string, number>;

  constructor(draft: Draft) {
    const lack = canaryLeft(draft);
    this.#all = lack === 0 ? Number.POSITIVE_INFINITY : lack - count(draft, isTaken);
    this.#bySet = new Map(
      [...groupsOf(draft)].map(([set, { lack, taken }]) => [set, lack === 0 ? Number.POSITIVE_INFINITY : lack - taken]),
    );
  }

  has(entry: Entry): boolean {
    return this.#all > 0 && this.#ofSet(entry) > 0;
  }

  use(entry: Entry): void {
    this.#all--;
    this.#bySet.set(setOf(entry), this.#ofSet(entry) - 1);
  }

  #ofSet(entry: Entry): number {
    return this.#bySet.get(setOf(entry)) ?? Number.POSITIVE_INFINITY;
  }
}

interface Group {
  /** Nodes that its canary lacks. */
  lack: number;
  taken: number;
}

function groupsOf(draft: Draft): Map<string, Group> {
  const counts = new Map<string, { nodes: number; proven: number; taken: number }>();
  for (const entry of draft.entries) {
    const set = setOf(entry);
    const of = counts.get(set) ?? { nodes: 0, proven: 0, taken: 0 };
    counts.set(set, of);
    of.nodes++;
    if (proven(entry)) of.proven++;
    if (isTaken(entry)) of.taken++;
  }
  return new Map([...counts].map(([set, of]) => [set, { lack: lackOf(draft, of.nodes, of.proven), taken: of.taken }]));
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
