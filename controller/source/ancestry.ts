/** Does a commit descend from another, by the commits between them that the server sent (pure). */
import type { Commit } from './git-object.ts';

/**
 * True when `ancestor` is reached from `tip` through `commits`, which must hold every commit that is reachable from `tip` and not
 * from `ancestor`. That set is enough: every commit on a path from `tip` down to `ancestor` descends from it, so it is in there.
 */
export function descends(tip: string, ancestor: string, commits: ReadonlyMap<string, Commit>): boolean {
  const seen = new Set<string>();
  const open = [tip];
  for (let oid = open.pop(); oid !== undefined; oid = open.pop()) {
    if (oid === ancestor) return true;
    if (seen.has(oid)) continue;
    seen.add(oid);
    open.push(...(commits.get(oid)?.parents ?? []));
  }
  return false;
}
