/** The release before this one, as test/releases/ keeps it: for tests that upgrade from it and go back to it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { temporaryDirectory } from './processes.ts';

export const releasesDirectory = join(import.meta.dirname, '../releases');

export interface Release {
  /** Without v. */
  version: string;
  /** The packed chart, for Helm: a path. */
  chart: string;
  /** The program, for Node: a path. It is removed when this process ends. */
  bundle: string;
}

const numbers = (version: string) => version.split('.').map(Number);

function byVersion(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  const difference = left.map((number, i) => number - (right[i] ?? 0)).find(each => each !== 0);
  return difference ?? 0;
}

/** Unpacks the newest release that is kept. Throws when there is none. */
export function lastRelease(): Release {
  const versions = readdirSync(releasesDirectory).filter(name => /^\d+\.\d+\.\d+$/.test(name));
  const version = versions.toSorted(byVersion).at(-1);
  if (version === undefined) throw new Error(`${releasesDirectory} holds no release`);
  const kept = join(releasesDirectory, version);
  const directory = temporaryDirectory(`release-${version}`);
  for (const name of readdirSync(kept).filter(name => name.endsWith('.mjs.br'))) {
    writeFileSync(join(directory, basename(name, '.br')), brotliDecompressSync(readFileSync(join(kept, name))), { mode: 0o755 });
  }
  return { version, chart: join(kept, `scantling-${version}.tgz`), bundle: join(directory, 'scantling.mjs') };
}
