/** How a command answers: words and tables for people, documents for programs. */
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
export async function print<T extends object>(
  stdout: NodeJS.WritableStream,
  format: Format,
  document: T,
  words: (document: T, format: Format) => string,
): Promise<void> {
  if (format === 'json') stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  // The one format that needs a library.
  else if (format === 'yaml') stdout.write((await import('yaml')).stringify(document));
  else stdout.write(words(document, format));
}
