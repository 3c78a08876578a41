/**
 * The files of /usr/lib/bootc/kargs.d, as bootc reads them (bootc, crates/lib/src/kargs.rs): TOML with two keys, each an array of strings.
 * Anything else in such a file stops every update to the image, so it is worth to be found before.
 */

const keys = new Set(['kargs', 'match-architectures']);
/** Architectures as Rust names them (std::env::consts::ARCH). */
const architectures = new Set(['x86_64', 'aarch64', 'powerpc64', 's390x', 'riscv64', 'loongarch64']);

/** What is wrong with the file, at a line; undefined when bootc can read it. */
export function checkKernelArgumentsFile(text: string): { line: number; message: string } | undefined {
  const reader = new TomlReader(text);
  try {
    const found = reader.tables();
    if (!found.has('kargs')) return { line: 1, message: 'the key kargs is missing' };
    for (const [key, { line, values }] of found) {
      const unknown = key === 'match-architectures' ? values.find(value => !architectures.has(value)) : undefined;
      if (unknown !== undefined) {
        const message = `${JSON.stringify(unknown)} is no architecture; they are ${[...architectures].join(', ')}`;
        return { line, message };
      }
    }
    return undefined;
  } catch (error) {
    if (error instanceof TomlError) return { line: reader.line, message: error.message };
    throw error;
  }
}

class TomlError extends Error {}

interface Value {
  line: number;
  values: string[];
}

/** Reads `key = [strings]` and comments; other TOML has no place in such a file. */
class TomlReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.replace(/^\ufeff/, '');
  }

  get line(): number {
    return this.#text.slice(0, this.#at).split('\n').length;
  }

  tables(): Map<string, Value> {
    const found = new Map<string, Value>();
    for (;;) {
      this.#take(/(?:[ \t\r\n]|#[^\n]*)*/y);
      if (this.#at >= this.#text.length) return found;
      const { line } = this;
      const key = this.#key();
      if (found.has(key)) throw new TomlError(`the key ${key} is given twice`);
      this.#take(/[ \t]*/y);
      if (this.#take(/=/y) === undefined) throw new TomlError('"=" is expected');
      found.set(key, { line, values: this.#array() });
      this.#take(/[ \t]*(?:#[^\n]*)?/y);
      if (this.#at < this.#text.length && this.#take(/\r?\n/y) === undefined) throw new TomlError('a new line is expected');
    }
  }

  #key(): string {
    const bare = this.#take(/[A-Za-z0-9_-]+/y);
    const key = bare ?? this.#string();
    if (key === undefined) throw new TomlError(`only the keys ${[...keys].join(' and ')} are allowed`);
    if (!keys.has(key))
      throw new TomlError(`the key ${JSON.stringify(key)} is unknown to bootc; it takes ${[...keys].join(' and ')}`);
    return key;
  }

  #array(): string[] {
    const values: string[] = [];
    const space = /(?:[ \t\r\n]|#[^\n]*)*/y;
    this.#take(/[ \t]*/y);
    if (this.#take(/\[/y) === undefined) throw new TomlError('an array of strings is expected');
    for (;;) {
      this.#take(space);
      if (this.#take(/\]/y) !== undefined) return values;
      const value = this.#string();
      if (value === undefined) throw new TomlError('a string in quotes is expected');
      values.push(value);
      this.#take(space);
      if (this.#take(/,/y) === undefined && !this.#text.startsWith(']', this.#at)) throw new TomlError('"," or "]" is expected');
    }
  }

  #string(): string | undefined {
    const literal = this.#take(/'''[^]*?'''|'(?!'')[^'\n]*'/y);
    if (literal !== undefined) return literal.startsWith("'''") ? literal.slice(3, -3) : literal.slice(1, -1);
    const basic = this.#take(/"""(?:[^\\]|\\[^])*?"""|"(?!"")(?:[^"\\\n]|\\[^\n])*"/y);
    if (basic === undefined) return undefined;
    const body = basic.startsWith('"""') ? basic.slice(3, -3) : basic.slice(1, -1);
    return body.replaceAll(
      /\\(?:[btnfr"\\]|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[ \t]*\r?\n\s*|([^]))/g,
      (escape, wrong: string | undefined) => {
        if (wrong !== undefined) throw new TomlError(`${JSON.stringify(escape)} is no escape`);
        return unescape(escape);
      },
    );
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const taken = pattern.exec(this.#text)?.[0];
    if (taken !== undefined) this.#at += taken.length;
    return taken;
  }
}

const escapes: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', '"': '"', '\\': '\\' };

function unescape(escape: string): string {
  const [, kind = '', hex = ''] = /^\\(.)([0-9A-Fa-f]*)/s.exec(escape) ?? [];
  if (kind !== 'u' && kind !== 'U') return escapes[kind] ?? '';
  const code = Number.parseInt(hex, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw new TomlError(`${JSON.stringify(escape)} is no character`);
  return String.fromCodePoint(code);
}
