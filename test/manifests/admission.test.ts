/** What the admission policies of the plain install let pass, on the real API server, and what the controller may by RBAC. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startInstalledApi, target, targets, until, type InstalledApi } from './installed-api.ts';

let api: InstalledApi;

before(async () => {
  api = await startInstalledApi();
});
after(() => api?.close());

describe('the spec of a target', () => {
  /** As wide a role as a person could get without being a cluster administrator. */
  const operator = 'operator';

  before(async () => {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: operator } };
    const rules = [{ apiGroups: ['scantling.dev'], resources: ['*'], verbs: ['get', 'create', 'update', 'patch', 'delete'] }];
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await api.admin({ method: 'POST', path: `${rbac}/clusterroles`, body: { ...role, rules } });
    await api.admin({
      method: 'POST',
      path: `${rbac}/clusterrolebindings`,
      body: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: operator },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: operator },
        subjects: [{ kind: 'ServiceAccount', name: operator, namespace: 'scantling-system' }],
      },
    });
    await api.admin({
      method: 'POST',
      path: '/api/v1/namespaces/scantling-system/serviceaccounts',
      body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: operator } },
    });
  });

  test('is refused to who may otherwise write everything of ours', async () => {
    const token = await api.tokenOf(operator);
    const says = /the spec of a NodeTarget is written by the controller; change its SystemPool instead/;
    const changed = await until(
      () => api.call(token, { method: 'PATCH', path: `${targets}/two`, body: { metadata: { labels: { a: 'b' } } } }),
      200,
    );
    assert.equal(changed.status, 200, 'labels are free');
    const spec = await api.call(token, { method: 'PATCH', path: `${targets}/two`, body: { spec: { revision: 'main@sha1:0' } } });
    assert.equal(spec.status, 403);
    assert.match(spec.body.message ?? '', says);
    const made = await api.call(token, { method: 'POST', path: targets, body: target('four') });
    assert.equal(made.status, 403);
    assert.match(made.body.message ?? '', says);
  });

  test('is open to the controller and, in an emergency, to a cluster administrator', async () => {
    for (const token of [api.tokens.controller, api.adminToken]) {
      const answer = await api.call(token, {
        method: 'PATCH',
        path: `${targets}/two`,
        body: { spec: { revision: `main@sha1:${token === api.tokens.controller ? 1 : 2}` } },
      });
      assert.equal(answer.status, 200, answer.body.message);
    }
  });
});

/** What the controller may (+) and may not (-) do. */
const rights: readonly [
  sign: '+' | '-',
  verb: string,
  group: string,
  resource: string,
  at?: { namespace?: string; name?: string },
][] = [
  ['+', 'patch', '', 'nodes'],
  ['-', 'delete', '', 'nodes'],
  ['-', 'patch', '', 'nodes/status'],
  ['+', 'list', '', 'pods'],
  ['-', 'delete', '', 'pods'],
  ['+', 'create', '', 'pods/eviction'],
  ['-', 'list', 'policy', 'poddisruptionbudgets'],
  ['+', 'get', '', 'secrets', { namespace: 'scantling-system', name: 'fleet-git' }],
  ['-', 'list', '', 'secrets', { namespace: 'scantling-system' }],
  ['-', 'get', '', 'secrets', { namespace: 'default', name: 'x' }],
  ['-', 'watch', '', 'secrets', { namespace: 'scantling-system' }],
  ['-', 'create', '', 'secrets', { namespace: 'scantling-system' }],
  ['-', 'patch', '', 'secrets', { namespace: 'scantling-system', name: 'fleet-git' }],
  ['-', 'delete', '', 'secrets', { namespace: 'scantling-system', name: 'fleet-git' }],
  ['+', 'create', '', 'secrets', { namespace: 'scantling-agents' }],
  ['+', 'patch', '', 'secrets', { namespace: 'scantling-agents', name: 'pool-workers' }],
  ['-', 'list', '', 'secrets', { namespace: 'scantling-agents' }],
  ['-', 'watch', '', 'secrets', { namespace: 'scantling-agents' }],
  ['-', 'create', '', 'secrets', { namespace: 'kube-system' }],
  ['-', 'list', '', 'secrets'],
  ['+', 'create', 'coordination.k8s.io', 'leases', { namespace: 'scantling-system' }],
  ['+', 'patch', 'coordination.k8s.io', 'leases', { namespace: 'scantling-system', name: 'scantling-controller' }],
  ['-', 'patch', 'coordination.k8s.io', 'leases', { namespace: 'kube-system', name: 'kube-scheduler' }],
  ['+', 'create', 'events.k8s.io', 'events', { namespace: 'default' }],
  ['+', 'patch', 'events.k8s.io', 'events', { namespace: 'default' }],
  ['-', 'create', 'events.k8s.io', 'events', { namespace: 'kube-system' }],
  ['+', 'patch', 'scantling.dev', 'systemsources'],
  ['-', 'create', 'scantling.dev', 'systemsources'],
  ['-', 'delete', 'scantling.dev', 'systemsources'],
  ['+', 'delete', 'scantling.dev', 'systemdefinitions'],
  ['+', 'delete', 'scantling.dev', 'systemaddons'],
  ['+', 'patch', 'scantling.dev', 'systemaddons/status'],
  ['+', 'list', 'scantling.dev', 'trustpolicies'],
  ['+', 'patch', 'scantling.dev', 'trustpolicies/status'],
  ['-', 'patch', 'scantling.dev', 'trustpolicies'],
  ['-', 'create', 'scantling.dev', 'trustpolicies'],
  ['-', 'delete', 'scantling.dev', 'trustpolicies'],
  ['+', 'create', 'scantling.dev', 'imagebuilds'],
  ['+', 'patch', 'scantling.dev', 'systempools/status'],
  ['-', 'create', 'rbac.authorization.k8s.io', 'clusterroles'],
  ['-', 'patch', 'rbac.authorization.k8s.io', 'clusterroles'],
  ['-', 'create', '', 'pods', { namespace: 'scantling-system' }],
  ['-', 'create', '', 'pods/exec', { namespace: 'scantling-system' }],
  ['-', 'create', '', 'serviceaccounts/token', { namespace: 'scantling-system' }],
  ['-', 'patch', 'admissionregistration.k8s.io', 'validatingadmissionpolicies'],
  ['-', 'impersonate', '', 'users'],
];

describe('the controller', () => {
  for (const [sign, verb, group, resource, at] of rights) {
    test(`${sign === '+' ? 'may' : 'may not'} ${verb} ${resource} ${at?.namespace ?? ''}`, async () => {
      const [name, subresource] = resource.split('/');
      const answer = await api.admin({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SubjectAccessReview',
          spec: {
            user: 'system:serviceaccount:scantling-system:scantling-controller',
            groups: ['system:serviceaccounts', 'system:authenticated'],
            resourceAttributes: { verb, group, resource: name, subresource, ...at },
          },
        },
      });
      assert.equal((answer.body['status'] as { allowed: boolean }).allowed, sign === '+');
    });
  }
});
