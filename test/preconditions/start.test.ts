/** What is wrong with a cluster before the controller starts: one clear line, not ready with the same words, no end of the process, and it goes on. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { conditionOf } from '../../controller/api/conditions.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import type { Rule } from '../../controller/preconditions/permissions.ts';
import { customResourceDefinitions, crds, established, install, resourceOf, manifests } from '../cluster/manifests.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { freePort } from '../cluster/processes.ts';
import { startApi, type Api } from '../kube/api-fixture.ts';
import { until } from '../kube/until.ts';
import { Program } from './program.ts';

let api: Api;
let kubeconfig: string;
before(async () => {
  api = await startApi({ deliberateRefusals: true });
  await install(api.admin, { without: ['Deployment', 'DaemonSet'] });
  const token = await serviceAccountToken(api.transport(), 'scantling-controller');
  kubeconfig = api.proxy.kubeconfigFor(token);
});
after(() => api.stop());

const start = (t: TestContext, flags: Record<string, string> = {}): Promise<Program> =>
  Program.start(t, 'controller', { kubeconfig, builders: 'process', ...flags });

/** The one line that the log has about it is what /readyz says. */
async function clearlySaid(program: Program, words: RegExp): Promise<string> {
  const text = await program.untilUnready(words);
  const said = program.said();
  const [line, ...more] = said.filter(({ msg }) => words.test(msg));
  assert.equal(more.length, 0, JSON.stringify(said));
  assert.ok(line && text.includes(`cluster: ${line.msg}`), text);
  assert.doesNotMatch(line.msg, /\n/);
  assert.equal(program.running, true);
  assert.equal(await program.healthz(), 200);
  return line.msg;
}

const crd = (kind: string): KubeObject => {
  const found = crds().find(({ spec }) => spec.names.kind === kind);
  assert.ok(found);
  return structuredClone(found);
};

async function putCrd(object: KubeObject): Promise<void> {
  await api.admin.apply(customResourceDefinitions, object, { fieldManager: 'kubectl' });
  await established(api.admin, object.metadata.name);
}

/** Puts it in place of the one that is there, and waits until the API server tells of the field, which it does a moment after it serves it. */
async function changeCrd(object: KubeObject, field: string): Promise<void> {
  await putCrd(object);
  const transport = api.transport();
  await until(`${field} in the API server's OpenAPI`, async () => {
    const document = await transport.request<object>({ method: 'GET', path: '/openapi/v3/apis/scantling.dev/v1alpha1' });
    return JSON.stringify(document).includes(`"${field}"`);
  });
}

interface ClusterRole extends KubeObject {
  rules: Rule[];
}

const role = (name: string): ClusterRole => {
  const found = manifests().find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === name);
  assert.ok(found);
  return structuredClone(found) as ClusterRole;
};
const putRole = (object: ClusterRole) => api.admin.apply(resourceOf(object), object, { fieldManager: 'kubectl' });

describe('at its start the controller', () => {
  it('looks with at most ten requests, and makes nothing by it', async t => {
    api.proxy.clear();
    const program = await start(t);
    await program.untilReady();
    const calls = api.proxy.calls(({ userAgent }) => userAgent.startsWith('scantling-controller'));
    const looks = calls.slice(
      0,
      calls.findIndex(({ verb, resource }) => verb === 'list' && resource !== ''),
    );
    t.diagnostic(looks.map(({ verb, path }) => `${verb} ${path}`).join(', '));
    assert.ok(looks.length > 3 && looks.length <= 10, String(looks.length));
    for (const level of ['warn', 'error'] as const)
      assert.deepEqual(
        program.said(level).filter(({ precondition }) => precondition),
        [],
      );
  });

  it('says that CRDs are missing, and goes on once they are there', async t => {
    const target = crd('NodeTarget');
    await api.admin.delete(customResourceDefinitions, target.metadata.name);
    try {
      const program = await start(t);
      const line = await clearlySaid(program, /nodetargets\.scantling\.dev/);
      assert.match(line, /^not installed: the CRD nodetargets\.scantling\.dev: apply crds\/ of version /);
      await putCrd(target);
      await program.untilReady();
      assert.match(
        program
          .said('info')
          .map(({ msg }) => msg)
          .join('\n'),
        /all that was missing is there now/,
      );
    } finally {
      await putCrd(target);
    }
  });

  it('names the field that an older CRD lacks, and takes a newer one', async t => {
    const current = crd('SystemPool');
    const text = JSON.stringify(current);
    const older = JSON.parse(text.replaceAll('"maxUnavailable"', '"atMostAway"')) as KubeObject;
    try {
      // Not deleted before: one that is still being deleted takes the change, and goes with it.
      await changeCrd(older, 'atMostAway');
      const program = await start(t);
      const line = await clearlySaid(program, /older than this program/);
      assert.match(line, /systempools\.scantling\.dev lacks spec\.rollout\.maxUnavailable: apply crds\//);
      await putCrd(JSON.parse(text.replace('"suspend":', '"hibernate":{"type":"boolean"},"suspend":')) as KubeObject);
      await program.untilReady();
      const newer = program.said('info').filter(({ msg }) => /newer than this program/.test(msg));
      assert.match(newer.at(-1)?.newer?.join() ?? '', /systempools\.scantling\.dev \(.*spec\.hibernate/, JSON.stringify(newer));
    } finally {
      await changeCrd(current, 'maxUnavailable');
    }
  });

  it('names the rule that is missing', async t => {
    const whole = role('scantling-controller');
    const rules = whole.rules.map(rule =>
      rule.resources?.includes('nodes') ? { ...rule, verbs: rule.verbs.filter(verb => verb !== 'watch') } : rule,
    );
    await putRole({ ...whole, rules });
    try {
      const program = await start(t);
      const line = await clearlySaid(program, /lacks permissions/);
      assert.match(line, /^system:serviceaccount:scantling-system:scantling-controller lacks permissions of the ClusterRole/);
      assert.match(line, /in all namespaces: \{apiGroups: \[""\], resources: \[nodes\], verbs: \[watch\]\}/);
      await putRole(whole);
      await program.untilReady();
    } finally {
      await putRole(whole);
    }
  });

  it('names what it lacks in its namespace, and asks whether that exists when it is all', async t => {
    const program = await start(t, { namespace: 'elsewhere' });
    const line = await clearlySaid(program, /in the namespace elsewhere/);
    assert.match(line, /Role scantling-controller in the namespace elsewhere \(does that namespace exist\?\)/);
  });

  it('says that its namespace does not exist, where it may know', async t => {
    const program = await start(t, { namespace: 'elsewhere', kubeconfig: api.proxy.kubeconfigFor(api.cluster.adminToken) });
    await clearlySaid(program, /the namespace elsewhere does not exist/);
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } };
    await api.admin.create(resourceOf(namespace), namespace);
    await program.untilReady();
  });

  it('says that the API server is too old', async t => {
    const body = JSON.stringify({ major: '1', minor: '31+', gitVersion: 'v1.31.7-eks' });
    const fault = api.proxy.fail(({ path }) => path === '/version', { status: 200, body });
    t.after(() => fault.remove());
    const program = await start(t);
    const line = await clearlySaid(program, /is Kubernetes v1\.31\.7-eks/);
    assert.match(line, /Scantling needs 1\.32 or newer: upgrade/);
    fault.remove();
    await program.untilReady();
  });

  it('says that the API server cannot be reached, or does not know it', async t => {
    const away = api.proxy.fail({ userAgent: 'scantling-controller' }, { drop: 'before' });
    t.after(() => away.remove());
    const program = await start(t);
    const line = await clearlySaid(program, /does not answer/);
    assert.ok(line.startsWith(`the API server ${api.proxy.url} does not answer (`), line);
    away.remove();
    await program.untilReady();

    const stranger = await start(t, { kubeconfig: api.proxy.kubeconfigFor('no-such-token') });
    assert.match(await clearlySaid(stranger, /credentials/), /does not take the credentials \(401 Unauthorized\)/);
  });

  it('says that its clock is wrong: a little is a warning, much is not ready', async t => {
    const much = api.proxy.fail({ userAgent: 'scantling-controller' }, { dateBackMs: 3_600_000 });
    t.after(() => much.remove());
    const program = await start(t);
    const line = await clearlySaid(program, /clock/);
    assert.match(line, /^the clock of this machine is (3599|3600) s ahead of the API server's: set the clocks/);
    const little = api.proxy.fail({ userAgent: 'scantling-controller' }, { dateBackMs: -8_000 });
    t.after(() => little.remove());
    await program.untilReady();
    assert.match(
      program
        .said('warn')
        .map(({ msg }) => msg)
        .join('\n'),
      /the clock of this machine is [78] s behind/,
    );
  });

  it('says that a ConfigMap is missing which a flag names, and works without it', async t => {
    const program = await start(t, { 'registries-config': 'mirrors' });
    await program.untilReady();
    const [line, ...more] = program.said('warn').filter(({ precondition }) => precondition);
    assert.match(
      line?.msg ?? '',
      /^the ConfigMap mirrors of the namespace scantling-system, which --registries-config names, does not exist/,
    );
    assert.deepEqual(more, []);
  });

  it('works while a registry cannot be reached, which what needs it says', async t => {
    const host = `127.0.0.1:${await freePort()}`;
    const program = await start(t, { 'insecure-registries': host });
    await program.untilReady();
    await api.admin.apply(
      systemdefinitions,
      {
        apiVersion: 'scantling.dev/v1alpha1',
        kind: 'SystemDefinition',
        metadata: { name: 'edge' },
        spec: { base: { image: `${host}/base:1` }, output: { repository: `${host}/edge` } },
      },
      { fieldManager: 'kubectl' },
    );
    t.after(() => api.admin.delete(systemdefinitions, 'edge'));
    await until('a condition that names the registry', async () => {
      const { status } = await api.admin.get(systemdefinitions, 'edge');
      return conditionOf(status?.conditions, 'Ready')?.message.includes(host) === true;
    });
    assert.equal((await program.readyz()).status, 200);
    assert.equal(await program.healthz(), 200);
  });
});

describe('while it runs the controller', () => {
  it('says that a CRD has gone, without a storm of requests, and goes on when it is back', async t => {
    const program = await start(t);
    await program.untilReady();
    const target = crd('NodeTarget');
    t.after(() => putCrd(target));
    api.proxy.clear();
    await api.admin.delete(customResourceDefinitions, target.metadata.name);
    const line = await clearlySaid(program, /nodetargets\.scantling\.dev/);
    assert.match(line, /^not installed: the CRD nodetargets/);
    const asked = api.proxy.calls({ resource: 'nodetargets', verb: ['list', 'watch'] }).length;
    assert.ok(asked < 20, `${asked} requests`);
    await putCrd(target);
    await program.untilReady();
    await until('a watch on it', () => api.proxy.openWatches.some(({ resource }) => resource === 'nodetargets'));
    assert.equal(program.running, true);
  });

  it('names the rule that was taken away', async t => {
    const program = await start(t);
    await program.untilReady();
    const whole = role('scantling-controller');
    t.after(() => putRole(whole));
    await putRole({ ...whole, rules: whole.rules.filter(rule => !rule.resources?.includes('nodes')) });
    // The permission is asked for at the beginning of a request only.
    api.proxy.cutWatches({ resource: 'nodes' });
    const line = await clearlySaid(program, /lacks permissions/);
    assert.match(line, /resources: \[nodes\], verbs: \[get, list, watch, patch\]/);
    await putRole(whole);
    await program.untilReady();
  });

  it('lists nothing anew after a look that was not answered', async t => {
    const program = await start(t);
    await program.untilReady();
    const busy = api.proxy.fail(({ path }) => path === '/version', { status: 500 });
    t.after(() => busy.remove());
    const refusal = api.proxy.fail({ resource: 'nodes', verb: 'watch' }, { status: 403, times: 1 });
    t.after(() => refusal.remove());
    api.proxy.cutWatches({ resource: 'nodes' });
    await program.untilUnready(/answers 500/);
    await until('the watch', () => api.proxy.openWatches.some(({ resource }) => resource === 'nodes'));
    api.proxy.clear();
    busy.remove();
    await program.untilReady();
    await until('word of it', () => program.said('info').some(({ msg }) => /all that was missing is there now/.test(msg)));
    // Two renewals of the Lease later whatever was to be listed would have been.
    await api.proxy.seen({ resource: 'leases', verb: 'patch' }, 2);
    assert.deepEqual(
      api.proxy.calls({ verb: ['list', 'watch'] }).map(({ verb, path }) => `${verb} ${path}`),
      [],
    );
  });
});
