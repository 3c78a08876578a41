/** The whole agent against a real API server, with a token that is bound to its node. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, nameOf } from '../../controller/agent/target.ts';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { nodes } from '../../controller/api/core.ts';
import { fieldManagers, nodeUIDAnnotation, retriedAnnotation } from '../../controller/api/names.ts';
import { nodetargets } from '../../controller/api/node-target.ts';
import { shortCommit } from '../../controller/api/short-revision.ts';
import { ApiError } from '../../controller/kube/errors.ts';
import { createClient } from '../../controller/kube/client.ts';
import { loadKubeConfig } from '../../controller/kube/kubeconfig.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { rebootRequested } from '../cluster/host/fake-host.ts';
import { clearFaults, injectFault } from '../cluster/host/faults.ts';
import { hostPaths } from '../cluster/host/state.ts';
import { drive, perform, stageRequest } from './driven-host.ts';
import type { TestImage } from './driven-host.ts';
import { hostOf, ready, startYard, verdictOf } from './station.ts';
import type { Station, Yard } from './station.ts';
import { probeUserAgent } from '../tools/compare-rights.ts';

let yard: Yard;
let first: TestImage;
let second: TestImage;
let third: TestImage;
before(async () => {
  yard = await startYard();
  [first, second, third] = yard.images as [TestImage, TestImage, TestImage];
});
after(() => yard.stop());

const writesOf = (station: Station) =>
  yard.proxy.calls(c => c.userAgent === station.userAgent && !['get', 'list', 'watch'].includes(c.verb)).length;
const reasonsOf = (problems: readonly { reason: string }[] | undefined) => (problems ?? []).map(p => p.reason);

test('a target of an earlier machine of the same name, and its go-ahead, are none for this one', async () => {
  const station = await yard.station();
  const { metadata } = await station.approve(second).then(() => yard.admin.get(nodetargets, station.name));
  const ofAnother = { metadata: { resourceVersion: metadata.resourceVersion, annotations: { [nodeUIDAnnotation]: 'another' } } };
  await yard.admin.mergePatch(nodetargets, station.name, ofAnother, { fieldManager: fieldManagers.rollout });
  station.startAgent();
  const { metadata: node } = await yard.admin.get(nodes, station.name);
  // Whatever it would do for the first target, it would have done before it has seen the second.
  await until(() => yard.proxy.calls(c => c.userAgent === station.userAgent && c.verb === 'watch').length > 0);
  assert.equal(writesOf(station), 0);
  const own = { metadata: { annotations: { [nodeUIDAnnotation]: node.uid } }, spec: { state: 'Staged', approval: null } };
  await yard.admin.mergePatch(nodetargets, station.name, own, { fieldManager: fieldManagers.rollout });
  const staged = await station.untilReady('Staged');
  assert.equal(hostOf(staged).booted?.digest, first.platform);
  assert.equal(rebootRequested(station.host.directory), false);
  await station.stopAgent();
});

describe('an update', () => {
  test('is three writes, and each says where the node is', async () => {
    const station = await yard.station();
    await station.aim(first);
    station.startAgent();
    const start = await station.untilReady('Booted');
    assert.equal(hostOf(start).phase, 'Idle');
    assert.equal(hostOf(start).booted?.digest, first.platform);
    assert.equal(hostOf(start).booted?.revision, start.spec.revision);
    assert.equal(hostOf(start).booted?.commit, shortCommit(start.spec.revision));
    assert.deepEqual(hostOf(start).capabilities, ['SwitchDownloadOnly', 'UpgradeDownloadOnly', 'LockedStaging']);
    assert.equal(hostOf(start).bootcVersion, '1.17.0');
    assert.equal(ready(start)?.message, `runs ${nameOf(start.spec.revision, digestOf(start.spec.image))}`);
    assert.equal(writesOf(station), 1);

    await station.aim(second);
    const staged = await station.untilReady('Staged');
    assert.equal(hostOf(staged).phase, 'Staged');
    assert.deepEqual(hostOf(staged).staged, {
      image: second.image,
      digest: second.platform,
      version: '2',
      revision: staged.spec.revision,
      locked: true,
    });
    assert.equal(isTrue(staged.status?.conditions, 'Staged'), true);
    assert.equal(isTrue(staged.status?.conditions, 'Reconciling'), true);
    assert.equal(writesOf(station), 2);

    const approval = await station.approve(second);
    const rebooting = await station.untilReady('Rebooting');
    assert.equal(hostOf(rebooting).phase, 'Rebooting');
    assert.equal(writesOf(station), 3);
    const boot = await station.reboot();
    assert.equal(boot.outcome, 'Applied');

    const done = await station.untilReady('Booted');
    assert.equal(hostOf(done).phase, 'Idle');
    assert.equal(hostOf(done).bootID, boot.bootID);
    assert.equal(hostOf(done).booted?.digest, second.platform);
    assert.equal(hostOf(done).rollback?.digest, first.platform);
    assert.equal(hostOf(done).staged, undefined);
    assert.equal(verdictOf(done).type, 'Succeeded');
    assert.equal(verdictOf(done).approval, approval);
    assert.equal(verdictOf(done).bootID, boot.bootID);
    assert.equal(conditionOf(done.status?.conditions, 'Reconciling'), undefined);
    assert.equal(writesOf(station), 4);
    assert.equal(done.metadata.generation, done.status?.observedGeneration);
  });

  test('by hand with a new agent at each step ends the same', async () => {
    const station = await yard.station();
    injectFault(station.host.directory, { kind: 'SlowPull', ms: 500, times: 1 });
    await station.aim(second);
    station.startAgent();
    await until(() => existsSync(hostPaths(station.host.directory).calls));
    await station.stopAgent();
    station.startAgent();
    await station.untilReady('Staged');
    const calls = () => readFileSync(hostPaths(station.host.directory).calls, 'utf8').trim().split('\n');
    assert.equal(calls().length, 1, 'the pull was adopted, not begun again');
    await station.stopAgent();
    await station.approve(second);
    station.startAgent();
    await until(() => rebootRequested(station.host.directory));
    await station.stopAgent();
    station.startAgent();
    await station.untilReady('Rebooting');
    assert.equal(calls().filter(c => c === 'systemctl reboot').length, 1);
    await station.reboot();
    assert.equal((await station.untilReady('Booted')).status?.verdict?.type, 'Succeeded');
  });

  test('on a bootc that cannot lock says so', async () => {
    const station = await yard.station({ version: '1.16.9' });
    await station.aim(second);
    station.startAgent();
    const staged = await station.untilReady('Staged');
    assert.equal(hostOf(staged).staged?.locked, false);
    assert.deepEqual(hostOf(staged).capabilities, ['UpgradeDownloadOnly']);
    assert.deepEqual(reasonsOf(hostOf(staged).problems), ['StagingUnlocked']);
    assert.equal(conditionOf(staged.status?.conditions, 'Staged')?.reason, 'Unlocked');
    await station.approve(second);
    assert.equal((await station.reboot()).outcome, 'Applied');
    const done = await station.untilReady('Booted');
    assert.equal(hostOf(done).problems, undefined);
  });

  test('a pull that is no longer wanted is ended', async () => {
    const station = await yard.station();
    injectFault(station.host.directory, { kind: 'Hang', digest: second.digest });
    await station.aim(second);
    station.startAgent();
    await until(() => existsSync(hostPaths(station.host.directory).calls));
    await station.aim(third);
    const staged = await station.untilReady('Staged');
    assert.equal(hostOf(staged).staged?.digest, third.platform);
    assert.equal(hostOf(staged).failed, undefined);
  });
});

describe('what goes wrong', () => {
  test('a boot that falls back is named, and not tried again until a person says so', async () => {
    const station = await yard.station();
    await station.aim(second);
    station.startAgent();
    await station.untilReady('Staged');
    injectFault(station.host.directory, { kind: 'FallsBack', digest: second.platform, times: 1 });
    const approval = await station.approve(second);
    assert.equal((await station.reboot()).outcome, 'FellBack');
    const fell = await station.untilReady('FellBack');
    assert.equal(hostOf(fell).phase, 'Failed');
    assert.equal(verdictOf(fell).type, 'FellBack');
    assert.equal(isTrue(fell.status?.conditions, 'Stalled'), true);
    assert.equal(hostOf(fell).failed?.[0]?.approval, approval);
    assert.deepEqual(reasonsOf(hostOf(fell).problems), ['RollbackQueued']);
    await station.aim(second);
    await station.untilReady('FellBack');
    const [failure] = hostOf(fell).failed ?? [];
    await yard.admin.mergePatch(
      nodetargets,
      station.name,
      { metadata: { annotations: { [retriedAnnotation]: `${failure?.digest}/${failure?.time}` } } },
      { fieldManager: 'person' },
    );
    assert.equal((await station.untilReady('Staged')).status?.host?.staged?.digest, second.platform);
  });

  for (const [kind, reason, stalled] of [
    ['DiskFull', 'DiskFull', false],
    ['Signature', 'SignatureRejected', true],
    ['Registry', 'RegistryUnavailable', false],
    ['BoundImage', 'BoundImageFailed', true],
  ] as const) {
    test(`${kind} at staging`, async () => {
      const station = await yard.station();
      injectFault(station.host.directory, { kind });
      await station.aim(second);
      station.startAgent();
      const failed = await station.untilReady(reason);
      assert.equal(hostOf(failed).phase, 'Failed');
      assert.equal(isTrue(failed.status?.conditions, 'Stalled'), stalled);
      assert.deepEqual(
        (hostOf(failed).failed ?? []).map(f => [f.digest, f.reason]),
        stalled ? [[second.digest, reason]] : [],
      );
      assert.match(ready(failed)?.message ?? '', /\w+ \w+/);
      clearFaults(station.host.directory);
      // Whatever an approval finds staged after that failure, it is not booted.
      if (kind === 'BoundImage') {
        assert.equal(hostOf(failed).staged?.digest, second.platform);
        assert.equal(hostOf(failed).staged?.locked, true);
      }
    });
  }

  test('a memory that cannot be read: nothing is staged or booted, and the node says where it is', async () => {
    const station = await yard.station();
    await station.aim(second);
    station.startAgent();
    await station.untilReady('Staged');
    await station.stopAgent();
    const memory = station.memory;
    station.spoilMemory(memory.slice(0, 20));
    await station.approve(second);
    station.startAgent();
    const failed = await station.untilReady('MemoryUnreadable');
    assert.match(ready(failed)?.message ?? '', /memory\.json/);
    assert.equal(rebootRequested(station.host.directory), false);
    assert.equal(hostOf(failed).booted?.digest, first.platform, 'what was known stays reported');
    await station.stopAgent();
    station.spoilMemory(memory);
    station.startAgent();
    assert.equal((await station.reboot()).outcome, 'Applied');
  });

  test('what somebody else staged is named, and replaced when there is a target to stage', async () => {
    const station = await yard.station();
    await perform(drive(station.host), stageRequest(third));
    await station.aim(first);
    station.startAgent();
    const foreign = await station.untilReady('Booted');
    assert.deepEqual(reasonsOf(hostOf(foreign).problems), ['ForeignStaging']);
    await station.aim(second);
    const staged = await station.untilReady('Staged');
    assert.equal(hostOf(staged).problems, undefined);
    await station.aim(first);
    const stale = await station.untilReady('Booted');
    assert.deepEqual(reasonsOf(hostOf(stale).problems), ['StaleStaging']);
  });

  test('a host that was not booted from an image', async () => {
    const station = await yard.station({ booted: undefined });
    await station.aim(second);
    station.startAgent();
    const target = await station.untilReady('Unmanaged');
    assert.equal(hostOf(target).phase, 'Unmanaged');
    assert.equal(isTrue(target.status?.conditions, 'Stalled'), true);
  });
});

describe('the API', () => {
  test('nothing new is written only as a heartbeat', async () => {
    const station = await yard.station();
    await station.aim(first);
    station.startAgent({ heartbeatMs: 1500 });
    const one = await station.untilReady('Booted');
    const two = await station.until(t => t.status?.host?.reportedAt !== one.status?.host?.reportedAt);
    assert.deepEqual(two.status?.conditions, one.status?.conditions);
    await station.stopAgent();
    const writes = writesOf(station);
    station.startAgent({ heartbeatMs: 3_600_000 });
    await station.aim(second);
    await station.untilReady('Staged');
    assert.equal(writesOf(station), writes + 1, 'a new life writes nothing of its own');
  });

  test('a clock that is set back does not silence the heartbeat', async () => {
    const station = await yard.station();
    await station.aim(first);
    let aheadMs = 7_200_000;
    station.startAgent({ heartbeatMs: 1500, now: () => Date.now() + aheadMs });
    const ahead = await station.untilReady('Booted');
    aheadMs = 0;
    const then = Date.parse(hostOf(ahead).reportedAt ?? '');
    await station.until(t => Date.parse(hostOf(t).reportedAt ?? '') < then - 3_600_000);
  });

  test('a memory that cannot be written: nothing is staged or booted, and the node says so until it can', async () => {
    const station = await yard.station();
    await station.aim(second);
    const inTheWay = `${station.memoryPath}.new`;
    mkdirSync(inTheWay, { recursive: true });
    station.startAgent();
    const failed = await station.untilReady('MemoryUnwritable');
    assert.match(ready(failed)?.message ?? '', /memory\.json/);
    assert.equal(hostOf(failed).phase, 'Failed');
    assert.equal(existsSync(hostPaths(station.host.directory).calls), false, 'nothing was done to the host');
    await station.stopAgent();
    rmSync(inTheWay, { recursive: true });
    station.startAgent();
    await station.untilReady('Staged');
  });

  test('a failed write is written again', async () => {
    const station = await yard.station();
    await station.aim(first);
    const fault = yard.proxy.fail(c => c.userAgent === station.userAgent && c.verb === 'patch', { status: 500, times: 3 });
    station.startAgent();
    await station.untilReady('Booted');
    assert.equal(fault.hits, 3);
  });

  test('an approval that is taken back while the last report is written is heeded', async () => {
    const station = await yard.station();
    await station.aim(second);
    station.startAgent();
    await station.untilReady('Staged');
    const held = yard.proxy.delay(c => c.userAgent === station.userAgent && c.verb === 'patch', 600, 1);
    await station.approve(second);
    await until(() => held.hits === 1);
    await station.aim(second);
    await station.untilReady('Staged');
    assert.equal(rebootRequested(station.host.directory), false);
  });

  test('a target that comes, goes and comes again', async () => {
    const station = await yard.station();
    station.startAgent();
    await station.aim(first);
    const one = await station.untilReady('Booted');
    await yard.admin.delete(nodetargets, station.name);
    await station.aim(first);
    const two = await station.untilReady('Booted');
    assert.notEqual(two.metadata.uid, one.metadata.uid);
  });

  test("one node's token is refused for another's target", async () => {
    const [one, other] = [await yard.station(), await yard.station()];
    await one.aim(first);
    await other.aim(first);
    const transport = new Transport({ kubeConfig: loadKubeConfig(one.kubeconfig), userAgent: probeUserAgent });
    try {
      const client = createClient(transport);
      const write = (name: string) =>
        client.applyStatus(
          nodetargets,
          { apiVersion: 'scantling.dev/v1alpha1', kind: 'NodeTarget', metadata: { name }, status: { host: { phase: 'Idle' } } },
          { fieldManager: fieldManagers.agent },
        );
      await write(one.name);
      await assert.rejects(write(other.name), (e: unknown) => e instanceof ApiError && e.status === 403);
    } finally {
      await transport.close();
    }
  });
});

/** Waits for something that happens outside of the API; the test's own time limit is the only one. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}
