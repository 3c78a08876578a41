import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { leases, nodes } from '../../controller/api/core.ts';
import { reasonOf } from '../../controller/api/errors.ts';
import { createClient, type Client } from '../../controller/kube/client.ts';
import { ApiError, isTooManyRequests } from '../../controller/kube/errors.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { ConnectionError } from '../../controller/kube/answer-error.ts';
import { Transport, type TransportOptions } from '../../controller/kube/transport.ts';
import { registry } from '../../controller/telemetry/metric-table.ts';
import { writeKubeconfig } from '../cluster/kubeconfig.ts';
import { startFaultProxy } from '../cluster/fault-proxy.ts';
import { configMap, configMaps, fieldManager, startApi, startScene, type Api } from './api-fixture.ts';
import { until } from './until.ts';

const notLeading = (error: unknown) => reasonOf(error) === 'NotLeading';

function clientOf(file: string): { client: Client; close: () => Promise<void> } {
  const transport = new Transport({ kubeConfig: loadKubeConfig(file), userAgent: 'auth' });
  return { client: createClient(transport), close: () => transport.close() };
}

function write(directory: string, name: string, text: string, mode = 0o600): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

function kubeconfig({ cluster }: Api, name: string, user: object): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: cluster.url, 'certificate-authority': cluster.caFile } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  return write(cluster.directory, name, JSON.stringify(config));
}

describe('transport', { concurrency: 4 }, () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  const scene = (options?: Partial<TransportOptions>) => startScene(api, options);

  describe('retries', () => {
    for (const retryAfter of [undefined, 1]) {
      it(`any request on 429 ${retryAfter ? 'when the server says' : 'after a backoff'}`, async () => {
        const { put, client, namespace, calls, at } = await scene();
        api.proxy.fail(at, { status: 429, times: 1, ...(retryAfter ? { retryAfter } : {}) });
        assert.equal((await put('a')).data?.['value'], '1');
        api.proxy.fail(at, { status: 429, times: 1, ...(retryAfter ? { retryAfter } : {}) });
        await client.get(configMaps, 'a', namespace);
        assert.deepEqual(
          calls().map(c => c.status),
          [429, 200, 429, 200].map((s, i) => (i === 1 ? 201 : s)),
        );
        const [first, second] = calls();
        // No sooner than asked; the timer of a turn may fire a little before its millisecond.
        assert.ok((second?.startedAt ?? 0) - (first?.endedAt ?? Infinity) >= (retryAfter ?? 0.25) * 1000 - 5);
      });
    }

    for (const fault of [{ status: 500 }, { status: 503, retryAfter: 1 }, { drop: 'before' }, { drop: 'after' }] as const) {
      it(`a read, not a write, on ${JSON.stringify(fault)}`, async () => {
        const { put, client, namespace, calls, at } = await scene();
        await put('a');
        api.proxy.fail(at, { ...fault, times: 2 });
        assert.equal((await client.get(configMaps, 'a', namespace)).data?.['value'], '1');
        assert.equal(calls().length, 4);
        api.proxy.fail(at, { ...fault, times: 1 });
        await assert.rejects(put('a', '2'), 'status' in fault ? ApiError : ConnectionError);
        assert.equal(calls().length, 5);
        const stored = await client.get(configMaps, 'a', namespace);
        assert.equal(stored.data?.['value'], 'drop' in fault && fault.drop === 'after' ? '2' : '1');
      });
    }

    it('not for ever, and not when told to wait for long', async () => {
      const { client, namespace, calls, at } = await scene();
      const many = api.proxy.fail(at, { status: 500 });
      await assert.rejects(client.list(configMaps, { namespace }), (e: unknown) => e instanceof ApiError && e.status === 500);
      assert.equal(calls().length, 4);
      many.remove();
      api.proxy.fail(at, { status: 429, retryAfter: 3600, times: 1 });
      const refused = await client.list(configMaps, { namespace }).catch((e: unknown) => e);
      assert.ok(isTooManyRequests(refused) && refused instanceof ApiError);
      assert.equal(refused.retryAfterMs, 3_600_000);
      assert.equal(calls().length, 5);
    });
  });

  it('gives up at the deadline, and at once when it is aborted', async () => {
    const { transport, namespace, at } = await scene();
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const slow = api.proxy.delay(at, 3_000);
    await assert.rejects(transport.request({ method: 'GET', path, deadlineMs: 100, retry: false }), ConnectionError);
    const reason = new Error('enough');
    await assert.rejects(transport.request({ method: 'GET', path, signal: AbortSignal.abort(reason) }), reason);
    const abort = new AbortController();
    const before = slow.hits;
    const request = transport.request({ method: 'GET', path, signal: abort.signal });
    await until('the request', () => slow.hits > before);
    abort.abort(reason);
    await assert.rejects(request, reason);
    slow.remove();
  });

  it('says who it is, and counts its requests', async () => {
    const { client, namespace, calls } = await scene({ userAgent: 'scantling-test/1 (here)' });
    await client.list(configMaps, { namespace });
    assert.equal(calls()[0]?.userAgent, 'scantling-test/1 (here)');
    const host = new URL(api.proxy.url).host;
    assert.match(
      await registry.metrics(),
      new RegExp(`rest_client_requests_total\\{code="200",method="GET",host="${host}"\\} [1-9]`),
    );
  });

  it('needs at most 20 connections for 1,000 calls beside watches, and reuses them', async () => {
    const proxy = await startFaultProxy(api.cluster);
    const kubeConfig = loadKubeConfig(proxy.kubeconfigFor(api.cluster.adminToken));
    const transport = new Transport({ kubeConfig, userAgent: 'many' });
    const client = createClient(transport);
    const abort = new AbortController();
    const watch = { path: '/api/v1/configmaps', query: { watch: true }, idleMs: 60_000, signal: abort.signal };
    for (let i = 0; i < 6; i++) await transport.stream(watch);
    const call = (i: number) =>
      i % 10 === 0
        ? client.apply(configMaps, configMap('default', `many-${i % 3}`, { i: String(i) }), { fieldManager })
        : client.list(configMaps, { namespace: 'default', limit: 5 });
    await Promise.all(Array.from({ length: 500 }, (_, i) => call(i)));
    for (let i = 0; i < 500; i++) await call(i);
    assert.equal(proxy.record.length, 1006);
    assert.ok(proxy.connections.total <= 20, `${proxy.connections.total} connections`);
    abort.abort();
    await transport.close();
    await proxy.stop();
  });

  describe('fence', () => {
    it('lets nothing but reads and Leases through while it is closed', async () => {
      let open = false;
      const { client, put, namespace, calls } = await scene({ fence: () => open });
      await assert.rejects(put('a'), notLeading);
      await assert.rejects(client.create(configMaps, configMap(namespace, 'b')), notLeading);
      await assert.rejects(client.mergePatch(configMaps, 'a', {}, { fieldManager, namespace }), notLeading);
      await assert.rejects(client.delete(configMaps, 'a', { namespace }), notLeading);
      await assert.rejects(client.evict({ name: 'p', namespace }), notLeading);
      assert.deepEqual(calls(), []);
      await client.list(configMaps, { namespace });
      await client.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l', namespace } });
      open = true;
      await put('a');
      assert.equal(calls().length, 3);
    });

    it('closes over a write that waits, is delayed or is tried again', async () => {
      let open = true;
      const { client, put, namespace, at, calls } = await scene({ fence: () => open, connections: 1 });
      const held = api.proxy.fail({ ...at, verb: 'patch' }, { status: 429, retryAfter: 1, times: 1 });
      const retried = put('a');
      await until('the first try', () => held.hits === 1);
      open = false;
      await assert.rejects(retried, notLeading);
      open = true;
      const slow = api.proxy.delay({ ...at, verb: 'patch' }, 3_000);
      const [under, queued] = [put('a'), put('b')];
      await until('the slow write', () => slow.hits === 1);
      open = false;
      await assert.rejects(under, notLeading);
      await assert.rejects(queued, notLeading);
      assert.equal(calls().length, 2, 'the queued write never left');
      slow.remove();
      assert.deepEqual((await client.list(configMaps, { namespace })).items, []);
    });
  });

  describe('authentication', () => {
    it('reads a token file again when the server no longer knows the token', async () => {
      const token = write(api.cluster.directory, 'rotated-token', 'old\n');
      const { client, close } = clientOf(kubeconfig(api, 'token-file.yaml', { tokenFile: 'rotated-token' }));
      await assert.rejects(client.list(nodes), (e: unknown) => e instanceof ApiError && e.status === 401);
      writeFileSync(token, `${api.cluster.adminToken}\n`);
      await client.list(nodes);
      writeFileSync(token, 'expired\n');
      await client.list(nodes);
      await close();
    });

    it('asks an exec plugin, and again after a 401', async () => {
      const credential = write(api.cluster.directory, 'credential', 'old');
      const answer = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'TOKEN' } };
      const script = `#!/bin/sh\nprintf '%s' '${JSON.stringify(answer)}' | sed "s/TOKEN/$(cat ${credential})/"\n`;
      const exec = {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: write(api.cluster.directory, 'plugin', script, 0o700),
        interactiveMode: 'Never',
      };
      const { client, close } = clientOf(kubeconfig(api, 'exec.yaml', { exec }));
      await assert.rejects(client.list(nodes), (e: unknown) => e instanceof ApiError && e.status === 401);
      writeFileSync(credential, api.cluster.adminToken);
      await client.list(nodes);
      await close();
    });

    it('fails as a request does when there is no token to be had', async () => {
      const { client, close } = clientOf(kubeconfig(api, 'no-token.yaml', { tokenFile: 'absent' }));
      await assert.rejects(client.list(nodes), /absent/);
      await close();
    });

    it('refuses a kubeconfig that names no cluster', () => {
      const file = join(api.cluster.directory, 'empty.yaml');
      writeKubeconfig(file, { url: 'https://127.0.0.1:1', certificateAuthority: api.cluster.certificateAuthority, token: 't' });
      assert.ok(loadKubeConfig(file).getCurrentCluster());
      writeFileSync(file, 'apiVersion: v1\nkind: Config\ncurrent-context: gone\n');
      assert.throws(() => loadKubeConfig(file), /context "gone" is not there; there are no contexts/);
    });
  });
});
