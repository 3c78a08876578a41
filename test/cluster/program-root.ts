/** Root file systems made of this machine's own programs: enough to run steps in, on any machine that has them itself. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TarEntry, writeTar } from '../../controller/definition/tar.ts';

/** Where a program is here, links resolved; undefined when it is not. */
export function programPath(name: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const directory of directories) {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return realpathSync(join(directory, name));
    } catch {
      continue; // not in this directory
    }
  }
  return undefined;
}

/** Files with the libraries that they are linked to, each once, by path in the image. */
export class ProgramRoot {
  readonly #entries = new Map<string, TarEntry>();

  /** A program of this machine, found in PATH, below /usr/bin. Throws when it is not there. */
  addProgram(name: string): this {
    const path = programPath(name);
    if (path === undefined) throw new Error(`${name} is not on this machine`);
    return this.addFile(`usr/bin/${name}`, path);
  }

  /** A file of this machine with its libraries. */
  addFile(to: string, from: string): this {
    this.add({ path: to, mode: 0o755, bytes: readFileSync(from) });
    for (const library of librariesOf(from)) {
      const path = library.slice(1);
      if (!this.#entries.has(path)) this.add({ path, mode: 0o755, bytes: readFileSync(library) });
    }
    return this;
  }

  add(...entries: readonly TarEntry[]): this {
    for (const entry of entries) this.#entries.set(entry.path, entry);
    return this;
  }

  tar(): Uint8Array {
    return writeTar([...this.#entries.values()]);
  }
}

/** Of a program or a shared library; none for a script. */
function librariesOf(program: string): string[] {
  try {
    const listing = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return [...listing.matchAll(/(\/\S+) \(0x/g)].map(match => match[1] ?? '');
  } catch (error) {
    // ldd ends with 1 for what is linked to nothing.
    if (error instanceof Error && 'status' in error && error.status === 1) return [];
    throw error;
  }
}
