/** What pools tell agents of the rules that their hosts are to have. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostRuleAnnotation, requestedAt } from '../../controller/api/names.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { type Cluster, until } from './cluster.ts';
import { PoolScene } from './pool-scene.ts';

describe('a pool', () => {
  let scene: PoolScene;
  let cluster: Cluster;
  let names: string[];
  before(async () => {
    scene = await PoolScene.start();
    cluster = scene.cluster;
    names = await scene.fleet('ruled', 2, { rollout: { canary: 0 } });
    await cluster.startController();
    await cluster.updated('ruled', await cluster.publish('ruled', 1));
  });
  after(() => scene.stop());

  let passes = 0;
  async function pass(): Promise<void> {
    const asked = `${++passes}`;
    const body = { metadata: { annotations: { [requestedAt]: asked } } };
    await cluster.admin.mergePatch(systempools, 'ruled', body, { fieldManager: 'test' });
    await until(async () => assert.equal((await cluster.pool('ruled')).status?.lastHandledReconcileAt, asked));
  }

  async function told(): Promise<(string | undefined)[]> {
    const targets = await Promise.all(names.map(name => cluster.target(name)));
    return targets.map(({ metadata }) => metadata.annotations?.[hostRuleAnnotation]);
  }

  const saysOfAll = (rule: string | undefined) => until(async () => assert.deepEqual(await told(), [rule, rule]));

  it('says it once for each node, asks for nothing by it, and takes it back', async () => {
    const before = await cluster.target('ruled-0');
    assert.deepEqual(await told(), [undefined, undefined]);
    cluster.hostRule = 'sha256:one';
    await pass();
    await saysOfAll('sha256:one');
    const after = await cluster.target('ruled-0');
    assert.deepEqual([after.spec, after.metadata.generation], [before.spec, before.metadata.generation]);

    const { resourceVersion } = (await cluster.target('ruled-0')).metadata;
    await pass();
    cluster.hostRule = undefined;
    await pass();
    assert.equal(
      (await cluster.target('ruled-0')).metadata.resourceVersion,
      resourceVersion,
      'also where it is not known for now',
    );

    cluster.hostRule = null;
    await pass();
    await saysOfAll(undefined);
  });

  it('says it while it is suspended, too', async () => {
    cluster.hostRule = 'sha256:two';
    await cluster.admin.mergePatch(systempools, 'ruled', { spec: { suspend: true } }, { fieldManager: 'test' });
    await saysOfAll('sha256:two');
  });
});
