/** Which containers wait for each other in a circle. Pure. */

interface Node {
  name: string;
  dependsOn?: string[];
}

/** Each cycle once, at the first of its containers: systemd would break it at a place of its choice. */
export function dependencyCycles(containers: readonly Node[]): { index: number; message: string }[] {
  const dependencies = new Map(containers.map(({ name, dependsOn = [] }) => [name, dependsOn]));
  const done = new Set<string>();
  const found: { index: number; message: string }[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    const start = path.indexOf(name);
    if (start >= 0) {
      const cycle = [...path.slice(start), name];
      const index = containers.findIndex(container => cycle.includes(container.name));
      found.push({ index, message: `waits for itself: ${cycle.join(' → ')}` });
      return;
    }
    if (done.has(name)) return;
    for (const next of dependencies.get(name) ?? []) visit(next, [...path, name]);
    done.add(name);
  };
  for (const { name } of containers) visit(name, []);
  return found;
}
