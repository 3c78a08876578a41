import type { Store } from '../kube/store.ts';
import type { BuildView, DefinitionView, SourceView } from './projection.ts';

export interface WatchedStores {
  /** With definitionIndexes. */
  definitions: Store<DefinitionView>;
  builds: Store<BuildView>;
  sources: Store<SourceView>;
}

/**
 * Which changes wake which definition: its own, its builds', a new revision of the source that it follows, and what a person changes of
 * the source that it reads, as the URL, the Secret or the limits may be what it stalled for. Returns the end of it.
 */
export function watchDefinitions({ definitions, builds, sources }: WatchedStores, enqueue: (name: string) => void): () => void {
  const ends = [
    definitions.onChange(enqueue),
    builds.onChange((_, now, before) => {
      const definition = (now ?? before)?.definition;
      if (definition !== undefined) enqueue(definition);
    }),
    sources.onChange((name, now, before) => {
      const changed = now?.generation !== before?.generation;
      if (!changed && now?.lastAppliedRevision === before?.lastAppliedRevision) return;
      for (const definition of definitions.byIndex(changed ? 'source' : 'followedSource', name)) enqueue(definition.name);
    }),
  ];
  return () => ends.forEach(end => end());
}
