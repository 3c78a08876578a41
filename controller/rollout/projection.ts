/** What a rollout remembers of Nodes, NodeTargets, SystemPools and SystemDefinitions. Heartbeats of kubelets are dropped. */
import type { Node } from '../api/core.ts';
import { conditionOf } from '../api/conditions.ts';
import type { ImageBuild } from '../api/image-build.ts';
import type { Condition, KubeObject } from '../api/meta.ts';
import {
  addonsAnnotation,
  cordonAnnotation,
  hostRuleAnnotation,
  nodeUIDAnnotation,
  requestedAt,
  retriedAnnotation,
} from '../api/names.ts';
import type {
  NodeTarget,
  NodeTargetSpec,
  NodeTargetSpecAddon,
  NodeTargetStatus,
  NodeTargetStatusRollout,
} from '../api/node-target.ts';
import { type AddonOffer, offerOf } from '../addon/choice.ts';
import type { SystemAddon } from '../api/system-addon.ts';
import type { SystemDefinition } from '../api/system-definition.ts';
import type { SystemPool, SystemPoolSpec, SystemPoolStatus } from '../api/system-pool.ts';
import { recordIn, type StatusJudgement } from '../trust/judgement.ts';
import { type Cordon, parseCordon } from './cordon.ts';
import { type HostView, projectHost } from './host-view.ts';
import type { PullSecret } from './pull-secret.ts';
import { sharedSet } from './shared-set.ts';
import { epoch, optional } from './view-fields.ts';

interface View {
  name: string;
  uid: string;
  resourceVersion: string;
}

export interface NodeView extends View {
  ready: boolean;
  /** Since when `ready` is as it is, epoch ms. */
  readySince: number;
  unschedulable: boolean;
  bootID?: string;
  labels: Readonly<Record<string, string>>;
  /** Set when the cordon is Scantling's. */
  cordon?: Cordon;
  /** Which addons it asks for, as it is written there. */
  addons?: string;
}

/** What is merged over an image. */
export interface AddonSet {
  /** Of the set. */
  digest: string;
  addons: readonly NodeTargetSpecAddon[];
}

export interface NodeTargetView extends View {
  pool: string;
  /** uid of the Node that it was written for. */
  nodeUID?: string;
  /** What its agent was told last of the rules that its host is to have. */
  hostRule?: string;
  deleting: boolean;
  finalizers: readonly string[];
  image: string;
  digests: readonly string[];
  revision?: string;
  addons?: AddonSet;
  state: NodeTargetSpec['state'];
  approval?: string;
  /** How it comes to its target; absent: by a reboot. */
  apply?: NodeTargetSpec['apply'];
  pullSecret?: PullSecret;
  /** Epoch ms. */
  since: number;
  /** Failures that may be tried again: keys as failureKey makes them. */
  retried: readonly string[];
  host?: HostView;
  /** What the agent says is wrong, while its host's phase is Failed, or on the host's way down. */
  trouble?: string;
  verdict?: { type: string; approval?: string; bootID: string; message?: string };
  /** When the agent said that nothing is staged any more, epoch ms. */
  unstagedAt?: number;
  rollout?: NodeTargetStatusRollout;
}

export interface SystemPoolView extends View {
  generation?: number;
  deleting: boolean;
  finalizers: readonly string[];
  requestedAt?: string;
  spec: SystemPoolSpec;
  status: SystemPoolStatus;
}

/** The part of a SystemDefinition that a pool needs: its last good image. */
export interface DefinitionImageView extends View {
  image?: string;
  digests: readonly string[];
  revision?: string;
  /** What was judged of the image. */
  trust?: StatusJudgement;
  /** Images of its workloads, which nodes pull together with it. */
  workloadImages: readonly string[];
  /** Whether its images merge addons, and so may ask for some. */
  mergesAddons?: true;
  /** Why there is no image yet. */
  message?: string;
  /** Secrets that may read its images. */
  readSecrets?: readonly string[];
}

/** The part of an ImageBuild by which an image is known that a host runs. */
export interface BuiltImageView extends View {
  image: string;
  /** Of the index and of its platforms; none while it has not ended well. */
  digests: readonly string[];
  revision?: string;
  /** What was judged of it. */
  trust?: StatusJudgement;
}

/** A SystemAddon, as pools choose from it. */
export type AddonOfferView = AddonOffer & View & { /** Secrets that may read its artifacts. */ readSecrets?: readonly string[] };

/** Projection of a SystemAddon for pools. */
export function projectAddonOffer(addon: SystemAddon): AddonOfferView {
  const { output, pullSecretRef } = addon.spec;
  return { ...identity(addon), ...offerOf(addon), ...optional('readSecrets', namesOf(output.pushSecretRef, pullSecretRef)) };
}

/** The index of the store of builds by the digests of their images. */
export const builtIndexes = { digest: (build: BuiltImageView): readonly string[] => build.digests };

/** Twice what the most addons with the longest names take; what is longer is not read whole, and refused as no list. Nodes write their own annotations. */
const longestWish = 20_480;

/** Projection of a Node: no heartbeats, images, addresses or other conditions. */
export function projectNode(node: Node): NodeView {
  const ready = node.status?.conditions?.find(c => c.type === 'Ready');
  const cordon = parseCordon(node.metadata.annotations?.[cordonAnnotation]);
  return {
    ...identity(node),
    ready: ready?.status === 'True',
    readySince: epoch(ready?.lastTransitionTime),
    unschedulable: node.spec?.unschedulable === true,
    labels: node.metadata.labels ?? {},
    ...optional('bootID', node.status?.nodeInfo?.bootID),
    ...optional('cordon', cordon),
    ...optional('addons', node.metadata.annotations?.[addonsAnnotation]?.slice(0, longestWish)),
  };
}

/** Projection of a NodeTarget. */
export function projectNodeTarget(target: NodeTarget): NodeTargetView {
  const { spec, status, metadata } = target;
  const staged = conditionOf(status?.conditions, 'Staged');
  const verdict = status?.verdict;
  const trouble = troubleOf(status);
  return {
    ...identity(target),
    pool: spec.poolRef.name,
    ...optional('nodeUID', metadata.annotations?.[nodeUIDAnnotation]),
    ...optional('hostRule', metadata.annotations?.[hostRuleAnnotation]),
    deleting: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers ?? [],
    image: spec.image,
    digests: spec.digests,
    state: spec.state,
    since: epoch(spec.since),
    retried: (metadata.annotations?.[retriedAnnotation] ?? '').split(' ').filter(Boolean),
    ...optional('revision', spec.revision === '' ? undefined : spec.revision),
    ...optional(
      'addons',
      spec.addonSet === undefined ? undefined : sharedSet({ digest: spec.addonSet, addons: spec.addons ?? [] }),
    ),
    ...optional('approval', spec.approval),
    ...optional('apply', spec.apply),
    ...optional('pullSecret', spec.pullSecret),
    ...optional('host', status?.host && projectHost(status.host, spec.digests)),
    ...optional('trouble', trouble && `${trouble.reason}: ${trouble.message}`.slice(0, 300)),
    ...optional(
      'verdict',
      verdict && {
        type: verdict.type,
        bootID: verdict.bootID,
        ...optional('approval', verdict.approval),
        ...optional('message', verdict.message),
      },
    ),
    ...optional('unstagedAt', staged?.status === 'False' ? epoch(staged.lastTransitionTime) : undefined),
    ...optional('rollout', status?.rollout),
  };
}

/** An agent that fails on the way down still says that its host reboots: its condition says the rest. */
function troubleOf(status: NodeTargetStatus | undefined): Condition | undefined {
  const phase = status?.host?.phase;
  const ready = conditionOf(status?.conditions, 'Ready');
  if (phase === 'Failed') return ready;
  return (phase === 'Rebooting' || phase === 'Applying') && ready?.reason !== phase ? ready : undefined;
}

/** Projection of a SystemPool: all but its other metadata. */
export function projectSystemPool(pool: SystemPool): SystemPoolView {
  const { metadata } = pool;
  return {
    ...identity(pool),
    deleting: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers ?? [],
    spec: pool.spec,
    status: pool.status ?? {},
    ...optional('generation', metadata.generation),
    ...optional('requestedAt', metadata.annotations?.[requestedAt]),
  };
}

/** Projection of a SystemDefinition for pools. */
export function projectDefinitionImage(definition: SystemDefinition): DefinitionImageView {
  const { spec, status } = definition;
  return {
    ...identity(definition),
    digests: status?.digests ?? [],
    workloadImages: (spec.workloads ?? []).flatMap(w => w.containers.map(c => c.image)),
    ...optional('image', status?.image),
    ...optional('revision', status?.revision),
    ...optional('trust', recordIn(status?.trust)),
    ...(spec.addons?.support === true ? { mergesAddons: true } : {}),
    ...optional('message', status?.image === undefined ? conditionOf(status?.conditions, 'Ready')?.message : undefined),
    ...optional('readSecrets', namesOf(spec.output.pushSecretRef, spec.base.pullSecretRef)),
  };
}

/** Projection of an ImageBuild for pools. */
export function projectBuiltImage(build: ImageBuild): BuiltImageView {
  const { image, trust } = build.status ?? {};
  const whole = image?.reference === undefined ? undefined : { reference: image.reference, digest: image.digest };
  return {
    ...identity(build),
    image: whole?.reference ?? '',
    digests: whole ? [...new Set([whole.digest, ...(image?.platforms ?? []).map(p => p.digest)])] : [],
    ...optional('revision', build.spec.revision),
    ...optional('trust', recordIn(trust)),
  };
}

function namesOf(...refs: readonly ({ name: string } | undefined)[]): string[] | undefined {
  const names = refs.flatMap(ref => (ref ? [ref.name] : []));
  return names.length > 0 ? names : undefined;
}

function identity({ metadata }: KubeObject): View {
  return { name: metadata.name, uid: metadata.uid ?? '', resourceVersion: metadata.resourceVersion ?? '' };
}
