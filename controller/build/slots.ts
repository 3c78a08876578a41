/** Whose turn it is: pure. The oldest first, and no definition more than its share, so that one that changes often keeps nobody else waiting. */

export interface Turn {
  /** Of the ImageBuild. */
  name: string;
  definition: string;
  /** Epoch ms. */
  created: number;
}

export interface Limits {
  /** Builds at once. */
  builds: number;
  /** Of one definition at once. */
  perDefinition: number;
}

/** The names of those that may begin now, oldest first, beside those that hold a slot. */
export function turns(holders: readonly Turn[], waiting: readonly Turn[], limits: Limits): string[] {
  const running = new Map<string, number>();
  const holding = new Set<string>();
  for (const { name, definition } of holders) {
    holding.add(name);
    running.set(definition, (running.get(definition) ?? 0) + 1);
  }
  const granted: string[] = [];
  for (const { name, definition } of waiting.toSorted(byAge)) {
    if (holding.size >= limits.builds) break;
    const own = running.get(definition) ?? 0;
    if (holding.has(name) || own >= limits.perDefinition) continue;
    holding.add(name);
    running.set(definition, own + 1);
    granted.push(name);
  }
  return granted;
}

/** Why a build has to wait, for its condition. `since` is when it began to, RFC 3339. */
export function whyQueued(turn: Turn, holders: readonly Turn[], limits: Limits, since: string): string {
  const own = holders.filter(h => h.definition === turn.definition).length;
  const running =
    own >= limits.perDefinition
      ? `${count(own)} of this definition ${own === 1 ? 'is' : 'are'} running, and no more may`
      : holders.length >= limits.builds
        ? `${count(holders.length)} ${holders.length === 1 ? 'is' : 'are'} running, and no more may`
        : 'older builds come first';
  return `waits for its turn: ${running}; waiting since ${since}`;
}

function count(builds: number): string {
  return builds === 1 ? '1 build' : `${builds} builds`;
}

function byAge(a: Turn, b: Turn): number {
  return a.created - b.created || (a.name < b.name ? -1 : 1);
}
