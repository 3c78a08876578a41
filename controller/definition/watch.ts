import type { Store } from '../kube/store.ts';
import type { BuildView, DefinitionView, SourceView } from './projection.ts';

export interface WatchedStores {
  /** With definitionIndexes. */
  definitions: Store<DefinitionView>;
  builds: Store<BuildView>;
  sources: Store<SourceView>;
}

/** Which changes wake which definition: its own, its builds', and a new revision of the source that it follows. Returns the end of it. */
export function watchDefinitions({ definitions, builds, sources }: WatchedStores, enqueue: (name: string) => void): () => void {
  const ends = [
    definitions.onChange(enqueue),
    builds.onChange((_, now, before) => {
      const definition = (now ?? before)?.definition;
      if (definition !== undefined) enqueue(definition);
    }),
    sources.onChange((name, now, before) => {
      if (now?.lastAppliedRevision === before?.lastAppliedRevision) return;
      for (const definition of definitions.byIndex('followedSource', name)) enqueue(definition.name);
    }),
  ];
  return () => ends.forEach(end => end());
}
