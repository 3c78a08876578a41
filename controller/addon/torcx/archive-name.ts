/** Names of torcx: of archives in its stores, and of images in its profiles. Pure. */
import { isAddonName } from '../../api/addon-set.ts';
import { quoted, refuse } from './refusal.ts';

export interface ArchiveName {
  name: string;
  reference: string;
  format: 'tgz' | 'squashfs';
}

/** What an archive without a colon is (torcx: DefaultTagRef), and vendors' profiles name. */
export const defaultReference = 'com.coreos.cl';

/**
 * What the name of a file says, as `docker:17.03.torcx.squashfs`; undefined for what is no archive of torcx by its name.
 * @throws StallingError `InvalidName` for a name with a colon in it, of which torcx makes another name, and where a part is empty
 */
export function parseArchiveName(file: string): ArchiveName | undefined {
  const [, stem, format] = /^([^/]*)\.torcx\.(tgz|squashfs)$/s.exec(file) ?? [];
  if (stem === undefined || (format !== 'tgz' && format !== 'squashfs')) return undefined;
  const parts = stem.split(':');
  const [name = '', reference = defaultReference] = parts;
  if (parts.length > 2)
    throw refuse(
      'InvalidName',
      `${quoted(file)} has more than one colon: name it NAME:REFERENCE.torcx.${format}, or give its name with --name`,
    );
  if (name === '' || reference === '') throw refuse('InvalidName', `${quoted(file)} is not NAME:REFERENCE.torcx.${format}`);
  return { name, reference, format };
}

/**
 * The SystemAddon that stands for an image of torcx: its name, and behind it the reference unless that is the vendor's own. So `docker:17.03` is docker-17-03.
 * @throws StallingError `InvalidName` where that can be no name of an addon
 */
export function addonNameOf(name: string, reference: string): string {
  const suffix = reference
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  if (reference !== defaultReference && suffix === '')
    throw refuse(
      'InvalidName',
      `the reference ${quoted(reference)} of ${quoted(name)} has neither letters nor digits; name the addon yourself`,
    );
  return requireAddonName(reference === defaultReference ? name : `${name}-${suffix}`);
}

/** @throws StallingError `InvalidName` */
export function requireAddonName(name: string): string {
  if (isAddonName(name)) return name;
  const why =
    name.length > 63
      ? `has ${name.length} characters, and may have 63`
      : 'may have small letters, digits and, between them, dashes';
  throw refuse('InvalidName', `${quoted(name)} can be no name of an addon, which ${why}; choose one with --name`);
}
