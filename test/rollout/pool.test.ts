import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { nodes, podDisruptionBudgets, pods, events } from '../../controller/api/core.ts';
import { cordonAnnotation, poolFinalizer, requestedAt } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import { metrics } from '../../controller/telemetry/metrics.ts';
import { startRegistry } from '../cluster/registry.ts';
import { type Cluster, until } from './cluster.ts';
import { PoolScene } from './pool-scene.ts';

const fieldManager = 'test';

/** Passes of a controller that threw. */
async function errorsOf(controller: string): Promise<number> {
  const { values } = await metrics.reconcileErrors.get();
  return values.find(v => v.labels.controller === controller)?.value ?? 0;
}

describe('SystemPool on a real API server', () => {
  let scene: PoolScene;
  let cluster: Cluster;
  before(async () => {
    scene = await PoolScene.start();
    cluster = scene.cluster;
  });
  after(() => scene.stop());
  afterEach(() => scene.clear());
  const fleet = (...of: Parameters<PoolScene['fleet']>) => scene.fleet(...of);

  const blocked = async (pool: string) => {
    const taken = (await cluster.admin.list(nodes)).items
      .filter(n => n.metadata.annotations?.[cordonAnnotation])
      .map(n => n.metadata.name);
    assert.equal(taken.length, 1, (await cluster.ready(pool)).message);
    return taken[0] ?? '';
  };

  it('updates every node within the budget, with four writes per node and no event about a node', async () => {
    const names = await fleet('plain', 4, { rollout: { maxUnavailable: 2 } });
    for (const name of names) await cluster.createPod(`on-${name}`, name);
    await cluster.startController();
    await cluster.updated('plain', await cluster.publish('plain', 1));
    assert.deepEqual((await cluster.pool('plain')).metadata.finalizers, [poolFinalizer]);
    const target = await cluster.target(names[0] ?? '');
    assert.equal(target.metadata.ownerReferences?.[0]?.name, 'plain');

    for (const name of names) await cluster.createPod(`again-${name}`, name);
    const from = cluster.proxy.record.length;
    cluster.mostAway = 0;
    await cluster.updated('plain', await cluster.publish('plain', 2));
    const writes = cluster.writes(from);
    for (const name of names) {
      const own = writes.filter(w => w.name === name).map(w => `${w.verb} ${w.resource}`);
      assert.deepEqual(own, ['patch nodetargets', 'patch nodes', 'patch nodetargets', 'patch nodes']);
      const node = await cluster.node(name);
      assert.equal(node.spec?.unschedulable, undefined);
      assert.equal(node.metadata.annotations?.[cordonAnnotation], undefined);
    }
    assert.equal(cluster.mostAway, 2);
    assert.deepEqual((await cluster.admin.list(pods)).items, [], 'every pod was evicted');
    await cluster.stopController();
    const notes = (await cluster.admin.list(events)).items.filter(e => e.regarding.name === 'plain').map(e => e.reason);
    assert.deepEqual(new Set(notes), new Set(['RolloutStarted', 'CanaryDone', 'RolloutComplete']));
  });

  it('names the disruption budget and the pod that block a drain, and goes on when they do not any more', async () => {
    const names = await fleet('budget', 2);
    await cluster.startController();
    await cluster.updated('budget', await cluster.publish('budget', 1));
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'web', namespace: 'default' },
      spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } },
    };
    for (const name of names) await cluster.createPod(`web-${name}`, name, { app: 'web' });
    await cluster.admin.apply(podDisruptionBudgets, budget, { fieldManager });
    await until(async () =>
      assert.equal((await cluster.admin.get(podDisruptionBudgets, 'web', 'default')).status?.currentHealthy, 2),
    );
    const target = await cluster.publish('budget', 2);
    let node = '';
    await until(async () => {
      node = await blocked('budget');
    });
    cluster.aheadMs = 15_000;
    await until(async () => {
      const { rollout } = (await cluster.target(node)).status ?? {};
      assert.equal(rollout?.reason, 'PodDisruptionBudget');
      assert.match(rollout.message, new RegExp(`pod default/web-${node}: The disruption budget web needs 2 healthy pods`));
      const ready = await cluster.ready('budget');
      assert.equal(ready.reason, 'DrainBlocked');
      assert.match(ready.message, new RegExp(`${node} cannot be drained: .*web`));
    });
    assert.equal((await cluster.admin.list(pods)).items.length, 2, 'no pod was deleted');
    await cluster.admin.delete(podDisruptionBudgets, 'web', { namespace: 'default' });
    await cluster.updated('budget', target);
    assert.equal((await cluster.target(node)).status?.rollout, undefined);
  });

  it('does not evict a pod that nobody would make anew, unless told to', async () => {
    const [name = ''] = await fleet('bare', 1);
    await cluster.createPod('alone', name, { bare: true });
    await cluster.createPod('kept', name);
    await cluster.startController();
    await until(async () => assert.equal(await blocked('bare'), name));
    cluster.aheadMs = 15_000;
    await until(async () => assert.match((await cluster.ready('bare')).message, /pod default\/alone has no controller/));
    assert.equal((await cluster.admin.list(pods)).items.length, 2, 'nor any other while the drain cannot end');
    await cluster.admin.mergePatch(systempools, 'bare', { spec: { drain: { force: true } } }, { fieldManager });
    await cluster.updated('bare', await cluster.publish('bare', 1));
  });

  it("leaves no cordon and no target when it is deleted in the middle, but a person's cordon", async () => {
    const names = await fleet('gone', 3, { rollout: { maxUnavailable: 3, canary: 0 } });
    for (const name of names) await cluster.createPod(`stays-${name}`, name, { bare: true });
    await cluster.admin.mergePatch(nodes, 'gone-2', { spec: { unschedulable: true } }, { fieldManager });
    await cluster.startController();
    await until(async () => {
      for (const name of names) assert.ok((await cluster.node(name)).metadata.annotations?.[cordonAnnotation], name);
    });
    await cluster.admin.delete(systempools, 'gone');
    await until(() => assert.rejects(cluster.pool('gone'), isNotFound));
    for (const name of names) {
      const node = await cluster.node(name);
      assert.equal(node.metadata.annotations?.[cordonAnnotation], undefined);
      assert.equal(node.spec?.unschedulable ?? false, name === 'gone-2');
    }
    assert.deepEqual((await cluster.admin.list(nodetargets)).items, []);
  });

  it('lifts the cordon of a pool that went without its finalizer, and of a node that left', async () => {
    const names = await fleet('lost', 2, { rollout: { maxUnavailable: 2, canary: 0 } });
    for (const name of names) await cluster.createPod(`held-${name}`, name, { bare: true });
    await cluster.startController();
    await until(async () => {
      for (const name of names) assert.ok((await cluster.node(name)).metadata.annotations?.[cordonAnnotation], name);
    });
    await cluster.admin.mergePatch(nodes, 'lost-0', { metadata: { labels: { pool: 'elsewhere' } } }, { fieldManager });
    await until(async () => {
      assert.equal((await cluster.node('lost-0')).spec?.unschedulable, undefined);
      await assert.rejects(cluster.target('lost-0'), isNotFound);
    });
    await cluster.stopController();
    await cluster.admin.mergePatch(systempools, 'lost', { metadata: { finalizers: null } }, { fieldManager });
    await cluster.admin.delete(systempools, 'lost');
    await cluster.startController();
    await until(async () => assert.equal((await cluster.node('lost-1')).spec?.unschedulable, undefined));
  });

  it('moves no node that two pools select, and both say so', async () => {
    await fleet('one', 2);
    await cluster.createPool('two', { system: { definitionRef: { name: 'one' } }, pool: 'one' });
    await cluster.startController();
    await until(async () => {
      assert.match((await cluster.ready('one')).message, /one-0 is also selected by SystemPool two/);
      assert.match((await cluster.ready('two')).message, /one-0 is also selected by SystemPool one/);
    });
    assert.deepEqual((await cluster.admin.list(nodetargets)).items, []);
    assert.equal((await cluster.ready('one')).reason, 'NodeConflict');
  });

  it('says that its definition is not ready, and starts when it is', async () => {
    await cluster.createNode('early-0', 'early');
    await cluster.createPool('early', { system: { definitionRef: { name: 'early' } } });
    await cluster.startController();
    await until(async () => assert.equal((await cluster.ready('early')).reason, 'DefinitionNotReady'));
    assert.match((await cluster.ready('early')).message, /SystemDefinition early does not exist/);
    await cluster.updated('early', await cluster.publish('early', 1));
  });

  it('resolves a tag once, and again when asked', async t => {
    const server = await startRegistry();
    t.after(() => server.stop());
    cluster.insecureHosts.add(server.host);
    const registry = createRegistry({ insecureHosts: cluster.insecureHosts, userAgent: 'test' });
    t.after(() => registry.close());
    const push = async (name: string): Promise<string> => {
      const config = await registry.pushBlob(`${server.host}/os`, Buffer.from(JSON.stringify({ name })));
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: { mediaType: mediaTypes.config, digest: config, size: JSON.stringify({ name }).length },
        layers: [],
      };
      const bytes = Buffer.from(JSON.stringify(manifest));
      const digest = await registry.pushManifest(`${server.host}/os`, { mediaType: mediaTypes.manifest, bytes });
      const platform = { os: 'linux', architecture: 'amd64' };
      const index = {
        schemaVersion: 2,
        mediaType: mediaTypes.index,
        manifests: [{ mediaType: mediaTypes.manifest, digest, size: bytes.length, platform }],
      };
      return registry.pushManifest(`${server.host}/os`, {
        mediaType: mediaTypes.index,
        bytes: Buffer.from(JSON.stringify(index)),
        tag: '1',
      });
    };
    const first = await push('first');
    await cluster.createNode('tagged-0', 'tagged');
    await cluster.createPool('tagged', { system: { image: `${server.host}/os:1` } });
    await cluster.startController();
    await until(async () => assert.equal((await cluster.ready('tagged')).reason, 'Updated'));
    const { target } = (await cluster.pool('tagged')).status ?? {};
    assert.equal(target?.image, `${server.host}/os@${first}`);
    assert.equal(target.requested, `${server.host}/os:1`);
    assert.equal(target.digests?.length, 2);
    assert.equal((await cluster.target('tagged-0')).status?.host?.booted?.digest, target.digests[1]);

    const second = await push('second');
    const asked = { metadata: { annotations: { [requestedAt]: 'again' } } };
    await cluster.admin.mergePatch(systempools, 'tagged', asked, { fieldManager });
    await until(async () => {
      const { status } = await cluster.pool('tagged');
      assert.equal(status?.target?.image, `${server.host}/os@${second}`);
      assert.equal(status.lastHandledReconcileAt, 'again');
      assert.equal((await cluster.ready('tagged')).reason, 'Updated');
    });
    // Asked for again while the registry is away: what is under way goes on, and is not the registry's to hold up.
    await cluster.admin.mergePatch(systempools, 'tagged', { spec: { rollout: { canary: 0 } } }, { fieldManager });
    await cluster.createPod('bare', 'tagged-0', { bare: true });
    const third = await push('third');
    const renew = { metadata: { annotations: { [requestedAt]: 'and again' } } };
    await cluster.admin.mergePatch(systempools, 'tagged', renew, { fieldManager });
    await until(async () => assert.ok((await cluster.node('tagged-0')).metadata.annotations?.[cordonAnnotation]));
    const heal = server.requests.fail(() => true, { status: 503 });
    const passes = await errorsOf('pool');
    await cluster.admin.mergePatch(
      systempools,
      'tagged',
      { metadata: { annotations: { [requestedAt]: 'once more' } } },
      { fieldManager },
    );
    await until(async () => assert.equal((await cluster.ready('tagged')).reason, 'RegistryUnavailable'));
    await cluster.admin.delete(pods, 'bare', { namespace: 'default' });
    await until(async () =>
      assert.equal(
        (await cluster.target('tagged-0')).status?.host?.booted?.digest,
        (await cluster.target('tagged-0')).spec.digests[1],
      ),
    );
    assert.equal((await cluster.target('tagged-0')).spec.image, `${server.host}/os@${third}`);
    assert.equal(await errorsOf('pool'), passes, 'no pass was given up, and none waited for its backoff');
    heal();
    await until(async () => assert.equal((await cluster.pool('tagged')).status?.lastHandledReconcileAt, 'once more'));
    await cluster.admin.mergePatch(
      systempools,
      'tagged',
      { spec: { system: { image: `${server.host}/none:1` } } },
      { fieldManager },
    );
    await until(async () => assert.equal((await cluster.ready('tagged')).reason, 'ImageNotFound'));
    assert.match((await cluster.ready('tagged')).message, /none:1 not found; push it/);
    assert.equal((await cluster.pool('tagged')).status?.target?.image, `${server.host}/os@${third}`);
  });

  it('starts nothing while suspended, and echoes requestedAt otherwise', async () => {
    await fleet('still', 1);
    await cluster.admin.mergePatch(systempools, 'still', { spec: { suspend: true } }, { fieldManager });
    await cluster.startController();
    await until(async () => assert.equal((await cluster.ready('still')).reason, 'Suspended'));
    assert.deepEqual((await cluster.admin.list(nodetargets)).items, []);
    const asked = { spec: { suspend: false }, metadata: { annotations: { [requestedAt]: 'now' } } };
    await cluster.admin.mergePatch(systempools, 'still', asked, { fieldManager });
    await cluster.updated('still', await cluster.publish('still', 1));
    assert.equal((await cluster.pool('still')).status?.lastHandledReconcileAt, 'now');
  });
});
