/** What installations, upgrades and removals are tried on: a cluster with a pool under way, and the record of every boot. */
import { pods, secrets, type Secret } from '../../controller/api/core.ts';
import { buildLabel, defaultNamespace } from '../../controller/api/names.ts';
import { systempools, type SystemPool } from '../../controller/api/system-pool.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { pushBaseImage, type BaseImage } from '../cluster/base-image.ts';
import { Fleet } from '../cluster/fleet.ts';
import { helm } from '../cluster/helm.ts';
import { startInstallation, workerLabel, type Installation } from '../cluster/installation.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { established } from '../cluster/manifests.ts';
import type { Release } from '../cluster/releases.ts';
import { createWorkload } from '../cluster/workloads.ts';
import { until } from '../kube/until.ts';

export const poolName = 'workers';
/** A test on a busy machine must not fail for that. */
const limitMs = 240_000;
const replicas = 3;
const budget = { name: 'web', namespace: 'default' };

/** One rollout: the image that the pool was given, and how often each node had booted before. */
export interface Rollout {
  image: BaseImage;
  /** As the pool has it. */
  reference: string;
  bootsBefore: ReadonlyMap<string, number>;
}

export class Scene {
  readonly installation: Installation;
  readonly fleet: Fleet;
  #images = 0;

  private constructor(installation: Installation, fleet: Fleet) {
    this.installation = installation;
    this.fleet = fleet;
  }

  /** Starts the cluster with nothing of ours in it. */
  static async start(): Promise<Scene> {
    const installation = await startInstallation({ nodes: 2, rebootMs: 2_000 });
    return new Scene(installation, new Fleet(installation));
  }

  /** To be called when the CRDs are there: follows what happens, and makes a Deployment that has to be drained. */
  async follow(): Promise<void> {
    await this.fleet.start();
    await createWorkload(this.installation.admin, {
      name: 'web',
      replicas,
      minAvailable: replicas - 1,
      nodeSelector: workerLabel,
    });
  }

  async stop(): Promise<void> {
    await this.fleet.stop();
    await this.installation.stop();
  }

  /** Gives the pool an image that no node has had. */
  async begin(): Promise<Rollout> {
    const { installation } = this;
    const image = await pushBaseImage({ registry: installation.registry.host, release: `release ${++this.#images}` });
    const reference = `${image.image.slice(0, image.image.lastIndexOf(':'))}@${image.digest}`;
    const bootsBefore = new Map(installation.nodes.map(node => [node.name, node.boots.length]));
    await this.#apply(reference);
    return { image, reference, bootsBefore };
  }

  /** Makes the pool of a rollout once more, as soon as its kind is served. */
  async again({ reference }: Rollout): Promise<void> {
    await established(this.installation.admin, 'systempools.scantling.dev');
    await this.#apply(reference);
  }

  async #apply(reference: string): Promise<void> {
    const pool: Apply<SystemPool> = {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'SystemPool',
      metadata: { name: poolName },
      spec: { nodeSelector: { matchLabels: workerLabel }, system: { image: reference } },
    };
    await this.installation.admin.apply(systempools, pool, { fieldManager: 'kubectl' });
  }

  /** Gives a pool of the node that the operator's pods are on the image of the base; returns it as the pool has it. */
  async beginOnOwnNode(): Promise<string> {
    const { installation } = this;
    const { image, digest } = await pushBaseImage({ registry: installation.registry.host, release: 'for the own node' });
    const reference = `${image.slice(0, image.lastIndexOf(':'))}@${digest}`;
    const pool: Apply<SystemPool> = {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'SystemPool',
      metadata: { name: 'own-node' },
      spec: {
        nodeSelector: { matchLabels: { 'kubernetes.io/hostname': installation.realNode.name } },
        system: { image: reference },
        drain: { enabled: false },
      },
    };
    await installation.admin.apply(systempools, pool, { fieldManager: 'kubectl' });
    return reference;
  }

  /** The node runs the image, and is at rest. */
  runs(name: string, reference: string): boolean {
    const target = this.fleet.stores.targets.get(name);
    const node = this.fleet.stores.nodes.get(name);
    if (!target || !node) return false;
    const runs = target.spec.digests.includes(target.status?.host?.booted?.digest ?? '');
    return target.spec.image === reference && runs && target.status?.rollout === undefined && node.ready && !node.cordoned;
  }

  /** One node is done and another is away. */
  isMidway({ reference }: Rollout): boolean {
    const targets = this.fleet.stores.targets.list().filter(t => t.spec.image === reference);
    return targets.some(t => t.spec.digests.includes(t.status?.host?.booted?.digest ?? '')) && this.fleet.unavailable.length > 0;
  }

  /** Resolves when all pods of the operator are what Helm was told last, and ready: until then an installation is two at once. */
  async rolledOut(): Promise<void> {
    const { controller } = this.installation;
    await Promise.all([
      controller.ready(),
      this.#kubectl('rollout', 'status', '--namespace', defaultNamespace, '--timeout=180s', 'daemonset/scantling-agent'),
    ]);
  }

  /** Makes the cluster what it was before the release after was ever there: the CRDs of the release, and no namespace of the agents'. */
  async asPublished({ chart }: Release): Promise<void> {
    const { controlPlane } = this.installation;
    // docs/upgrade.md: an upgrade fails while it ends.
    await this.#kubectl('wait', '--for=delete', '--timeout=60s', 'namespace/scantling-agents');
    const options = { kubeconfig: controlPlane.adminKubeconfig };
    const { stdout: input } = await helm(['show', 'crds', chart]);
    await kubectl(['replace', '--filename', '-'], { ...options, input });
  }

  async #kubectl(...args: string[]): Promise<void> {
    await kubectl(args, { kubeconfig: this.installation.controlPlane.adminKubeconfig });
  }

  /** Names of the pods of builds that are there. */
  async buildPods(): Promise<string[]> {
    const { items } = await this.installation.admin.list(pods, { namespace: defaultNamespace, labelSelector: buildLabel });
    return items.map(({ metadata }) => metadata.name);
  }

  /** Lets the pool's nodes pull with a Secret of that name, which is made; resolves when agents have their copy. */
  async pullWithSecret(name: string): Promise<void> {
    const { admin, registry } = this.installation;
    const config = JSON.stringify({ auths: { [registry.host]: { username: 'node', password: 'pulls' } } });
    const secret: Secret & { stringData: object } = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: defaultNamespace },
      type: 'kubernetes.io/dockerconfigjson',
      stringData: { '.dockerconfigjson': config },
    };
    await admin.create(secrets, secret);
    await this.#setPullSecret({ name }, 1);
  }

  /** The end of that. */
  async pullWithoutSecret(name: string): Promise<void> {
    await this.#setPullSecret(null, 0);
    await this.installation.admin.delete(secrets, name, { namespace: defaultNamespace });
  }

  async #setPullSecret(pullSecretRef: { name: string } | null, copies: number): Promise<void> {
    const { admin } = this.installation;
    await admin.mergePatch(systempools, poolName, { spec: { pullSecretRef } }, { fieldManager: 'kubectl-edit' });
    await until(`agents have ${copies} copies of a Secret`, async () => {
      const { items } = await admin.list(secrets, { namespace: 'scantling-agents' });
      return items.length === copies;
    });
  }

  /** 0: nothing starts, 1: one node at a time. */
  async allowUnavailable(maxUnavailable: number): Promise<void> {
    const { admin } = this.installation;
    await admin.mergePatch(systempools, poolName, { spec: { rollout: { maxUnavailable } } }, { fieldManager: 'kubectl-edit' });
  }

  /** Whether the disruption budget of the Deployment lets any pod go. */
  async allowEvictions(allowed: boolean): Promise<void> {
    const body = { spec: { minAvailable: allowed ? replicas - 1 : replicas } };
    const path = `/apis/policy/v1/namespaces/${budget.namespace}/poddisruptionbudgets/${budget.name}`;
    const contentType = 'application/merge-patch+json';
    await this.installation.transport.request({ method: 'PATCH', path, body, contentType });
  }

  /** Resolves when that holds. Throws, saying what everything is, after four minutes. */
  until(what: string, holds: () => boolean): Promise<void> {
    const { fleet, installation } = this;
    const explain = () => `${fleet.describe()}\n--- the controller's log\n${installation.controller.tail(25)}`;
    return fleet.until(what, holds, { timeoutMs: limitMs, explain });
  }

  /** Every node runs the image, and is at rest. */
  async arrived({ image, reference }: Rollout): Promise<void> {
    await this.until(`every node runs ${image.digest}`, () =>
      this.installation.nodes.every(({ name }) => this.runs(name, reference)),
    );
  }

  /** Boots of each node since the rollout began: what its host's own record says that it booted. */
  bootsSince({ bootsBefore }: Rollout): Record<string, (string | undefined)[]> {
    return Object.fromEntries(
      this.installation.nodes.map(({ name, boots }) => [name, boots.slice(bootsBefore.get(name)).map(boot => boot.digest)]),
    );
  }

  /** What `bootsSince` must be when every node was rebooted once, into the image of its platform. */
  bootedOnce({ image }: Rollout): Record<string, (string | undefined)[]> {
    return Object.fromEntries(
      this.installation.nodes.map(({ name }) => [name, [image.platforms[this.fleet.stores.nodes.get(name)?.architecture ?? '']]]),
    );
  }
}
