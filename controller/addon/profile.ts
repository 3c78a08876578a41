/**
 * Profiles: which addons a node gets, from layers (pure). The rules are those of torcx (mergeImages): what only the lower layer names keeps its place, what the
 * upper names comes after it in the upper's order, also where it replaces something, and an entry without an addon takes that name away.
 */
import type { AddonOrigin } from '../api/addon-set.ts';

/** What a layer says of one name. The addon is that of a SystemAddon; '' and null take away what layers below say of the name. */
export interface ProfileEntry {
  name: string;
  addon: string | null;
}

/** A layer as it was written, in its order. */
export interface ProfileLayer {
  from: AddonOrigin;
  entries: readonly ProfileEntry[];
}

/** What a layer below had said. */
export interface FormerEntry {
  addon: string;
  from: AddonOrigin;
}

/** An addon of the profile, who asked for it, and in place of what. */
export interface MergedEntry {
  name: string;
  addon: string;
  from: AddonOrigin;
  /** The last one it is in place of. */
  replaces?: FormerEntry;
}

/** A name that is taken away. */
export interface MaskedEntry {
  name: string;
  /** Who takes it away. */
  by: AddonOrigin;
  /** What would be there otherwise; absent when no layer below says anything of it. */
  masks?: FormerEntry;
}

export interface Profile {
  entries: readonly MergedEntry[];
  /** In the order in which they were taken away. None of `entries` has a name of these. */
  masked: readonly MaskedEntry[];
}

export const emptyProfile: Profile = { entries: [], masked: [] };

/** The profile with a layer on top. An entry without a name says nothing; of entries of one name in the layer, which the API refuses, the last counts. */
export function mergeProfiles(lower: Profile, upper: ProfileLayer): Profile {
  const last = new Map(upper.entries.map((entry, at) => [entry.name, at]));
  const said = upper.entries.filter(({ name }, at) => name !== '' && last.get(name) === at);
  const names = new Set(said.map(({ name }) => name));
  const before = new Map(lower.entries.map(entry => [entry.name, entry]));
  const { from } = upper;
  const entries: MergedEntry[] = lower.entries.filter(({ name }) => !names.has(name));
  const masked: MaskedEntry[] = lower.masked.filter(({ name }) => !names.has(name));
  for (const { name, addon } of said) {
    const former = before.get(name);
    const was = former && { addon: former.addon, from: former.from };
    if (addon === null || addon === '') masked.push({ name, by: from, ...(was ? { masks: was } : {}) });
    else entries.push({ name, addon, from, ...(was ? { replaces: was } : {}) });
  }
  return { entries, masked };
}

/** The layers from the lowest to the uppermost, merged. */
export function profileOf(layers: readonly ProfileLayer[]): Profile {
  return layers.reduce(mergeProfiles, emptyProfile);
}
