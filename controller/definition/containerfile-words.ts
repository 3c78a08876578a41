/**
 * The words of a Containerfile's instructions, as buildah reads them (openshift/imagebuilder, dockerfile/parser and shell_parser.go): flags,
 * the JSON form, quotes, and variables.
 */

/** What Go's unicode.IsSpace takes for white space; JavaScript's \s has other members. */
const space = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leading = new RegExp(`^${space}+`);
const isSpace = new RegExp(`^${space}$`);

/** A word for a message, in quotes. */
export function quoteWord(word: string): string {
  return JSON.stringify(word.length > 120 ? `${word.slice(0, 120)}…` : word);
}

export function trimLeft(text: string): string {
  return text.replace(leading, '');
}

export function trim(text: string): string {
  const left = trimLeft(text);
  // A pattern for the end would be tried at every space of a text.
  let end = left.length;
  while (end > 0 && isSpace.test(left.charAt(end - 1))) end--;
  return left.slice(0, end);
}

/** The flags (`--name=value`, quotes removed) at the start of an instruction's arguments, and what follows them. */
export function takeFlags(text: string): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let rest = trimLeft(text);
  while (rest.startsWith('--')) {
    const { word, length } = flag(rest);
    rest = trimLeft(rest.slice(length));
    if (word === '--') break;
    flags.push(word);
  }
  return { flags, rest: trim(rest) };
}

function flag(text: string): { word: string; length: number } {
  let word = '';
  let quote = '';
  let at = 0;
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote === '' && isSpace.test(char)) break;
    if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === '\\') word += text.charAt(++at);
    else word += char;
  }
  return { word, length: at };
}

/** The elements of the JSON form, a word of what is wrong with it, or undefined when the text is not JSON, and so the shell form. */
export function jsonForm(text: string): { values: string[] } | { problem: string } | undefined {
  const array = leadingArray(text);
  if (array === undefined) return undefined;
  let values: unknown;
  try {
    values = JSON.parse(array);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (!isStrings(values)) return { problem: 'the JSON form takes strings only' };
  if (trim(text.slice(array.length)) !== '') return { problem: 'the text after the JSON form is ignored; take it out' };
  return { values };
}

/** The text up to the bracket that closes the one it starts with. */
function leadingArray(text: string): string | undefined {
  if (!text.startsWith('[')) return undefined;
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '"') quoted = !quoted;
    else if (quoted && char === '\\') at++;
    else if (!quoted && char === '[') depth++;
    else if (!quoted && char === ']' && --depth === 0) return text.slice(0, at + 1);
  }
  return undefined;
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string');
}

/** The words of ENV, LABEL and ARG: separated by spaces outside of quotes, quotes and escapes kept. */
export function quotedWords(text: string, escape: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote === '' && isSpace.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word ??= '';
    if (char === escape && quote !== "'") {
      if (at + 1 < text.length) word += char + text.charAt(++at);
      continue;
    }
    if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = '';
    word += char;
  }
  if (word !== undefined) words.push(word);
  return words;
}

export function spacedWords(text: string): string[] {
  return text === '' ? [] : text.split(/[\t\v\f\r ]+/);
}

/** Of variables in the words of other variables. */
const maxDepth = 20;
/** No argument of a program is longer (MAX_ARG_STRLEN of Linux), and values that name each other twice grow without end. */
const maxValue = 131_072;

/** The value of a variable; undefined when it is not known before the build. */
export type Lookup = (name: string) => string | undefined;

/** What a word is after quotes and variables; no value when it has variables that are not known. */
export interface Expansion {
  value?: string | undefined;
  /** Why the word cannot be read. */
  problem?: string;
  /** Variables that are not known. */
  unknown: string[];
}

export function expand(word: string, lookup: Lookup): Expansion {
  return new Expander(word, lookup).run();
}

/** One walk over a word. */
class Expander {
  readonly #word: string;
  readonly #lookup: Lookup;
  readonly #unknown: string[] = [];
  #at = 0;
  #depth = 0;
  /** Of all values so far. */
  #length = 0;

  constructor(word: string, lookup: Lookup) {
    this.#word = word;
    this.#lookup = lookup;
  }

  run(): Expansion {
    try {
      const value = this.#until('');
      return { unknown: this.#unknown, ...(this.#unknown.length === 0 ? { value } : {}) };
    } catch (error) {
      if (error instanceof UnreadableWord) return { problem: error.message, unknown: this.#unknown };
      throw error;
    }
  }

  #until(end: string): string {
    let value = '';
    while (this.#at < this.#word.length) {
      const char = this.#next();
      if (char === end) return value;
      if (char === "'") value += this.#singleQuoted();
      else if (char === '"') value += this.#doubleQuoted();
      else if (char === '$') value += this.#variable();
      else value += char === '\\' ? this.#next() : char;
    }
    if (end !== '') throw new UnreadableWord(`"\${" without "${end}"`);
    return value;
  }

  #singleQuoted(): string {
    const end = this.#word.indexOf("'", this.#at);
    if (end < 0) throw new UnreadableWord("a ' without its end");
    const value = this.#word.slice(this.#at, end);
    this.#at = end + 1;
    return value;
  }

  #doubleQuoted(): string {
    let value = '';
    while (this.#at < this.#word.length) {
      const char = this.#next();
      if (char === '"') return value;
      if (char === '$') value += this.#variable();
      else if (char === '\\' && /["$\\]/.test(this.#word.charAt(this.#at))) value += this.#next();
      else value += char;
    }
    throw new UnreadableWord('a " without its end');
  }

  #variable(): string {
    if (this.#word.charAt(this.#at) !== '{') {
      const name = this.#name();
      return name === '' ? '$' : this.#value(name);
    }
    this.#at++;
    const name = this.#name();
    const char = this.#next();
    if (name === '' || char === '') throw new UnreadableWord('a "${" without a name and "}"');
    if (char === '}') return this.#value(name);
    const modifier = char === ':' ? this.#next() : char;
    const known = this.#unknown.length;
    if (++this.#depth > maxDepth) throw new UnreadableWord(`more than ${maxDepth} variables in each other`);
    const word = this.#until('}');
    this.#depth--;
    // Prefixes, suffixes and replacements are read, but what they give is left to the build.
    if (char !== ':' || !/^[-+?]$/.test(modifier)) return this.#without(name);
    if (this.#lookup(name) === undefined) return this.#without(name);
    const value = this.#value(name);
    if ((value === '') !== (modifier === '+')) return word;
    // The word is not used, so neither are its variables.
    this.#unknown.length = known;
    return modifier === '+' ? '' : value;
  }

  #value(name: string): string {
    const value = this.#lookup(name) ?? this.#without(name);
    if ((this.#length += value.length) > maxValue) throw new UnreadableWord(`becomes longer than ${maxValue} characters`);
    return value;
  }

  #without(name: string): string {
    this.#unknown.push(name);
    return '';
  }

  /** Letters, digits and `_`; a digit at the start is a name by itself. */
  #name(): string {
    const name = /^(?:\p{Nd}|[\p{L}_][\p{L}\p{Nd}_]*)?/u.exec(this.#word.slice(this.#at))?.[0] ?? '';
    this.#at += name.length;
    return name;
  }

  #next(): string {
    return this.#word.charAt(this.#at++);
  }
}

class UnreadableWord extends Error {}
