/** What a drain does with one pod: the rules of kubectl drain (k8s.io/kubectl, pkg/drain/filters.go), finished pods left alone. Pure. */
import type { Pod } from '../api/core.ts';

export interface DrainRules {
  force: boolean;
  deleteEmptyDirData: boolean;
  /** Whether the node is Ready: its kubelet ends pods. */
  nodeReady: boolean;
}

export type PodStep =
  /** Stays: it goes with the node, or is over. */
  | { kind: 'ignore' }
  | { kind: 'evict' }
  /** Is on its way out. */
  | { kind: 'going' }
  | { kind: 'blocked'; reason: 'UnmanagedPod' | 'EmptyDirPod' | 'PodTerminating'; message: string };

const mirrorAnnotation = 'kubernetes.io/config.mirror';
/** How long after its grace period a pod may take to be gone before somebody should know. */
const lateMs = 30_000;

export function podStep(pod: Pod, rules: DrainRules, now: number): PodStep {
  const { metadata, spec, status } = pod;
  const name = `${metadata.namespace ?? ''}/${metadata.name}`;
  const owner = metadata.ownerReferences?.find(o => o.controller === true);
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return { kind: 'ignore' };
  if (metadata.annotations?.[mirrorAnnotation] !== undefined || owner?.kind === 'DaemonSet') return { kind: 'ignore' };
  if (metadata.deletionTimestamp !== undefined) return terminating(name, Date.parse(metadata.deletionTimestamp), rules, now);
  if (!owner && !rules.force) {
    return { kind: 'blocked', reason: 'UnmanagedPod', message: `pod ${name} has no controller that would make it anew` };
  }
  if (!rules.deleteEmptyDirData && spec?.volumes?.some(v => v.emptyDir !== undefined)) {
    return { kind: 'blocked', reason: 'EmptyDirPod', message: `pod ${name} has an emptyDir volume` };
  }
  return { kind: 'evict' };
}

/** A deletionTimestamp is when the grace period ends. On a node whose kubelet is silent nobody would ever end the pod. */
function terminating(name: string, deadline: number, { nodeReady }: DrainRules, now: number): PodStep {
  if (now < deadline + lateMs) return { kind: 'going' };
  if (!nodeReady) return { kind: 'ignore' };
  const since = new Date(deadline).toISOString().replace(/\.\d+Z$/, 'Z');
  return { kind: 'blocked', reason: 'PodTerminating', message: `pod ${name} should have ended at ${since}` };
}
