/** What a system has at the paths that addons have: the lists of its layers, laid over each other. Pure. Nothing is kept of other paths but where links lead. */
import { posix } from 'node:path';
import type { ListedFile } from './collisions.ts';
import type { LayerEntry, LayerLine } from './layer-list.ts';

/** A name may lead through so many links. */
const maxLinks = 8;

export class SystemFiles {
  readonly #wanted: ReadonlySet<string>;
  readonly #state = new Map<string, { file: ListedFile; layer: number }>();
  #layer = -1;
  readonly #hidden = new Set<string>();
  readonly #hiddenBelow = new Set<string>();
  /** Directories that are none any more: looked at once for the whole layer, since there may be many of them. */
  readonly #replaced = new Set<string>();

  /** @param wanted absolute paths, each with the directories that it is in */
  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  /** What is put from now on is of the next layer, above all before. */
  nextLayer(): void {
    this.#endLayer();
    this.#layer++;
  }

  put(line: LayerLine): void {
    if ('hides' in line) this.#hidden.add(line.hides);
    else if ('hidesBelow' in line) this.#hiddenBelow.add(line.hidesBelow);
    else {
      // Whiteouts come first.
      this.#sweep();
      this.#add(line);
    }
  }

  /** What there is at the wanted paths, in no order. */
  files(): ListedFile[] {
    this.#endLayer();
    return [...this.#state.values()].flatMap(({ file }) => (this.#wanted.has(file.path) ? [file] : []));
  }

  #add(entry: LayerEntry): void {
    const path = this.#placeOf(entry.path);
    const before = this.#state.get(path)?.file;
    if (entry.type === 'directory') {
      // What is put below a link without a word of it goes where the link leads, as every unpacker has it.
      if (before?.type === 'symlink' && entry.mode === undefined) return;
      if (before?.type !== 'directory') this.#set(path, { path, type: 'directory' });
      return;
    }
    // Its directory is gone with all that lower layers had there.
    if (before?.type === 'directory') this.#replaced.add(path);
    if (entry.type === 'symlink') {
      this.#state.set(path, { file: { path, type: 'symlink', target: entry.target }, layer: this.#layer });
      return;
    }
    const { mode, digest } = entry.of === undefined ? entry : this.#fileAt(entry.of);
    this.#set(path, {
      path,
      type: 'file',
      ...(mode === undefined ? {} : { mode }),
      ...(digest === undefined ? {} : { digest }),
    });
  }

  /** Links are kept wherever they are. */
  #set(path: string, file: ListedFile): void {
    if (this.#wanted.has(path)) this.#state.set(path, { file, layer: this.#layer });
    else this.#state.delete(path);
  }

  #fileAt(path: string): Pick<ListedFile, 'mode' | 'digest'> {
    const file = this.#state.get(path)?.file;
    return file?.type === 'file' ? file : {};
  }

  /** Where a path of an archive is, behind links. */
  #placeOf(path: string): string {
    let at = path;
    for (let i = 0; i < maxLinks; i++) {
      const through = this.#linkOn(at);
      if (!through) return at;
      at = posix.resolve(posix.dirname(through.path), through.target ?? '', `.${at.slice(through.path.length)}`);
    }
    return at;
  }

  #linkOn(path: string): ListedFile | undefined {
    for (const parent of parentsOf(path)) {
      const file = this.#state.get(parent)?.file;
      if (file?.type === 'symlink') return file;
    }
    return undefined;
  }

  #endLayer(): void {
    this.#sweep();
    for (const path of this.#replaced) this.#hiddenBelow.add(path);
    this.#replaced.clear();
    this.#sweep();
  }

  /** Takes away what lower layers have where this one hides it. */
  #sweep(): void {
    if (this.#hidden.size === 0 && this.#hiddenBelow.size === 0) return;
    for (const [path, { layer }] of this.#state) {
      if (layer === this.#layer) continue;
      if (this.#hidden.has(path) || parentsOf(path).some(parent => this.#hidden.has(parent) || this.#hiddenBelow.has(parent)))
        this.#state.delete(path);
    }
    this.#hidden.clear();
    this.#hiddenBelow.clear();
  }
}

/** `/` and each directory on the way, from the top. */
function parentsOf(path: string): string[] {
  const parents = ['/'];
  for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1)) parents.push(path.slice(0, end));
  return parents;
}
