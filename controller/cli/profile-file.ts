/** A profile in a file: a SystemPool, the part of one that has addons, a list of entries, or a profile of torcx. */
import { parseAllDocuments } from 'yaml';
import { StallingError, messageOf } from '../api/errors.ts';
import { isAddonName } from '../api/addon-set.ts';
import type { ProfileEntry } from '../addon/profile.ts';
import { isProfile, parseProfile } from '../addon/torcx/profile-manifest.ts';
import { openFile } from '../addon/torcx/random-access.ts';

const maxBytes = 1024 * 1024;

/** @throws StallingError `InvalidProfile` that names the file; what the file system throws */
export async function readProfileFile(path: string): Promise<ProfileEntry[]> {
  const file = await openFile(path);
  try {
    if (file.size > maxBytes) throw invalid(path, `has more than ${maxBytes} bytes`);
    const bytes = await file.read(0, maxBytes);
    return isProfile(bytes) ? parseProfile(bytes).entries : entriesIn(bytes.toString('utf8'), path);
  } finally {
    await file.close();
  }
}

/** Of YAML or JSON. @throws StallingError `InvalidProfile`; `where`: how messages call it */
export function entriesIn(text: string, where: string): ProfileEntry[] {
  const documents: unknown[] = parseAllDocuments(text).map(document => {
    const [error] = document.errors;
    if (error) throw invalid(where, messageOf(error));
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  });
  const lists = documents.flatMap(document => {
    const found = listOf(document);
    return found === undefined ? [] : [found];
  });
  const [list] = lists;
  if (list === undefined || lists.length > 1)
    throw invalid(
      where,
      `has ${lists.length === 0 ? 'no' : 'more than one'} list of addons: it is a SystemPool, spec.addons of one, or such a list`,
    );
  return list.map((entry, i) => entryOf(entry, `${where}: addons[${i}]`));
}

function listOf(document: unknown): readonly unknown[] | undefined {
  if (Array.isArray(document)) return document;
  if (typeof document !== 'object' || document === null) return undefined;
  const { spec, addons } = document as { spec?: unknown; addons?: unknown };
  return Array.isArray(addons) ? addons : listOf(spec);
}

/** @throws StallingError `InvalidProfile` */
function entryOf(entry: unknown, where: string): ProfileEntry {
  const { name, addon } = (typeof entry === 'object' && entry !== null ? entry : {}) as { name?: unknown; addon?: unknown };
  if (typeof name !== 'string' || name === '') throw invalid(where, 'has no name');
  if (addon !== null && addon !== '' && (typeof addon !== 'string' || !isAddonName(addon)))
    throw invalid(where, `addon is ${JSON.stringify(addon)}, and should be the name of a SystemAddon, or '' to take it away`);
  return { name, addon };
}

function invalid(where: string, why: string): StallingError {
  return new StallingError('InvalidProfile', `${where}: ${why}`);
}
