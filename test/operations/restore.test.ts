/** The drill of docs/operations.md: pools and targets are lost with etcd, what was saved is applied again, and no node boots. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systempools, type SystemPool } from '../../controller/api/system-pool.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { until } from '../kube/until.ts';

let environment: Environment;
before(async () => {
  environment = await startEnvironment({ nodes: 2, workloads: false, rebootMs: 300 });
});
after(() => environment?.stop());

const isUpdated = async (): Promise<boolean> => {
  const pool = await environment.admin.get(systempools, 'edge');
  return conditionOf(pool.status?.conditions, 'Ready')?.reason === 'Updated';
};

/** As if etcd had forgotten it: no finalizer is asked. */
async function lose(plural: string, name: string): Promise<void> {
  const path = `/apis/scantling.dev/v1alpha1/${plural}/${name}`;
  const body = { metadata: { finalizers: null } };
  await environment.transport.request({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body });
  await environment.transport.request({ method: 'DELETE', path });
}

/** What the page says to leave out before a saved object is applied. */
function restorable({ apiVersion, kind, metadata, spec }: SystemPool) {
  return { apiVersion, kind, metadata: { name: metadata.name }, spec };
}

test('pools that are applied again without status find their nodes as they are', async () => {
  const { image } = await pushBaseImage({ registry: environment.registry.host, tag: '2', release: '2' });
  const spec = { nodeSelector: { matchLabels: { 'node-role.kubernetes.io/worker': '' } }, system: { image } };
  await environment.admin.apply(
    systempools,
    { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', metadata: { name: 'edge' }, spec },
    { fieldManager: 'kubectl' },
  );
  await until('the update', isUpdated, 120_000);
  const reboots = environment.nodes.map(node => node.reboots);
  assert.deepEqual(reboots, [1, 1]);

  const saved = await environment.admin.get(systempools, 'edge');
  await environment.controller.kill();
  await lose('systempools', 'edge');
  const { items } = await environment.admin.list(nodetargets);
  for (const { metadata } of items) await lose('nodetargets', metadata.name);
  await environment.controller.start();
  await environment.admin.apply(systempools, restorable(saved), { fieldManager: 'kubectl' });

  await until('the pool', isUpdated, 120_000);
  for (const { name } of environment.nodes)
    assert.ok((await environment.admin.get(nodetargets, name)).status?.host?.booted?.digest);
  assert.deepEqual(
    environment.nodes.map(node => node.reboots),
    reboots,
  );
});
