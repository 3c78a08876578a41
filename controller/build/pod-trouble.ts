/**
 * What keeps the pod of a build from running, or has ended it, in Kubernetes' own words: pure.
 *
 * Trouble before the container runs (`waits`) may pass by itself: the kubelet and the scheduler go on trying, and the build says what for.
 * Trouble that ended the pod is of two kinds. What the build did itself (`fault: 'build'`: too much memory, more storage than its own limit)
 * would happen again and uses up an attempt. What happened to it (`fault: 'cluster'`: its node lost, evicted, preempted, shut down) does not.
 */
import type { ContainerStatus, Pod } from '../api/core.ts';

export interface PodTrouble {
  /** CamelCase, as Kubernetes names it where it has a name. */
  reason: string;
  message: string;
  /** True while the pod may yet run; false when it has ended. */
  waits: boolean;
  fault: 'build' | 'cluster';
}

export const outOfMemory = 'the build needed more memory than it may have: it was killed; raise build.resources.limits.memory';

/** Waiting reasons of a container that are no trouble: it is on its way. */
const underWay = new Set(['ContainerCreating', 'PodInitializing']);

/** The pod's trouble; undefined when it runs, is on its way, or has ended by its own. */
export function podTrouble(pod: Pod): PodTrouble | undefined {
  const { status } = pod;
  const container = status?.containerStatuses?.[0];
  if (isOver(pod)) return endedBy(pod, container);
  if (disrupted(pod)) return lost(pod);
  const waiting = container?.state?.waiting;
  if (waiting?.reason && !underWay.has(waiting.reason)) {
    return {
      reason: reasonText(waiting.reason),
      message: sentence(waiting.message, `the container of the build waits: ${waiting.reason}`),
      waits: true,
      fault: 'cluster',
    };
  }
  const scheduled = status?.conditions?.find(c => c.type === 'PodScheduled');
  if (!container && scheduled?.status === 'False' && scheduled.reason !== 'SchedulingGated') {
    return {
      reason: reasonText(scheduled.reason ?? 'Unschedulable'),
      message: sentence(scheduled.message, 'no node has room for the pod'),
      waits: true,
      fault: 'cluster',
    };
  }
  return undefined;
}

/** True when nothing of the pod runs any more, or ever will. */
export function isOver({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded';
}

/** True when the container has begun to run, also when it is over since. */
export function hasStarted({ status }: Pod): boolean {
  const state = status?.containerStatuses?.[0]?.state;
  return state?.running !== undefined || state?.terminated !== undefined;
}

function endedBy(pod: Pod, container: ContainerStatus | undefined): PodTrouble | undefined {
  const { status } = pod;
  const terminated = container?.state?.terminated;
  if (terminated?.reason === 'OOMKilled') {
    return { reason: 'OOMKilled', message: outOfMemory, waits: false, fault: 'build' };
  }
  if (status?.reason === 'Evicted') {
    const message = sentence(status.message, 'the pod was evicted from its node');
    return { reason: 'Evicted', message, waits: false, fault: exceedsOwnLimit(message) ? 'build' : 'cluster' };
  }
  if (status?.reason === 'DeadlineExceeded') return undefined;
  if (disrupted(pod)) return lost(pod);
  // NodeLost, NodeAffinity, Shutdown, Terminated, Preempting, UnexpectedAdmissionError, OutOfcpu, ...: the kubelet's or a controller's doing.
  if (status?.phase === 'Failed' && status.reason) {
    const message = sentence(status.message, `the pod was ended: ${status.reason}`);
    return { reason: reasonText(status.reason), message, waits: false, fault: 'cluster' };
  }
  if (terminated?.reason === 'ContainerStatusUnknown') return lost(pod);
  // The runtime could not start what the image names; the container has never run.
  if (terminated && ['StartError', 'ContainerCannotRun'].includes(terminated.reason ?? '')) {
    const message = sentence(terminated.message, 'the container could not be started');
    return { reason: terminated.reason ?? 'StartError', message, waits: false, fault: 'cluster' };
  }
  return undefined;
}

/** A DisruptionTarget condition says that a controller or the kubelet took the pod away (KEP-3329). */
function disrupted({ status }: Pod): { reason?: string; message?: string } | undefined {
  return status?.conditions?.find(c => c.type === 'DisruptionTarget' && c.status === 'True');
}

const lossReasons: Readonly<Record<string, string>> = {
  DeletionByTaintManager: 'NodeLost',
  DeletionByPodGC: 'NodeLost',
  EvictionByEvictionAPI: 'Evicted',
  PreemptionByScheduler: 'Preempted',
  TerminationByKubelet: 'Evicted',
};

function lost(pod: Pod): PodTrouble {
  const by = disrupted(pod);
  const reason = lossReasons[by?.reason ?? ''] ?? 'NodeLost';
  const node = pod.spec?.nodeName === undefined ? '' : ` ${pod.spec.nodeName}`;
  const words = sentence(by?.message ?? pod.status?.message, '');
  // The taint manager and the garbage collector of pods do not say which node it was.
  const withNode = `the pod was lost with its node${node}${words && `: ${words}`}`;
  const message = reason === 'NodeLost' || words === '' ? withNode : words;
  return { reason, message, waits: false, fault: 'cluster' };
}

/** The kubelet's words (pkg/kubelet/eviction/helpers.go) when a pod is evicted for its own limits, and not for the node's want. */
function exceedsOwnLimit(message: string): boolean {
  return /exceeds the (total )?limit|exceeded its local ephemeral storage limit|Usage of EmptyDir volume/i.test(message);
}

/** Only what a condition's reason can hold. */
function reasonText(text: string): string {
  return /^[A-Za-z][A-Za-z0-9_]*$/.test(text) ? text : 'PodFailed';
}

function sentence(text: string | undefined, otherwise: string): string {
  const line = (text ?? '').replaceAll(/\s+/g, ' ').trim();
  return line === '' ? otherwise : line;
}
