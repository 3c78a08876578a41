/** What docs/uninstall.md has people run for plain manifests takes no Secret of theirs with it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { leases, secrets } from '../../controller/api/core.ts';
import { defaultNamespace, leaderLease } from '../../controller/api/names.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import { kubectl } from '../cluster/kubectl.ts';
import { crds, customResourceDefinitions, established } from '../cluster/manifests.ts';
import { type Api, configMap, configMaps, startApi } from '../kube/api-fixture.ts';
import { root } from '../docs/markdown.ts';
import { runBlock, shellBlock } from './page-block.ts';

const page = 'docs/uninstall.md';
const fieldManager = 'test';
const namespace = defaultNamespace;

let api: Api;
before(async () => {
  // Who empties namespaces that are deleted is there, so that a namespace that goes takes with it what is in it.
  api = await startApi({ controllers: ['namespace-controller'], apiServerFlags: ['--allow-privileged=true'] });
});
after(() => api?.stop());

const kube = async (...args: string[]): Promise<string> => {
  const { stdout } = await kubectl(args, { kubeconfig: api.cluster.adminKubeconfig, cwd: root });
  return stdout.trim();
};

/** As docs/install.md says. */
async function install(): Promise<void> {
  await kube('apply', '--server-side', '-f', 'crds/');
  for (const { metadata } of crds()) await established(api.admin, metadata.name);
  await kube('apply', '-k', 'manifests/');
}

/** Kinds and names of all that bears our label. */
async function ours(): Promise<string[]> {
  const namespaced = 'deployments,daemonsets,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets';
  const wide = 'clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings,services';
  const label = ['-l', 'app.kubernetes.io/name=scantling', '-o', 'name'];
  const lines = await kube('get', '-A', `${namespaced},${wide}`, ...label);
  return lines.split('\n').filter(Boolean);
}

/** A kubeconfig of somebody who may look and delete, and write nothing. */
async function ofWhoMayOnlyDelete(): Promise<string> {
  await kube('create', 'serviceaccount', 'deleter', '-n', 'default');
  await kube('create', 'clusterrole', 'deleter', '--verb=get,list,watch,delete', '--resource=*.*');
  await kube('create', 'clusterrolebinding', 'deleter', '--clusterrole=deleter', '--serviceaccount=default:deleter');
  return api.cluster.kubeconfigFor(await kube('create', 'token', 'deleter', '-n', 'default'));
}

test('nothing is deleted where the nodes and objects could not be freed first', async () => {
  await install();
  const there = await ours();
  assert.ok(there.length > 15);
  const kubeconfig = await ofWhoMayOnlyDelete();
  await assert.rejects(
    runBlock(shellBlock(page, 'kubectl delete -k manifests/'), { kubeconfig }),
    /cannot create resource "leases"/,
  );
  assert.deepEqual(await ours(), there);
});

test('Secrets, ConfigMaps and objects stay, and a second installation finds them', async () => {
  await install();
  assert.ok((await ours()).length > 15);
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'git', namespace },
    data: { bearerToken: Buffer.from('not-a-secret').toString('base64') },
  };
  await api.admin.create(secrets, secret, { fieldManager });
  await api.admin.create(configMaps, configMap(namespace, 'scantling-registries', { 'registries.yaml': 'registries: []' }), {
    fieldManager,
  });
  const source = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemSource',
    metadata: { name: 'systems' },
    spec: { url: 'https://git.example.com/systems.git', secretRef: { name: 'git' } },
  };
  await api.admin.apply(systemsources, source, { fieldManager });
  // As a controller leaves it that ended in order: nobody has to be waited for.
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: leaderLease, namespace },
    spec: { holderIdentity: '' },
  };
  await api.admin.create(leases, lease, { fieldManager });

  const said = await runBlock(shellBlock(page, 'kubectl delete -k manifests/'), { kubeconfig: api.cluster.adminKubeconfig });
  assert.doesNotMatch(said, /^namespace "/m);
  assert.deepEqual(await ours(), []);
  const kept = async () => [
    (await api.admin.get(secrets, 'git', namespace)).data,
    (await api.admin.get(configMaps, 'scantling-registries', namespace)).data,
    (await api.admin.get(systemsources, 'systems')).spec.secretRef,
  ];
  const before = [secret.data, { 'registries.yaml': 'registries: []' }, { name: 'git' }];
  assert.deepEqual(await kept(), before);
  assert.equal((await api.admin.list(customResourceDefinitions)).items.length, crds().length);

  await install();
  assert.ok((await ours()).length > 15);
  assert.deepEqual(await kept(), before);
});

test('what the page has for removing the rest as well leaves nothing', async () => {
  await runBlock(shellBlock(page, 'kubectl delete namespace'), { kubeconfig: api.cluster.adminKubeconfig });
  const { items } = await api.admin.list(customResourceDefinitions);
  assert.deepEqual(items, []);
  assert.equal(await kube('get', 'namespaces', '-l', 'app.kubernetes.io/name=scantling', '-o', 'name'), '');
});
