/** From a pool that names a Secret to nodes that booted from a registry which lets nobody in without it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { events, secrets, type Secret } from '../../controller/api/core.ts';
import { defaultAgentNamespace, defaultNamespace, requestedAt } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { systemaddons } from '../../controller/api/system-addon.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { trustpolicies } from '../../controller/api/trust-policy.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { directoryInMemory, removeDirectory } from '../cluster/processes.ts';
import { registryCredentials, startRegistry, type RegistryServer } from '../cluster/registry.ts';
import { newKey } from '../trust/corpus/keys.ts';
import { until } from './cluster.ts';

const fieldManager = 'test';
const pool = 'workers';
const copy = `pool-${pool}`;
const auth = Buffer.from(`${registryCredentials.username}:${registryCredentials.password}`).toString('base64');

let environment: Environment;
let registry: RegistryServer;
let directory: string;
let passes = 0;

before(async () => {
  directory = directoryInMemory('private-registry');
  const open = await startRegistry({ directory });
  await pushBaseImage({ registry: open.host, repository: 'os', tag: '2' });
  await open.stop();
  registry = await startRegistry({ directory, auth: 'basic' });
  environment = await startEnvironment({ nodes: 2, workloads: false, rebootMs: 300, otherRegistries: [registry.host] });
});
after(async () => {
  await environment?.stop();
  await registry?.stop();
  removeDirectory(directory);
});

async function putSecret(auths: object, type = 'kubernetes.io/dockerconfigjson'): Promise<void> {
  const { admin } = environment;
  await admin.delete(secrets, 'registry-pull', { namespace: defaultNamespace });
  const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
  const metadata = { name: 'registry-pull', namespace: defaultNamespace };
  await admin.apply(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, type, data }, { fieldManager });
}

async function findCopy(): Promise<Secret | undefined> {
  try {
    return await environment.admin.get(secrets, copy, defaultAgentNamespace);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const entries = (password: string) => ({
  [registry.host]: { auth: Buffer.from(`scantling:${password}`).toString('base64') },
});

const object = (kind: string, name: string) => ({ apiVersion: 'scantling.dev/v1alpha1' as const, kind, metadata: { name } });

const textOf = (secret: Secret | undefined): string =>
  Buffer.from(secret?.data?.['.dockerconfigjson'] ?? '', 'base64').toString('utf8');

async function changePool(spec: object): Promise<void> {
  const metadata = { name: pool, annotations: { [requestedAt]: String(passes++) } };
  const object = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', metadata, spec };
  await environment.admin.apply(systempools, object, { fieldManager });
}

/** The pool as a person writes it, looked at anew by the controller. */
const look = (more: object = { pullSecretRef: { name: 'registry-pull' } }) =>
  changePool({
    nodeSelector: { matchLabels: { 'node-role.kubernetes.io/worker': '' } },
    system: { image: `${registry.host}/os:2` },
    rollout: { maxUnavailable: 2, canary: 0 },
    ...more,
  });

const says = (reason: string, message: RegExp) =>
  until(async () => {
    const { status } = await environment.admin.get(systempools, pool);
    const ready = conditionOf(status?.conditions, 'Ready');
    assert.equal(ready?.reason, reason, ready?.message);
    assert.match(ready.message, message);
  });

test('without the Secret nothing starts, and the pool says what is wrong with it', async () => {
  await look();
  await says('SecretNotFound', /Secret scantling-system\/registry-pull not found/);
  await putSecret({}, 'Opaque');
  await look();
  await says('InvalidSecret', /is of type Opaque; pull credentials are of type kubernetes\.io\/dockerconfigjson/);
  await putSecret(entries('wrong'));
  await look();
  await says('RegistryAccessDenied', /./);
  assert.equal(await findCopy(), undefined);
  assert.deepEqual((await environment.admin.list(nodetargets)).items, []);
});

test('with it the nodes boot, and get no more of it than their image needs', async () => {
  await putSecret({ [registry.host]: { auth }, 'git.example.com': { auth: Buffer.from('git:token').toString('base64') } });
  await look();
  await says('Updated', /./);
  const made = await findCopy();
  assert.deepEqual(JSON.parse(textOf(made)), { auths: { [registry.host]: { auth } } });
  const { status } = await environment.admin.get(systempools, pool);
  assert.deepEqual(status?.pullSecret, { name: copy, revision: made?.metadata.resourceVersion });
  for (const target of (await environment.admin.list(nodetargets)).items) {
    assert.deepEqual(target.spec.pullSecret, status?.pullSecret);
    assert.equal(target.status?.verdict?.type, 'Succeeded');
  }
});

test('an addon there that a policy refuses is given to no node, and once it is allowed it comes with the same credentials', async () => {
  const { admin } = environment;
  const repository = `${registry.host}/addons/tool`;
  const trust = (name: string, spec: object) =>
    admin.apply(trustpolicies, { ...object('TrustPolicy', name), spec }, { fieldManager });
  await trust('rest', { scope: { root: true }, mode: 'Skip' });
  await trust('addons', { scope: { prefix: repository }, authorities: [{ name: 'release', key: { data: newKey().pem } }] });
  const variants = [{ platform: '_any' as const, source: { files: [{ path: '/usr/share/tool', content: 'a tool' }] } }];
  const output = { repository, pushSecretRef: { name: 'registry-pull' } };
  await admin.apply(systemaddons, { ...object('SystemAddon', 'tool'), spec: { variants, output } }, { fieldManager });
  await look({ pullSecretRef: { name: 'registry-pull' }, addons: [{ name: 'tool', addon: 'tool' }] });
  await says('Untrusted', /addon tool is not trusted: TrustPolicy addons asks for the signature/);
  const targets = async () => (await admin.list(nodetargets)).items;
  for (const { spec, status } of await targets())
    assert.deepEqual([spec.addons, status?.host?.addons?.set], [undefined, undefined]);

  await trust('addons', { scope: { prefix: repository }, mode: 'Skip' });
  await says('Updated', /./);
  const { status } = await admin.get(systemaddons, 'tool');
  for (const { spec, status: node } of await targets()) {
    assert.deepEqual(
      spec.addons?.map(addon => addon.image),
      [status?.variants?.[0]?.image],
    );
    assert.deepEqual([node?.host?.addons?.state, node?.host?.addons?.set], ['Merged', spec.addonSet]);
  }
});

test('nothing of it is left on a host, in a log, a status or an event', async () => {
  const { admin, nodes, directory: files } = environment;
  for (const node of nodes) assert(!existsSync(join(node.host.root, 'run/ostree/auth.json')));
  const objects = [
    ...(await admin.list(systempools)).items,
    ...(await admin.list(nodetargets)).items,
    ...(await admin.list(systemaddons)).items,
    ...(await admin.list(events, { namespace: 'default' })).items,
  ];
  const logs = [join(files, 'controller.log'), ...nodes.map(n => n.agentLog)].map(file => readFileSync(file, 'utf8'));
  for (const text of [JSON.stringify(objects), ...logs]) {
    assert.ok(!text.includes(registryCredentials.password) && !text.includes(auth), text.slice(0, 200));
  }
});

test('the copy follows the Secret, is put right when somebody else changes or deletes it, and stays when the Secret goes', async () => {
  const { admin } = environment;
  const follows = (text: string) =>
    until(async () => assert.deepEqual(JSON.parse(textOf(await findCopy()) || '{}'), { auths: entries(text) }));
  await putSecret(entries('second'));
  await look();
  await follows('second');

  const foreign = { data: { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') } };
  await admin.mergePatch(secrets, copy, foreign, { fieldManager, namespace: defaultAgentNamespace });
  await look();
  await follows('second');
  await admin.delete(secrets, copy, { namespace: defaultAgentNamespace });
  await look();
  await follows('second');

  await admin.delete(secrets, 'registry-pull', { namespace: defaultNamespace });
  await look();
  await says('SecretNotFound', /./);
  await follows('second');
});

test('the copy goes with pullSecretRef, and with the pool', async () => {
  const { admin } = environment;
  await look({});
  await until(async () => assert.equal(await findCopy(), undefined));
  await until(async () => assert.equal((await admin.get(systempools, pool)).status?.pullSecret, undefined));

  await putSecret({ [registry.host]: { auth } });
  await look();
  await until(async () => assert.ok(await findCopy()));
  await admin.delete(systempools, pool);
  await until(async () => {
    assert.deepEqual((await admin.list(systempools)).items, []);
    assert.equal(await findCopy(), undefined);
  });
});

test('a Secret of that name which is not ours is left alone', async () => {
  const { admin } = environment;
  const metadata = { name: copy, namespace: defaultAgentNamespace };
  await admin.apply(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data: { a: 'Yg==' } }, { fieldManager });
  await look();
  await says('PullSecretConflict', /Secret scantling-agents\/pool-workers is not one that Scantling made/);
  await admin.delete(systempools, pool);
  await until(async () => assert.deepEqual((await admin.list(systempools)).items, []));
  assert.deepEqual((await findCopy())?.data, { a: 'Yg==' });
});
