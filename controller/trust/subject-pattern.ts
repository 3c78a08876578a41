/**
 * Patterns of subjects, matched against the whole text in time that grows with its length and the pattern's, whatever they are: all states that a text may
 * lead to are followed at once (Thompson). JavaScript's own expressions try one way after another, which a subject can make last for ever.
 * Pure.
 */
import { StallingError } from '../api/errors.ts';
import { type PatternNode, parsePattern } from './pattern-syntax.ts';
import type { PolicyReason } from './reasons.ts';

const maxStates = 4096;

type State =
  | { kind: 'set'; node: Extract<PatternNode, { kind: 'set' }>; next: number }
  | { kind: 'begin' | 'end'; next: number }
  | { kind: 'fork'; ways: number[] }
  | { kind: 'match' };

const maxKept = 256;
const kept = new Map<string, (text: string) => boolean>();

/**
 * Whether a whole text is of a pattern; the pattern is anchored on both sides.
 * @throws StallingError `InvalidKey`
 */
export function matchesPattern(pattern: string, text: string): boolean {
  let match = kept.get(pattern);
  if (!match) {
    if (kept.size >= maxKept) kept.clear();
    kept.set(pattern, (match = compilePattern(pattern)));
  }
  return match(text);
}

/**
 * @throws StallingError `InvalidKey` when it is no pattern, has what is not taken (back references, look-arounds, flags), or is too large
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  const states: State[] = [{ kind: 'match' }];
  const start = new Builder(states, pattern).build(parsePattern(pattern), 0);
  return text => run(states, start, text);
}

/** Makes the states of a pattern, from its end to its beginning. */
class Builder {
  readonly #states: State[];
  readonly #pattern: string;

  constructor(states: State[], pattern: string) {
    this.#states = states;
    this.#pattern = pattern;
  }

  /** The state in which a text that fits the node and then leads on from `next` begins. */
  build(node: PatternNode, next: number): number {
    switch (node.kind) {
      case 'empty':
        return next;
      case 'begin':
      case 'end':
        return this.#add({ kind: node.kind, next });
      case 'set':
        return this.#add({ kind: 'set', node, next });
      case 'all':
        return node.nodes.reduceRight((after, part) => this.build(part, after), next);
      case 'any':
        return this.#add({ kind: 'fork', ways: node.nodes.map(way => this.build(way, next)) });
      case 'repeat':
        return this.#repeat(node, next);
    }
  }

  #repeat({ node, least, most }: Extract<PatternNode, { kind: 'repeat' }>, next: number): number {
    let start = next;
    if (most === Number.POSITIVE_INFINITY) {
      const ways: number[] = [];
      start = this.#add({ kind: 'fork', ways });
      ways.push(this.build(node, start), next);
    } else {
      for (let i = least; i < most; i++) start = this.#add({ kind: 'fork', ways: [this.build(node, start), next] });
    }
    for (let i = 0; i < least; i++) start = this.build(node, start);
    return start;
  }

  #add(state: State): number {
    if (this.#states.length >= maxStates) {
      const words = `the pattern ${JSON.stringify(this.#pattern)} is too large: what it repeats, written out, has more than ${maxStates} parts`;
      throw new StallingError('InvalidKey' satisfies PolicyReason, words);
    }
    return this.#states.push(state) - 1;
  }
}

function run(states: readonly State[], start: number, text: string): boolean {
  const characters = Array.from(text);
  let current = reach(states, [start], { isBegin: true, isEnd: characters.length === 0 });
  for (const [i, character] of characters.entries()) {
    const point = character.codePointAt(0) ?? 0;
    const next = [...current].flatMap(index => {
      const state = states[index];
      return state?.kind === 'set' && isIn(point, state.node) ? [state.next] : [];
    });
    if (next.length === 0) return false;
    current = reach(states, next, { isBegin: false, isEnd: i === characters.length - 1 });
  }
  return current.has(0);
}

/** All states that are reached from some without a character. */
function reach(
  states: readonly State[],
  from: readonly number[],
  { isBegin, isEnd }: { isBegin: boolean; isEnd: boolean },
): Set<number> {
  const seen = new Set(from);
  const open = [...from];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const state = states[index];
    const ways =
      state?.kind === 'fork'
        ? state.ways
        : (state?.kind === 'begin' && isBegin) || (state?.kind === 'end' && isEnd)
          ? [state.next]
          : [];
    for (const way of ways) {
      if (seen.has(way)) continue;
      seen.add(way);
      open.push(way);
    }
  }
  return seen;
}

function isIn(point: number, { ranges, negated }: Extract<PatternNode, { kind: 'set' }>): boolean {
  return ranges.some(([low, high]) => low <= point && point <= high) !== negated;
}
