/** Profiles of torcx (profile-manifest-v0 and -v1) as entries of a SystemPool's. Pure. */
import { maxAddons } from '../../api/addon-set.ts';
import { addonNameOf, defaultReference } from './archive-name.ts';
import { readDocument, requireObject, requireText } from './json-document.ts';
import { quoted, refuse } from './refusal.ts';

/** As in SystemPool.spec.addons. */
export interface ProfileEntry {
  name: string;
  /** The SystemAddon; '' takes away what a lower profile has under that name. */
  addon: string;
}

export interface ImportedProfile {
  version: 0 | 1;
  /** In the profile's order. */
  entries: ProfileEntry[];
  warnings: string[];
  /** SystemAddons that the entries name, with the name of the archive of torcx that each is made from, as `docker:17.03`. */
  wanted: { addon: string; archive: string }[];
}

interface Listed extends ProfileEntry {
  reference: string;
  image: string;
  remote: string | undefined;
}

/** Whether a document of torcx is a profile; what is no JSON is none. */
export function isProfile(bytes: Uint8Array): boolean {
  return /"kind"\s*:\s*"profile-manifest-v[^"]*"/.test(Buffer.from(bytes.subarray(0, 4096)).toString('utf8'));
}

/** @throws StallingError `InvalidManifest` or `InvalidName` that says where */
export function parseProfile(bytes: Uint8Array): ImportedProfile {
  const { kind, value } = readDocument(bytes, 'the profile');
  if (kind !== 'profile-manifest-v0' && kind !== 'profile-manifest-v1')
    throw refuse(
      'InvalidManifest',
      `the profile is of kind ${quoted(kind)}; profile-manifest-v0 and profile-manifest-v1 are known`,
    );
  const version = kind === 'profile-manifest-v0' ? 0 : 1;
  if (!Array.isArray(value['images'])) throw refuse('InvalidManifest', 'the profile: value.images is no list');
  const images: readonly unknown[] = value['images'];
  const warnings: string[] = [];
  const listed = images.flatMap((image, i): Listed[] => {
    const where = `the profile: value.images[${i}]`;
    const entry = requireObject(image, where);
    const name = requireText(entry['name'], `${where}.name`);
    const reference = requireText(entry['reference'], `${where}.reference`);
    const remote = entry['remote'] === undefined ? undefined : requireText(entry['remote'], `${where}.remote`);
    if (name === '') {
      warnings.push(`${where} has no name; torcx passed over it, and so does the import`);
      return [];
    }
    // The place in the profile has a name as an addon has one.
    const slot = addonNameOf(name, defaultReference);
    const addon = reference === '' ? '' : addonNameOf(name, reference);
    return [{ name: slot, addon, reference, image: name, remote: remote === '' ? undefined : remote }];
  });
  const entries = lastOfEach(listed, warnings);
  if (entries.length > maxAddons)
    throw refuse('InvalidManifest', `the profile has ${entries.length} images, and a pool has room for ${maxAddons}`);
  for (const { image, reference, remote } of entries)
    if (remote !== undefined && reference !== '')
      warnings.push(
        version === 0
          ? `${image}: remote is no field of a profile of version 0; torcx passed over it`
          : `${image}: torcx would have fetched ${image}:${reference} from the remote ${quoted(remote)}; nothing fetches from there now: import the archive, as ${image}:${reference}.torcx.squashfs, with --push`,
      );
  return {
    version,
    entries: entries.map(({ name, addon }) => ({ name, addon })),
    warnings,
    wanted: entries.flatMap(({ addon, image, reference }) => (addon === '' ? [] : [{ addon, archive: `${image}:${reference}` }])),
  };
}

/** torcx applied both of two images with one name; a pool has one addon for each name. */
function lastOfEach(listed: readonly Listed[], warnings: string[]): Listed[] {
  const last = new Map(listed.map((entry, i) => [entry.name, i]));
  return listed.filter((entry, i) => {
    const isLast = last.get(entry.name) === i;
    if (!isLast)
      warnings.push(
        `${entry.image} is listed more than once; only the last one is taken, ${quoted(listed[last.get(entry.name) ?? i]?.reference ?? '')}`,
      );
    return isLast;
  });
}
