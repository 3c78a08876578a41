/** Pools when somebody or something gets in their way. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { events, nodes } from '../../controller/api/core.ts';
import { cordonAnnotation } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import { type Cluster, until } from './cluster.ts';
import { image } from './machine.ts';
import { PoolScene } from './pool-scene.ts';

describe('SystemPool in trouble', () => {
  let scene: PoolScene;
  let cluster: Cluster;
  before(async () => {
    scene = await PoolScene.start();
    cluster = scene.cluster;
  });
  after(() => scene.stop());
  afterEach(() => scene.clear());
  const fleet = (...of: Parameters<PoolScene['fleet']>) => scene.fleet(...of);

  /** A node that has its go-ahead, and whose agent has not acted on it. */
  async function approved(pool: string): Promise<void> {
    await fleet(pool, 1, { rollout: { canary: 0 } });
    await cluster.startController();
    await cluster.updated(pool, await cluster.publish(pool, 1));
    cluster.idle.add(`${pool}-0`);
    await cluster.publish(pool, 2);
    await until(async () => assert.equal((await cluster.target(`${pool}-0`)).spec.image, image(2).image));
    await cluster.stage(`${pool}-0`);
    await until(async () => assert.equal((await cluster.target(`${pool}-0`)).spec.state, 'Booted'));
  }

  it('keeps the cordon of a node that reboots when its pool is deleted in the foreground', async () => {
    await approved('foreground');
    await cluster.admin.delete(systempools, 'foreground', { propagationPolicy: 'Foreground' });
    // As the garbage collector does, which waits for nobody.
    await cluster.admin.delete(nodetargets, 'foreground-0');
    await until(async () => assert.match((await cluster.ready('foreground')).message, /foreground-0 finishing a reboot/));
    const node = await cluster.node('foreground-0');
    assert.equal(node.spec?.unschedulable, true);
    assert.ok(node.metadata.annotations?.[cordonAnnotation]);
    cluster.idle.clear();
    await cluster.wake('foreground-0');
    await until(() => assert.rejects(cluster.target('foreground-0'), isNotFound));
    await until(async () => assert.deepEqual((await cluster.pool('foreground')).metadata.finalizers, ['foregroundDeletion']));
    assert.equal((await cluster.node('foreground-0')).spec?.unschedulable, undefined);
  });

  it('takes the go-ahead of a machine away from another one that is registered under its name', async () => {
    await approved('again');
    const before = await cluster.target('again-0');
    await cluster.admin.delete(nodes, 'again-0');
    await cluster.createNode('again-0', 'again');
    await until(async () => {
      const target = await cluster.target('again-0');
      assert.notEqual(target.metadata.uid, before.metadata.uid);
      assert.equal(target.spec.state, 'Staged');
      assert.equal(target.spec.approval, undefined);
    });
    cluster.idle.clear();
    await cluster.wake('again-0');
    await cluster.updated('again', image(2));
  });

  it('keeps the budget and ends while conflicts, errors, a lagging cache and restarts get in its way', async () => {
    const names = await fleet('rough', 6, { rollout: { maxUnavailable: 2 } });
    await cluster.startController();
    await cluster.updated('rough', await cluster.publish('rough', 1));
    for (const name of names) await cluster.createPod(`busy-${name}`, name);
    cluster.mostAway = 0;
    cluster.proxy.fail({ verb: 'patch', resource: 'nodes' }, { status: 409, times: 2 });
    cluster.proxy.fail({ verb: 'patch', resource: 'nodetargets' }, { status: 500, times: 3 });
    cluster.proxy.hangWatches({ resource: 'nodes' });
    const target = await cluster.publish('rough', 2);
    await until(() => assert.ok(cluster.mostAway >= 1));
    cluster.proxy.resumeWatches();
    cluster.proxy.cutWatches();
    for (let i = 0; i < 3; i++) {
      const from = cluster.proxy.record.length;
      await until(() => assert.ok(cluster.writes(from).length > i));
      await cluster.stopController();
      await cluster.startController();
    }
    await cluster.updated('rough', target);
    assert.ok(cluster.mostAway <= 2, `${cluster.mostAway} nodes were away at once`);
  });

  it('says what the API server does not let it write, and goes on when it does', async () => {
    await fleet('barred', 1);
    const fault = cluster.proxy.fail({ verb: 'create', resource: 'nodetargets' }, { status: 403 });
    await cluster.startController();
    await until(async () => assert.equal((await cluster.ready('barred')).reason, 'Forbidden'));
    assert.notEqual((await cluster.ready('barred')).message, '');
    fault.remove();
    await cluster.updated('barred', await cluster.publish('barred', 1));
  });

  it('goes on with the other nodes while a write for one of them is refused', async () => {
    await fleet('partly', 3, { rollout: { maxUnavailable: 2, canary: 0 } });
    await cluster.startController();
    await cluster.updated('partly', await cluster.publish('partly', 1));
    cluster.mostAway = 0;
    const fault = cluster.proxy.fail({ verb: 'patch', resource: 'nodes', name: 'partly-1' }, { status: 403 });
    const target = await cluster.publish('partly', 2);
    await until(async () => {
      for (const name of ['partly-0', 'partly-2']) {
        assert.equal((await cluster.target(name)).status?.host?.booted?.digest, target.digests[1]);
        assert.equal((await cluster.node(name)).spec?.unschedulable, undefined);
      }
      const { reason, message } = await cluster.ready('partly');
      assert.equal(reason, 'Forbidden');
      assert.match(message, /^partly-1: .*; 2 of 3 nodes run/);
    });
    assert.equal((await cluster.target('partly-1')).spec.state, 'Staged');
    fault.remove();
    await cluster.updated('partly', target);
    assert.ok(cluster.mostAway <= 2, `${cluster.mostAway} nodes were away at once`);
    await cluster.stopController();
    const refusals = (await cluster.admin.list(events)).items.filter(e => e.regarding.name === 'partly' && e.type === 'Warning');
    assert.deepEqual(
      refusals.map(e => e.reason),
      ['Forbidden'],
    );
  });
});
