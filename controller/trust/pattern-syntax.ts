/** Reads a regular expression: the part of RE2's syntax that patterns of subjects need. Pure. */
import { StallingError } from '../api/errors.ts';
import type { PolicyReason } from './reasons.ts';

/** Inclusive code points. */
type Range = readonly [number, number];

export type PatternNode =
  | { kind: 'empty' | 'begin' | 'end' }
  | { kind: 'set'; ranges: readonly Range[]; negated: boolean }
  | { kind: 'all' | 'any'; nodes: readonly PatternNode[] }
  | { kind: 'repeat'; node: PatternNode; least: number; most: number };

const maxDepth = 64;
const digits: readonly Range[] = [[0x30, 0x39]];
const words: readonly Range[] = [...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const spaces: readonly Range[] = [
  [0x09, 0x0a],
  [0x0c, 0x0d],
  [0x20, 0x20],
];
const classes: Readonly<Record<string, readonly Range[]>> = { d: digits, w: words, s: spaces };
const controls: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d };

/**
 * @throws StallingError `InvalidKey` for what is no pattern, and for what RE2 or this does not have: back references, look-arounds, flags, classes of
 * Unicode
 */
export function parsePattern(pattern: string): PatternNode {
  return new Parser(pattern).parse();
}

/** One pass over a pattern, from left to right. */
class Parser {
  readonly #pattern: string;
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#characters = Array.from(pattern);
  }

  parse(): PatternNode {
    const node = this.#alternatives();
    if (this.#peek() !== undefined) throw this.#wrong('has a ) too many');
    return node;
  }

  #alternatives(): PatternNode {
    const nodes = [this.#sequence()];
    while (this.#take('|')) nodes.push(this.#sequence());
    return nodes.length === 1 && nodes[0] ? nodes[0] : { kind: 'any', nodes };
  }

  #sequence(): PatternNode {
    const nodes: PatternNode[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      nodes.push(this.#repeated());
    }
    return nodes.length === 0 ? { kind: 'empty' } : { kind: 'all', nodes };
  }

  #repeated(): PatternNode {
    const node = this.#atom();
    const times = this.#times();
    if (!times) return node;
    // Greedy or not makes no difference to whether the whole text matches.
    this.#take('?');
    if (this.#times()) throw this.#wrong('repeats a repetition; use a group');
    return { kind: 'repeat', node, ...times };
  }

  #times(): { least: number; most: number } | undefined {
    if (this.#take('*')) return { least: 0, most: Number.POSITIVE_INFINITY };
    if (this.#take('+')) return { least: 1, most: Number.POSITIVE_INFINITY };
    if (this.#take('?')) return { least: 0, most: 1 };
    // What only begins like a count is taken letter by letter, as RE2 does.
    const counted = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#characters.slice(this.#at, this.#at + 12).join(''));
    if (!counted) return undefined;
    this.#at += counted[0].length;
    const least = Number(counted[1]);
    const most = counted[2] === undefined ? least : counted[3] ? Number(counted[3]) : Number.POSITIVE_INFINITY;
    if (least > 1000 || most < least || (most > 1000 && Number.isFinite(most)))
      throw this.#wrong(`has a count ${counted[0]} that cannot be`);
    return { least, most };
  }

  #atom(): PatternNode {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '.':
        return { kind: 'set', ranges: [[0x0a, 0x0a]], negated: true };
      case '^':
        return { kind: 'begin' };
      case '$':
        return { kind: 'end' };
      case '*':
      case '+':
      case '?':
        throw this.#wrong(`has a ${character} with nothing before it`);
      case '\\':
        return { kind: 'set', ...this.#escape() };
      default:
        return { kind: 'set', ranges: [rangeOf(character)], negated: false };
    }
  }

  #group(): PatternNode {
    if (++this.#depth > maxDepth) throw this.#wrong(`has more than ${maxDepth} groups in one another`);
    if (this.#take('?') && !this.#take(':'))
      throw this.#wrong('has a group (?… other than (?:…); flags, names and look-arounds are not taken');
    const node = this.#alternatives();
    if (!this.#take(')')) throw this.#wrong('has a ( without its )');
    this.#depth--;
    return node;
  }

  #class(): PatternNode {
    const negated = this.#take('^');
    const ranges: Range[] = [];
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      const from = this.#member();
      if (from.length !== 1 || !from[0] || this.#peek() !== '-' || this.#characters[this.#at + 1] === ']') {
        ranges.push(...from);
        continue;
      }
      this.#at++;
      const to = this.#member();
      const [low] = from[0];
      const high = to[0]?.[1];
      if (to.length !== 1 || high === undefined || from[0][0] !== from[0][1] || to[0]?.[0] !== high || high < low) {
        throw this.#wrong('has a range in […] that cannot be');
      }
      ranges.push([low, high]);
    }
    this.#at++;
    return { kind: 'set', ranges, negated };
  }

  /** One character of a class, or the class of an escape in it. */
  #member(): readonly Range[] {
    const character = this.#next();
    if (character === '[' && this.#peek() === ':') throw this.#wrong('has a class [:…:]; write its characters');
    if (character !== '\\') return [rangeOf(character)];
    const { ranges, negated } = this.#escape();
    if (negated) throw this.#wrong('has a class of all other characters inside […]');
    return ranges;
  }

  #escape(): { ranges: readonly Range[]; negated: boolean } {
    const character = this.#next();
    const of = classes[character.toLowerCase()];
    if (of) return { ranges: of, negated: character !== character.toLowerCase() };
    const control = controls[character];
    if (control !== undefined) return { ranges: [[control, control]], negated: false };
    if (/^[A-Za-z0-9]$/.test(character)) throw this.#wrong(`has \\${character}, which is not taken`);
    return { ranges: [rangeOf(character)], negated: false };
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #next(): string {
    const character = this.#peek();
    if (character === undefined) throw this.#wrong('ends too early');
    this.#at++;
    return character;
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #wrong(what: string): StallingError {
    return new StallingError('InvalidKey' satisfies PolicyReason, `the pattern ${JSON.stringify(this.#pattern)} ${what}`);
  }
}

function rangeOf(character: string): Range {
  const point = character.codePointAt(0) ?? 0;
  return [point, point];
}
