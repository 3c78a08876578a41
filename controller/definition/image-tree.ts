import { quote, refuseImagePath } from './image-path.ts';
import type { Problems } from './problems.ts';

/** One file or symbolic link of a finish layer, and the field that asks for it. */
export interface Placement {
  /** Absolute path in the image. */
  path: string;
  content: { mode: number; bytes: Uint8Array } | { link: string };
  field: string;
}

/** Reports every placement that is out of bounds, as `refuse` says it of a path, and every two that cannot both be in one image. */
export function checkPlacements(
  placements: readonly Placement[],
  problems: Problems,
  refuse: (path: string) => string | undefined = refuseImagePath,
): void {
  const byPath = new Map<string, Placement>();
  for (const placement of placements) {
    const refused = refuse(placement.path);
    if (refused) problems.add(placement.field, refused);
    const other = byPath.get(placement.path);
    if (other) problems.add(placement.field, `${quote(placement.path)} is also written by ${other.field}; keep one of them`);
    else byPath.set(placement.path, placement);
  }
  for (const placement of byPath.values()) {
    const above = placementAbove(placement.path, byPath);
    if (!above) continue;
    const kind = 'link' in above.content ? 'symbolic link' : 'file';
    const clash = `${quote(placement.path)} needs the directory ${quote(above.path)}, which ${above.field} makes a ${kind}`;
    problems.add(placement.field, `${clash}; keep one of them`);
  }
}

function placementAbove(path: string, byPath: ReadonlyMap<string, Placement>): Placement | undefined {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const above = byPath.get(path.slice(0, slash));
    if (above) return above;
  }
  return undefined;
}
