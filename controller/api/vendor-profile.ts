/** The profile of addons that a system brings along, as a file of its image. Pure. */
import { isAddonName, maxAddons } from './addon-set.ts';
import { canonicalJson } from './canonical-json.ts';

/** Where it is in an image. */
export const vendorProfilePath = '/usr/share/scantling/profile.json';

/** Annotation of an image's index or manifest, and label of its configuration, that says that it has one: nobody reads through all layers of an image to find none. */
export const vendorProfileMark = 'dev.scantling.addons-profile';

const kind = 'AddonProfile';
const version = 1;

export interface VendorEntry {
  name: string;
  /** Of the SystemAddon; '' for none. */
  addon: string;
}

/** The text is no profile that this version knows. */
export class VendorProfileError extends Error {
  override readonly name = 'VendorProfileError';
}

/** The same bytes for the same entries; their order counts. */
export function formatVendorProfile(entries: readonly VendorEntry[]): string {
  return `${canonicalJson({ kind, version, entries: entries.map(({ name, addon }) => ({ name, addon })) })}\n`;
}

/** What formatVendorProfile or a person wrote; a mask may be null or ''. @throws VendorProfileError that says what is wrong */
export function parseVendorProfile(text: string): VendorEntry[] {
  const file = parsed(text);
  if (memberOf(file, 'kind') !== kind) throw new VendorProfileError(`must be a JSON object with "kind":"${kind}"`);
  if (memberOf(file, 'version') !== version)
    throw new VendorProfileError(`must have "version":${version}, which is all that is known here`);
  const list = memberOf(file, 'entries');
  if (!Array.isArray(list)) throw new VendorProfileError('has no list of entries');
  if (list.length > maxAddons)
    throw new VendorProfileError(`has ${list.length} entries, and a node gets at most ${maxAddons} addons`);
  const names = new Set<string>();
  return list.map((entry: unknown, i) => {
    const [name, addon] = [memberOf(entry, 'name'), memberOf(entry, 'addon') ?? ''];
    if (typeof name !== 'string' || !isAddonName(name))
      throw new VendorProfileError(`entries[${i}] has no name that an addon may have`);
    if (typeof addon !== 'string' || (addon !== '' && !isAddonName(addon)))
      throw new VendorProfileError(`entries[${i}], ${name}, must name a SystemAddon, or '' for none`);
    if (names.has(name)) throw new VendorProfileError(`has ${name} twice`);
    names.add(name);
    return { name, addon };
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new VendorProfileError('is no JSON', { cause: error });
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}
