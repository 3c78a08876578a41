/**
 * Reads unit files as systemd does (systemd.syntax(7), systemd.service(5) "Command lines", systemd.unit(5) "Specifiers"), written apart from
 * what writes them.
 */

/** Section → its `Key=value` lines in order, values as they stand there. */
export type UnitFile = ReadonlyMap<string, readonly (readonly [key: string, value: string])[]>;

export function parseUnit(text: string): UnitFile {
  const sections = new Map<string, [string, string][]>();
  let section: [string, string][] | undefined;
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    // Only these are white space to systemd.
    const trimmed = line.replaceAll(/^[ \t\r]+|[ \t\r]+$/g, '');
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith(';')) continue;
    const name = /^\[([^\]]*)\]$/.exec(trimmed)?.[1];
    if (name !== undefined) {
      section = sections.get(name) ?? [];
      sections.set(name, section);
      continue;
    }
    const equals = trimmed.indexOf('=');
    if (equals <= 0 || !section) throw new Error(`no line of a unit file: ${JSON.stringify(line)}`);
    section.push([trimmed.slice(0, equals).replace(/[ \t\r]+$/, ''), trimmed.slice(equals + 1).replace(/^[ \t\r]+/, '')]);
  }
  return sections;
}

/** All values of a key. */
export function valuesOf(unit: UnitFile, section: string, key: string): string[] {
  return (unit.get(section) ?? []).filter(([each]) => each === key).map(([, value]) => value);
}

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  s: ' ',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** The words of a line: separated by white space, quoted by ' or ", with C escapes. A lone semicolon ends the command, as an error here. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  let raw = '';
  const end = () => {
    if (raw === ';') throw new Error('a lone semicolon separates commands');
    if (word !== undefined) words.push(word);
    word = undefined;
    raw = '';
  };
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    if (quote === '' && /[ \t\n\r]/.test(char)) {
      end();
      continue;
    }
    raw += char;
    word ??= '';
    if (char === '\\') {
      const next = line.charAt(++i);
      raw += next;
      const hex = /^x([0-9a-f]{2})/.exec(line.slice(i))?.[1];
      const plain = escapes[next];
      if (hex !== undefined) {
        word += String.fromCharCode(Number.parseInt(hex, 16));
        i += 2;
      } else if (plain === undefined) throw new Error(`unknown escape \\${next}`);
      else word += plain;
    } else if (char === quote) quote = '';
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else word += char;
  }
  if (quote !== '') throw new Error('a quote is not closed');
  end();
  return words;
}

/** The name of the unit and the runtime directory, which the generator itself writes; marked, so that they are not taken for a value. */
const specifiers: Readonly<Record<string, string>> = { '%': '%', n: '<unit>', N: '<unit prefix>', t: '<runtime>' };

/** A word after specifiers. */
export function expandSpecifiers(word: string): string {
  return word.replaceAll(/%(.?)/gsu, (_, specifier: string) => {
    const value = specifiers[specifier];
    if (value === undefined) throw new Error(`the specifier %${specifier} is expanded`);
    return value;
  });
}

/** The words of a command after variables, as a service starts it. */
export function expandVariables(words: readonly string[], environment: ReadonlyMap<string, string>): string[] {
  return words.flatMap(word => {
    if (/^\$[^{$]/.test(word)) throw new Error(`the variable ${word} is expanded`);
    return [
      word.replaceAll(/\$(?:\$|\{([^}]*)\})/g, (_, name: string | undefined) => {
        if (name === undefined) return '$';
        const value = environment.get(name);
        if (value === undefined) throw new Error(`the variable ${name} is expanded`);
        return value;
      }),
    ];
  });
}

/** What a service hands to its program: the words of the line after specifiers and variables. */
export function commandOf(unit: UnitFile, section: string, key: string): string[] {
  const environment = new Map(
    valuesOf(unit, 'Service', 'Environment').flatMap(line =>
      splitWords(line).map((assignment): [string, string] => {
        const equals = assignment.indexOf('=');
        return [assignment.slice(0, equals), assignment.slice(equals + 1)];
      }),
    ),
  );
  const words = splitWords(valuesOf(unit, section, key).at(-1) ?? '');
  return expandVariables(words.map(expandSpecifiers), environment);
}
