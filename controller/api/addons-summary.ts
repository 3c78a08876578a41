/** Addons of a node in as few words as the columns of a list have room for. */

/** Characters that a list has for them. */
const widest = 21;

/** Names by name, `!` before those that are not merged, which come first, and how many more there are: `!kubelet,containerd,+3`. Empty for none. */
export function addonsSummary(entries: readonly { name: string; state: string }[]): string {
  const missing = entries.filter(e => e.state !== 'Merged').map(e => `!${e.name}`);
  const merged = entries.filter(e => e.state === 'Merged').map(e => e.name);
  const names = [...missing.toSorted(), ...merged.toSorted()];
  const shown: string[] = [];
  for (const name of names) {
    const left = names.length - shown.length - 1;
    const text = [...shown, name, ...(left > 0 ? [`+${left}`] : [])].join(',');
    // The first is named however long it is: a count alone says nothing.
    if (shown.length > 0 && text.length > widest) break;
    shown.push(name);
  }
  const left = names.length - shown.length;
  return [...shown, ...(left > 0 ? [`+${left}`] : [])].join(',').slice(0, 64);
}

/** Characters of a text of a status. */
const longest = 512;

export interface AskedAddon {
  name: string;
  state: string;
  reason?: string;
  /** Who asked for it; absent where nobody says. */
  from?: string | undefined;
}

/** Why a node runs each of its addons, or does not: `containerd: pool; !kubelet: vendor, MergeFailed`. Those that are not merged come first. Empty for none. */
export function whyAddons(entries: readonly AskedAddon[]): string {
  const byName = entries.toSorted(
    (a, b) => Number(a.state === 'Merged') - Number(b.state === 'Merged') || (a.name < b.name ? -1 : 1),
  );
  const told = byName.map(({ name, state, reason, from = 'unknown' }) =>
    state === 'Merged' ? `${name}: ${from}` : `!${name}: ${from}, ${reason ?? state}`,
  );
  const text = told.join('; ');
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
