/** What a stolen token of an agent is good for: everything else that it might be used for is tried, and refused in words. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '../../controller/api/meta.ts';
import { applyPatch, applyStatus, startInstalledApi, target, targets, type InstalledApi } from './installed-api.ts';
import type { Call } from './raw-api.ts';

const own = `${targets}/one`;
const jsonPatch = 'application/json-patch+json';
const host = { host: { phase: 'Idle', bootID: 'b', reportedAt: '2026-01-01T00:00:00Z' } };
const rollout = {
  rollout: { phase: 'Draining', since: '2026-01-01T00:00:00Z', reason: 'PodBlocked', message: 'waits for a pod' },
};

let api: InstalledApi;

before(async () => {
  api = await startInstalledApi();
  const data = { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') };
  for (const [namespace, name] of [
    ['scantling-agents', 'pool-workers'],
    ['scantling-system', 'registry-push'],
  ]) {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'kubernetes.io/dockerconfigjson', data };
    await api.admin({ method: 'POST', path: `/api/v1/namespaces/${namespace}/secrets`, body: secret });
  }
  // What the controller has said of node one.
  const written = await api.call(api.tokens.controller, applyStatus('one', rollout, 'scantling-rollout'));
  assert.equal(written.status, 200, written.body.message);
});
after(() => api?.close());

const get = (path: string): Call => ({ method: 'GET', path });
const patch = (path: string, body: object, contentType?: string): Call => ({
  method: 'PATCH',
  path,
  body,
  ...(contentType ? { contentType } : {}),
});
const post = (path: string, kind: string, apiVersion = 'v1', more: object = {}): Call => ({
  method: 'POST',
  path,
  body: { apiVersion, kind, metadata: { name: 'probe' }, ...more },
});
const review = (path: string, kind: string, spec: object): Call =>
  post(path, kind, path.split('/').slice(2, 4).join('/'), { spec });
const system = '/api/v1/namespaces/scantling-system';
const agents = '/api/v1/namespaces/scantling-agents';
const rbac = '/apis/rbac.authorization.k8s.io/v1';

/** By RBAC: the message names verb and resource. */
const reads: readonly (readonly [call: Call, says: string])[] = [
  [get('/api/v1/nodes'), 'cannot list resource "nodes"'],
  [get('/api/v1/nodes/one'), 'cannot get resource "nodes"'],
  [get('/api/v1/nodes/one/proxy/pods'), 'cannot get resource "nodes/proxy"'],
  [get('/api/v1/pods'), 'cannot list resource "pods"'],
  [get(`${system}/pods/scantling-agent-one`), 'cannot get resource "pods"'],
  [get(`${system}/pods/scantling-agent-one/log`), 'cannot get resource "pods/log"'],
  [get('/api/v1/secrets'), 'cannot list resource "secrets"'],
  [get(`${system}/secrets`), 'cannot list resource "secrets"'],
  [get(`${system}/secrets/registry-push`), 'cannot get resource "secrets"'],
  [get(`${system}/secrets/fleet-git`), 'cannot get resource "secrets"'],
  [get(`${system}/secrets/signing-key`), 'cannot get resource "secrets"'],
  [get('/api/v1/namespaces/kube-system/secrets/x'), 'cannot get resource "secrets"'],
  [get(`${agents}/secrets`), 'cannot list resource "secrets"'],
  [get(`${agents}/secrets?watch=true`), 'cannot watch resource "secrets"'],
  [get(`${agents}/secrets?watch=true&fieldSelector=metadata.name%3Dpool-workers`), 'cannot watch resource "secrets"'],
  [get(`${system}/configmaps/scantling-registries`), 'cannot get resource "configmaps"'],
  [get(`${agents}/configmaps`), 'cannot list resource "configmaps"'],
  [get(`${system}/serviceaccounts`), 'cannot list resource "serviceaccounts"'],
  [get('/api/v1/namespaces'), 'cannot list resource "namespaces"'],
  [get('/apis/coordination.k8s.io/v1/namespaces/scantling-system/leases/scantling-controller'), 'cannot get resource "leases"'],
  [get('/apis/events.k8s.io/v1/events'), 'cannot list resource "events"'],
  [get(`${rbac}/clusterroles`), 'cannot list resource "clusterroles"'],
  [get('/apis/apiextensions.k8s.io/v1/customresourcedefinitions'), 'cannot list resource "customresourcedefinitions"'],
  [get(own), 'cannot get resource "nodetargets"'],
  [get(`${own}/status`), 'cannot get resource "nodetargets/status"'],
  ...['systemsources', 'systemdefinitions', 'systemaddons', 'imagebuilds', 'systempools', 'trustpolicies'].map(
    kind => [get(`/apis/scantling.dev/v1alpha1/${kind}`), `cannot list resource "${kind}"`] as const,
  ),
];

const writes: readonly (readonly [call: Call, says: string])[] = [
  [patch(own, { spec: { state: 'Booted', approval: 'x' } }), 'cannot patch resource "nodetargets"'],
  [patch(own, { metadata: { labels: { a: 'b' } } }), 'cannot patch resource "nodetargets"'],
  [patch(own, { metadata: { annotations: { 'scantling.dev/node-uid': 'x' } } }), 'cannot patch resource "nodetargets"'],
  [patch(own, { metadata: { finalizers: ['a.example.com/b'] } }), 'cannot patch resource "nodetargets"'],
  [patch(own, { metadata: { ownerReferences: [] } }), 'cannot patch resource "nodetargets"'],
  [patch(own, [{ op: 'replace', path: '/spec/state', value: 'Booted' }], jsonPatch), 'cannot patch resource "nodetargets"'],
  [patch(`${own}?fieldManager=scantling-rollout&force=true`, target('one'), applyPatch), 'cannot patch resource "nodetargets"'],
  [{ method: 'PUT', path: own, body: target('one') }, 'cannot update resource "nodetargets"'],
  [
    { method: 'PUT', path: `${own}/status`, body: { ...target('one'), status: host } },
    'cannot update resource "nodetargets/status"',
  ],
  [{ method: 'POST', path: targets, body: target('three') }, 'cannot create resource "nodetargets"'],
  [{ method: 'DELETE', path: own }, 'cannot delete resource "nodetargets"'],
  [{ method: 'DELETE', path: targets }, 'cannot deletecollection resource "nodetargets"'],
  [patch('/api/v1/nodes/one', { spec: { unschedulable: true } }), 'cannot patch resource "nodes"'],
  [patch('/api/v1/nodes/one/status', { status: {} }), 'cannot patch resource "nodes/status"'],
  [patch(`${agents}/secrets/pool-workers`, { data: {} }), 'cannot patch resource "secrets"'],
  [post(`${agents}/secrets`, 'Secret'), 'cannot create resource "secrets"'],
  [{ method: 'DELETE', path: `${agents}/secrets/pool-workers` }, 'cannot delete resource "secrets"'],
  [post(`${system}/pods`, 'Pod'), 'cannot create resource "pods"'],
  [{ method: 'POST', path: `${system}/pods/scantling-agent-one/exec?command=sh` }, 'cannot create resource "pods/exec"'],
  [post(`${system}/pods/scantling-agent-one/eviction`, 'Eviction', 'policy/v1'), 'cannot create resource "pods/eviction"'],
  [post('/apis/events.k8s.io/v1/namespaces/default/events', 'Event', 'events.k8s.io/v1'), 'cannot create resource "events"'],
  [
    post('/apis/coordination.k8s.io/v1/namespaces/scantling-system/leases', 'Lease', 'coordination.k8s.io/v1'),
    'cannot create resource "leases"',
  ],
  [
    post(`${rbac}/clusterrolebindings`, 'ClusterRoleBinding', 'rbac.authorization.k8s.io/v1'),
    'cannot create resource "clusterrolebindings"',
  ],
  ...['scantling-agent', 'scantling-controller'].map(
    account =>
      [
        review(`${system}/serviceaccounts/${account}/token`, 'TokenRequest', {}),
        'cannot create resource "serviceaccounts/token"',
      ] as const,
  ),
  [review('/apis/authentication.k8s.io/v1/tokenreviews', 'TokenReview', { token: 'x' }), 'cannot create resource "tokenreviews"'],
  [
    review('/apis/authorization.k8s.io/v1/subjectaccessreviews', 'SubjectAccessReview', { user: 'x' }),
    'cannot create resource "subjectaccessreviews"',
  ],
  [
    post('/apis/certificates.k8s.io/v1/certificatesigningrequests', 'CertificateSigningRequest', 'certificates.k8s.io/v1'),
    'cannot create resource "certificatesigningrequests"',
  ],
];

const impersonations: readonly Record<string, string>[] = [
  { 'Impersonate-User': 'system:serviceaccount:scantling-system:scantling-controller' },
  { 'Impersonate-User': 'system:node:two' },
  { 'Impersonate-User': 'x', 'Impersonate-Group': 'system:masters' },
  {
    'Impersonate-User': 'system:serviceaccount:scantling-system:scantling-agent',
    'Impersonate-Extra-Authentication.kubernetes.io%2Fnode-name': 'two',
  },
];

async function refused(token: string, call: Call, says: string): Promise<void> {
  const answer = await api.call(token, call);
  assert.equal(answer.status, 403, `${call.method} ${call.path}: ${JSON.stringify(answer.body)}`);
  assert.ok(answer.body.message?.includes(says), answer.body.message);
}

describe('the token of an agent', () => {
  test('reads nothing but targets and the copies of pull Secrets', async () => {
    for (const [call, says] of reads) await refused(api.tokens.one, call, says);
  });

  test('changes nothing beside the status of targets, and makes nothing', async () => {
    for (const [call, says] of writes) await refused(api.tokens.one, call, says);
  });

  test('speaks for nobody else', async () => {
    for (const headers of impersonations) await refused(api.tokens.one, { ...get(targets), headers }, 'cannot impersonate');
  });

  test('reads what it is for', async () => {
    for (const token of [api.tokens.one, api.tokens.pod]) {
      const calls = [get(`${targets}?fieldSelector=metadata.name%3Done`), get(`${agents}/secrets/pool-workers`), get('/version')];
      const asksOfItself = review('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', 'SelfSubjectRulesReview', {
        namespace: 'default',
      });
      for (const call of calls) assert.equal((await api.call(token, call)).status, 200, call.path);
      assert.equal((await api.call(token, asksOfItself)).status, 201);
    }
  });
});

describe('the status of a target', () => {
  test("is written by the agent of its node, whether its token is the Node's or the pod's", async () => {
    for (const token of [api.tokens.one, api.tokens.pod]) {
      const answer = await api.call(token, applyStatus('one', host));
      assert.equal(answer.status, 200, answer.body.message);
      assert.deepEqual((answer.body['status'] as typeof host).host, host.host);
      assert.deepEqual((answer.body['status'] as typeof rollout).rollout, rollout.rollout);
    }
  });

  test('is refused to the agent of another node, in each way of writing', async () => {
    const path = `${targets}/two/status?fieldManager=scantling-agent`;
    const says = 'the agent of node one may not write the target of node two';
    const ways = [
      applyStatus('two', { ...host, observedGeneration: 1 }),
      applyStatus('two', { observedGeneration: 2 }),
      patch(path, { status: { observedGeneration: 3 } }),
      patch(path, [{ op: 'add', path: '/status', value: { observedGeneration: 4 } }], jsonPatch),
    ];
    for (const call of ways) for (const token of [api.tokens.one, api.tokens.pod]) await refused(token, call, says);
  });

  test('is refused to a token that names no node', async () => {
    await refused(api.tokens.unbound, applyStatus('one', { observedGeneration: 7 }), 'this token names no node');
  });

  test("keeps the controller's part, whoever an agent says that it is", async () => {
    const status = `${own}/status?fieldManager=scantling-agent`;
    const says = 'status.rollout is written by the controller';
    const changed = { rollout: { ...rollout.rollout, message: 'all is well' } };
    const ways = [
      applyStatus('one', { ...host, ...changed }),
      applyStatus('one', host, 'scantling-rollout'),
      applyStatus('one', {}, 'scantling-rollout'),
      patch(status, { status: changed }),
      patch(status, { status: { rollout: null } }),
      patch(status, { status: null }),
      patch(status, [{ op: 'remove', path: '/status/rollout' }], jsonPatch),
      patch(status, [{ op: 'replace', path: '/status/rollout/message', value: '' }], jsonPatch),
    ];
    for (const call of ways) await refused(api.tokens.one, call, says);
    const asController = applyStatus('one', { ...host, ...rollout }, 'scantling-rollout');
    await refused(api.tokens.one, asController, 'an agent writes as the field manager scantling-agent');
  });

  test('carries no spec and no metadata along', async () => {
    const before = await api.admin(get(own));
    const metadata = {
      labels: { a: 'b' },
      annotations: { a: 'b' },
      finalizers: ['a.example.com/b'],
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'one', uid: 'x' }],
      managedFields: [{}],
    };
    const body = { spec: { state: 'Booted', approval: 'x' }, metadata, status: { observedGeneration: 3 } };
    const answer = await api.call(api.tokens.one, patch(`${own}/status?fieldManager=scantling-agent`, body));
    assert.equal(answer.status, 200, answer.body.message);
    const after = await api.admin(get(own));
    assert.deepEqual(after.body['spec'], target('one').spec);
    const kept = ({ body }: typeof after) => {
      const { labels, annotations, finalizers, ownerReferences, managedFields } = body['metadata'] as KubeObject['metadata'] & {
        managedFields: { manager: string }[];
      };
      const managers = managedFields.map(m => m.manager).filter(m => m !== 'scantling-agent');
      return { labels, annotations, finalizers, ownerReferences, managers };
    };
    assert.deepEqual(kept(after), kept(before));
  });

  test('is not written by a strategic merge, which no API server makes of it', async () => {
    const call = patch(`${own}/status`, { status: {} }, 'application/strategic-merge-patch+json');
    assert.equal((await api.call(api.tokens.one, call)).status, 415);
  });
});

describe('tokens of other ServiceAccounts', () => {
  test("the builder's may do nothing, should one ever be made", async () => {
    const token = await api.tokenOf('scantling-builder');
    const calls = [...reads, ...writes].map(([call]) => call);
    for (const call of [...calls, get(targets), get(`${agents}/secrets/pool-workers`), applyStatus('one', host)]) {
      assert.equal((await api.call(token, call)).status, 403, `${call.method} ${call.path}`);
    }
    const account = await api.admin(get(`${system}/serviceaccounts/scantling-builder`));
    assert.equal(account.body['automountServiceAccountToken'], false, 'and its pods get none');
  });
});
