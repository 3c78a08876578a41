/** How a command answers: words and tables for people, documents for programs. */
import { UsageError } from '../command-line.ts';
import type { Config } from '../config.ts';
import { plainLine } from '../trust/plain-text.ts';

const formats = ['table', 'wide', 'json', 'yaml'] as const;
export type Format = (typeof formats)[number];

/** The format that --output names. Throws UsageError. */
export function formatOf({ 'output-format': given }: Config): Format {
  const found = formats.find(f => f === given);
  if (!found) throw new UsageError(`--output is ${formats.join(', ')}, not "${given}"`);
  return found;
}

/** The format that --format names, where --output is a place. Throws UsageError. */
export function reportFormatOf(given: string): Exclude<Format, 'wide'> {
  if (given === 'table' || given === 'json' || given === 'yaml') return given;
  throw new UsageError(`--format is table, json or yaml, not "${given}"`);
}

/** Writes the document, or what `words` makes of it. */
export async function print<T extends object>(
  stdout: NodeJS.WritableStream,
  format: Format,
  document: T,
  words: (document: T, format: Format) => string,
): Promise<void> {
  if (format === 'json') stdout.write(`${escaped(JSON.stringify(document, null, 2))}\n`);
  // The one format that needs a library.
  else if (format === 'yaml') stdout.write((await import('yaml')).stringify(document));
  else stdout.write(words(plain(document), format));
}

/** The document with its texts as a terminal may be given them: others wrote many of those. */
function plain<T>(value: T): T;
function plain(value: unknown): unknown {
  if (typeof value === 'string') return plainLine(value.replaceAll(/[\t\n\v\f\r]+/g, ' '));
  if (Array.isArray(value)) return value.map(one => plain<unknown>(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain<unknown>(one)]));
}

/** The same document: JSON itself escapes only some of what a terminal obeys. */
function escaped(json: string): string {
  return json.replaceAll(/[\u007F-\u009F\u2028\u2029\p{Cf}]/gu, character =>
    Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  );
}
