/** A cluster for tests of pools, emptied between them. */
import { nodes, pods } from '../../controller/api/core.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { Cluster } from './cluster.ts';

const fieldManager = 'test';

export class PoolScene {
  readonly cluster: Cluster;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  static async start(): Promise<PoolScene> {
    return new PoolScene(await Cluster.start());
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }

  /** Ends what a test has left: faults, the controller and all objects. */
  async clear(): Promise<void> {
    const { cluster } = this;
    const { admin } = cluster;
    cluster.proxy.clear();
    cluster.proxy.resumeWatches();
    cluster.idle.clear();
    cluster.aheadMs = 0;
    await cluster.stopController();
    const free = { metadata: { finalizers: null } };
    for (const { metadata } of (await admin.list(systempools)).items) {
      await admin.mergePatch(systempools, metadata.name, free, { fieldManager });
      await admin.delete(systempools, metadata.name);
    }
    for (const { metadata } of (await admin.list(nodetargets)).items) {
      await admin.mergePatch(nodetargets, metadata.name, free, { fieldManager });
      await admin.delete(nodetargets, metadata.name);
    }
    for (const { metadata } of (await admin.list(nodes)).items) await admin.delete(nodes, metadata.name);
    for (const { metadata } of (await admin.list(pods)).items) await admin.delete(pods, metadata.name, { namespace: 'default' });
  }

  /** Nodes of a pool that follows a definition of its name, whose image is number 1. */
  async fleet(pool: string, size: number, o: { rollout?: object; drain?: object } = {}): Promise<string[]> {
    const names = Array.from({ length: size }, (_, i) => `${pool}-${i}`);
    for (const name of names) await this.cluster.createNode(name, pool);
    await this.cluster.publish(pool, 1);
    await this.cluster.createPool(pool, { system: { definitionRef: { name: pool } }, ...o });
    return names;
  }
}
