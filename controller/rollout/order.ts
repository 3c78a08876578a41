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
  const byZone = new Map<string, Ordered[]>();
  for (const node of nodes) {
    const zone = `${controlPlaneLabel in node.labels ? 1 : 0}/${node.labels[zoneLabel] ?? ''}`;
    const list = byZone.get(zone);
    if (list) list.push(node);
    else byZone.set(zone, [node]);
  }
  const ranked: { name: string; controlPlane: boolean; rank: number; zone: string }[] = [];
  for (const [zone, list] of byZone) {
    list.sort((a, b) => compare(a.name, b.name));
    for (const [rank, { name }] of list.entries()) ranked.push({ name, controlPlane: zone.startsWith('1'), rank, zone });
  }
  ranked.sort((a, b) => Number(a.controlPlane) - Number(b.controlPlane) || a.rank - b.rank || compare(a.zone, b.zone));
  return new Map(ranked.map(({ name, controlPlane }, position) => [name, { controlPlane, position }]));
}

/** Order of two names, or other strings, by code unit: the same in every locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
