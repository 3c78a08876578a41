import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes } from '../../controller/api/core.ts';
import { cordonAnnotation } from '../../controller/api/names.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import { customResourceDefinitions } from '../cluster/manifests.ts';
import { until } from './cluster.ts';
import { image } from './machine.ts';
import { PoolScene } from './pool-scene.ts';

test('CRDs that are deleted in the middle of a rollout leave no cordon', async t => {
  const scene = await PoolScene.start();
  t.after(() => scene.stop());
  const { cluster } = scene;
  const { admin } = cluster;
  await scene.fleet('edge', 4, { rollout: { maxUnavailable: 2 } });
  await cluster.startController();
  await cluster.updated('edge', image(1));
  cluster.rebootMs = 2_000;
  await cluster.publish('edge', 2);
  await until(async () => {
    const { items } = await admin.list(nodes);
    assert(items.some(n => n.metadata.annotations?.[cordonAnnotation] !== undefined));
  });
  const names = ['systempools.scantling.dev', 'nodetargets.scantling.dev'];
  for (const name of names) await admin.delete(customResourceDefinitions, name);
  for (const name of names)
    await until(async () => {
      await assert.rejects(admin.get(customResourceDefinitions, name), isNotFound);
    });
  await until(async () => {
    for (const { metadata, spec } of (await admin.list(nodes)).items) {
      assert.equal(metadata.annotations?.[cordonAnnotation], undefined, metadata.name);
      assert.equal(spec?.unschedulable, undefined, metadata.name);
    }
  });
});
