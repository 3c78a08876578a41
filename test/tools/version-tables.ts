/** What docs/versions.md says is tested. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface VersionRow {
  minor: string;
  release: string;
}

/** The rows of the table under a heading: a minor version, and the release that it is tested with. Throws when the heading is not there. */
export function versionTable(heading: string): VersionRow[] {
  const page = readFileSync(join(import.meta.dirname, '../../docs/versions.md'), 'utf8');
  const section = page.split(/^## /m).find(text => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`docs/versions.md has no heading "${heading}"`);
  return [...section.matchAll(/^\| (\d+\.\d+) +\| (\d+\.\d+\.\d+) +\|/gm)].map(([, minor = '', release = '']) => ({
    minor,
    release,
  }));
}
