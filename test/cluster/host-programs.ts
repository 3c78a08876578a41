/** Programs of this machine, with the libraries they are linked to, as files of an image: enough of a system where no image can be fetched. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TarEntry } from '../../controller/definition/tar.ts';

/** Where a program is, links resolved; undefined when it is not on the PATH. */
export function programPath(name: string): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return realpathSync(join(directory, name));
    } catch {
      continue; // not in this directory
    }
  }
  return undefined;
}

function librariesOf(program: string): string[] {
  const listing = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...listing.matchAll(/(\/\S+) \(0x/g)].map(match => match[1] ?? '');
}

/** The programs in usr/bin, their libraries where they look for them. @throws Error when one is not on this machine. */
export function hostPrograms(names: readonly string[]): TarEntry[] {
  const files = new Map<string, TarEntry>();
  for (const name of names) {
    const path = programPath(name);
    if (path === undefined) throw new Error(`${name} is not on this machine`);
    files.set(`usr/bin/${name}`, { path: `usr/bin/${name}`, mode: 0o755, bytes: readFileSync(path) });
    for (const library of librariesOf(path))
      files.set(library, { path: library.slice(1), mode: 0o755, bytes: readFileSync(library) });
  }
  return [...files.values()];
}
