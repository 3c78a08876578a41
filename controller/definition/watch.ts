import { isDeepStrictEqual } from 'node:util';
import type { Store } from '../kube/store.ts';
import type { Trust } from '../trust/trust.ts';
import { basesOf } from './base-cycle.ts';
import type { AddonView, BuildView, DefinitionView, SourceView } from './projection.ts';

export interface WatchedStores {
  /** With definitionIndexes. */
  definitions: Store<DefinitionView>;
  builds: Store<BuildView>;
  sources: Store<SourceView>;
  addons: Store<AddonView>;
}

/**
 * Which changes wake which definition: its own, its builds', a new revision of the source that it follows, and what a person changes of
 * the source that it reads, as the URL, the Secret or the limits may be what it stalled for; a new image of the definition that it is based on,
 * another way of what that is based on in turn, and who else pushes to its repository; of those that merge addons, where addons are pushed to. What is trusted wakes all. Returns the end of it.
 */
export function watchDefinitions(
  { definitions, builds, sources, addons }: WatchedStores,
  trust: Pick<Trust, 'onChange'>,
  enqueue: (name: string) => void,
): () => void {
  const ends = [
    // Every image in use is judged again, and what is told to hosts may be another.
    trust.onChange(() => {
      for (const name of definitions.keys()) enqueue(name);
    }),
    definitions.onChange((name, now, before) => {
      // Its own status writes wake others, not itself.
      if (!now || !before || !isDeepStrictEqual(ownOf(now), ownOf(before))) enqueue(name);
      for (const other of concerned(definitions, { name, now, before })) if (other !== name) enqueue(other);
    }),
    builds.onChange((_, now, before) => {
      const definition = (now ?? before)?.definition;
      if (definition !== undefined) enqueue(definition);
    }),
    addons.onChange((_, now, before) => {
      if (now?.repository === before?.repository) return;
      for (const { name, mergesAddons } of definitions.list()) if (mergesAddons) enqueue(name);
    }),
    sources.onChange((name, now, before) => {
      const changed = now?.generation !== before?.generation;
      if (!changed && now?.lastAppliedRevision === before?.lastAppliedRevision) return;
      for (const definition of definitions.byIndex(changed ? 'source' : 'followedSource', name)) enqueue(definition.name);
    }),
  ];
  return () => ends.forEach(end => end());
}

interface Change {
  name: string;
  now: DefinitionView | undefined;
  before: DefinitionView | undefined;
}

function ownOf({ image: _image, ...own }: DefinitionView): object {
  return { ...own, resourceVersion: '' };
}

/** Other definitions to which a change of this one matters. */
function* concerned(definitions: Store<DefinitionView>, { name, now, before }: Change): Iterable<string> {
  const isNew = !now || !before;
  if (isNew || now.image !== before.image) for (const on of definitions.byIndex('base', name)) yield on.name;
  if (isNew || now.base !== before.base) {
    // A cycle through this one is closed or opened: its members are what it is, or was, based on.
    for (const base of new Set([now?.base, before?.base])) {
      if (base === undefined) continue;
      yield base;
      yield* basesOf(base, of => definitions.get(of)?.base);
    }
  }
  if (isNew || now.output !== before.output || now.createdAt !== before.createdAt) {
    for (const output of new Set([now?.output, before?.output]))
      for (const other of output === undefined ? [] : definitions.byIndex('output', output)) yield other.name;
  }
}
