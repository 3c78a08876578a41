/** Addons of a node in as many columns as a list has for them. */

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
