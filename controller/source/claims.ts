/** Which source declares which object, so that two that declare one both say so. Only saves looking: each pass of a source reports anew. */
export class Claims {
  readonly #bySource = new Map<string, ReadonlySet<string>>();
  /** Sources that had their first pass in this process, whatever came of it. */
  readonly #seen = new Set<string>();

  /** Replaces what a source declares. Returns the other sources that share an object with what was added or let go. */
  report(source: string, keys: readonly string[]): string[] {
    const before = this.#bySource.get(source) ?? new Set();
    const now = new Set(keys);
    this.#bySource.set(source, now);
    this.#seen.add(source);
    const changed = [...keys.filter(k => !before.has(k)), ...[...before].filter(k => !now.has(k))];
    return this.#sharing(source, changed);
  }

  /** Forgets a source that is gone. Returns the sources that shared an object with it. */
  forget(source: string): string[] {
    const before = this.#bySource.get(source) ?? new Set();
    this.#bySource.delete(source);
    this.#seen.delete(source);
    return this.#sharing(source, [...before]);
  }

  /** The other sources that declare an object. */
  others(source: string, key: string): string[] {
    return [...this.#bySource].flatMap(([name, keys]) => (name !== source && keys.has(key) ? [name] : [])).toSorted();
  }

  seen(source: string): boolean {
    return this.#seen.has(source);
  }

  /** Notes a pass that ended before it could report. */
  sawFailure(source: string): void {
    this.#seen.add(source);
  }

  #sharing(source: string, keys: readonly string[]): string[] {
    return [...this.#bySource].flatMap(([name, theirs]) => (name !== source && keys.some(k => theirs.has(k)) ? [name] : []));
  }
}
