import type { Store } from '../kube/store.ts';
import type { Trust } from '../trust/trust.ts';
import type { AddonView, PackagesView, SourceView } from './projection.ts';

export interface WatchedStores {
  /** With addonIndexes. */
  addons: Store<AddonView>;
  sources: Store<SourceView>;
  /** With packagesIndexes. */
  definitions: Store<PackagesView>;
}

/**
 * Which changes wake which addon: its own, a new revision of the source that it follows, what a person changes of the source that it reads, and what becomes of its packages. What is
 * trusted wakes all. Its own status writes change no projection. Returns the end of it.
 */
export function watchAddons(
  { addons, sources, definitions }: WatchedStores,
  trust: Pick<Trust, 'onChange'>,
  enqueue: (name: string) => void,
): () => void {
  const ends = [
    trust.onChange(() => {
      for (const name of addons.keys()) enqueue(name);
    }),
    addons.onChange(name => enqueue(name)),
    definitions.onChange((_, now, before) => {
      const addon = (now ?? before)?.addon;
      if (addon) enqueue(addon);
    }),
    sources.onChange((name, now, before) => {
      const changed = now?.generation !== before?.generation;
      if (!changed && now?.lastAppliedRevision === before?.lastAppliedRevision) return;
      for (const addon of addons.byIndex(changed ? 'source' : 'followedSource', name)) enqueue(addon.name);
    }),
  ];
  return () => ends.forEach(end => end());
}
