/** Which changes are worth a look at which definition's builds. */
import type { RetentionStores } from './retention-reconciler.ts';
import type { NodeImages, PoolImages, RetainedBuild } from './retention-projection.ts';

/** Changes come in bunches, as when a pool's nodes boot one after the other; nothing here is urgent. */
const bunchMs = 5_000;

/** The index of the store of builds by the digests that nodes name. */
export const retentionIndexes = { image: (build: RetainedBuild): readonly string[] => build.images };

/** Wakes definitions whose builds, or whose builds' uses, have changed. Returns the end of it. */
export function watchRetention(
  { builds, definitions, nodes, pools }: RetentionStores,
  enqueue: (definition: string, o: { afterMs: number }) => void,
): () => void {
  const wake = (names: Iterable<string>): void => {
    for (const name of new Set(names)) enqueue(name, { afterMs: bunchMs });
  };
  const makersOf = (digests: readonly (string | undefined)[]): string[] =>
    digests.flatMap(d => (d === undefined ? [] : builds.byIndex('image', d).map(b => b.definition)));
  const ends = [
    builds.onChange((_, now, before) => wake([now, before].flatMap(b => b?.definition ?? []))),
    definitions.onChange((name, now, before) => {
      // Its image or its base may be another definition's build.
      wake([name, ...makersOf([now, before].flatMap(d => (d ? [...d.images, d.base] : [])))]);
    }),
    nodes.onChange((_, now, before) => wake(makersOf([now, before].flatMap(imagesOf)))),
    // Few, and what one asks for by tag may be any definition's.
    pools.onChange((_, now, before) => {
      if (now?.unresolved !== before?.unresolved) wake(definitions.keys());
      else wake(makersOf([now, before].flatMap(targetsOf)));
    }),
  ];
  for (const name of definitions.keys()) wake([name]);
  return () => ends.forEach(end => end());
}

function imagesOf(node: NodeImages | undefined): (string | undefined)[] {
  return node ? [node.booted, node.staged, node.rollback, ...node.target] : [];
}

function targetsOf(pool: PoolImages | undefined): string[] {
  return pool ? [...pool.target, ...pool.previous] : [];
}
