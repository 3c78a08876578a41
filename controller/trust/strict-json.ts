/** JSON of signed documents, read so that no other reader can understand something else by the same bytes. Pure. */
import { RefusedCandidate, quoted } from './refused.ts';

const maxDepth = 64;
/** Values in one document, unless its reader says otherwise: what signatures come with has some dozens. */
const maxValues = 10_000;

export type JSONObject = Readonly<Record<string, unknown>>;

/**
 * The value of a JSON text in UTF-8. A member that is there twice is refused: of two readers each may take another one.
 * @param what names the document in messages
 * @param most values in it: a mebibyte may have 350,000 of them, which costs seconds in whatever goes through them
 * @throws RefusedCandidate `Malformed`, `TooLarge`
 */
export function parseStrictly(bytes: Uint8Array, what: string, most: number = maxValues): unknown {
  const text = textOf(bytes, what);
  refuseMany(text, what, most);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's words quote the text, which may be long and is somebody else's.
    throw new RefusedCandidate('Malformed', `${what} is not JSON`);
  }
  refuseRepeated(text, what);
  return value;
}

/** As parseStrictly, for a document that must be an object. */
export function parseObject(bytes: Uint8Array, what: string, most: number = maxValues): JSONObject {
  return objectOf(parseStrictly(bytes, what, most), what);
}

export function objectOf(value: unknown, what: string): JSONObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JSONObject;
  throw new RefusedCandidate('Malformed', `${what} is not a JSON object`);
}

export function stringOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new RefusedCandidate('Malformed', `${what} is not a string`);
}

/** Refuses members that the format does not have. */
export function onlyMembers(object: JSONObject, members: readonly string[], what: string): void {
  const odd = Object.keys(object).find(key => !members.includes(key));
  if (odd !== undefined)
    throw new RefusedCandidate('Malformed', `${what} has a member ${quoted(odd)}, which the format does not have`);
}

/** Standard base64 with its padding, and no other way of writing the same bytes. */
export function base64Of(value: unknown, what: string): Buffer<ArrayBuffer> {
  const text = stringOf(value, what);
  const bytes = Buffer.from(text, 'base64');
  if (text === '' || bytes.toString('base64') !== text) throw new RefusedCandidate('Malformed', `${what} is not base64`);
  return bytes;
}

function textOf(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new RefusedCandidate('Malformed', `${what} is not UTF-8`);
  }
}

/** Before anything is made of it. Each value but the first comes after one of these characters, whatever else the text is. */
function refuseMany(text: string, what: string, most: number): void {
  let values = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') i = endOfString(text, i);
    else if (character === ',' || character === '[' || character === '{') values++;
    if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    if (depth > maxDepth) throw new RefusedCandidate('Malformed', `${what} is nested deeper than ${maxDepth}`);
    if (values > most) throw new RefusedCandidate('TooLarge', `${what} has more than ${most} values`);
  }
}

/** Goes through a text that is known to be JSON, with the keys seen so far of each object that is open. */
function refuseRepeated(text: string, what: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(text, i);
      const keys = open.at(-1);
      if (keys && isKey(text, end + 1)) {
        const key = String(JSON.parse(text.slice(i, end + 1)));
        if (keys.has(key)) throw new RefusedCandidate('Malformed', `${what} has the member ${quoted(key)} twice`);
        keys.add(key);
      }
      i = end;
    }
  }
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

function isKey(text: string, from: number): boolean {
  let i = from;
  while (' \t\n\r'.includes(text[i] ?? ':')) i++;
  return text[i] === ':';
}
