/** What the definition controller remembers of the objects that wake it. Its own status writes are in none of it. */
import type { ImageBuild } from '../api/image-build.ts';
import { requestedAt } from '../api/names.ts';
import type { SystemDefinition, SystemDefinitionSpec } from '../api/system-definition.ts';
import type { SystemSource } from '../api/system-source.ts';
import type { StoredObject } from '../kube/store.ts';

export interface DefinitionView extends StoredObject {
  generation: number;
  requestedAt?: string;
  /** The SystemSource whose repository it reads. */
  source?: string;
  /** The SystemSource whose every new revision it reads, because it names none of its own. */
  followedSource?: string;
}

export interface BuildView extends StoredObject {
  definition: string;
  phase?: string;
  attempts?: number;
  digest?: string;
  failure?: string;
}

export interface SourceView extends StoredObject {
  generation: number;
  lastAppliedRevision?: string;
}

/** Indexes of the store of DefinitionViews that watchDefinitions needs. */
export const definitionIndexes = {
  source: (view: DefinitionView): readonly string[] => (view.source === undefined ? [] : [view.source]),
  followedSource: (view: DefinitionView): readonly string[] => (view.followedSource === undefined ? [] : [view.followedSource]),
};

export function projectDefinition({ metadata, spec }: SystemDefinition): DefinitionView {
  const requested = metadata.annotations?.[requestedAt];
  const followed = followedSource(spec);
  const source = readsRepository(spec) ? spec.sourceRef?.name : undefined;
  return {
    ...stored(metadata),
    generation: metadata.generation ?? 0,
    ...(requested === undefined ? {} : { requestedAt: requested }),
    ...(source === undefined ? {} : { source }),
    ...(followed === undefined ? {} : { followedSource: followed }),
  };
}

export function projectBuild({ metadata, spec, status }: ImageBuild): BuildView {
  return {
    ...stored(metadata),
    definition: spec.definitionRef.name,
    ...(status?.phase === undefined ? {} : { phase: status.phase }),
    ...(status?.attempts === undefined ? {} : { attempts: status.attempts }),
    ...(status?.image === undefined ? {} : { digest: status.image.digest }),
    ...(status?.failure === undefined ? {} : { failure: status.failure.message }),
  };
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
