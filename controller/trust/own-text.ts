/**
 * The text, or so much of its beginning, in memory of its own, and well-formed. A part of a text, as slice and regular expressions give it, keeps all of
 * that text in memory.
 */
export function ownText(text: string, most = text.length): string {
  return Buffer.from(text.slice(0, most), 'utf8').toString('utf8');
}
