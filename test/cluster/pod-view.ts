/** What the simulation and those who watch it read of a pod. */
import type { Pod } from '../../controller/api/core.ts';
import type { StoredObject } from '../../controller/kube/store.ts';

export interface PodView extends StoredObject {
  namespace: string;
  nodeName: string;
  labels: Readonly<Record<string, string>>;
  phase: string;
  ready: boolean;
  terminating: boolean;
  /** A DaemonSet's: a drain leaves it. */
  daemon: boolean;
  /** Of its first container. */
  image: string;
}

/** The part of a Pod that a kubelet acts on. */
export function projectPod(pod: Pod & { spec?: { containers?: { image: string }[] } }): PodView {
  return {
    name: pod.metadata.name,
    namespace: pod.metadata.namespace ?? '',
    uid: pod.metadata.uid ?? '',
    resourceVersion: pod.metadata.resourceVersion ?? '',
    nodeName: pod.spec?.nodeName ?? '',
    labels: pod.metadata.labels ?? {},
    phase: pod.status?.phase ?? 'Pending',
    ready: pod.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True') ?? false,
    terminating: pod.metadata.deletionTimestamp !== undefined,
    daemon: pod.metadata.ownerReferences?.some(owner => owner.kind === 'DaemonSet') ?? false,
    image: pod.spec?.containers?.[0]?.image ?? '',
  };
}
