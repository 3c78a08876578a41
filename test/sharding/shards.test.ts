/**
 * Two controllers, each with its shard, on one cluster: each acts on its own pools only, and a pool whose label changes goes over without a node being
 * touched twice. Both are installed by the chart, as docs/install.md says, and have no rights but what it gives them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { defaultNamespace, shardHolder, shardLabel } from '../../controller/api/names.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { pushBaseImage, type BaseImage } from '../cluster/base-image.ts';
import { startEnvironment, type Environment } from '../cluster/environment.ts';
import { Fleet } from '../cluster/fleet.ts';
import { resourceOf } from '../cluster/manifests.ts';
import { programFor } from '../cluster/program.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { Replica } from '../handover/replica.ts';
import { until } from '../kube/until.ts';
import { render } from '../manifests/rendered-chart.ts';

interface Deployment extends KubeObject {
  spec: { template: { spec: { serviceAccountName: string; containers: { args: string[] }[] } } };
}

/** The values of the second release in docs/install.md. */
const west = {
  nameOverride: 'west',
  controller: { shardSelector: `${shardLabel}=a` },
  agent: { enabled: false },
  crds: { install: false },
  admission: { enabled: false },
  userRoles: false,
};
const lease = 'west-controller';
const apart = ['Deployment', 'DaemonSet', 'CustomResourceDefinition'];

let environment: Environment;
let fleet: Fleet;
let plain: Replica;
let sharded: Replica;
let images = 1;

before(async () => {
  environment = await startEnvironment({ nodes: 2, startController: false, workloads: false, rebootMs: 300 });
  fleet = new Fleet(environment);
  await fleet.start();
  for (const node of environment.nodes)
    await environment.transport.request({
      method: 'PATCH',
      path: `/api/v1/nodes/${node.name}`,
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { name: node.name } } },
    });
  const first = await render({ admission: { controllers: [`${defaultNamespace}:${lease}`] } });
  const second = await render(west, { release: 'west' });
  await apply([...first, ...second]);
  plain = await start('plain', first);
  sharded = await start('sharded', second);
});
after(async () => {
  await plain?.stop();
  await sharded?.stop();
  await fleet?.stop();
  await environment?.stop();
});

/** All but what runs: controllers and agents are processes here. */
async function apply(objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects)
    if (!apart.includes(object.kind))
      await environment.admin.apply(resourceOf(object), object, { fieldManager: 'kubectl', force: true });
}

/** The controller of a release, under its own account and with its own flags. */
async function start(name: string, release: readonly KubeObject[]): Promise<Replica> {
  const deployment = release.find((object): object is Deployment => object.kind === 'Deployment') ?? assert.fail();
  const { serviceAccountName, containers } = deployment.spec.template.spec;
  const args = (containers[0]?.args ?? []).flatMap(arg =>
    arg.startsWith('--') && !arg.includes('$(') ? [arg.slice(2).split('=')] : [],
  );
  const flags = Object.fromEntries(args.map(([flag = '', ...value]) => [flag, value.join('=')]));
  return Replica.start({
    name,
    controlPlane: environment.controlPlane,
    token: await serviceAccountToken(environment.transport, serviceAccountName),
    program: await programFor({ source: true }),
    flags: { 'insecure-registries': environment.registry.host, ...flags },
    directory: environment.directory,
  });
}

const nextImage = (): Promise<BaseImage> => {
  images++;
  return pushBaseImage({ registry: environment.registry.host, tag: `release-${images}`, release: `${images}` });
};

/** The pool of one node. A label of null takes it away. */
async function setPool(name: string, o: { node: string; image?: string; shard?: string | null }): Promise<void> {
  const body = {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemPool',
    metadata: { name, ...(o.shard === undefined ? {} : { labels: { [shardLabel]: o.shard } }) },
    spec: { nodeSelector: { matchLabels: { name: o.node } }, ...(o.image ? { system: { image: o.image } } : {}) },
  };
  await environment.transport
    .request({
      method: 'PATCH',
      path: `/apis/scantling.dev/v1alpha1/systempools/${name}`,
      contentType: 'application/merge-patch+json',
      body,
    })
    .catch(() => environment.transport.request({ method: 'POST', path: '/apis/scantling.dev/v1alpha1/systempools', body }));
}

async function updated(node: string, image: BaseImage): Promise<void> {
  const digests = [image.digest, ...Object.values(image.platforms)];
  const holds = () =>
    digests.includes(fleet.stores.targets.get(node)?.status?.host?.booted?.digest ?? '') && fleet.unavailable.length === 0;
  await fleet.until(`${node} runs ${image.image}`, holds, {
    timeoutMs: 120_000,
    explain: () => `${fleet.describe()}\n${plain.process.tail(10)}\n${sharded.process.tail(10)}`,
  });
}

const reboots = (): number[] => environment.nodes.map(node => node.reboots);
/** Names of what it changed; what is made has none in its URL. */
const touched = (replica: Replica): Set<string> =>
  new Set(replica.written().flatMap(({ resource, name }) => (resource === 'events' || name === '' ? [] : [name])));
const only = (names: Set<string>, ...allowed: string[]): void =>
  assert.deepEqual(
    [...names].filter(name => !allowed.includes(name)),
    [],
  );
const holder = async (pool: string): Promise<string | undefined> =>
  (await environment.admin.get(systempools, pool)).metadata.annotations?.[shardHolder];

test('each acts on its own, and what has no shard is for the one without a selector', async () => {
  const image = await nextImage();
  await setPool('one', { node: 'node-1', image: image.image });
  await setPool('two', { node: 'node-2', image: image.image, shard: 'a' });
  await Promise.all([updated('node-1', image), updated('node-2', image)]);
  only(touched(plain), 'one', 'node-1');
  only(touched(sharded), 'two', 'node-2');
  assert.deepEqual([await holder('one'), await holder('two')], [undefined, lease]);
  assert.deepEqual(reboots(), [1, 1]);
});

test('a pool whose label changes goes over, and nothing is done twice', async () => {
  const image = await nextImage();
  await setPool('two', { node: 'node-2', image: image.image, shard: null });
  await updated('node-2', image);
  assert.equal(await holder('two'), undefined);
  assert.deepEqual(reboots(), [1, 2]);
  const last = Math.max(...sharded.written().map(({ endedAt }) => endedAt ?? Infinity));
  const first = Math.min(...plain.proxy.calls({ verb: 'patch', name: 'node-2' }).map(({ startedAt }) => startedAt));
  assert.ok(last < first, 'the one has let go before the other begins');

  const next = await nextImage();
  await setPool('two', { node: 'node-2', image: next.image, shard: 'a' });
  await updated('node-2', next);
  assert.equal(await holder('two'), lease);
  assert.deepEqual(reboots(), [1, 3]);
});

test('pools of two shards that want one node see each other', async () => {
  await setPool('three', { node: 'node-1', image: (await nextImage()).image, shard: 'a' });
  const says = async (pool: string): Promise<string> => {
    const { status } = await environment.admin.get(systempools, pool);
    return JSON.stringify(conditionOf(status?.conditions, 'Ready') ?? {});
  };
  await until('word of the conflict', async () => (await says('three')).includes('one') && (await says('one')).includes('three'));
  await environment.admin.delete(systempools, 'three');
  await until('its end', async () => !(await says('one')).includes('three'));
});

test('what a controller held that is gone is taken when its Lease has expired', async () => {
  plain.process.kill('SIGKILL');
  await plain.process.exited;
  const image = await nextImage();
  const before = reboots();
  await setPool('one', { node: 'node-1', image: image.image, shard: 'a' });
  await updated('node-1', image);
  assert.equal(await holder('one'), lease);
  const waits = sharded.process.tail(10_000).match(/^.*"object":"SystemPool\/one".*another controller acts on it.*$/gm) ?? [];
  assert.equal(waits.length, 1, 'that it waits is said once');
  assert.match(waits[0] ?? '', /"lease":"scantling-controller"/);
  assert.deepEqual(reboots(), [(before[0] ?? 0) + 1, before[1]]);
});

test('neither was refused anything', () => {
  for (const { name, proxy } of [plain, sharded]) {
    const refused = proxy
      .calls(call => call.status === 403)
      .map(({ verb, resource, name: object }) => `${verb} ${resource} ${object}`);
    assert.deepEqual(refused, [], name);
  }
});

test('a selector that is none is refused with words', async () => {
  const [command, ...args] = await programFor({ source: true });
  const { status, stderr } = spawnSync(command, [...args, 'controller', '--shard-selector=shard is a'], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /^scantling: --shard-selector: "shard is a" is no term of a label selector, such as shard=a/);
});
