/** What a node does for the pod of a Job, done by hand through the API: there is no kubelet here. */
import type { BuildCluster } from './build-cluster.ts';
import { jobs, nodes, pods } from '../../controller/api/core.ts';
import type { ContainerStatus, Job, Pod } from '../../controller/api/core.ts';
import { buildAnnotation, defaultNamespace } from '../../controller/api/names.ts';
import { encodeTermination } from '../../controller/build/termination.ts';
import type { FoundationFailure } from '../../controller/build/termination.ts';
import { until } from '../kube/until.ts';
import { pushFoundation } from './push-foundation.ts';

const manager = { fieldManager: 'test', namespace: defaultNamespace };
const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

export class JobHands {
  readonly #cluster: BuildCluster;

  constructor(cluster: BuildCluster) {
    this.#cluster = cluster;
  }

  /** A Node of that architecture; no pod ever runs there. */
  async addNode(architecture: string): Promise<void> {
    const metadata = { name: `node-${architecture}`, labels: { 'kubernetes.io/arch': architecture } };
    await this.#cluster.admin.apply(nodes, { apiVersion: 'v1', kind: 'Node', metadata }, { fieldManager: 'test' });
  }

  async removeNode(architecture: string): Promise<void> {
    await this.#cluster.admin.delete(nodes, `node-${architecture}`);
  }

  /** All Jobs of a build, also those that have ended. */
  async jobsOf(build: string): Promise<Job[]> {
    const { items } = await this.#cluster.admin.list(jobs, { namespace: defaultNamespace });
    return items.filter(
      job => job.metadata.annotations?.[buildAnnotation] === build && job.metadata.deletionTimestamp === undefined,
    );
  }

  /** The newest Job of a build that is none of `not`, with the pod that the Job controller made for it. */
  async next(build: string, not: readonly Job[] = []): Promise<{ job: Job; pod: Pod }> {
    const uids = new Set(not.map(job => job.metadata.uid));
    let found: { job: Job; pod: Pod } | undefined;
    await until(`a Job of ${build} with its pod`, async () => {
      const [job] = (await this.jobsOf(build)).filter(({ metadata }) => !uids.has(metadata.uid));
      const pod = job && (await this.podOf(job));
      if (job && pod) found = { job, pod };
      return found !== undefined;
    });
    if (!found) throw new Error(`no Job of ${build}`);
    return found;
  }

  async podOf(job: Job): Promise<Pod | undefined> {
    const { items } = await this.#cluster.admin.list(pods, { namespace: defaultNamespace });
    return items.find(pod => pod.metadata.ownerReferences?.some(owner => owner.uid === job.metadata.uid));
  }

  async set(pod: Pod, status: NonNullable<Pod['status']>): Promise<void> {
    await this.#cluster.admin.mergePatch(pods, pod.metadata.name, { status }, { ...manager, subresource: 'status' });
  }

  /** The scheduler found no node. */
  async unschedulable(pod: Pod, message: string): Promise<void> {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    await this.set(pod, { phase: 'Pending', conditions });
  }

  /** The container has begun. */
  async run(pod: Pod): Promise<void> {
    await this.set(pod, { phase: 'Running', containerStatuses: [container({ running: { startedAt: now() } })] });
  }

  /** The container waits, and says for what. */
  async wait(pod: Pod, reason: string, message: string): Promise<void> {
    await this.set(pod, { phase: 'Pending', containerStatuses: [container({ waiting: { reason, message } })] });
  }

  /** The container has ended with this, and the pod with it. */
  async exit(pod: Pod, exitCode: number, o: { message?: string; reason?: string } = {}): Promise<void> {
    const { message = '', reason = exitCode === 0 ? 'Completed' : 'Error' } = o;
    const terminated = { exitCode, reason, message, startedAt: now(), finishedAt: now() };
    const phase = exitCode === 0 ? 'Succeeded' : 'Failed';
    await this.set(pod, { phase, containerStatuses: [container({ terminated })] });
  }

  /** What a build that goes well does: pushes a foundation, with a layer of its own where one is given, and says so. */
  async succeed({ job, pod }: { job: Job; pod: Pod }, warnings: string[] = [], own?: Uint8Array): Promise<void> {
    const of = argumentsOf(job);
    const digest = await pushFoundation(
      this.#cluster.registry,
      { base: of('base'), repository: of('repository'), tag: of('tag'), key: of('key') },
      warnings,
      own,
    );
    await this.exit(pod, 0, { message: encodeTermination({ result: { digest, warnings } }) });
  }

  async fail(pod: Pod, failure: Partial<FoundationFailure> = {}): Promise<void> {
    const full: FoundationFailure = {
      kind: 'step',
      step: '2/2: RUN false',
      stepNumber: 2,
      exitCode: 1,
      message: 'exit code 1',
      log: ['the last words'],
      ...failure,
    };
    await this.exit(pod, 1, { message: encodeTermination({ failure: full }) });
  }
}

function container(state: ContainerStatus['state']): ContainerStatus {
  const status = { name: 'build', image: 'x', imageID: '', ready: false, restartCount: 0, state };
  return status as ContainerStatus;
}

/** The value of a flag that the Job's container is started with. */
export function argumentsOf(job: Job): (flag: string) => string {
  const template = job.spec?.template as { spec: { containers: { args: string[] }[] } } | undefined;
  return flag => {
    const start = `--${flag}=`;
    return template?.spec.containers[0]?.args.find(argument => argument.startsWith(start))?.slice(start.length) ?? '';
  };
}
