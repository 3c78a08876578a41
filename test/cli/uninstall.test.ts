import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { jobs, leases, nodes, pods, secrets } from '../../controller/api/core.ts';
import {
  cordonAnnotation,
  buildLabel,
  defaultAgentNamespace,
  defaultNamespace,
  leaderLease,
  poolFinalizer,
  shardHolder,
} from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import type { Resource } from '../../controller/api/resource.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import { uninstall } from '../../controller/cli/uninstall.ts';
import { parseCommandLine } from '../../controller/command-line.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import type { Target } from '../../controller/rollout/on-host.ts';
import { copyOf } from '../../controller/rollout/pull-secret.ts';
import { image } from '../rollout/machine.ts';
import { PoolScene } from '../rollout/pool-scene.ts';
import { until } from '../rollout/cluster.ts';
import { thoroughVariable } from '../tools/test-options.ts';
import { sink } from './sink.ts';

const fieldManager = 'test';

describe('scantling uninstall', () => {
  let scene: PoolScene;
  before(async () => {
    scene = await PoolScene.start();
  });
  after(() => scene.stop());
  afterEach(async () => {
    scene.cluster.rebootMs = 0;
    await scene.clear();
    await freeLease();
  });

  /** As after five minutes. */
  async function freeLease(): Promise<void> {
    await scene.cluster.admin.delete(leases, leaderLease, { namespace: defaultNamespace });
  }

  /** Runs the command with the rights of the controller's ServiceAccount, as the chart's hook does. */
  async function run(...args: string[]) {
    const [out, said] = [sink(), sink()];
    const line = parseCommandLine('uninstall', ['--kubeconfig', scene.cluster.controllerKubeconfig(), '-o', 'json', ...args]);
    const invocation = { ...line, stdout: out.stream, stderr: said.stream, signal: new AbortController().signal };
    const code = await uninstall(invocation, { graceMs: 0, leaseMs: 0 });
    return { code, report: JSON.parse(out.text() || 'null'), said: said.text() };
  }

  /** Waits as `until`. A Lease of three seconds is lost on a machine that is slow enough; then another controller is started, as a kubelet would. */
  function untilLed(check: () => Promise<void> | void): Promise<void> {
    const { cluster } = scene;
    return until(async () => {
      if (cluster.lost) {
        await cluster.stopController();
        await cluster.startController({ elect: true });
      }
      await check();
    });
  }

  const updated = (target: Target): Promise<void> => untilLed(() => scene.cluster.isUpdated('edge', target));

  /** A controller that is gone has left a node cordoned, and a pool with its finalizer. */
  async function leaveCordon(): Promise<void> {
    const { cluster } = scene;
    await scene.fleet('edge', 1);
    await cluster.startController();
    await cluster.updated('edge', image(1));
    await cluster.createPod('bare', 'edge-0', { bare: true });
    await cluster.publish('edge', 2);
    await until(async () => assert((await cluster.node('edge-0')).metadata.annotations?.[cordonAnnotation]));
    await cluster.stopController();
  }

  /** The Job that `helm uninstall` makes, of the release with this name. */
  async function createHook(release: string): Promise<void> {
    const labels = { 'app.kubernetes.io/name': release, 'app.kubernetes.io/component': 'uninstall' };
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'uninstall', image: 'gone' }] } };
    await scene.cluster.admin.create(jobs, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: `${release}-uninstall`, namespace: defaultNamespace, labels },
      spec: { template },
    });
  }

  async function assertNothingLeft(): Promise<void> {
    const { admin } = scene.cluster;
    for (const { metadata, spec } of (await admin.list(nodes)).items) {
      assert.equal(metadata.annotations?.[cordonAnnotation], undefined, metadata.name);
      assert.equal(spec?.unschedulable, undefined, metadata.name);
    }
    const kinds: readonly Resource[] = [nodetargets, systempools, systemsources];
    for (const kind of kinds)
      for (const { metadata } of (await admin.list(kind)).items) assert.deepEqual(metadata.finalizers ?? [], [], metadata.name);
  }

  for (const writes of process.env[thoroughVariable] ? [1, 3, 5, 7, 9, 11, 13, 15, 17, 19] : [1, 5, 9, 13, 17])
    test(`after ${writes} writes of a rollout, and a new controller goes on where it was`, async t => {
      const { cluster } = scene;
      const names = await scene.fleet('edge', 5, { rollout: { maxUnavailable: 2 } });
      await cluster.startController({ elect: true });
      await updated(image(1));
      const [begin, boots] = [cluster.proxy.record.length, cluster.boots.length];
      // Some are over before the first look, some go on beyond it.
      cluster.rebootMs = writes % 4 === 1 ? 5_000 : 300;
      await cluster.publish('edge', 2);
      await untilLed(() => assert(cluster.writes(begin).length >= writes));
      const { code, report, said } = await run();
      t.diagnostic(said.trim().split('\n').join(' | '));
      assert.equal(code, 0, said);
      assert.deepEqual([report.clean, report.left, report.late], [true, [], []]);
      assert.equal(report.kept.nodetargets, 5);
      // How long the rest takes shows nothing more.
      cluster.rebootMs = 0;
      await until(() => assert(cluster.lost));
      await assertNothingLeft();
      assert.equal((await run('--check')).code, 0);
      const before = cluster.proxy.record.length;
      await cluster.stopController();
      assert.deepEqual(cluster.writes(before), [], 'who has lost the Lease writes nothing');
      await freeLease();
      await cluster.startController({ elect: true });
      await updated(image(2));
      const booted = cluster.boots.slice(boots).map(b => b.node);
      assert.deepEqual(booted.toSorted(), names.toSorted(), 'each node was rebooted once');
    });

  test('what is left is listed, and a Job, a foreign cordon and an unreadable mark are dealt with', async () => {
    const { cluster } = scene;
    const { admin } = cluster;
    await scene.fleet('edge', 3, { rollout: { maxUnavailable: 3, canary: 0 } });
    await cluster.startController({ elect: true });
    await updated(image(1));
    await admin.mergePatch(nodes, 'edge-0', { spec: { unschedulable: true } }, { fieldManager });
    for (const name of ['edge-0', 'edge-1', 'edge-2']) await cluster.createPod(`bare-${name}`, name, { bare: true });
    await cluster.publish('edge', 2);
    await until(async () => {
      for (const name of ['edge-1', 'edge-2']) assert((await cluster.node(name)).metadata.annotations?.[cordonAnnotation]);
    });
    const annotations = { [cordonAnnotation]: 'not ours' };
    await cluster.stopController();
    await admin.mergePatch(nodes, 'edge-2', { metadata: { annotations } }, { fieldManager });
    const labels = { [buildLabel]: 'uid' };
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'build', image: 'builder' }] } };
    await admin.create(jobs, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'a-build', namespace: defaultNamespace, labels },
      spec: { template },
    });
    const checked = await run('--check');
    assert.equal(checked.code, 1);
    const kinds = checked.report.left.map((l: { kind: string; name: string }) => `${l.kind} ${l.name}`);
    for (const expected of ['Node edge-1', 'Node edge-2', 'SystemPool edge', 'Job a-build'])
      assert(kinds.includes(expected), kinds.join());
    const { code, said } = await run();
    assert.equal(code, 0, said);
    assert.match(said, /edge-2: took a mark off that cannot be read/);
    assert.equal((await cluster.node('edge-1')).spec?.unschedulable, undefined);
    assert.equal((await cluster.node('edge-0')).spec?.unschedulable, true, 'a cordon of somebody else stays');
    assert.equal((await cluster.node('edge-2')).spec?.unschedulable, true);
    assert.equal((await admin.list(jobs)).items.length, 0);
    await createHook('scantling');
    await createHook('west');
    const hooked = await run('--check');
    assert.deepEqual(hooked.report.left, [{ kind: 'Job', name: 'scantling-uninstall', what: 'of a removal by Helm' }]);
    assert.equal(hooked.code, 1);
    assert.equal((await run()).code, 0, 'it does not wait for itself');
    for (const release of ['scantling', 'west'])
      await admin.delete(jobs, `${release}-uninstall`, { namespace: defaultNamespace });
    assert.equal((await run('--check')).code, 0);
    for (const { metadata } of (await admin.list(pods, { namespace: 'default' })).items)
      assert.equal(metadata.deletionTimestamp, undefined);
  });

  test('what another shard acts on is left alone', async () => {
    const { cluster } = scene;
    await scene.fleet('edge', 1);
    await cluster.startController({ elect: true });
    await updated(image(1));
    const annotations = { [shardHolder]: 'another-controller' };
    await cluster.admin.mergePatch(systempools, 'edge', { metadata: { annotations } }, { fieldManager });
    const { code, report } = await run();
    assert.deepEqual([code, report.left], [0, []]);
    assert.deepEqual((await cluster.pool('edge')).metadata.finalizers, [poolFinalizer]);
    const others = await run('--check', '--lease-name', 'another-controller');
    assert.equal(others.code, 1);
    assert(others.report.left.some((l: { kind: string }) => l.kind === 'SystemPool'));
    // The Role of the installation names one Lease; that of a shard names its own.
    const asAdmin = ['--kubeconfig', cluster.plane.adminKubeconfig];
    assert.equal((await run(...asAdmin, '--lease-name', 'another-controller')).code, 0);
    await assertNothingLeft();
  });

  test('what is left is taken off when the operator and its namespace are gone', async () => {
    const { cluster } = scene;
    await leaveCordon();
    const { code, report, said } = await run('--kubeconfig', cluster.plane.adminKubeconfig, '--namespace', 'gone');
    assert.equal(code, 0, said);
    assert.match(said, /the namespace gone is gone or going/);
    assert.equal(report.lease, undefined);
    await assertNothingLeft();
  });

  test('the copies of pull Secrets are deleted, and no Secret of somebody else', async () => {
    const { admin } = scene.cluster;
    for (const pool of ['edge', 'core']) await scene.cluster.createPool(pool, { system: { image: image(1).image } });
    const uid = (await scene.cluster.pool('edge')).metadata.uid ?? '';
    await admin.apply(secrets, copyOf({ name: 'edge', uid }, defaultAgentNamespace, { auths: new Map() }), { fieldManager });
    const foreign = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pool-core', namespace: defaultAgentNamespace } };
    await admin.create(secrets, foreign);
    assert.deepEqual((await run('--check')).report.left, [{ kind: 'Secret', name: 'pool-edge', what: 'copy of a pull Secret' }]);
    const { code, said } = await run();
    assert.equal(code, 0, said);
    await assert.rejects(admin.get(secrets, 'pool-edge', defaultAgentNamespace), isNotFound);
    await admin.get(secrets, 'pool-core', defaultAgentNamespace);
    await admin.delete(secrets, 'pool-core', { namespace: defaultAgentNamespace });
  });

  for (const { status, name } of [
    { status: 403, name: 'may not be read' },
    { status: 500, name: 'cannot be read' },
  ])
    test(`nodes do not wait for copies of pull Secrets that ${name}`, async () => {
      const { cluster } = scene;
      await leaveCordon();
      const fault = cluster.proxy.fail({ resource: 'secrets' }, { status });
      const { code, report, said } = await run('--timeout', '2s');
      assert.equal(code, 0, said);
      assert.deepEqual(
        report.refused.map((r: { what: string }) => r.what),
        ['looking at Secret scantling-agents/pool-edge'],
      );
      const checked = await run('--check').catch(() => ({ code: 'failed' }));
      assert.equal(checked.code, status === 403 ? 1 : 'failed');
      fault.remove();
      await assertNothingLeft();
    });

  test('nothing is written by a clock that is wrong, from the beginning or from then on', async () => {
    const { cluster } = scene;
    await leaveCordon();
    const wrong = { userAgent: 'scantling-uninstall' };
    const written = (from: number): string[] =>
      [...new Set(cluster.writes(from).map(w => w.resource))].filter(resource => resource !== 'selfsubjectreviews');
    const begin = cluster.proxy.record.length;
    const always = cluster.proxy.fail(wrong, { dateBackMs: 1_200_000 });
    await assert.rejects(run(), /the clock of this machine is 1\d+ s ahead of the API server's: .*NTP/);
    always.remove();
    assert.deepEqual(written(begin), []);
    const later = cluster.proxy.fail({ ...wrong, resource: 'secrets' }, { dateBackMs: -60_000 });
    await assert.rejects(run(), /the clock of this machine is \d+ s behind/);
    later.remove();
    assert.deepEqual(written(begin), ['leases']);
  });

  test('a node that does not come back is uncordoned after the time, and named', async () => {
    const { cluster } = scene;
    await scene.fleet('edge', 1);
    await cluster.startController({ elect: true });
    await updated(image(1));
    cluster.idle.add('edge-0');
    await cluster.publish('edge', 2);
    await until(async () => assert.equal((await cluster.target('edge-0')).spec.image, image(2).image));
    await cluster.stage('edge-0');
    await until(async () => assert.equal((await cluster.target('edge-0')).spec.state, 'Booted'));
    const host = { ...(await cluster.target('edge-0')).status?.host, phase: 'Rebooting', reportedAt: new Date().toISOString() };
    await cluster.admin.mergePatch(nodetargets, 'edge-0', { status: { host } }, { fieldManager, subresource: 'status' });
    const { code, report, said } = await run('--timeout', '2s');
    assert.equal(code, 0, said);
    assert.deepEqual(report.late, ['edge-0']);
    assert.match(said, /waiting for edge-0 to come back/);
    await assertNothingLeft();
    assert.equal((await cluster.target('edge-0')).spec.approval, undefined);
  });

  test('a run that another has replaced ends and writes nothing', async () => {
    const { cluster } = scene;
    await scene.fleet('edge', 1);
    await cluster.startController({ elect: true });
    await updated(image(1));
    const first = run();
    await until(async () => {
      const lease = await cluster.admin.get(leases, leaderLease, defaultNamespace);
      assert.match(lease.spec?.holderIdentity ?? '', /^uninstall-/);
    });
    const second = await run();
    assert.equal(second.code, 0, second.said);
    const { code, said } = await first;
    assert.equal(code, 1, said);
    assert.match(said, /the Lease is held by "uninstall-/);
  });
});
