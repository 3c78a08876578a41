/** What the addon controller remembers of the objects that wake it. */
import { requestedAt } from '../api/names.ts';
import type { SystemAddon, SystemAddonSpec } from '../api/system-addon.ts';
import type { SystemSource } from '../api/system-source.ts';
import type { StoredObject } from '../kube/store.ts';

export interface AddonView extends StoredObject {
  /** Changes with the spec. */
  generation: number;
  deleting: boolean;
  requestedAt?: string;
  /** The SystemSource whose repository it reads. */
  source?: string;
  /** The SystemSource whose every new revision it reads, because it names none of its own. */
  followedSource?: string;
}

export interface SourceView extends StoredObject {
  generation: number;
  lastAppliedRevision?: string;
}

/** Indexes of the store of AddonViews. */
export const addonIndexes = {
  source: (view: AddonView): readonly string[] => (view.source === undefined ? [] : [view.source]),
  followedSource: (view: AddonView): readonly string[] => (view.followedSource === undefined ? [] : [view.followedSource]),
};

export function projectAddon({ metadata, spec }: SystemAddon): AddonView {
  const requested = metadata.annotations?.[requestedAt];
  const source = readsRepository(spec) ? spec.sourceRef?.name : undefined;
  const followed = followedSource(spec);
  return {
    ...stored(metadata),
    generation: metadata.generation ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    ...(requested === undefined ? {} : { requestedAt: requested }),
    ...(source === undefined ? {} : { source }),
    ...(followed === undefined ? {} : { followedSource: followed }),
  };
}

export function projectSource({ metadata, status }: SystemSource): SourceView {
  return {
    ...stored(metadata),
    generation: metadata.generation ?? 0,
    ...(status?.lastAppliedRevision === undefined ? {} : { lastAppliedRevision: status.lastAppliedRevision }),
  };
}

/** True when any variant names a path of the repository. */
export function readsRepository({ variants }: Pick<SystemAddonSpec, 'variants'>): boolean {
  return variants.some(({ source }) => (source.trees?.length ?? 0) > 0 || source.files?.some(file => file.from !== undefined));
}

/** The source whose last applied revision an addon reads, undefined when it names a revision or reads nothing. */
export function followedSource(spec: SystemAddonSpec): string | undefined {
  return spec.sourceRef && spec.sourceRef.revision === undefined && readsRepository(spec) ? spec.sourceRef.name : undefined;
}

function stored(metadata: { name: string; uid?: string; resourceVersion?: string }): StoredObject {
  return { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}
