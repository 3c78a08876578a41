/** The build context of a Containerfile: the files that its COPY, ADD and bind mounts read. */
import type { Input, Inputs } from './files.ts';
import { type Glob, globMatches, isGlob, parseGlob } from './glob.ts';
import { ignoreFiles, parseIgnoreFile } from './ignore-file.ts';
import { quote } from './image-path.ts';
import type { Problems } from './problems.ts';
import { containerfileFields, joinPath } from './repository-path.ts';
import { type TarEntry, writeTar } from './tar.ts';

/** The build context holds this much, without what its ignore file leaves out: it is made in memory. */
export const maxContextBytes = 256 * 1024 * 1024;
export const maxContextEntries = 100_000;

/** Links followed on the way to one path, as in the kernel (path_resolution(7)). */
const maxLinks = 40;

export class BuildContext {
  /** Path in the repository; empty for the repository itself. */
  readonly directory: string;
  /** The ignore file, when there is one. */
  readonly ignoreFile: string | undefined;
  readonly #entries = new Map<string, Input>();
  readonly #ignored = new Set<string>();
  /** Every directory, '' for the context itself, and what is at any depth below it. */
  readonly #below = new Map<string, string[]>([['', []]]);

  /** Of what the inputs hold below `directory`. Adds a problem when its ignore file cannot be read, or it is too large. */
  constructor(directory: string, inputs: Inputs, problems: Problems) {
    this.directory = directory;
    const prefix = directory === '' ? '' : `${directory}/`;
    const all = [...inputs].flatMap(([path, input]): [string, Input][] =>
      path.startsWith(prefix) ? [[path.slice(prefix.length), input]] : [],
    );
    const inner = new Map(all.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    this.ignoreFile = ignoreFiles.find(name => inner.get(name)?.type === 'file');
    const ignores = this.#ignores(inner, problems);
    for (const [path, input] of inner) {
      if (path === this.ignoreFile || ignores(path)) this.#ignored.add(path);
      else this.#add(path, input);
    }
    this.#checkSize(problems);
  }

  #ignores(inner: ReadonlyMap<string, Input>, problems: Problems): (path: string) => boolean {
    const file = this.ignoreFile === undefined ? undefined : inner.get(this.ignoreFile);
    if (file?.type !== 'file') return () => false;
    const parsed = parseIgnoreFile(new TextDecoder().decode(file.bytes));
    if (typeof parsed === 'function') return parsed;
    problems.add(`${this.#inRepository(this.ignoreFile ?? '')}:${parsed.line}`, parsed.message);
    return () => false;
  }

  #add(path: string, input: Input): void {
    this.#entries.set(path, input);
    for (let slash = path.lastIndexOf('/'); ; slash = path.lastIndexOf('/', slash - 1)) {
      const directory = path.slice(0, Math.max(0, slash));
      const below = this.#below.get(directory) ?? [];
      below.push(path);
      this.#below.set(directory, below);
      if (slash <= 0) return;
    }
  }

  #checkSize(problems: Problems): void {
    const bytes = [...this.#entries.values()].reduce((sum, input) => sum + (input.type === 'file' ? input.bytes.length : 0), 0);
    const advice = 'leave out what is not needed, in .containerignore, or name a smaller directory';
    if (bytes > maxContextBytes)
      problems.add(containerfileFields.context, `holds ${bytes} bytes, more than ${maxContextBytes}; ${advice}`);
    if (this.#entries.size > maxContextEntries)
      problems.add(containerfileFields.context, `holds ${this.#entries.size} entries, more than ${maxContextEntries}; ${advice}`);
  }

  /** For messages. */
  get name(): string {
    return this.directory === '' ? 'the repository' : quote(this.directory);
  }

  #inRepository(path: string): string {
    return this.directory === '' ? path : `${this.directory}/${path}`;
  }

  /**
   * The entries that a source of COPY, ADD or a bind mount reads: a file, a directory with all in it, or what a pattern matches.
   * @returns why there are none, when there are none.
   */
  read(source: string): readonly string[] | { problem: string } {
    const path = joinPath('', source);
    if (path === undefined) return { problem: `${quote(source)} leaves the build context` };
    if (isGlob(path)) {
      const glob = parseGlob(path);
      if (!glob) return { problem: `${quote(source)} is not a pattern: a "[" or "\\" without its end` };
      const found = this.#matching(glob);
      return found.length > 0 ? found : this.#missing(source, ignored => globMatches(glob, ignored));
    }
    const found = this.#at(path);
    return found.length > 0 ? found : this.#missing(source, ignored => ignored === path || ignored.startsWith(`${path}/`));
  }

  #missing(source: string, isIt: (ignored: string) => boolean): { problem: string } {
    const ignored = [...this.#ignored].some(isIt);
    const why = ignored ? `; ${this.ignoreFile} leaves it out` : '';
    return { problem: `${quote(source)} is not in the build context, ${this.name}${why}` };
  }

  #matching(glob: Glob): string[] {
    const found = new Set<string>();
    for (const path of [...this.#entries.keys(), ...this.#below.keys()]) {
      if (path !== '' && globMatches(glob, path)) this.#at(path).forEach(entry => found.add(entry));
    }
    return [...found];
  }

  /** The entries at a path: the links on the way, and the file or all below the directory that it leads to. */
  #at(path: string): string[] {
    const links: string[] = [];
    let rest = path;
    for (;;) {
      const below = this.#below.get(rest);
      if (below) return [...links, ...below];
      const link = this.#firstLink(rest);
      if (link === undefined) return this.#entries.has(rest) ? [...links, rest] : links;
      if (links.push(link.path) > maxLinks) return links;
      const target = link.target.startsWith('/') ? link.target : `${directoryOf(link.path)}/${link.target}`;
      const next = joinPath('', `${target}/${rest.slice(link.path.length)}`);
      // A link that leads nowhere is copied as it is.
      if (next === undefined) return links;
      rest = next;
    }
  }

  #firstLink(path: string): { path: string; target: string } | undefined {
    for (let slash = path.indexOf('/'); ; slash = path.indexOf('/', slash + 1)) {
      const part = slash < 0 ? path : path.slice(0, slash);
      const input = this.#entries.get(part);
      if (input?.type === 'symlink') return { path: part, target: input.target };
      if (slash < 0) return undefined;
    }
  }

  /** The archive of these entries. */
  tar(paths: Iterable<string>): Uint8Array {
    const entries: TarEntry[] = [];
    for (const path of paths) {
      const input = this.#entries.get(path);
      if (input?.type === 'symlink') entries.push({ path, link: input.target });
      else if (input) entries.push({ path, mode: input.executable ? 0o755 : 0o644, bytes: input.bytes });
    }
    return writeTar(entries);
  }
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
