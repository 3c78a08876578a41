import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Caches } from '../../controller/kube/caches.ts';
import type { StoredObject } from '../../controller/kube/store.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { type Api, type ConfigMap, configMaps, startApi } from './api-fixture.ts';
import { until } from './until.ts';

let api: Api;
before(async () => {
  api = await startApi();
});
after(() => api.stop());

const valueOf =
  (key: string) =>
  ({ metadata, data }: ConfigMap): StoredObject & { value: string } => ({
    name: metadata.name,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    value: data?.[key] ?? '',
  });

test('stores of one resource share a list and a watch, and each hears only of its own', async () => {
  const namespace = await api.namespace();
  const write = (data: Record<string, string>) =>
    api.admin.apply(
      configMaps,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace }, data },
      { fieldManager: 'test' },
    );
  await write({ left: '1', right: '1' });
  const caches = new Caches({ transport: api.transport(), log: createLog('silent') });
  const left = caches.add(configMaps, valueOf('left'));
  const right = caches.add(configMaps, valueOf('right'));
  const heard: string[] = [];
  const mine = (name: string) => (key: string, now: { value: string } | undefined) =>
    key === `${namespace}/a` && heard.push(`${name}=${now?.value}`);
  left.onChange(mine('left'));
  right.onChange(mine('right'));
  caches.start();
  try {
    await caches.synced();
    assert.ok(left.synced && right.synced);
    assert.deepEqual(heard, ['left=1', 'right=1']);
    const { metadata } = await write({ left: '1', right: '2' });
    await until('the change', () => right.get(`${namespace}/a`)?.value === '2');
    assert.equal(left.get(`${namespace}/a`)?.resourceVersion, metadata.resourceVersion, 'the version moves in every store');
    await api.admin.delete(configMaps, 'a', { namespace });
    await until('the deletion', () => left.get(`${namespace}/a`) === undefined);
    assert.deepEqual(heard, ['left=1', 'right=1', 'right=2', 'left=undefined', 'right=undefined']);
    assert.equal(caches.problem(Date.now(), 0), undefined);
    assert.equal(api.proxy.openWatches.length, 1);
  } finally {
    await caches.stop();
  }
});

test('a store keeps only what it selects, of one namespace and with a label', async () => {
  const [namespace, other] = [await api.namespace(), await api.namespace()];
  const write = (name: string, at: string, labels: Record<string, string>) =>
    api.admin.apply(
      configMaps,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: at, labels }, data: {} },
      { fieldManager: 'test' },
    );
  await write('wanted', namespace, { mine: 'yes' });
  await write('unlabelled', namespace, {});
  await write('elsewhere', other, { mine: 'yes' });
  const caches = new Caches({ transport: api.transport(), log: createLog('silent') });
  const all = caches.add(configMaps, valueOf('left'));
  const some = caches.add(configMaps, valueOf('left'), {}, { namespace, labelSelector: 'mine' });
  caches.start();
  try {
    await caches.synced();
    assert.deepEqual(some.keys(), [`${namespace}/wanted`]);
    assert.ok(all.get(`${namespace}/unlabelled`) && all.get(`${other}/elsewhere`));
    await write('later', namespace, { mine: 'too' });
    await until('the new one', () => some.get(`${namespace}/later`) !== undefined);
    await write('wanted', namespace, {});
    await until('the one that lost its label', () => some.get(`${namespace}/wanted`) === undefined);
  } finally {
    await caches.stop();
  }
});
