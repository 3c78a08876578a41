/** In which order nodes get their turn: the same for every caller, whatever order the nodes come in. */

const controlPlaneLabel = 'node-role.kubernetes.io/control-plane';
const zoneLabel = 'topology.kubernetes.io/zone';

interface Ordered {
  name: string;
  labels: Readonly<Record<string, string>>;
}

/** A node's place among the nodes of its pool; nodes of the control plane come after all others. */
export interface Place {
  controlPlane: boolean;
  position: number;
}

/**
 * Each node's place: control plane last, then round robin over the zones, so that neighbours in the order are in different zones, then
 * name. It is made over all nodes of a pool, so a node's place does not depend on how far the others are.
 */
export function placesOf(nodes: readonly Ordered[]): Map<string, Place> {
  const workers = new Map<string, string[]>();
  const controlPlane = new Map<string, string[]>();
  for (const { name, labels } of nodes) {
    const zones = controlPlaneLabel in labels ? controlPlane : workers;
    const zone = labels[zoneLabel] ?? '';
    const names = zones.get(zone);
    if (names) names.push(name);
    else zones.set(zone, [name]);
  }
  const places = new Map<string, Place>();
  for (const name of roundRobin(workers)) places.set(name, { controlPlane: false, position: places.size });
  for (const name of roundRobin(controlPlane)) places.set(name, { controlPlane: true, position: places.size });
  return places;
}

function roundRobin(zones: ReadonlyMap<string, string[]>): string[] {
  const lists = [...zones].toSorted(([a], [b]) => compare(a, b)).map(([, names]) => names.toSorted(compare));
  const longest = Math.max(0, ...lists.map(l => l.length));
  const out: string[] = [];
  for (let i = 0; i < longest; i++) {
    for (const list of lists) {
      const name = list[i];
      if (name !== undefined) out.push(name);
    }
  }
  return out;
}

/** Order of two names, or other strings, by code unit: the same in every locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
