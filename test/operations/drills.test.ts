/** Drills of docs/operations.md that no other test plays: what the page says happens does, and what it says to do helps. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { createEdge, poolLabel } from '../cluster/edge.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import type { GitRepository } from '../cluster/git-repository.ts';
import { until } from '../kube/until.ts';

const fieldManager = 'kubectl';
let environment: Environment;
let repository: GitRepository;
before(async () => {
  // So long that what happens to a host that is down is sure to happen while it is.
  environment = await startEnvironment({ nodes: 2, workloads: false, rebootMs: 2_000, labels: poolLabel });
  repository = await createEdge(environment, {});
  await settled(undefined);
});
after(() => environment?.stop());

const definition = async () => await environment.admin.get(systemdefinitions, 'edge');
const pool = async () => await environment.admin.get(systempools, 'edge');
const patchPool = (spec: object) => environment.admin.mergePatch(systempools, 'edge', { spec }, { fieldManager });
const targets = async () => (await environment.admin.list(nodetargets)).items;
const boots = () => environment.nodes.map(node => node.reboots);

/** Both nodes run an image of the definition that is not `before`; resolves to it. */
async function settled(before: string | undefined): Promise<string> {
  let image: string | undefined;
  await until(
    'a rollout',
    async () => {
      // As its kubelet does, when it has lost its Lease while the API server was away.
      if (environment.controller.pid === undefined) await environment.controller.start();
      image = (await definition().catch(nothing))?.status?.image;
      const found = await pool().catch(nothing);
      if (image === undefined || image === before || found?.status?.target?.image !== image) return false;
      return conditionOf(found.status.conditions, 'Ready')?.reason === 'Updated' && found.status.nodes?.updated === 2;
    },
    300_000,
  );
  return image ?? '';
}

function nothing(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

let greetings = 0;
async function commit(): Promise<void> {
  greetings += 1;
  const files = { 'edge/motd': `Greeting ${greetings}\n` };
  await repository.commit(files, `Greet ${greetings}`, { date: Math.floor(Date.now() / 1_000) });
}

const goneAhead = async () =>
  (await targets()).some(({ spec, status }) => spec.state === 'Booted' && status?.host?.phase === 'Rebooting');

test('the API server is gone while a node reboots, and its history with it: one boot, and the rollout goes on', async () => {
  const image = (await definition()).status?.image;
  const earlier = boots();
  await commit();
  await until('a go-ahead that is followed', goneAhead);
  await environment.controlPlane.compactEtcd();
  await environment.controlPlane.stopApiServer();
  await until('the host to be back', () => boots().some((count, i) => count > (earlier[i] ?? 0)));
  await until('the controller to end, having lost its Lease', () => environment.controller.pid === undefined);
  await environment.controlPlane.startApiServer();
  await settled(image);
  assert.deepEqual(
    boots(),
    earlier.map(count => count + 1),
  );
});

test('the registry is gone: what is staged boots; what is lost is made anew once its builds are deleted', async () => {
  const { admin, registry } = environment;
  const image = (await definition()).status?.image;
  const earlier = boots();
  await patchPool({ rollout: { maxUnavailable: 0 } });
  await commit();
  await until('both nodes to have staged it', async () => {
    const found = await pool();
    const [next, all] = [found.status?.target?.image, await targets()];
    return next !== image && all.every(({ spec, status }) => spec.image === next && status?.host?.phase === 'Staged');
  });
  assert.deepEqual(boots(), earlier);
  const back = registry.requests.fail(() => true, { cutAfterBytes: 0 });
  await patchPool({ rollout: { maxUnavailable: 1 } });
  const next = await settled(image);
  assert.deepEqual(
    boots(),
    earlier.map(count => count + 1),
  );
  back();

  const client = createRegistry({ insecureHosts: new Set([registry.host]), userAgent: 'scantling-test' });
  try {
    const [name = '', digest = ''] = next.split('@');
    await client.deleteManifest(name, digest);
    assert.equal(await client.resolve(next).catch(() => 'gone'), 'gone');
    for (const { metadata, status } of (await admin.list(imagebuilds)).items)
      if (status?.image?.reference === next) await admin.delete(imagebuilds, metadata.name);
    await until('the image', async () => (await client.resolve(next).catch(() => undefined)) !== undefined);
  } finally {
    await client.close();
  }
  await settled(image);
  assert.equal((await definition()).status?.image, next);
});

test('etcd is restored from a moment when a node had its go-ahead: no host follows it twice, and sources bring the rest', async () => {
  const { controlPlane, controller, kubelets, nodes } = environment;
  const first = (await definition()).status?.image;
  await commit();
  await until('a go-ahead that is followed', goneAhead);
  await controlPlane.saveEtcd();
  const second = await settled(first);
  await commit();
  const third = await settled(second);
  const earlier = boots();

  await controller.stop();
  await controlPlane.restoreEtcd();
  await kubelets.report();
  assert.notEqual((await definition()).status?.image, third);
  // For so long a node is waited for, as if it rebooted under the go-ahead that is restored.
  await patchPool({ suspend: true, rollout: { timeouts: { reboot: '30s' } } });
  for (const node of nodes) node.killAgent();
  await controller.start();
  await until('the source', async () => (await definition()).status?.image === third, 180_000);
  await patchPool({ suspend: false });
  await settled(second);
  assert.deepEqual(boots(), earlier);
});
