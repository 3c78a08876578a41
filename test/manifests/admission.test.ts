/** What the ServiceAccounts of the plain install may do, on the real API server: RBAC and the two admission policies. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { crds, manifests, resourceOf } from '../cluster/manifests.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { rawApi, type Answer, type RawApi } from './raw-api.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const targets = '/apis/scantling.dev/v1alpha1/nodetargets';
const applyPatch = 'application/apply-patch+yaml';

let controlPlane: ControlPlane;
let api: RawApi;
let tokens: { controller: string; one: string; unbound: string };

const admin = (call: Parameters<RawApi['call']>[1]) => api.call(controlPlane.adminToken, call);
const target = (name: string) => ({
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'NodeTarget',
  metadata: { name },
  spec: {
    poolRef: { name: 'workers' },
    image: `registry.example.com/worker@${digest}`,
    digests: [digest],
    state: 'Staged',
    since: '2026-01-01T00:00:00Z',
  },
});
const host = { host: { phase: 'Idle', bootID: 'b', reportedAt: '2026-01-01T00:00:00Z' } };
const rollout = {
  rollout: { phase: 'Draining', since: '2026-01-01T00:00:00Z', reason: 'PodBlocked', message: 'waits for a pod' },
};
/** As the agent writes: server-side apply of the status subresource. */
const applyStatus = (token: string, name: string, status: object) =>
  api.call(token, {
    method: 'PATCH',
    path: `${targets}/${name}/status?fieldManager=scantling-agent&force=true`,
    contentType: applyPatch,
    body: { apiVersion: 'scantling.dev/v1alpha1', kind: 'NodeTarget', metadata: { name }, status },
  });

function pathOf(object: KubeObject): string {
  const { group, version, plural, namespaced } = resourceOf(object);
  const namespace = namespaced ? `/namespaces/${object.metadata.namespace}` : '';
  return `${group === '' ? '/api' : `/apis/${group}`}/${version}${namespace}/${plural}/${object.metadata.name}`;
}

/** Repeats a call until it answers as it should for ever: a new policy or CRD takes a moment to be in force. */
async function until(call: () => Promise<Answer>, status: number): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    const answer = await call();
    if (answer.status === status || attempt === 300) return answer;
    await sleep(100);
  }
}

before(async () => {
  // As kubeadm and every distribution do; the agent works on the host.
  controlPlane = await startControlPlane({ apiServerFlags: ['--allow-privileged=true'] });
  api = rawApi(controlPlane);
  for (const object of [...crds(), ...manifests()]) {
    const answer = await admin({
      method: 'PATCH',
      path: `${pathOf(object)}?fieldManager=test&fieldValidation=Strict`,
      contentType: applyPatch,
      body: object,
    });
    assert.equal(answer.status, 201, `${object.kind} ${object.metadata.name}: ${answer.body.message}`);
    assert.deepEqual(answer.warnings, [], `${object.kind} ${object.metadata.name}`);
  }
  const uids: Record<string, string> = {};
  for (const name of ['one', 'two']) {
    const node = await admin({
      method: 'POST',
      path: '/api/v1/nodes',
      body: { apiVersion: 'v1', kind: 'Node', metadata: { name } },
    });
    uids[name] = (node.body['metadata'] as { uid: string }).uid;
  }
  tokens = {
    controller: await api.tokenOf('scantling-controller'),
    one: await api.tokenOf('scantling-agent', { name: 'one', uid: uids['one'] ?? '' }),
    unbound: await api.tokenOf('scantling-agent'),
  };
  for (const name of ['one', 'two']) {
    const created = await until(() => api.call(tokens.controller, { method: 'POST', path: targets, body: target(name) }), 201);
    assert.equal(created.status, 201, created.body.message);
  }
  await until(() => applyStatus(tokens.one, 'two', host), 403);
});
after(async () => {
  await api?.close();
  await controlPlane?.stop();
});

describe('an agent', () => {
  test("writes the status of its own node's target", async () => {
    const answer = await applyStatus(tokens.one, 'one', host);
    assert.equal(answer.status, 200, answer.body.message);
    assert.deepEqual((answer.body['status'] as typeof host).host, host.host);
  });

  test("is refused for another node's target", async () => {
    for (const status of [host, {}]) {
      const answer = await applyStatus(tokens.one, 'two', { ...status, observedGeneration: 1 });
      assert.equal(answer.status, 403);
      assert.match(answer.body.message ?? '', /the agent of node one may not write the target of node two/);
    }
  });

  test('is refused without a node in its token', async () => {
    const answer = await applyStatus(tokens.unbound, 'one', { observedGeneration: 7 });
    assert.equal(answer.status, 403);
    assert.match(answer.body.message ?? '', /this token names no node/);
  });

  test("is refused for the controller's part: adding, changing and removing it", async () => {
    const says = /status\.rollout is written by the controller/;
    const added = await applyStatus(tokens.one, 'one', { ...host, ...rollout });
    assert.equal(added.status, 403);
    assert.match(added.body.message ?? '', says);

    const byController = await api.call(tokens.controller, {
      method: 'PATCH',
      path: `${targets}/one/status`,
      body: { status: rollout },
    });
    assert.equal(byController.status, 200, byController.body.message);
    for (const change of [{ rollout: { message: 'all is well' } }, { rollout: null }]) {
      const answer = await api.call(tokens.one, { method: 'PATCH', path: `${targets}/one/status`, body: { status: change } });
      assert.equal(answer.status, 403, JSON.stringify(change));
      assert.match(answer.body.message ?? '', says);
    }
    const beside = await applyStatus(tokens.one, 'one', host);
    assert.equal(beside.status, 200, beside.body.message);
    assert.deepEqual((beside.body['status'] as typeof rollout).rollout, rollout.rollout);
  });

  test('changes neither spec nor metadata, and makes or deletes nothing', async () => {
    const calls = [
      { method: 'PATCH', path: `${targets}/one`, body: { spec: { state: 'Booted', approval: 'x' } } },
      { method: 'PATCH', path: `${targets}/one`, body: { metadata: { labels: { a: 'b' } } } },
      { method: 'POST', path: targets, body: target('three') },
      { method: 'DELETE', path: `${targets}/one` },
    ] as const;
    for (const call of calls) assert.equal((await api.call(tokens.one, call)).status, 403, `${call.method} ${call.path}`);
    const throughStatus = await api.call(tokens.one, {
      method: 'PATCH',
      path: `${targets}/one/status`,
      body: { spec: { state: 'Booted', approval: 'x' }, metadata: { labels: { a: 'b' } }, status: { observedGeneration: 3 } },
    });
    assert.equal(throughStatus.status, 200, throughStatus.body.message);
    assert.deepEqual(throughStatus.body['spec'], target('one').spec);
    assert.equal((throughStatus.body['metadata'] as KubeObject['metadata']).labels, undefined);
  });

  test('reads targets and nothing else', async () => {
    assert.equal((await api.call(tokens.one, { method: 'GET', path: `${targets}?fieldSelector=metadata.name=one` })).status, 200);
    const others = [
      '/api/v1/nodes',
      '/api/v1/nodes/one',
      '/api/v1/pods',
      '/api/v1/namespaces/scantling-system/secrets',
      '/api/v1/namespaces/scantling-system/secrets/registry-push',
      '/apis/scantling.dev/v1alpha1/systemsources',
      '/apis/scantling.dev/v1alpha1/systempools',
    ];
    for (const path of others) assert.equal((await api.call(tokens.one, { method: 'GET', path })).status, 403, path);
  });
});

describe('the spec of a target', () => {
  /** As wide a role as a person could get without being a cluster administrator. */
  const operator = 'operator';

  before(async () => {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: operator } };
    const rules = [{ apiGroups: ['scantling.dev'], resources: ['*'], verbs: ['get', 'create', 'update', 'patch', 'delete'] }];
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await admin({ method: 'POST', path: `${rbac}/clusterroles`, body: { ...role, rules } });
    await admin({
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
    await admin({
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
    for (const token of [tokens.controller, controlPlane.adminToken]) {
      const answer = await api.call(token, {
        method: 'PATCH',
        path: `${targets}/two`,
        body: { spec: { revision: `main@sha1:${token === tokens.controller ? 1 : 2}` } },
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
  ['+', 'list', 'policy', 'poddisruptionbudgets'],
  ['-', 'patch', 'policy', 'poddisruptionbudgets'],
  ['+', 'get', '', 'secrets', { namespace: 'scantling-system', name: 'fleet-git' }],
  ['-', 'list', '', 'secrets', { namespace: 'scantling-system' }],
  ['-', 'get', '', 'secrets', { namespace: 'default', name: 'x' }],
  ['-', 'create', '', 'secrets', { namespace: 'scantling-system' }],
  ['+', 'create', 'coordination.k8s.io', 'leases', { namespace: 'scantling-system' }],
  ['+', 'update', 'coordination.k8s.io', 'leases', { namespace: 'scantling-system', name: 'scantling-controller' }],
  ['-', 'update', 'coordination.k8s.io', 'leases', { namespace: 'kube-system', name: 'kube-scheduler' }],
  ['+', 'create', 'events.k8s.io', 'events', { namespace: 'default' }],
  ['+', 'patch', 'events.k8s.io', 'events', { namespace: 'default' }],
  ['-', 'create', 'events.k8s.io', 'events', { namespace: 'kube-system' }],
  ['+', 'patch', 'scantling.dev', 'systemsources'],
  ['-', 'create', 'scantling.dev', 'systemsources'],
  ['-', 'delete', 'scantling.dev', 'systemsources'],
  ['+', 'delete', 'scantling.dev', 'systemdefinitions'],
  ['+', 'create', 'scantling.dev', 'imagebuilds'],
  ['+', 'patch', 'scantling.dev', 'systempools/status'],
  ['-', 'create', 'rbac.authorization.k8s.io', 'clusterroles'],
  ['-', 'impersonate', '', 'users'],
];

describe('the controller', () => {
  for (const [sign, verb, group, resource, at] of rights) {
    test(`${sign === '+' ? 'may' : 'may not'} ${verb} ${resource} ${at?.namespace ?? ''}`, async () => {
      const [name, subresource] = resource.split('/');
      const answer = await admin({
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
