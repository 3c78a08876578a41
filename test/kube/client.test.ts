import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { nodes, pods, secrets } from '../../controller/api/core.ts';
import { ApiError, isAlreadyExists, isConflict, isInvalid, isNotFound, isTooManyRequests } from '../../controller/kube/errors.ts';
import { configMap, configMaps, fieldManager, startApi, startScene, type Api } from './api-fixture.ts';
import { until } from './until.ts';

describe('client', { concurrency: 4 }, () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  it('applies with a precondition, patches, and tells conflicts', async () => {
    const { client, namespace, put } = await startScene(api);
    const first = await put('a');
    const second = await put('a', '2');
    const { resourceVersion } = first.metadata;
    const stale = {
      ...configMap(namespace, 'a', { value: '3' }),
      metadata: { name: 'a', namespace, resourceVersion: resourceVersion ?? '' },
    };
    await assert.rejects(client.apply(configMaps, stale, { fieldManager }), isConflict);
    await assert.rejects(
      client.mergePatch(configMaps, 'a', { metadata: { resourceVersion } }, { fieldManager, namespace }),
      isConflict,
    );
    const patched = await client.mergePatch(
      configMaps,
      'a',
      {
        metadata: { resourceVersion: second.metadata.resourceVersion, annotations: { n: 'x' } },
        data: { value: null, other: 'y' },
      },
      { fieldManager, namespace },
    );
    assert.deepEqual([patched.data, patched.metadata.annotations], [{ other: 'y' }, { n: 'x' }]);
    await assert.rejects(client.create(configMaps, configMap(namespace, 'a')), isAlreadyExists);
    const rival = client.apply(configMaps, configMap(namespace, 'a', { other: 'z' }), { fieldManager: 'rival', force: false });
    await assert.rejects(rival, isConflict);
  });

  it('refuses fields that the server would drop', async () => {
    const { client, namespace } = await startScene(api);
    await client.create(configMaps, configMap(namespace, 'a'));
    await assert.rejects(
      client.mergePatch(configMaps, 'a', { unknownField: 1 }, { fieldManager, namespace }),
      (e: unknown) => isInvalid(e) && e instanceof ApiError && /unknownField/.test(e.message),
    );
  });

  it('never quotes a Secret in an error', async () => {
    const { client, namespace } = await startScene(api);
    const secret = (data: Record<string, string>) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace },
      data,
    });
    await client.create(secrets, secret({ password: 'aHVudGVyMg==' }));
    const bodies = [{ data: { password: 'hunter2 is not base64' } }, { aHVudGVyMg: 'hunter2' }];
    for (const body of bodies) {
      const error = await client.mergePatch(secrets, 's', body, { fieldManager, namespace }).catch((e: unknown) => e);
      assert.ok(error instanceof ApiError);
      assert.doesNotMatch(inspect(error, { depth: 9 }), /hunter2|aHVudGVyMg/);
    }
  });

  it('writes status apart from the rest', async () => {
    const { client } = await startScene(api);
    await client.apply(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'status-node' } }, { fieldManager });
    const status = { conditions: [{ type: 'Ready', status: 'True' }] };
    const written = await client.applyStatus(
      nodes,
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'status-node' }, spec: { unschedulable: true }, status },
      { fieldManager },
    );
    assert.deepEqual([written.spec?.unschedulable, written.status?.conditions?.[0]?.status], [undefined, 'True']);
  });

  it('pages through a list', async () => {
    const { client, namespace, put } = await startScene(api);
    for (const name of ['a', 'b', 'c']) await put(name);
    const first = await client.list(configMaps, { namespace, limit: 2 });
    const second = await client.list(configMaps, { namespace, limit: 2, continue: first.metadata.continue ?? '' });
    assert.deepEqual(
      [...first.items, ...second.items].map(o => o.metadata.name),
      ['a', 'b', 'c'],
    );
  });

  it('deletes what is meant: absent is fine, another is not', async () => {
    const { client, namespace, put } = await startScene(api);
    const { metadata } = await put('a');
    const uid = '00000000-0000-4000-8000-000000000000';
    await assert.rejects(client.delete(configMaps, 'a', { namespace, uid }), isConflict);
    await client.delete(configMaps, 'a', { namespace, uid: metadata.uid ?? '' });
    await client.delete(configMaps, 'a', { namespace });
    await assert.rejects(client.get(configMaps, 'a', namespace), isNotFound);
  });

  it('passes on at once what a disruption budget says to an eviction', async () => {
    const { client, namespace, transport, calls } = await startScene(api);
    const app = { app: 'guarded' };
    const spec = { containers: [{ name: 'c', image: 'i' }], terminationGracePeriodSeconds: 0 };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace, labels: app }, spec };
    const { metadata } = await client.create(pods, pod);
    await client.mergePatch(pods, 'p', { status: { phase: 'Running' } }, { fieldManager, namespace, subresource: 'status' });
    await transport.request({
      method: 'POST',
      path: `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`,
      body: {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'guard' },
        spec: { minAvailable: 1, selector: { matchLabels: app } },
      },
    });
    const refused = await client.evict({ name: 'p', namespace }).catch((e: unknown) => e);
    assert.ok(refused instanceof ApiError && isTooManyRequests(refused));
    assert.match(JSON.stringify([refused.message, refused.causes]), /guard/);
    assert.equal(calls().filter(c => c.subresource === 'eviction').length, 1);
    await transport.request({ method: 'DELETE', path: `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/guard` });
    await assert.rejects(client.evict({ name: 'p', namespace, uid: 'another' }), isConflict);
    await client.evict({ name: 'p', namespace, uid: metadata.uid ?? '' }, { gracePeriodSeconds: 0 });
    await until('the pod to be gone', async () => (await client.list(pods, { namespace })).items.length === 0);
    await assert.rejects(client.evict({ name: 'p', namespace }), isNotFound);
  });
});
