/** controller/host-addons/files.ts from the readable sources beside it: the program is one bundle, which has no files beside it to read. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../controller/host-addons');

/** The folders of controller/host-addons that hold sources, each with all below it. */
const sources = ['scripts', 'units'];

/** The text of files.ts, not yet formatted: every source by its path below its folder. */
export function hostAddonFiles(): string {
  const files = sources.flatMap(source =>
    readdirSync(join(folder, source), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1)),
  );
  const texts = files.toSorted().map(file => [file, readFileSync(join(folder, file), 'utf8')]);
  return `// Generated from controller/host-addons/{${sources.join(',')}} by \`npm run generate\`. Do not edit.

/** The scripts and units of hosts with addons, by their path in this folder. */
export const hostAddonFiles = ${JSON.stringify(Object.fromEntries(texts))} as const;
`;
}
