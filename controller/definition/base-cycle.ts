/** Definitions that are based on each other. A definition has one base at most, so from each there is one way to follow. Pure. */

/** Name of a definition → name of the definition that it is based on. */
export type BaseOf = (name: string) => string | undefined;

/**
 * The cycle that `name` is a member of, as `a, b, c, a`, beginning with the member that sorts first so that all say the same; undefined for
 * one that is in no cycle, also when its base leads into one.
 */
export function baseCycle(name: string, baseOf: BaseOf): string[] | undefined {
  const members = [name, ...basesOf(name, baseOf)];
  if (members.length < 2 || members.at(-1) !== name) return undefined;
  members.pop();
  const first = members.toSorted()[0] ?? name;
  const at = members.indexOf(first);
  return [...members.slice(at), ...members.slice(0, at), first];
}

/** What `name` is based on, nearest first, up to the end or to the first that would be named again; that is `name` where it is in a cycle. */
export function basesOf(name: string, baseOf: BaseOf): string[] {
  const bases = new Set<string>();
  for (let at = baseOf(name); at !== undefined && !bases.has(at); at = baseOf(at)) {
    bases.add(at);
    if (at === name) break;
  }
  return [...bases];
}
