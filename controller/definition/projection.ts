/** What the definition controller remembers of the objects that wake it. */
import { conditionOf } from '../api/conditions.ts';
import type { ImageBuild } from '../api/image-build.ts';
import type { ObjectMeta } from '../api/meta.ts';
import { approveBase, requestedAt } from '../api/names.ts';
import type { SystemAddon } from '../api/system-addon.ts';
import type { SystemDefinition, SystemDefinitionSpec } from '../api/system-definition.ts';
import type { SystemSource } from '../api/system-source.ts';
import type { StoredObject } from '../kube/store.ts';
import { outputKey } from './output-conflict.ts';

export interface DefinitionView extends StoredObject {
  generation: number;
  createdAt: string;
  /** Uid of the object that it is made for. */
  owner?: string;
  requestedAt?: string;
  approvedBase?: string;
  /** The SystemSource whose repository it reads. */
  source?: string;
  /** The SystemSource whose every new revision it reads, because it names none of its own. */
  followedSource?: string;
  /** The SystemDefinition that it is based on. */
  base?: string;
  /** Its output repository, equal for equal ones. */
  output: string;
  /** Its hosts merge addons. */
  mergesAddons: boolean;
  /** status.image: the only thing here that its controller writes itself, for those that are based on it. */
  image?: string;
}

export interface BuildView extends StoredObject {
  definition: string;
  generation: number;
  phase?: string;
  attempts?: number;
  digest?: string;
  failure?: string;
  handledRequest?: string;
  /** What it says of itself while it is not done. */
  says?: string;
}

export interface SourceView extends StoredObject {
  generation: number;
  lastAppliedRevision?: string;
}

export interface AddonView extends StoredObject {
  /** Where its artifacts are pushed to. */
  repository: string;
}

/** Indexes of the store of DefinitionViews. */
export const definitionIndexes = {
  source: (view: DefinitionView): readonly string[] => (view.source === undefined ? [] : [view.source]),
  followedSource: (view: DefinitionView): readonly string[] => (view.followedSource === undefined ? [] : [view.followedSource]),
  base: (view: DefinitionView): readonly string[] => (view.base === undefined ? [] : [view.base]),
  output: (view: DefinitionView): readonly string[] => [view.output],
};

export function projectDefinition({ metadata, spec, status }: SystemDefinition): DefinitionView {
  const requested = metadata.annotations?.[requestedAt];
  const approved = metadata.annotations?.[approveBase];
  const followed = followedSource(spec);
  const source = readsRepository(spec) ? spec.sourceRef?.name : undefined;
  const base = spec.base.definitionRef?.name;
  const owner = ownerOf(metadata);
  return {
    ...stored(metadata),
    generation: metadata.generation ?? 0,
    createdAt: metadata.creationTimestamp ?? '',
    ...(owner === undefined ? {} : { owner }),
    ...(requested === undefined ? {} : { requestedAt: requested }),
    ...(approved === undefined ? {} : { approvedBase: approved }),
    ...(source === undefined ? {} : { source }),
    ...(followed === undefined ? {} : { followedSource: followed }),
    ...(base === undefined ? {} : { base }),
    output: outputKey(spec.output.repository),
    mergesAddons: spec.addons?.support === true,
    ...(status?.image === undefined ? {} : { image: status.image }),
  };
}

/** Uid of the object that a definition is made for, as one that installs packages is for its addon. */
export function ownerOf({ ownerReferences }: ObjectMeta): string | undefined {
  return ownerReferences?.find(({ controller }) => controller)?.uid;
}

export function projectBuild({ metadata, spec, status }: ImageBuild): BuildView {
  const { phase, attempts, image, failure, lastHandledReconcileAt, conditions } = status ?? {};
  const says = phase === 'Pending' || phase === 'Building' ? conditionOf(conditions, 'Ready')?.message : undefined;
  return {
    ...stored(metadata),
    definition: spec.definitionRef.name,
    generation: metadata.generation ?? 0,
    ...(phase === undefined ? {} : { phase }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(image === undefined ? {} : { digest: image.digest }),
    ...(failure === undefined ? {} : { failure: failure.message }),
    ...(lastHandledReconcileAt === undefined ? {} : { handledRequest: lastHandledReconcileAt }),
    ...(says === undefined ? {} : { says }),
  };
}

export function projectAddon({ metadata, spec }: SystemAddon): AddonView {
  return { ...stored(metadata), repository: spec.output.repository };
}

export function projectSource({ metadata, status }: SystemSource): SourceView {
  return {
    ...stored(metadata),
    generation: metadata.generation ?? 0,
    ...(status?.lastAppliedRevision === undefined ? {} : { lastAppliedRevision: status.lastAppliedRevision }),
  };
}

/** True when any field names a path of the repository. */
function readsRepository({ trees = [], files = [], containerfile }: SystemDefinitionSpec): boolean {
  const copies = containerfile?.from !== undefined || containerfile?.context !== undefined;
  return copies || trees.length > 0 || files.some(file => file.from !== undefined);
}

/** The source whose last applied revision a definition reads, undefined when it names a revision or reads nothing. */
export function followedSource(spec: SystemDefinitionSpec): string | undefined {
  return spec.sourceRef && spec.sourceRef.revision === undefined && readsRepository(spec) ? spec.sourceRef.name : undefined;
}

function stored(metadata: { name: string; uid?: string; resourceVersion?: string }): StoredObject {
  return { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}
