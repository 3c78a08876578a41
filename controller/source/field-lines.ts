/** Finds the line of a field in a file, for what is found wrong after the file was decoded. */
import { type Document as YamlDocument, type LineCounter, type Node, isMap } from 'yaml';
import { decodeUtf8 } from './document.ts';
import { keyOf, offsetOf } from './schema-check.ts';
import { parseYaml, resolver } from './yaml-document.ts';

interface Parsed {
  bytes: Uint8Array;
  documents: readonly YamlDocument.Parsed[];
  lines: LineCounter;
  resolvers: Map<number, ReturnType<typeof resolver>>;
}

/**
 * Keeps the last files parsed, and no more of them: a parsed file is many times as large as its text, and what is wrong in one file comes in a row.
 * Two, because documents are applied a few at a time, and those may be the end of one file and the begin of the next.
 */
const mostFiles = 2;

export class FieldLines {
  readonly #parse: typeof parseYaml;
  readonly #files: Parsed[] = [];

  constructor(parse: typeof parseYaml = parseYaml) {
    this.#parse = parse;
  }

  /** The line of a field (`spec.files[0].mode`) of a document, or of the nearest field above it that is written; undefined when there is none. */
  lineOf(bytes: Uint8Array, index: number, field: string): number | undefined {
    const file = this.#file(bytes);
    const document = file?.documents[index];
    if (!file || !document) return undefined;
    const resolve = file.resolvers.get(index) ?? resolver(document);
    file.resolvers.set(index, resolve);
    let at = resolve(document.contents);
    let offset = offsetOf(at);
    for (const [, name, item, key] of field.matchAll(/([^.[\]]+)|\[(\d+)\]|\[([^\]]+)\]/g)) {
      const pair = isMap(at) ? at.items.find(p => keyOf(p) === (name ?? key ?? item)) : undefined;
      const next: unknown = pair ? pair.value : itemOf(at, item);
      if (next === undefined) break;
      offset = pair ? offsetOf(pair.key) : offsetOf(next);
      at = resolve(next);
    }
    return offset < 0 ? undefined : file.lines.linePos(offset).line;
  }

  #file(bytes: Uint8Array): Parsed | undefined {
    const known = this.#files.find(f => f.bytes === bytes);
    if (known) return known;
    const text = decodeUtf8(bytes);
    if (text === undefined) return undefined;
    const parsed = { bytes, ...this.#parse(text), resolvers: new Map() };
    this.#files.unshift(parsed);
    this.#files.length = Math.min(this.#files.length, mostFiles);
    return parsed;
  }
}

function itemOf(at: Node | undefined, item: string | undefined): unknown {
  return item !== undefined && at && 'items' in at ? at.items[Number(item)] : undefined;
}
