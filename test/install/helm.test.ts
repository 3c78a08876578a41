/** Helm on a real node: installs, upgrades, takes back and removes Scantling while a pool is under way. No node may be rebooted twice for one image. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { leases } from '../../controller/api/core.ts';
import { defaultNamespace, leaderLease } from '../../controller/api/names.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import type { Client } from '../../controller/kube/client.ts';
import { crds, customResourceDefinitions } from '../cluster/manifests.ts';
import type { Release } from '../cluster/releases.ts';
import { clearFaults, injectFault } from '../cluster/host/faults.ts';
import { publishedRelease } from '../cluster/releases.ts';
import { podImageNeeds } from '../cluster/real-node/pod-image.ts';
import { withoutRealNode } from '../cluster/real-node/requirements.ts';
import { until } from '../kube/until.ts';
import { leftovers } from './leftovers.ts';
import { points, type Point } from './points.ts';
import { poolName, Scene, type Rollout } from './scene.ts';

/** Helm does not wait for the pods of what it deletes: those that end get their time. */
async function nothingIsLeft(admin: Client): Promise<void> {
  let left = await leftovers(admin);
  for (let i = 0; i < 300 && left.some(isPod); i++) {
    await sleep(200);
    left = await leftovers(admin);
  }
  assert.deepEqual(left, []);
}

/** A Lease that 0.1.0 made belongs to nobody, and is waited out unless it is deleted (docs/upgrade.md). */
async function deleteOldLease(admin: Client): Promise<void> {
  const held = (await admin.list(leases, { namespace: defaultNamespace })).items.find(l => l.metadata.name === leaderLease);
  if (held && held.metadata.ownerReferences === undefined)
    await admin.delete(leases, leaderLease, { namespace: defaultNamespace });
}

const isPod = (left: string) => left.startsWith('Pod ');

describe('with Helm', { skip: withoutRealNode(podImageNeeds) }, () => {
  let scene: Scene;
  let previous: Release;

  before(async () => {
    scene = await Scene.start();
    const { installation } = scene;
    previous = await publishedRelease(installation.release);
    installation.know(previous);
  });
  after(() => scene?.stop());

  /** The rollout goes to its end, and no host was rebooted twice for it. */
  async function endsWell(rollout: Rollout): Promise<void> {
    await scene.arrived(rollout);
    assert.deepEqual(scene.bootsSince(rollout), scene.bootedOnce(rollout));
  }

  const midway = (rollout: Rollout) =>
    scene.until('one node is done and another is away', () => {
      const targets = scene.fleet.stores.targets.list().filter(t => t.spec.image === rollout.reference);
      return (
        targets.some(t => t.spec.digests.includes(t.status?.host?.booted?.digest ?? '')) && scene.fleet.unavailable.length > 0
      );
    });

  test('the release before is installed, and a pool is rolled out', async () => {
    const { helm, controller } = scene.installation;
    await helm.install(previous);
    await controller.ready();
    await scene.follow();
    await endsWell(await scene.begin());
  });

  test('it is upgraded in the middle of a rollout, and says what to do next', async () => {
    const { helm, controller, release } = scene.installation;
    const rollout = await scene.begin();
    await midway(rollout);
    const said = await helm.upgrade(release, ['--take-ownership']);
    assert.match(said, /NOTES:[\s\S]*kubectl/);
    await controller.ready();
    await endsWell(rollout);
  });

  test('helm test finds the API in order', async () => {
    assert.match(await scene.installation.helm.test(), /Phase:\s+Succeeded/);
  });

  test('it is taken back to the release before in the middle of a rollout, and upgraded again in the middle of another', async () => {
    const { helm, controller, release } = scene.installation;
    const back = await scene.begin();
    await midway(back);
    await helm.rollback(1);
    await controller.ready();
    await endsWell(back);
    const again = await scene.begin();
    await midway(again);
    await helm.upgrade(release);
    await controller.ready();
    await endsWell(again);
  });

  for (const point of points)
    test(`is upgraded, taken back, removed and installed again when ${point.name}`, () => disturb(point));

  test('is removed while the only node that its pods can be on is cordoned, and finishes that node when it is back', async () => {
    const { admin, helm, controller, release, realHost, realNode } = scene.installation;
    injectFault(realHost.host.directory, { kind: 'RebootRefused' });
    const reference = await scene.beginOnOwnNode();
    await scene.until(
      'the node has its go-ahead',
      () =>
        scene.fleet.stores.targets.get(realNode.name)?.spec.state === 'Booted' && scene.fleet.unavailable.includes(realNode.name),
    );
    await helm.uninstall();
    await nothingIsLeft(admin);
    await deleteOldLease(admin);
    await helm.install(release);
    clearFaults(realHost.host.directory);
    await scene.until('it runs the image', () => scene.runs(realNode.name, reference));
    assert.equal(realHost.boots.length, 1);
    await controller.ready();
  });

  test('the CRDs are deleted in the middle of a rollout, and come back with the next upgrade', async () => {
    const { admin, helm, release } = scene.installation;
    const rollout = await scene.begin();
    await midway(rollout);
    for (const { metadata } of crds()) await admin.delete(customResourceDefinitions, metadata.name);
    await until('all CRDs are gone', async () => {
      const { items } = await admin.list(customResourceDefinitions);
      return items.every(({ spec }) => spec.group !== 'scantling.dev');
    });
    assert.deepEqual(
      (await leftovers(admin)).filter(left => !isPod(left)),
      [],
    );
    await helm.upgrade(release);
    await scene.again(rollout);
    await endsWell(rollout);
  });

  test('after the last removal the CRDs and what users made are there', async () => {
    const { admin, helm } = scene.installation;
    await helm.uninstall();
    await nothingIsLeft(admin);
    for (const { metadata } of crds()) await admin.get(customResourceDefinitions, metadata.name);
    await admin.get(systempools, poolName);
  });

  async function disturb(point: Point): Promise<void> {
    try {
      await point.hold?.(scene);
      const rollout = await scene.begin();
      await scene.until(point.name, () => point.reached(scene, rollout));
      await changeAll();
      await point.release?.(scene);
      await (point.halts === undefined ? endsWell(rollout) : checkHalted(rollout));
    } finally {
      await point.release?.(scene); // what follows must not meet what was held here
    }
  }

  async function changeAll(): Promise<void> {
    const { helm, controller, release, admin } = scene.installation;
    await helm.upgrade(release, ['--set-string', 'controller.podAnnotations.changed=yes']);
    await helm.rollback();
    await controller.ready();
    await helm.uninstall();
    await nothingIsLeft(admin);
    await deleteOldLease(admin);
    await helm.install(release);
    await controller.ready();
  }

  /** The one node that failed was tried once, and no other. */
  async function checkHalted(rollout: Rollout): Promise<void> {
    const boots = Object.values(scene.bootsSince(rollout)).map(b => b.length);
    assert.deepEqual(
      boots.toSorted((a, b) => a - b),
      [0, 0, 1],
    );
    await endsWell(await scene.begin());
  }
});
