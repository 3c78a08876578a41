/** What the addon controller remembers of the objects that wake it. */
import { conditionOf } from '../api/conditions.ts';
import { addonLabel, requestedAt } from '../api/names.ts';
import type { SystemAddon, SystemAddonSpec } from '../api/system-addon.ts';
import type { SystemDefinition } from '../api/system-definition.ts';
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

/** A SystemDefinition that installs packages of an addon. */
export interface PackagesView extends StoredObject {
  /** The addon's name, by the label. */
  addon: string;
  /** Uid of the object that owns it. */
  owner: string;
  deleting: boolean;
  generation: number;
  handledRequest?: string;
  /** All that an addon goes by: its condition Ready, its image and its base. */
  says: string;
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

/** Index of the store of PackagesViews: by the addon's name. */
export const packagesIndexes = {
  addon: (view: PackagesView): readonly string[] => (view.addon === '' ? [] : [view.addon]),
};

export function projectPackages({ metadata, status }: SystemDefinition): PackagesView {
  const { image, base, conditions, lastHandledReconcileAt } = status ?? {};
  const ready = conditionOf(conditions, 'Ready');
  return {
    ...stored(metadata),
    addon: metadata.labels?.[addonLabel] ?? '',
    owner: metadata.ownerReferences?.find(({ controller }) => controller)?.uid ?? '',
    deleting: metadata.deletionTimestamp !== undefined,
    generation: metadata.generation ?? 0,
    ...(lastHandledReconcileAt === undefined ? {} : { handledRequest: lastHandledReconcileAt }),
    says: JSON.stringify([ready?.status, ready?.observedGeneration, ready?.reason, ready?.message, image, base?.digest]),
  };
}

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
