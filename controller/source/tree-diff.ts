/** Which paths differ between two trees: by the ids of directories, so that only those which differ are read. */
import { StallingError } from '../api/errors.ts';
import { type GitObject, type TreeItem, invalid, parseTree } from './git-object.ts';
import type { SourceReason } from './reasons.ts';

/** Where trees come from, and how many of them may be read. */
export interface DiffedTrees {
  objects(oids: readonly string[]): Promise<ReadonlyMap<string, GitObject>>;
  mostTrees: number;
}

/** A directory on either side; undefined where there is none. */
interface Pair {
  path: string;
  before: string | undefined;
  after: string | undefined;
}

/**
 * Paths of files, links and submodules that are added, removed or changed, sorted. Of an undefined tree nothing was there before.
 * @throws StallingError `LimitExceeded`, TransientError for what cannot be read
 */
export async function diffTrees(before: string | undefined, after: string, trees: DiffedTrees): Promise<string[]> {
  const changed: string[] = [];
  let read = 0;
  for (let level: Pair[] = [{ path: '', before, after }]; level.length > 0;) {
    const different = level.filter(pair => pair.before !== pair.after);
    const oids = new Set(different.flatMap(pair => [pair.before ?? [], pair.after ?? []].flat()));
    read += oids.size;
    if (read > trees.mostTrees)
      throw new StallingError(
        'LimitExceeded' satisfies SourceReason,
        `what the commit changes is in more than ${trees.mostTrees} directories (spec.limits.objects)`,
      );
    const objects = oids.size > 0 ? await trees.objects([...oids]) : new Map<string, GitObject>();
    const itemsOf = (oid: string | undefined): Map<string, TreeItem> => {
      if (oid === undefined) return new Map();
      const object = objects.get(oid);
      if (object?.type !== 'tree') throw invalid(oid, `it is a ${object?.type ?? 'missing object'} where a tree belongs`);
      return new Map(parseTree(oid, object.bytes).map(item => [item.name, item]));
    };
    level = different.flatMap(pair => compare(pair, itemsOf(pair.before), itemsOf(pair.after), changed));
  }
  return changed.toSorted();
}

/** Adds what differs to `changed`; returns the directories below. What was a directory and is none now, or the other way round, is both. */
function compare(
  { path }: Pair,
  before: ReadonlyMap<string, TreeItem>,
  after: ReadonlyMap<string, TreeItem>,
  changed: string[],
): Pair[] {
  const below: Pair[] = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(name), after.get(name)];
    if (was?.oid === is?.oid && was?.mode === is?.mode) continue;
    const at = path === '' ? name : `${path}/${name}`;
    const directories = [was, is].map(item => (item?.mode === 'directory' ? item.oid : undefined));
    if (directories.some(oid => oid !== undefined)) below.push({ path: at, before: directories[0], after: directories[1] });
    if ([was, is].some(item => item !== undefined && item.mode !== 'directory')) changed.push(at);
  }
  return below;
}
