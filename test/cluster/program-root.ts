/** Root file systems made of this machine's own programs: enough to run steps in, on any machine that has them itself. */
import { spawnSync } from 'node:child_process';
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

/** Files by path in the image, and the libraries that they are linked to. /bin, /sbin, /lib and /lib64 are links into /usr. */
export class ProgramRoot {
  readonly #entries = new Map<string, TarEntry>(
    ['bin', 'sbin', 'lib', 'lib64'].map(name => [name, { path: name, link: `usr/${name}` }]),
  );

  /** Files here whose libraries are needed. */
  readonly #linked: string[] = [];

  /** A program of this machine, found in PATH, below /usr/bin. Throws when it is not there. */
  addProgram(name: string): this {
    const path = programPath(name);
    if (path === undefined) throw new Error(`${name} is not on this machine`);
    return this.addFile(`usr/bin/${name}`, path);
  }

  /** A file of this machine. */
  addFile(to: string, from: string): this {
    this.#linked.push(from);
    return this.add({ path: to, mode: 0o755, bytes: readFileSync(from) });
  }

  add(...entries: readonly TarEntry[]): this {
    for (const entry of entries) this.#entries.set(entry.path, entry);
    return this;
  }

  /** The archive, with the libraries that programs and files are linked to. */
  tar(): Uint8Array {
    for (const library of librariesOf(this.#linked)) {
      const path = library.replace(/^\/(?:usr\/)?/, 'usr/');
      if (!this.#entries.has(path)) this.add({ path, mode: 0o755, bytes: readFileSync(library) });
    }
    return writeTar([...this.#entries.values()]);
  }
}

function librariesOf(files: readonly string[]): Set<string> {
  // ldd ends with 1 when one of them is a script, or linked to nothing, and still tells of the others.
  const { stdout, error } = spawnSync('ldd', [...files], { encoding: 'utf8' });
  if (error) throw error;
  return new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(match => match[1] ?? ''));
}
