/**
 * What a layer of a system's image says of the places that addons go to: names with their digests, and what it hides of lower layers. One line of JSON for each, a directory before what is in it,
 * so that it is read as it comes; the last line counts the others, which tells a list from a part of one.
 */
import type { TarMember } from '../trust/tar-members.ts';
import { segmentsOf } from './tree.ts';

export type LayerLine =
  /** A whiteout of this path, or of all below it. They come first, since they are about lower layers alone. */
  | { hides: string }
  | { hidesBelow: string }
  /** Without `mode` the layer does not describe it, but has something in it. */
  | { path: string; type: 'directory'; mode?: number }
  | { path: string; type: 'symlink'; target: string }
  /** Without `digest` no more is known than that it is there. `of`: it is another name of what lower layers have at that path. */
  | { path: string; type: 'file'; mode?: number; digest?: string; of?: string };

export type LayerEntry = Extract<LayerLine, { path: string }>;

/** A list is damaged, or a part of one. */
export class LayerListError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LayerListError';
  }
}

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';
const ownMark = '.wh..wh.';
/** Of one file, of which each is another name of the one before. */
const maxNames = 8;

/** Whether a path, as segments, is one that an addon could hide something at, or a link by way of which one is named. */
export function isListed([first = '']: readonly string[]): boolean {
  return first === 'usr' || first === 'opt' || /^(s?bin|lib[a-z0-9]*)$/.test(first);
}

/** Where images of ostree have their files, of which all others are another name. */
export function isOstreeObject([a, b, c, d]: readonly string[]): boolean {
  return a === 'sysroot' && b === 'ostree' && c === 'repo' && d === 'objects';
}

type Elsewhere = { type: 'file'; mode: number; digest: string } | { type: 'symlink'; target: string };

/** The list of one layer, while it is read. */
export class LayerLister {
  readonly #entries = new Map<string, LayerEntry>();
  readonly #hidden: LayerLine[] = [];
  /** Files elsewhere in the layer, for their other names. */
  readonly #elsewhere = new Map<string, Elsewhere>();

  /** Whether the digest of its content is needed. */
  wants({ path, type, isSparse }: Pick<TarMember, 'path' | 'type' | 'isSparse'>): boolean {
    const segments = segmentsOf(path);
    return (type === '0' || type === '7') && !isSparse && (isListed(segments) || isOstreeObject(segments));
  }

  #nameBytes = 0;

  /** So many names are held, those of directories included that the layer has something in and does not describe. */
  get size(): number {
    return this.#entries.size + this.#hidden.length + this.#elsewhere.size;
  }

  /** Memory that their texts take, and those of what they link to. */
  get nameBytes(): number {
    return this.#nameBytes;
  }

  /** @param digest of its content, where that was wanted */
  put({ path, type, mode, target, link }: Omit<TarMember, 'bytes'>, digest?: string): void {
    const segments = segmentsOf(path);
    const name = segments.at(-1);
    // Nothing unpacks a path that leads out of the image.
    if (type === 'g' || name === undefined || segments.includes('..')) return;
    if (name.startsWith(whiteout)) {
      this.#hide(segments.slice(0, -1), name);
      return;
    }
    const at = absolute(segments);
    if (isListed(segments)) {
      this.#entries.set(at, entryOf({ path: at, type, mode, target, link }, digest));
      this.#addParents(at);
    } else if (digest !== undefined) this.#elsewhere.set(at, { type: 'file', mode, digest });
    else if (type === '2' && isOstreeObject(segments)) this.#elsewhere.set(at, { type: 'symlink', target });
    else return;
    this.#nameBytes += memoryOf(at) + memoryOf(target);
  }

  #addParents(path: string): void {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end);
      // Those above it are there, too.
      if (this.#entries.has(parent)) return;
      this.#entries.set(parent, { path: parent, type: 'directory' });
      this.#nameBytes += memoryOf(parent);
    }
  }

  #hide(parent: readonly string[], name: string): void {
    if (name === opaque) {
      if (parent.length > 0 && !isListed(parent)) return;
      const hidesBelow = absolute(parent);
      this.#hidden.push({ hidesBelow });
      this.#nameBytes += memoryOf(hidesBelow);
    } else if (!name.startsWith(ownMark)) {
      const hidden = [...parent, name.slice(whiteout.length)];
      if (!isListed(hidden)) return;
      const hides = absolute(hidden);
      this.#hidden.push({ hides });
      this.#nameBytes += memoryOf(hides);
    }
  }

  /** All that was put, once. */
  *lines(): Generator<LayerLine, undefined> {
    yield* this.#hidden;
    const entries = this.#entries;
    for (const path of [...entries.keys()].toSorted((a, b) => (a < b ? -1 : 1))) {
      const entry = entries.get(path);
      if (entry) yield entry.type === 'file' ? this.#known(entry) : entry;
    }
    return undefined;
  }

  /** With what the layer itself has under the other name. */
  #known(entry: LayerEntry): LayerEntry {
    let at = entry;
    for (let i = 0; i < maxNames && at.type === 'file' && at.of !== undefined; i++) {
      const found = this.#elsewhere.get(at.of) ?? this.#entries.get(at.of);
      if (!found) break;
      at = { ...found, path: entry.path };
    }
    // No layer makes a directory by another name.
    return at.type === 'directory' ? { path: entry.path, type: 'file' } : at;
  }
}

function entryOf(
  { path, type, mode, target, link }: Pick<TarMember, 'path' | 'type' | 'mode' | 'target' | 'link'>,
  digest: string | undefined,
): LayerEntry {
  if (type === '5') return { path, type: 'directory', mode };
  if (type === '2') return { path, type: 'symlink', target };
  if (type === '1') return { path, type: 'file', of: absolute(segmentsOf(link)) };
  return { path, type: 'file', mode, ...(digest === undefined ? {} : { digest }) };
}

/** As V8 keeps a text: one byte for each character where all are of Latin-1, and two otherwise. */
function memoryOf(text: string): number {
  return /[\u0100-\uffff]/.test(text) ? 2 * text.length : text.length;
}

function absolute(segments: readonly string[]): string {
  return `/${segments.join('/')}`;
}

/** The text of a list, in pieces. */
export function* listText(lines: Iterable<LayerLine>): Generator<string, undefined> {
  let count = 0;
  for (const line of lines) {
    count++;
    yield `${JSON.stringify(line)}\n`;
  }
  yield `${JSON.stringify({ lines: count })}\n`;
  return undefined;
}

/**
 * The lines of a list that this program has written, without its line breaks.
 * @throws LayerListError where it is no whole one
 */
export async function* parseLayerList(lines: AsyncIterable<string>): AsyncGenerator<LayerLine, undefined> {
  let count = 0;
  let end: number | undefined;
  for await (const text of lines) {
    if (end !== undefined) throw new LayerListError('it goes on behind its end');
    const line = parse(text);
    if ('lines' in line) end = line.lines;
    else {
      count++;
      yield line;
    }
  }
  if (end !== count) throw new LayerListError('it is cut off');
  return undefined;
}

/** Its form is not checked again: whoever writes into the directory of lists can write into all of this program. */
function parse(text: string): LayerLine | { lines: number } {
  try {
    return JSON.parse(text) as LayerLine | { lines: number };
  } catch (error) {
    if (error instanceof SyntaxError) throw new LayerListError('a line of it is no JSON');
    throw error;
  }
}
