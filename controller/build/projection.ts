/** What the build controller remembers of the objects that it decides by and that wake it. */
import type { Job, Node, Pod } from '../api/core.ts';
import { conditionOf } from '../api/conditions.ts';
import type { ImageBuild, ImageBuildSpecSigning, ImageBuildStatus, ImageBuildStatusFoundation } from '../api/image-build.ts';
import type { ObjectMeta } from '../api/meta.ts';
import { buildAnnotation, buildLabel, cancelAnnotation, foundationLabel, requestedAt } from '../api/names.ts';
import type { SystemDefinition, SystemDefinitionSpecSigning } from '../api/system-definition.ts';
import type { StoredObject } from '../kube/store.ts';
import { recordIn } from '../trust/judgement.ts';
import type { RecordedJudgement } from '../trust/judgement.ts';
import { isFinished } from './job-outcome.ts';
import { podTrouble } from './pod-trouble.ts';

/** What the build reconciler needs to know of all builds; the rest it reads when it acts. */
export interface BuildView extends StoredObject {
  definition: string;
  /** Epoch ms. */
  created: number;
  generation: number;
  observedGeneration: number | undefined;
  phase: ImageBuildStatus['phase'] | undefined;
  /** Of the condition Ready. */
  reason: string | undefined;
  attempts: number;
  /** When the last attempt ended, epoch ms. */
  ended: number | undefined;
  /** Jobs are named in its status. */
  hasJobs: boolean;
  foundations: readonly ImageBuildStatusFoundation[];
  signing: ImageBuildSpecSigning | undefined;
  /** What it says of the trust in its image, or in its base where that was refused. */
  trust: RecordedJudgement | undefined;
  /** Names that policies may cover: `host/repository`, the base's with its digest. */
  output: string;
  base: string;
  /** The annotation that asks for another attempt, and the last one that was acted upon. */
  requestedAt: string | undefined;
  handledRequest: string | undefined;
  canceled: boolean;
  deleting: boolean;
}

export const buildIndexes = {
  foundation: (view: BuildView): readonly string[] => view.foundations.map(f => f.key),
  definition: (view: BuildView): readonly string[] => [view.definition],
  /** Jobs of it are at work: it holds a slot. */
  atWork: (view: BuildView): readonly string[] => (view.phase === 'Building' && view.hasJobs && !view.deleting ? ['yes'] : []),
};

export function projectBuild({ metadata, spec, status }: ImageBuild): BuildView {
  return {
    ...stored(metadata),
    definition: spec.definitionRef.name,
    created: Date.parse(metadata.creationTimestamp ?? '') || 0,
    generation: metadata.generation ?? 0,
    observedGeneration: status?.observedGeneration,
    phase: status?.phase,
    reason: conditionOf(status?.conditions, 'Ready')?.reason,
    attempts: status?.attempts ?? 0,
    ended: status?.completionTime === undefined ? undefined : Date.parse(status.completionTime),
    hasJobs: (status?.jobs ?? []).length > 0,
    foundations: status?.foundations ?? [],
    signing: spec.signing,
    trust: recordIn(status?.trust),
    output: spec.output.repository,
    base: spec.base,
    requestedAt: metadata.annotations?.[requestedAt],
    handledRequest: status?.lastHandledReconcileAt,
    canceled: metadata.annotations?.[cancelAnnotation] !== undefined,
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

/** Which build a definition wants. */
export interface DefinitionView extends StoredObject {
  latestBuild: string | undefined;
  /** How its images are to be signed. */
  signing: SystemDefinitionSpecSigning | undefined;
  /** What it has recorded of its base. */
  baseTrust: RecordedJudgement | undefined;
}

export function projectDefinition({ metadata, spec, status }: SystemDefinition): DefinitionView {
  return {
    ...stored(metadata),
    latestBuild: status?.latestBuild,
    signing: spec.signing,
    baseTrust: recordIn(status?.base?.trust),
  };
}

export interface JobView extends StoredObject {
  /** Name and uid of the ImageBuild. */
  build: string;
  buildUid: string;
  /** As the label has it. */
  key: string;
  finished: boolean;
  /** Changes when its pods do. */
  counts: string;
  deleting: boolean;
}

export const jobIndexes = {
  build: (view: JobView): readonly string[] => [view.buildUid],
  foundation: (view: JobView): readonly string[] => [view.key],
};

export function projectJob(job: Job): JobView {
  const { metadata, status } = job;
  return {
    ...stored(metadata),
    build: metadata.annotations?.[buildAnnotation] ?? '',
    buildUid: metadata.labels?.[buildLabel] ?? '',
    key: metadata.labels?.[foundationLabel] ?? '',
    finished: isFinished(job),
    counts: `${status?.active ?? 0} ${status?.succeeded ?? 0} ${status?.failed ?? 0}`,
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

export interface PodView extends StoredObject {
  build: string;
  phase: string | undefined;
  /** Trouble in words, or how its container is. */
  state: string;
  deleting: boolean;
}

export function projectPod(pod: Pod): PodView {
  const { metadata, status } = pod;
  const trouble = podTrouble(pod);
  const container = status?.containerStatuses?.[0]?.state;
  return {
    ...stored(metadata),
    build: metadata.annotations?.[buildAnnotation] ?? '',
    phase: status?.phase,
    state: trouble ? `${trouble.reason}: ${trouble.message}` : Object.keys(container ?? {}).join(),
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

export interface NodeView extends StoredObject {
  architecture: string;
}

export function projectNode({ metadata, status }: Node): NodeView {
  return { ...stored(metadata), architecture: status?.nodeInfo?.architecture || (metadata.labels?.['kubernetes.io/arch'] ?? '') };
}

function stored({ name, namespace, uid, resourceVersion }: ObjectMeta): StoredObject {
  return { name, uid: uid ?? '', resourceVersion: resourceVersion ?? '', ...(namespace === undefined ? {} : { namespace }) };
}
