/** What `addon import` says to people. Pure. */
import type { ImportedProfile } from '../addon/torcx/profile-manifest.ts';
import type { AddonImport } from './addon-import-document.ts';
import { plainLine } from '../trust/plain-text.ts';
import { count } from './words.ts';

export function importText({ name, archive, image, files, links, directory, warnings }: AddonImport): string {
  const { reference, digest, layer } = image;
  const where =
    reference !== undefined
      ? `pushed as ${reference}`
      : directory === undefined
        ? `not kept; write it with --output, or push it with --push`
        : `digest ${digest}`;
  return `${[
    `SystemAddon ${name}, of ${archive.image}:${archive.reference} (${archive.format})`,
    `${count(files, 'file')} and ${count(links, 'link')}, ${layer.size} bytes: ${where}`,
    ...(directory === undefined ? [] : [`In ${directory}: ${directory}/systemaddon.yaml is to be applied`]),
    ...(warnings.length === 0 ? [] : ['', 'Look at:']),
    ...warnings.map(({ path, line, message }) => `  ${path}${line === undefined ? '' : `:${line}`}: ${message}`),
  ].join('\n')}\n`;
}

/** Beside the YAML, which goes to standard output. */
export function profileText({ warnings, wanted }: ImportedProfile): string {
  const needed = wanted.map(
    ({ addon, archive }) => `SystemAddon ${addon} is needed: scantling addon import ${archive}.torcx.squashfs (or .tgz)`,
  );
  return [...needed, ...warnings].map(line => `${plainLine(line)}\n`).join('');
}
