/** How a command answers: words and tables for people, documents for programs. */
import { stringify } from 'yaml';
import { UsageError } from '../command-line.ts';
import type { Config } from '../config.ts';

const formats = ['table', 'wide', 'json', 'yaml'] as const;
export type Format = (typeof formats)[number];

/** The format that --output names. Throws UsageError. */
export function formatOf({ 'output-format': given }: Config): Format {
  const found = formats.find(f => f === given);
  if (!found) throw new UsageError(`--output is ${formats.join(', ')}, not "${given}"`);
  return found;
}

/** Writes the document, or what `words` makes of it. */
export function print<T extends object>(
  stdout: NodeJS.WritableStream,
  format: Format,
  document: T,
  words: (document: T, format: Format) => string,
): void {
  if (format === 'json') stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  else if (format === 'yaml') stdout.write(stringify(document));
  else stdout.write(words(document, format));
}
