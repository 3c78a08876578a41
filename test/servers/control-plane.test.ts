import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { ApiUser } from './api-user.ts';

interface List {
  items: { metadata: { name: string; resourceVersion: string } }[];
  metadata: { resourceVersion: string };
}

describe('control plane', () => {
  let cluster: ControlPlane;
  let admin: ApiUser;
  before(async () => {
    cluster = await startControlPlane({
      controllers: 'demo',
      scheduler: true,
      nodeMonitor: { periodSeconds: 1, graceSeconds: 2 },
    });
    admin = new ApiUser(cluster, cluster.adminToken);
  });
  after(async () => {
    await admin.close();
    await cluster.stop();
    assert.equal(existsSync(cluster.directory), false);
  });

  it('gives service accounts tokens and just the rights that RBAC gives them', async () => {
    await admin.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'reader' } });
    const { body } = await admin.call<{ status: { token: string } }>(
      'POST',
      '/api/v1/namespaces/default/serviceaccounts/reader/token',
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 3600 },
      },
    );
    const reader = new ApiUser(cluster, body.status.token);
    assert.equal((await reader.call('GET', '/api/v1/nodes')).status, 403);
    await admin.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:node' },
      subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'default' }],
    });
    await admin.until('GET', '/api/v1/nodes', ({ status }) => status === 200, reader);
    await reader.close();
    assert.equal((await new ApiUser(cluster, 'wrong').call('GET', '/api/v1/nodes')).status, 401);
  });

  it('schedules the pods of a Deployment, counts its PodDisruptionBudget, and taints a node that falls silent', async () => {
    const labels = { app: 'web' };
    await admin.call('POST', '/api/v1/nodes', { metadata: { name: 'n1' } });
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'Test',
      lastHeartbeatTime: new Date().toISOString(),
      lastTransitionTime: new Date().toISOString(),
    };
    await admin.call('PATCH', '/api/v1/nodes/n1/status', {
      status: {
        conditions: [ready],
        capacity: { cpu: '4', memory: '8Gi', pods: '20' },
        allocatable: { cpu: '4', memory: '8Gi', pods: '20' },
      },
    });
    await admin.call('POST', '/apis/apps/v1/namespaces/default/deployments', {
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { tolerations: [{ operator: 'Exists' }], containers: [{ name: 'web', image: 'web' }] },
        },
      },
    });
    await admin.call('POST', '/apis/policy/v1/namespaces/default/poddisruptionbudgets', {
      metadata: { name: 'web' },
      spec: { minAvailable: 1, selector: { matchLabels: labels } },
    });
    await admin.until<{ items: { spec: { nodeName?: string } }[] }>(
      'GET',
      '/api/v1/namespaces/default/pods',
      ({ body }) => body.items.length === 2 && body.items.every(pod => pod.spec.nodeName === 'n1'),
    );
    await admin.until<{ status: { expectedPods?: number } }>(
      'GET',
      '/apis/policy/v1/namespaces/default/poddisruptionbudgets/web',
      ({ body }) => body.status.expectedPods === 2,
    );
    await admin.until<{ spec: { taints?: { key: string }[] } }>(
      'GET',
      '/api/v1/nodes/n1',
      ({ body }) => body.spec.taints?.some(({ key }) => key === 'node.kubernetes.io/unreachable') === true,
    );
  });

  it('comes back on the same address with the same objects, and forgets its history on demand', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const before = (await admin.call<List>('GET', path)).body.metadata.resourceVersion;
    for (const name of ['a', 'b']) await admin.call('POST', path, { metadata: { name } });
    assert.ok((await cluster.compactEtcd()) > Number(before));
    await cluster.restartApiServer();
    const names = (await admin.call<List>('GET', path)).body.items.map(({ metadata }) => metadata.name);
    assert.ok(names.includes('a') && names.includes('b'));
    const watch = await admin.call<{ type: string; object: { code: number } }>(
      'GET',
      `${path}?watch=1&resourceVersion=${before}&timeoutSeconds=5`,
    );
    assert.equal(watch.status === 410 || watch.body.object.code === 410, true);
  });

  it('writes kubeconfigs that only their owner can read', () => {
    const { clusters, users } = parse(readFileSync(cluster.kubeconfigFor('t0ken'), 'utf8')) as {
      clusters: { cluster: { server: string } }[];
      users: { user: { token: string } }[];
    };
    assert.equal(clusters[0]?.cluster.server, cluster.url);
    assert.equal(users[0]?.user.token, 't0ken');
  });

  it('shows the log of a server that does not start, and leaves nothing behind', async () => {
    await assert.rejects(
      startControlPlane({ apiServerFlags: ['--no-such-flag'] }),
      /kube-apiserver ended with exit code 1.*unknown flag: --no-such-flag/s,
    );
  });
});
