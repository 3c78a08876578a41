/** The backup of docs/operations.md, by its own commands: saved in one cluster, restored into an empty one, to which the hosts move. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { defaultNamespace as namespace } from '../../controller/api/names.ts';
import type { Resource } from '../../controller/api/resource.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import { createEdge, poolLabel } from '../cluster/edge.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import type { GitRepository } from '../cluster/git-repository.ts';
import { type GitServer, startGitServer } from '../cluster/git-server.ts';
import { lastingAgent, SimulatedNode } from '../cluster/nodes.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { programFor } from '../cluster/program.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { configMap, configMaps } from '../kube/api-fixture.ts';
import { until } from '../kube/until.ts';
import { lacking, runBlock, shellBlock } from './page-block.ts';

const page = 'docs/operations.md';
const fieldManager = 'kubectl';
const bearer = 'not-a-secret';
/** What control planes and meshes write into every namespace. */
const authorities = ['kube-root-ca.crt', 'openshift-service-ca.crt', 'istio-ca-root-cert'];

let git: GitServer;
let repository: GitRepository;
let lost: Environment;
let empty: Environment;
/** Where the administrator keeps what was saved. */
let directory: string;
const moved: SimulatedNode[] = [];

before(async () => {
  directory = temporaryDirectory('backup');
  git = await startGitServer({ auth: { bearer } });
  lost = await startEnvironment({ nodes: 2, workloads: false, rebootMs: 300, labels: poolLabel });
  const otherRegistries = [lost.registry.host];
  empty = await startEnvironment({ nodes: 0, workloads: false, startController: false, otherRegistries });
});
after(async () => {
  await Promise.all(moved.map(node => node.stop()));
  await empty?.stop();
  await lost?.stop();
  await git?.stop();
  removeDirectory(directory);
});

const run = (holds: string, { controlPlane }: Environment): Promise<string> =>
  runBlock(shellBlock(page, holds), { kubeconfig: controlPlane.adminKubeconfig, cwd: directory });

const create = ({ admin }: Environment, resource: Resource, object: KubeObject) =>
  admin.create(resource, object, { fieldManager });

const savedFiles = (): string[] =>
  ['scantling', 'scantling-secrets', 'scantling-configmaps'].map(name => readFileSync(join(directory, `${name}.json`), 'utf8'));

const secret = (name: string, type: string, text: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace },
  type,
  data: { bearerToken: Buffer.from(text).toString('base64') },
});

/** What each cluster has of its own, and must keep. */
async function ownRecords(environment: Environment, cluster: string): Promise<void> {
  await create(environment, secrets, secret('sh.helm.release.v1.scantling.v1', 'helm.sh/release.v1', cluster));
  for (const name of authorities) await create(environment, configMaps, configMap(namespace, name, { cluster }));
  const dashboard = configMap(namespace, 'scantling-dashboard', { cluster });
  const labels = { 'app.kubernetes.io/managed-by': 'Helm' };
  await create(environment, configMaps, { ...dashboard, metadata: { ...dashboard.metadata, labels } });
}

const image = async ({ admin }: Environment, name: string) => (await admin.get(systemdefinitions, name)).status?.image;

const names = async ({ admin }: Environment) =>
  (await admin.list(imagebuilds)).items.map(({ metadata }) => metadata.name).toSorted();

async function updated({ admin }: Environment, to?: string): Promise<boolean> {
  const pool = (await admin.list(systempools)).items.find(({ metadata }) => metadata.name === 'edge');
  const ready = conditionOf(pool?.status?.conditions, 'Ready')?.reason === 'Updated';
  return ready && pool?.status?.nodes?.updated === 2 && (to === undefined || pool.status.target?.image === to);
}

/** The machines of the cluster that was lost are registered in the other one. */
async function moveHosts(): Promise<void> {
  const program = await programFor({ source: true });
  const architectures = ['amd64', 'arm64'] as const;
  for (const [i, { name }] of lost.nodes.entries()) {
    const architecture = architectures[i] ?? 'amd64';
    const node = new SimulatedNode({
      name,
      directory: join(lost.directory, 'nodes', name),
      labels: poolLabel,
      architecture,
      booted: { image: lost.base.image, digest: lost.base.platforms[architecture] ?? '' },
      kubelets: empty.kubelets,
      kubeconfigFor: async at => empty.proxy.kubeconfigFor(await serviceAccountToken(empty.transport, 'scantling-agent', at)),
      agent: lastingAgent(program),
      rebootMs: 300,
      log: empty.log,
    });
    moved.push(node);
    await node.start();
  }
}

test('what was saved is restored into an empty cluster, which goes on', { skip: lacking('jq') }, async () => {
  const { admin } = lost;
  await create(lost, secrets, secret('git', 'Opaque', bearer));
  await create(lost, configMaps, configMap(namespace, 'authorities', { 'ca.crt': '' }));
  const going = configMap(namespace, 'going');
  await create(lost, configMaps, { ...going, metadata: { ...going.metadata, finalizers: ['example.com/held'] } });
  await admin.delete(configMaps, 'going', { namespace });
  await ownRecords(lost, 'lost');
  await ownRecords(empty, 'empty');
  repository = await createEdge({ ...lost, git }, {});
  await admin.mergePatch(systemsources, 'systems', { spec: { secretRef: { name: 'git' } } }, { fieldManager });
  const spec = {
    base: { image: lost.base.image },
    kernelArguments: ['quiet'],
    output: { repository: `${lost.registry.host}/systems/kiosk` },
  };
  const head = { apiVersion: 'scantling.dev/v1alpha1', metadata: { name: 'kiosk' } };
  await admin.apply(systemdefinitions, { ...head, kind: 'SystemDefinition', spec }, { fieldManager });
  const pool = { nodeSelector: { matchLabels: { pool: 'kiosk' } }, system: { definitionRef: { name: 'kiosk' } } };
  await admin.apply(systempools, { ...head, kind: 'SystemPool', spec: pool }, { fieldManager });
  await until('the first rollout', () => updated(lost), 120_000);
  await until('the other build', async () => (await image(lost, 'kiosk')) !== undefined);
  const images = [await image(lost, 'edge'), await image(lost, 'kiosk')];
  const builds = await names(lost);
  const boots = lost.nodes.map(node => node.bootID);

  assert.match(await run('as_new=', lost), /^saved 3 objects, 1 Secrets, 1 ConfigMaps$/m);
  const saved = savedFiles();
  await assert.rejects(runBlock(shellBlock(page, 'as_new='), { cwd: directory }), /kubectl/);
  assert.deepEqual(savedFiles(), saved);
  await lost.controller.kill();
  await Promise.all(lost.nodes.map(node => node.stop()));
  await lost.controlPlane.stopApiServer();
  await empty.controller.start();
  await moveHosts();
  const said = await run('-f scantling.json', empty);
  assert.match(said, /systemsource\.scantling\.dev\/systems serverside-applied/);
  assert.doesNotMatch(said, /edge|helm|-ca|dashboard|going/);

  await until('the pool', () => updated(empty), 120_000);
  await until('the other definition', async () => (await image(empty, 'kiosk')) !== undefined);
  assert.deepEqual([await image(empty, 'edge'), await image(empty, 'kiosk')], images);
  assert.deepEqual(await names(empty), builds);
  assert.deepEqual(
    moved.map(node => node.bootID),
    boots,
  );
  const release = await empty.admin.get(secrets, 'sh.helm.release.v1.scantling.v1', namespace);
  assert.equal(Buffer.from(release.data?.['bearerToken'] ?? '', 'base64').toString(), 'empty');
  for (const name of [...authorities, 'scantling-dashboard'])
    assert.deepEqual((await empty.admin.get(configMaps, name, namespace)).data, { cluster: 'empty' });
  assert.ok(await empty.admin.get(configMaps, 'authorities', namespace));

  await repository.commit({ 'edge/motd': 'Welcome back.\n' }, 'Go on', { date: Math.floor(Date.now() / 1_000) });
  await until('the next image', async () => {
    const next = await image(empty, 'edge');
    return next !== undefined && next !== images[0] && updated(empty, next);
  });
  assert.deepEqual(
    moved.map(node => node.reboots),
    [1, 1],
  );
});
