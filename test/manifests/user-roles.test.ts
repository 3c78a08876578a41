/** What the roles for people let them do, and what not: neither Secrets, nor what the controller alone decides. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { least, type Plural } from './refusals.ts';
import { startInstalledApi, target, targets, until, type InstalledApi } from './installed-api.ts';

const ours = '/apis/scantling.dev/v1alpha1';
const kinds = Object.keys(least) as Plural[];
const declared: readonly Plural[] = ['systemsources', 'systemdefinitions', 'systemaddons', 'systempools'];
const object = (plural: Plural, name: string) => ({
  apiVersion: 'scantling.dev/v1alpha1',
  kind: least[plural].kind,
  metadata: { name },
  spec: least[plural].spec,
});

let api: InstalledApi;
let viewer: string;
let administrator: string;
let trusting: string;

/** A person with one of the roles, as a ServiceAccount: what a token says of its bearer is what RBAC goes by. */
async function personWith(role: string): Promise<string> {
  const name = `person-${role}`;
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } };
  await api.admin({ method: 'POST', path: '/api/v1/namespaces/scantling-system/serviceaccounts', body: account });
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name, namespace: 'scantling-system' }],
  };
  await api.admin({ method: 'POST', path: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', body: binding });
  const token = await api.tokenOf(name);
  await until(() => api.call(token, { method: 'GET', path: `${ours}/trustpolicies` }), 200);
  return token;
}

before(async () => {
  api = await startInstalledApi();
  viewer = await personWith('scantling-view');
  administrator = await personWith('scantling-admin');
  trusting = await personWith('scantling-trust-admin');
  const build = await api.admin({ method: 'POST', path: `${ours}/imagebuilds`, body: object('imagebuilds', 'made') });
  assert.equal(build.status, 201, build.body.message);
});
after(() => api?.close());

async function statusOf(
  token: string,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
): Promise<number> {
  return (await api.call(token, { method, path, ...(body ? { body } : {}) })).status;
}

describe('scantling-view', () => {
  test('reads everything of ours, and nothing beside it', async () => {
    for (const kind of kinds) {
      // The API server asks for patience while it begins to serve a kind.
      const answer = await until(() => api.call(viewer, { method: 'GET', path: `${ours}/${kind}` }), 200);
      assert.equal(answer.status, 200, kind);
    }
    for (const path of ['/api/v1/secrets', '/api/v1/namespaces/scantling-agents/secrets/pool-workers', '/api/v1/nodes']) {
      assert.equal(await statusOf(viewer, 'GET', path), 403, path);
    }
  });
  test('changes nothing', async () => {
    for (const kind of kinds) assert.equal(await statusOf(viewer, 'POST', `${ours}/${kind}`, object(kind, 'new')), 403, kind);
    const metadata = { metadata: { annotations: { a: 'b' } } };
    assert.equal(await statusOf(viewer, 'PATCH', `${targets}/one`, metadata), 403);
    assert.equal(await statusOf(viewer, 'PATCH', `${ours}/imagebuilds/made`, metadata), 403);
  });
});

describe('scantling-admin', () => {
  test('declares, changes and deletes what people declare', async () => {
    for (const kind of declared) {
      assert.equal(await statusOf(administrator, 'POST', `${ours}/${kind}`, object(kind, 'new')), 201, kind);
      const asked = { metadata: { annotations: { 'reconcile.scantling.dev/requestedAt': '1' } } };
      assert.equal(await statusOf(administrator, 'PATCH', `${ours}/${kind}/new`, asked), 200, kind);
      assert.equal(await statusOf(administrator, 'PATCH', `${ours}/${kind}/new/status`, { status: {} }), 403, kind);
      assert.equal(await statusOf(administrator, 'DELETE', `${ours}/${kind}/new`), 200, kind);
    }
  });
  test('asks for a build again, but makes none, changes none and deletes none', async () => {
    const path = `${ours}/imagebuilds/made`;
    assert.equal(await statusOf(administrator, 'PATCH', path, { metadata: { annotations: { a: 'b' } } }), 200);
    const changed = await api.call(administrator, {
      method: 'PATCH',
      path,
      body: { spec: { definitionRef: { name: 'another' } } },
    });
    assert.equal(changed.status, 422, changed.body.message);
    assert.equal(await statusOf(administrator, 'POST', `${ours}/imagebuilds`, object('imagebuilds', 'new')), 403);
    assert.equal(await statusOf(administrator, 'DELETE', path), 403);
  });
  test('writes no target and reads no Secret', async () => {
    assert.equal(await statusOf(administrator, 'POST', targets, target('three')), 403);
    assert.equal(await statusOf(administrator, 'PATCH', `${targets}/one`, { spec: { state: 'Booted', approval: 'x' } }), 403);
    assert.equal(await statusOf(administrator, 'DELETE', `${targets}/one`), 403);
    assert.equal(await statusOf(administrator, 'GET', '/api/v1/namespaces/scantling-system/secrets/fleet-git'), 403);
  });
});

describe('scantling-trust-admin', () => {
  test('says who is trusted, which whoever declares systems may only read', async () => {
    const policies = `${ours}/trustpolicies`;
    assert.equal(await statusOf(administrator, 'GET', policies), 200);
    assert.equal(await statusOf(administrator, 'POST', policies, object('trustpolicies', 'new')), 403);
    assert.equal(await statusOf(trusting, 'POST', policies, object('trustpolicies', 'new')), 201);
    assert.equal(await statusOf(administrator, 'PATCH', `${policies}/new`, { spec: { mode: 'Skip' } }), 403);
    assert.equal(await statusOf(administrator, 'DELETE', `${policies}/new`), 403);
    assert.equal(await statusOf(trusting, 'PATCH', `${policies}/new/status`, { status: {} }), 403);
    assert.equal(await statusOf(trusting, 'DELETE', `${policies}/new`), 200);
    assert.equal(await statusOf(trusting, 'POST', `${ours}/systempools`, object('systempools', 'new')), 403);
  });
});
