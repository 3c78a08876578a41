/** How the files of a definition are split into layers. */
import type { SystemDefinitionSpec } from '../api/system-definition.ts';
import { sha256 } from '../registry/digest.ts';
import type { Placement } from './image-tree.ts';
import { writeTar } from './tar.ts';

export interface FinishLayer {
  comment: string;
  bytes: Uint8Array;
}

export interface FinishParts {
  /** Kernel arguments, users, units. */
  system: readonly Placement[];
  /** What the host accepts, by the trust policies. */
  trust: readonly Placement[];
  trees: readonly Placement[];
  files: readonly Placement[];
  workloads: readonly Placement[];
}

/** Some hosts take 127 layers at most, and the base has most of them: with the four others there are never more than 20 of ours. */
const maxTreeLayers = 16;

/**
 * What changes often is last: generated configuration, trees, files, and the workloads, whose images move by themselves. Each tree is a
 * layer of its own that follows from its content and place alone, so that definitions that share a tree share its layer.
 */
export function finishLayers(spec: SystemDefinitionSpec, { system, trust, trees, files, workloads }: FinishParts): FinishLayer[] {
  return [
    ...layerOf('system: kernel arguments, users, units', system),
    ...layerOf('trust: what the host accepts', trust),
    ...treeLayers(spec, trees),
    ...layerOf('files', files),
    ...layerOf('workloads', workloads),
  ];
}

/** Sorted by where they go and what they hold: trees have no order, as no two write one path. */
function treeLayers(spec: SystemDefinitionSpec, placements: readonly Placement[]): FinishLayer[] {
  const trees = (spec.trees ?? [])
    .map(({ to }, i) => {
      const own = placements.filter(({ field }) => field === `spec.trees[${i}]`);
      const [layer] = layerOf(`tree: ${to.replace(/(?<=.)\/+$/, '')}`, own);
      return { own, layer, key: layer ? `${layer.comment}\0${sha256(layer.bytes)}` : '' };
    })
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const single = trees.length > maxTreeLayers ? maxTreeLayers - 1 : trees.length;
  const others = trees.slice(single);
  return [
    ...trees.slice(0, single).flatMap(({ layer }) => layer ?? []),
    ...layerOf(
      `trees: ${others.length} more`,
      others.flatMap(({ own }) => own),
    ),
  ];
}

function layerOf(comment: string, placements: readonly Placement[]): FinishLayer[] {
  if (placements.length === 0) return [];
  return [{ comment, bytes: writeTar(placements.map(({ path, content }) => ({ path: path.slice(1), ...content }))) }];
}
