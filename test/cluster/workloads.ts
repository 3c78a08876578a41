/** A Deployment that must not go below its budget, and the eye that is kept on it. */
import { pods, type Pod, type PodDisruptionBudget } from '../../controller/api/core.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import type { Resource } from '../../controller/api/resource.ts';
import type { Client } from '../../controller/kube/client.ts';
import { Reflector } from '../../controller/kube/reflector.ts';
import { Store } from '../../controller/kube/store.ts';
import type { Transport } from '../../controller/kube/transport.ts';
import type { Log } from '../../controller/telemetry/log.ts';
import { resourceOf } from './manifests.ts';
import { projectPod, type PodView } from './pod-view.ts';

export interface WorkloadOptions {
  name: string;
  replicas: number;
  minAvailable: number;
  namespace?: string;
  /** Of its pods; default: any node. */
  nodeSelector?: Readonly<Record<string, string>>;
}

/** Creates a Deployment, whose pods prefer nodes of their own, and its PodDisruptionBudget. */
export async function createWorkload(client: Client, o: WorkloadOptions): Promise<void> {
  const namespace = o.namespace ?? 'default';
  const labels = { app: o.name };
  const spread = { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' };
  const deployment: KubeObject & { spec: object } = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: o.name, namespace },
    spec: {
      replicas: o.replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 5,
          nodeSelector: o.nodeSelector ?? {},
          topologySpreadConstraints: [{ ...spread, labelSelector: { matchLabels: labels } }],
          containers: [{ name: 'app', image: 'app:1' }],
        },
      },
    },
  };
  const budget: PodDisruptionBudget & { spec: object } = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: o.name, namespace },
    spec: { minAvailable: o.minAvailable, selector: { matchLabels: labels } } as object,
  };
  await client.create(resourceOf(deployment) as Resource<typeof deployment>, deployment);
  await client.create(resourceOf(budget) as Resource<typeof budget>, budget);
}

/** Watches the pods of a workload from its first event on; remembers the fewest that were available at any observed instant. */
export class WorkloadWatch {
  readonly pods = new Store<PodView>();
  readonly #reflector: Reflector<Pod, PodView>;
  #least: number | undefined;

  constructor(o: { transport: Transport; name: string; namespace?: string; log: Log }) {
    this.#reflector = new Reflector({
      transport: o.transport,
      resource: pods,
      project: projectPod,
      store: this.pods,
      namespace: o.namespace ?? 'default',
      labelSelector: `app=${o.name}`,
      log: o.log,
    });
    this.pods.onChange(() => {
      if (this.#least !== undefined) this.#least = Math.min(this.#least, this.available);
    });
  }

  async start(): Promise<void> {
    this.#reflector.start();
    await this.#reflector.synced();
  }

  stop(): Promise<void> {
    return this.#reflector.stop();
  }

  /** Pods that count for the budget now: ready and not terminating, as the disruption controller counts them. */
  get available(): number {
    return this.pods.list().filter(pod => pod.ready && !pod.terminating).length;
  }

  /** Starts the record of the fewest anew. */
  watchFromHere(): void {
    this.#least = this.available;
  }

  /** Fewest ready pods since `watchFromHere`. */
  get least(): number {
    return this.#least ?? this.available;
  }
}
