/** Which sets of addons nodes of a pool have been given over which image. Pure. */
import { architectureLabel } from './image-systemd.ts';
import type { NodeTargetView, NodeView } from './projection.ts';

/**
 * Each image with the set and the platform of a node that was given both. Their files were compared before that: a process that does not know what came of it has them compared
 * again, as has one that is told otherwise what an addon may replace, and what is under way goes on meanwhile.
 */
export function givenPlaces(
  pool: string,
  nodes: readonly Pick<NodeView, 'name' | 'labels'>[],
  nodeTargets: readonly Pick<NodeTargetView, 'name' | 'pool' | 'image' | 'addons'>[],
): Set<string> {
  const platforms = new Map(nodes.map(({ name, labels }) => [name, `linux/${labels[architectureLabel]}`]));
  return new Set(
    nodeTargets.flatMap(of => {
      const platform = platforms.get(of.name);
      return of.pool === pool && of.addons && platform !== undefined ? [placeOf(of.image, of.addons.digest, platform)] : [];
    }),
  );
}

/** `set`: its digest; `platform`: as linux/amd64. */
export function placeOf(image: string, set: string, platform: string): string {
  return `${image} ${set} ${platform}`;
}
