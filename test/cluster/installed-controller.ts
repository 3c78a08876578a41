/** The controller where it is installed: the pods of its Deployment on a real node. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pods, type Pod } from '../../controller/api/core.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import type { Resource } from '../../controller/api/resource.ts';
import type { Client } from '../../controller/kube/client.ts';
import type { RealNode } from './real-node/real-node.ts';

interface Deployment extends KubeObject {
  spec?: { replicas?: number };
  status?: { observedGeneration?: number; updatedReplicas?: number; readyReplicas?: number };
}

const deployments: Resource<Deployment> = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};
const name = 'scantling-controller';
const selected = {
  namespace: defaultNamespace,
  labelSelector: 'app.kubernetes.io/name=scantling,app.kubernetes.io/component=controller',
};
const limitMs = 90_000;

export class InstalledController {
  readonly #admin: Client;
  readonly #node: RealNode;
  #pods: readonly string[] = [];
  #replicas = 0;

  constructor(o: { admin: Client; node: RealNode }) {
    this.#admin = o.admin;
    this.#node = o.node;
  }

  /** The pods that were there when this was last looked at, for people; undefined after `kill`. */
  get running(): string | undefined {
    return this.#pods.length === 0 ? undefined : `pods ${this.#pods.join(' and ')}`;
  }

  /** Resolves when every replica is of the Deployment as it is now, and ready, and no other is left. */
  async ready(): Promise<void> {
    await this.#until('all replicas are ready', async () => {
      const { metadata, spec, status } = await this.#admin.get(deployments, name, defaultNamespace);
      const all = await this.#list();
      this.#pods = all.filter(isReady).map(pod => pod.metadata.name);
      const replicas = spec?.replicas ?? 0;
      const counts = [status?.updatedReplicas, status?.readyReplicas, this.#pods.length, all.length];
      const isSeen = status?.observedGeneration === metadata.generation;
      return replicas > 0 && isSeen && counts.every(count => count === replicas);
    });
  }

  /** SIGKILL to all replicas, and none in their place until `start`. */
  async kill(): Promise<void> {
    const { spec } = await this.#admin.get(deployments, name, defaultNamespace);
    this.#replicas = spec?.replicas ?? 2;
    await this.#node.killContainers('controller');
    await this.#scale(0);
    await this.#until('no replica is left', async () => {
      // The kubelet may have started them again before it heard.
      await this.#node.killContainers('controller');
      return (await this.#list()).length === 0;
    });
    this.#pods = [];
  }

  /** As many replicas as before; resolves when they are ready. */
  async start(): Promise<void> {
    await this.#scale(this.#replicas);
    await this.ready();
  }

  /** The last lines of what the replicas that are left have logged. */
  tail(lines = 20): string {
    return this.#node.podLogs('controller', lines);
  }

  async #scale(replicas: number): Promise<void> {
    await this.#admin.mergePatch(
      deployments,
      name,
      { spec: { replicas } },
      { fieldManager: 'kubectl-scale', namespace: defaultNamespace },
    );
  }

  async #list(): Promise<Pod[]> {
    return (await this.#admin.list(pods, selected)).items;
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + limitMs;
    while (!(await holds())) {
      if (performance.now() > end)
        throw new Error(
          `the controller: not within ${limitMs / 1000} s: ${what}\n${JSON.stringify(await this.#list())}\n${this.tail()}`,
        );
      await sleep(200);
    }
  }
}

function isReady({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    (status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True') ?? false)
  );
}
