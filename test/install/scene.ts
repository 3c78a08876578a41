/** What installations, upgrades and removals are tried on: a cluster with a pool under way, and the record of every boot. */
import { systempools, type SystemPool } from '../../controller/api/system-pool.ts';
import type { Apply } from '../../controller/kube/client.ts';
import { pushBaseImage, type BaseImage } from '../cluster/base-image.ts';
import { Fleet } from '../cluster/fleet.ts';
import { startInstallation, workerLabel, type Installation } from '../cluster/installation.ts';
import { established } from '../cluster/manifests.ts';
import { createWorkload } from '../cluster/workloads.ts';

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
    const installation = await startInstallation({ nodes: 3, rebootMs: 3_000 });
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
