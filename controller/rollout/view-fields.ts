/** How fields of projections are made. Pure. */

/** Epoch ms of an RFC 3339 time; 0 for one that is absent or unreadable. */
export function epoch(time: string | undefined): number {
  const ms = time === undefined ? 0 : Date.parse(time);
  return Number.isNaN(ms) ? 0 : ms;
}

/** A field that is there only when it has a value. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  // A computed key widens to string; the type says what it is.
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
