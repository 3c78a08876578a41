/** Helm on a real node: installs, upgrades, takes back and removes Scantling while a pool is under way. No node may be rebooted twice for one image. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { leases } from '../../controller/api/core.ts';
import { defaultNamespace, leaderLease } from '../../controller/api/names.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { withoutApt } from '../cluster/apt-base.ts';
import { clearFaults, injectFault } from '../cluster/host/faults.ts';
import { crds, customResourceDefinitions } from '../cluster/manifests.ts';
import { podImageNeeds } from '../cluster/real-node/pod-image.ts';
import { withoutRealNode } from '../cluster/real-node/requirements.ts';
import type { Release } from '../cluster/releases.ts';
import { publishedRelease } from '../cluster/releases.ts';
import { until } from '../kube/until.ts';
import { thoroughVariable } from '../tools/test-options.ts';
import { BuildUnderWay } from './build-under-way.ts';
import { leftovers, marks } from './leftovers.ts';
import { points, type Point } from './points.ts';
import { poolName, Scene, type Rollout } from './scene.ts';

/** What docs/install.md says for the first upgrade from the release before, whose chart did not own the CRDs. */
const fromTheReleaseBefore = ['--server-side=true', '--take-ownership', '--force-conflicts'];

const isThorough = process.env[thoroughVariable] !== undefined;

/** At each point one of both, in turn; all of them where a run is thorough. */
const changes = points.flatMap((point, i) =>
  (['upgrade', 'rollback'] as const).filter((_, which) => isThorough || which === i % 2).map(change => ({ point, change })),
);

/** Every second one; among them are those at which there is something on nodes to take off. */
const removals = points.filter((_, i) => isThorough || i % 2 === 1);

describe('with Helm', { skip: withoutRealNode(podImageNeeds) || withoutApt() }, () => {
  let scene: Scene;
  let previous: Release;

  before(async () => {
    scene = await Scene.start();
    const { installation } = scene;
    previous = await publishedRelease(installation.release);
    installation.know(previous);
  });
  after(() => scene?.stop());

  test('the release before is installed, and a pool is rolled out', async () => {
    await scene.installation.helm.install(previous);
    await scene.rolledOut();
    await scene.follow();
    await endsWell(await scene.begin());
  });

  // Each upgrade is taken back by what follows, at the same point or at the next one.
  for (const { point, change } of changes)
    test(`is ${change === 'upgrade' ? 'upgraded from' : 'taken back to'} the release before when ${point.name}`, async () => {
      if (change === 'upgrade') return disturb(point, upgrade);
      await disturb(point, async () => {
        await scene.installation.helm.rollback();
      });
      await scene.asPublished(previous);
    });

  test('is upgraded while the Job of a build runs, which is not run twice', async () => {
    const build = await BuildUnderWay.start(scene.installation, 'upgraded');
    try {
      const hands = await build.hands();
      assert.equal(hands.length, 2);
      await upgrade();
      await scene.rolledOut();
      assert.deepEqual(await build.hands(), hands);
      const { status } = await build.finish();
      assert.equal(status?.attempts, 1);
    } finally {
      await build.stop();
    }
  });

  test('helm test finds the API in order', async () => {
    assert.match(await scene.installation.helm.test(), /Phase:\s+Succeeded/);
  });

  for (const point of removals) test(`is removed and installed again when ${point.name}`, () => disturb(point, removeAndInstall));

  test('is removed while the Job of a build runs and nodes pull with a Secret, and builds once more when it is back', async () => {
    const { helm, release } = scene.installation;
    await scene.pullWithSecret('registry');
    const build = await BuildUnderWay.start(scene.installation, 'removed');
    try {
      assert.equal((await build.hands()).length, 2);
      await remove('Secret registry');
      assert.deepEqual(await build.hands(), []);
      await helm.install(release);
      await build.runsAgain();
      const { status } = await build.finish();
      assert.equal(status?.builder, 'Job');
      assert.equal(status.foundations?.length, 1);
      await scene.pullWithoutSecret('registry');
    } finally {
      await build.stop();
    }
  });

  test('is removed while the only node that its pods can be on is cordoned, and finishes that node when it is back', async () => {
    const { helm, release, realHost, realNode } = scene.installation;
    injectFault(realHost.host.directory, { kind: 'RebootRefused' });
    const reference = await scene.beginOnOwnNode();
    await scene.until(
      'the node has its go-ahead',
      () =>
        scene.fleet.stores.targets.get(realNode.name)?.spec.state === 'Booted' && scene.fleet.unavailable.includes(realNode.name),
    );
    await remove();
    await helm.install(release);
    clearFaults(realHost.host.directory);
    await scene.until('it runs the image', () => scene.runs(realNode.name, reference));
    assert.equal(realHost.boots.length, 1);
    await scene.rolledOut();
  });

  test('the CRDs are deleted in the middle of a rollout, and come back with the next upgrade', async () => {
    const { admin, helm, release } = scene.installation;
    const rollout = await scene.begin();
    await scene.until('one node is done and another is away', () => scene.isMidway(rollout));
    for (const { metadata } of crds()) await admin.delete(customResourceDefinitions, metadata.name);
    await until('all CRDs are gone', async () => {
      const { items } = await admin.list(customResourceDefinitions);
      return items.every(({ spec }) => spec.group !== 'scantling.dev');
    });
    assert.deepEqual(await marks(admin), []);
    assert.deepEqual(await scene.buildPods(), []);
    await helm.upgrade(release);
    await scene.again(rollout);
    await endsWell(rollout);
  });

  test('after the last removal the CRDs and what users made are there', async () => {
    const { admin } = scene.installation;
    await remove();
    for (const { metadata } of crds()) await admin.get(customResourceDefinitions, metadata.name);
    await admin.get(systempools, poolName);
  });

  /** Brings a rollout of its own to the point, and does something there. The rollout must go to its end as if nothing had been done. */
  async function disturb(point: Point, change: () => Promise<void>): Promise<void> {
    try {
      await point.hold?.(scene);
      const rollout = await scene.begin();
      await scene.until(point.name, () => point.reached(scene, rollout));
      await change();
      await point.release?.(scene);
      await (point.halts === undefined ? endsWell(rollout) : checkHalted(rollout));
      await scene.rolledOut();
    } finally {
      await point.release?.(scene); // what follows must not meet what was held here
    }
  }

  async function upgrade(): Promise<void> {
    const { helm, release } = scene.installation;
    assert.match(await helm.upgrade(release, fromTheReleaseBefore), /NOTES:[\s\S]*kubectl/);
  }

  async function removeAndInstall(): Promise<void> {
    await remove();
    await scene.installation.helm.install(scene.installation.release);
  }

  /** `users` are objects of users in our namespaces, as `Kind name`. */
  async function remove(...users: string[]): Promise<void> {
    const { installation } = scene;
    await installation.helm.uninstall();
    let left = await leftovers(installation, users);
    // Helm does not wait for what goes with something that it deletes.
    for (const end = performance.now() + 60_000; left.length > 0 && performance.now() < end;)
      left = await leftovers(installation, users);
    assert.deepEqual(left, []);
    await deleteOldLease();
  }

  /** A Lease that 0.1.0 made belongs to nobody, and is waited out unless it is deleted (docs/upgrade.md). */
  async function deleteOldLease(): Promise<void> {
    const { admin } = scene.installation;
    const { items } = await admin.list(leases, { namespace: defaultNamespace });
    if (items.some(({ metadata }) => metadata.name === leaderLease))
      await admin.delete(leases, leaderLease, { namespace: defaultNamespace });
  }

  /** The rollout goes to its end, and no host was rebooted twice for it. */
  async function endsWell(rollout: Rollout): Promise<void> {
    await scene.arrived(rollout);
    assert.deepEqual(scene.bootsSince(rollout), scene.bootedOnce(rollout));
  }

  /** The one node that failed was tried once, and no other. */
  async function checkHalted(rollout: Rollout): Promise<void> {
    assert.equal(Object.values(scene.bootsSince(rollout)).flat().length, 1);
    await endsWell(await scene.begin());
  }
});
