import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { secrets } from '../../controller/api/core.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import { registryCredentials } from '../cluster/registry.ts';
import { until } from '../kube/until.ts';
import { startRetentionCluster, type RetentionCluster } from './retention-cluster.ts';

const fieldManager = 'test';

describe('retention on a real API server and real registries', () => {
  let cluster: RetentionCluster;
  before(async () => {
    cluster = await startRetentionCluster();
  });
  after(() => cluster.stop());
  afterEach(async () => {
    cluster.proxy.clear();
    cluster.proxy.resumeWatches();
    cluster.events.length = 0;
    await cluster.stopController();
    await cluster.clear(imagebuilds);
    await cluster.clear(nodetargets);
    await cluster.clear(systempools);
    await cluster.clear(systemdefinitions);
  });

  const gone = (name: string) => until(`${name} is gone`, async () => !(await cluster.exists(name)));
  const says = (definition: string, build: string, words: RegExp) =>
    until(`${definition} says of ${build}: ${words}`, async () => {
      const { history } = await cluster.status(definition);
      return words.test(history?.find(h => h.build === build)?.kept ?? '');
    });

  test('what nobody needs goes, with its manifests; the rest stays, and says why', async () => {
    await cluster.define('edge', { prune: 'Images' });
    const [first, second, third, fourth] = [
      await cluster.build('edge', 1),
      await cluster.build('edge', 2),
      await cluster.build('edge', 3, { sharedContext: 'shared' }),
      await cluster.build('edge', 4, { sharedContext: 'shared' }),
    ];
    await cluster.node('node-3', { booted: { digest: first.platform } });
    await cluster.startController();
    await gone(second.name);
    await gone(third.name);
    await says('edge', fourth.name, /^newest good$/);
    const { history } = await cluster.status('edge');
    assert.deepEqual(history, [
      { build: 'edge-4', phase: 'Succeeded', digest: fourth.index, kept: 'newest good' },
      { build: 'edge-1', phase: 'Succeeded', digest: first.index, kept: 'booted by node-3' },
    ]);
    assert.equal(await cluster.has(first), 'index platform context link');
    assert.equal(await cluster.has(second), '');
    assert.equal(await cluster.has(third), 'context', 'another build has the same context');
    assert.equal(await cluster.has(fourth), 'index platform context link');
    assert.deepEqual(
      cluster.events.map(e => [e.type, e.reason, e.note]),
      [['Normal', 'BuildsPruned', 'deleted ImageBuild edge-2, edge-3, and 7 manifests in the registry']],
    );

    // The node moves on, and so does what was kept for it.
    await cluster.node('node-3', { booted: { digest: fourth.platform } });
    await gone(first.name);
    assert.equal(await cluster.has(first), '');
    await says('edge', fourth.name, /^newest good, booted by node-3$/);
  });

  test('a cache that lags costs no image that a node has booted meanwhile', async () => {
    await cluster.define('lagging', { prune: 'Images', successful: 2 });
    const first = await cluster.build('lagging', 1);
    await cluster.build('lagging', 2);
    const wake = await cluster.startController();
    await says('lagging', first.name, /newest good/);
    cluster.proxy.hangWatches({ resource: 'nodetargets' });
    await cluster.node('late', { booted: { digest: first.index }, rollback: { digest: first.platform } });
    await cluster.build('lagging', 3);
    wake('lagging');
    await says('lagging', 'lagging-3', /newest good/);
    await says('lagging', first.name, /booted by late/);
    assert.equal(await cluster.has(first), 'index platform context link');
    cluster.proxy.resumeWatches();
  });

  test('while the registry does not do it, the build stays and says so', async t => {
    await cluster.define('stuck', { prune: 'Images' });
    const first = await cluster.build('stuck', 1);
    await cluster.build('stuck', 2);
    const heal = cluster.server.requests.fail(r => r.method === 'DELETE', { status: 403 });
    t.after(heal);
    const wake = await cluster.startController();
    await says('stuck', first.name, /could not be removed: .*403/);
    assert.equal(await cluster.exists(first.name), true);
    // It is tried again by itself, and may have said so again by now.
    assert.deepEqual([...new Set(cluster.events.map(e => `${e.type} ${e.reason}`))], ['Warning PruneFailed']);
    heal();
    wake('stuck');
    await gone(first.name);
    assert.equal(await cluster.has(first), '');
  });

  test('a registry that deletes nothing keeps its images, and builds go all the same', async t => {
    await cluster.define('undeleting', { prune: 'Images' });
    const first = await cluster.build('undeleting', 1);
    await cluster.build('undeleting', 2);
    const heal = cluster.server.requests.fail(r => r.method === 'DELETE', { status: 405 });
    t.after(heal);
    await cluster.startController();
    await gone(first.name);
    heal();
    assert.equal(await cluster.has(first), 'index platform context link');
    await until('it says so', () => cluster.events.some(e => e.reason === 'DeletionUnsupported'));
    assert.deepEqual(cluster.events.map(e => e.reason).toSorted(), ['BuildsPruned', 'DeletionUnsupported']);
  });

  test('without prune only the objects go, and an image that is gone already holds nothing up', async () => {
    await cluster.define('plain', {});
    const first = await cluster.build('plain', 1);
    const second = await cluster.build('plain', 2);
    await cluster.build('plain', 3);
    await cluster.startController();
    await gone(first.name);
    await gone(second.name);
    assert.equal(await cluster.has(first), 'index platform context link');
    await cluster.define('plain', { prune: 'Images' });
    const fourth = await cluster.build('plain', 4, { completionTime: '2020-01-01T00:00:00Z' });
    await gone(fourth.name);
    assert.equal(await cluster.has(fourth), '');
    await cluster.registry.deleteManifest(second.repository, second.index);
    const fifth = await cluster.build('plain', 5, { completionTime: '2020-01-01T00:00:00Z', image: { digest: second.index } });
    await gone(fifth.name);
  });

  test('credentials are those of the definition, and without them nothing is deleted', async () => {
    const json = JSON.stringify({ auths: { [cluster.locked.host]: registryCredentials } });
    const auth = parseDockerConfig(json);
    const repository = `${cluster.locked.host}/team/os`;
    await cluster.define('secretive', { prune: 'Images' }, { repository, pushSecretRef: { name: 'push' } });
    const first = await cluster.build('secretive', 1, { repository, auth });
    await cluster.build('secretive', 2, { repository, auth });
    const wake = await cluster.startController();
    await says('secretive', first.name, /Secret scantling-system\/push not found/);
    assert.equal(await cluster.has(first, auth), 'index platform context link');
    await cluster.admin.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'push', namespace: defaultNamespace },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': Buffer.from(json).toString('base64') },
    });
    wake('secretive');
    await gone(first.name);
    assert.equal(await cluster.has(first, auth), '');
  });

  test('a pool that asks for a tag nobody has resolved yet keeps what the tag may name', async () => {
    await cluster.define('tagged', { prune: 'Images' });
    const first = await cluster.build('tagged', 1);
    await cluster.build('tagged', 2);
    const spec = { nodeSelector: { matchLabels: { a: 'b' } }, system: { image: `${first.repository}:tagged-1` } };
    await cluster.admin.apply(
      systempools,
      { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', metadata: { name: 'tags' }, spec },
      { fieldManager },
    );
    await cluster.startController();
    await says('tagged', first.name, /pool tags asks for .*:tagged-1, whose digest is not known yet/);
    await cluster.admin.delete(systempools, 'tags');
    await gone(first.name);
  });
});
