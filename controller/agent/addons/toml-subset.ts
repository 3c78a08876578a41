/**
 * The part of TOML that registries.conf(5) is written in: tables, arrays of tables, and keys with a text, a truth value, a number or a list of texts.
 * Pure. What is none of it is passed over line by line, as the host's own tools would have refused the file.
 */

export type TomlValue = string | boolean | number | readonly string[];

export interface TomlTable {
  /** As in `[[registry.mirror]]`: `registry.mirror`; empty for what stands before the first. */
  name: string;
  values: ReadonlyMap<string, TomlValue>;
}

/** The tables of a text in their order. */
export function parseTomlSubset(text: string): TomlTable[] {
  let values = new Map<string, TomlValue>();
  const tables: TomlTable[] = [{ name: '', values }];
  for (const line of statements(text)) {
    const [, name] = /^\[\[?\s*([\w.-]+)\s*\]\]?$/.exec(line) ?? [];
    if (name !== undefined) {
      values = new Map();
      tables.push({ name, values });
      continue;
    }
    const [, key, raw] = /^([\w-]+|"[^"]*")\s*=\s*(.*)$/s.exec(line) ?? [];
    const value = raw === undefined ? undefined : valueOf(raw);
    if (key !== undefined && value !== undefined) values.set(key.replaceAll('"', ''), value);
  }
  return tables;
}

/** Lines without comments; a list that goes over several is one. */
function statements(text: string): string[] {
  const found: string[] = [];
  let open = '';
  for (const line of text.split('\n')) {
    const bare = withoutComment(line).trim();
    open = open === '' ? bare : `${open} ${bare}`;
    if (/=\s*\[[^\]]*$/.test(open)) continue;
    if (open !== '') found.push(open);
    open = '';
  }
  return found;
}

function withoutComment(line: string): string {
  return /^(?:[^"'#]|"(?:[^"\\]|\\.)*"|'[^']*')*/.exec(line)?.[0] ?? '';
}

function valueOf(raw: string): TomlValue | undefined {
  if (raw === 'true' || raw === 'false') return raw === 'true';
  if (/^[+-]?\d+$/.test(raw)) return Number(raw);
  if (raw.startsWith('[')) return texts(raw);
  return texts(raw)[0];
}

function texts(raw: string): string[] {
  return [...raw.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g)].map(([, double, single]) =>
    double === undefined ? (single ?? '') : double.replace(/\\(["\\])/g, '$1'),
  );
}
