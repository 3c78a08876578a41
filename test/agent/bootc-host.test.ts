/** The driver against the fake host, for each release and fault. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureOf } from '../../controller/agent/host-failure.ts';
import { HostError } from '../../controller/agent/host.ts';
import { rebootHost, rebootRequested } from '../cluster/host/fake-host.ts';
import { endFault, injectFault } from '../cluster/host/faults.ts';
import type { Fault } from '../cluster/host/faults.ts';
import type { BootcVersion } from '../cluster/host/state.ts';
import { hostPaths } from '../cluster/host/state.ts';
import { drive, perform, shaky, stageRequest, startWorkshop } from './driven-host.ts';
import type { TestImage, Workshop } from './driven-host.ts';

let workshop: Workshop;
let second: TestImage;
before(async () => {
  workshop = await startWorkshop();
  second = workshop.images[1] ?? assert.fail();
});
after(() => workshop.stop());

const rejectsByDefault = {
  default: [{ type: 'reject' }],
  transports: { docker: { '': [{ type: 'insecureAcceptAnything' }] } },
};

/** Whether a unit of the host has ended with a failure. */
function hasFailed(directory: string): boolean {
  const { units } = hostPaths(directory);
  return readdirSync(units).some(unit => existsSync(join(units, unit, 'code')));
}

const callsOf = (directory: string) => readFileSync(hostPaths(directory).calls, 'utf8').trim().split('\n');

for (const version of ['1.12', '1.16.9', 'next'] as BootcVersion[]) {
  describe(`bootc ${version}`, () => {
    test('stages, arms, reboots', async () => {
      const fake = workshop.host({ version });
      const host = drive(fake);
      const features = await host.features();
      assert.equal(features.switchDownloadOnly, version === 'next');
      assert.equal(features.upgradeDownloadOnly, true);
      assert.equal(features.lockFinalization, false);
      assert.match(features.bootcVersion ?? '', /^1\.\d+\.\d+$/);
      assert.equal(features.systemdVersion, 257);

      assert.equal((await perform(host, stageRequest(second))).code, 0);
      const staged = (await host.status()).staged;
      assert.equal(staged?.digest, second.platform, "bootc reports the platform's digest");
      assert.equal(staged?.reference?.image, second.image);
      assert.equal(staged?.locked, version === 'next');

      if (version === 'next') {
        const armed = await perform(host, { kind: 'Arm', digest: second.digest });
        assert.equal(armed.code, 0);
        assert.equal((await host.status()).staged?.locked, false);
      }
      const { bootID } = await host.boot();
      assert.equal(await host.stopping(), false);
      assert.equal((await host.reboot()).code, 0);
      assert.equal(await host.stopping(), true);
      assert.equal(rebootRequested(fake.directory), true);
      assert.equal(rebootHost(fake.directory).outcome, 'Applied');
      const status = await host.status();
      assert.equal(status.booted?.digest, second.platform);
      assert.equal(status.rollback?.digest, workshop.images[0]?.platform);
      assert.notEqual((await host.boot()).bootID, bootID);
      assert.equal(await host.stopping(), false);
    });

    test('a staging without the lock cannot be locked by bootc afterwards (issue 2425)', async () => {
      const fake = workshop.host({ version });
      const host = drive(fake);
      await perform(host, stageRequest(second));
      if (version === 'next') await perform(host, { kind: 'Arm', digest: second.digest });
      const outcome = await perform(host, { kind: 'Lock', method: 'bootc', digest: second.platform });
      assert.equal(outcome.code, 0);
      assert.match(outcome.stdout, /will not be applied/);
      assert.equal((await host.status()).staged?.locked, false);
    });

    test('ostree locks it, where there is one', async () => {
      const host = drive(workshop.host({ version, lockFinalization: true }));
      assert.equal((await host.features()).lockFinalization, true);
      await perform(host, stageRequest(second));
      assert.equal((await perform(host, { kind: 'Lock', method: 'ostree', digest: second.platform })).code, 0);
      assert.equal((await host.status()).staged?.locked, true);
      await perform(host, { kind: 'Arm', digest: second.digest });
      assert.equal((await host.status()).staged?.locked, false);
    });
  });
}

describe('what fails says so in the words of bootc', () => {
  const faults: [Fault['kind'], string][] = [
    ['DiskFull', 'DiskFull'],
    ['Signature', 'SignatureRejected'],
    ['Registry', 'RegistryUnavailable'],
    ['Unauthorized', 'RegistryUnauthorized'],
    ['Architecture', 'ImageRefused'],
    ['NotBootable', 'ImageRefused'],
  ];
  for (const [kind, reason] of faults) {
    test(kind, async () => {
      const fake = workshop.host();
      const host = drive(fake);
      injectFault(fake.directory, { kind, times: 1 });
      const outcome = await perform(host, stageRequest(second));
      assert.equal(outcome.code, 1);
      assert.equal(failureOf(outcome, 'StageFailed').reason, reason);
      assert.equal((await host.status()).staged, undefined);
      assert.equal((await perform(host, stageRequest(second))).code, 0, 'and works once the fault is gone');
    });
  }

  test('a bound image: the deployment is staged all the same', async () => {
    const fake = workshop.host();
    const host = drive(fake);
    injectFault(fake.directory, { kind: 'BoundImage', digest: second.digest });
    const outcome = await perform(host, stageRequest(second));
    assert.equal(outcome.code, 1);
    assert.equal(failureOf(outcome, 'StageFailed').reason, 'BoundImageFailed');
    assert.equal((await host.status()).staged?.digest, second.platform);
    const again = await perform(host, stageRequest(second));
    assert.equal(again.code, 0, 'and the next switch finds nothing to do');
    assert.match(again.stdout, /unchanged/);
  });

  test('an absent image, and a registry that is not there', async () => {
    const host = drive(workshop.host());
    const absent = { image: second.image.replace(/[0-9a-f]{64}$/, 'e'.repeat(64)), digest: '', platform: '' };
    assert.equal(failureOf(await perform(host, stageRequest(absent)), 'StageFailed').reason, 'ImageNotFound');
    const nowhere = { ...second, image: second.image.replace(/^[^/]+/, '127.0.0.1:9') };
    assert.equal(failureOf(await perform(host, stageRequest(nowhere)), 'StageFailed').reason, 'RegistryUnavailable');
  });

  test('arming with nothing staged', async () => {
    const outcome = await perform(drive(workshop.host()), { kind: 'Arm', digest: second.digest });
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /No staged deployment found/);
  });

  test('a reboot that is refused', async () => {
    const fake = workshop.host();
    injectFault(fake.directory, { kind: 'RebootRefused', times: 1 });
    const outcome = await drive(fake).reboot();
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /inhibited/);
    assert.equal(rebootRequested(fake.directory), false);
  });
});

describe('status', () => {
  test('a failure is no empty host', async () => {
    const fake = workshop.host();
    injectFault(fake.directory, { kind: 'StatusFails', times: 1 });
    const host = drive(fake);
    await assert.rejects(
      host.status(),
      (e: unknown) => e instanceof HostError && e.kind === 'Failed' && /Multiple extra/.test(e.message),
    );
    assert.ok((await host.status()).booted);
  });

  test('one that waits for the lock is busy, not failed', async () => {
    const fake = workshop.host();
    injectFault(fake.directory, { kind: 'Hang' });
    const host = drive(fake, { statusTimeoutMs: 300 });
    const operation = await host.start(stageRequest(second));
    await until(() => existsSync(hostPaths(fake.directory).calls));
    await assert.rejects(host.status(), (e: unknown) => e instanceof HostError && e.kind === 'Busy');
    await operation.cancel();
    await operation.done;
    assert.ok((await drive(fake).status()).booted, 'the lock is free again');
  });

  test('no bootc at all', async () => {
    const fake = workshop.host();
    const host = drive(fake, { exec: 'direct', path: '/nonexistent' });
    await assert.rejects(host.status(), (e: unknown) => e instanceof HostError && e.kind === 'Failed');
    assert.deepEqual(await host.features(), { switchDownloadOnly: false, upgradeDownloadOnly: false, lockFinalization: false });
  });

  test('a tool that is killed while it is asked says nothing of what it can do', async () => {
    const fake = workshop.host();
    const directory = join(fake.directory, 'killed');
    mkdirSync(directory);
    writeFileSync(join(directory, 'bootc'), '#!/bin/sh\nkill -KILL $$\n', { mode: 0o755 });
    const host = drive(fake, { path: `${directory}:${fake.path}` });
    await assert.rejects(host.features(), (e: unknown) => e instanceof HostError && e.kind === 'Failed');
    rmSync(directory, { recursive: true });
    assert.equal((await host.features()).switchDownloadOnly, true, 'and it is asked again');
  });

  test("the agent's own environment never reaches bootc, or it would take the host for a container", async () => {
    const fake = workshop.host();
    process.env['container'] = 'oci';
    try {
      assert.ok((await drive(fake).status()).booted);
      assert.ok((await drive(fake, { exec: 'direct' }).status()).booted);
    } finally {
      delete process.env['container'];
    }
  });

  test('in the wrong mount namespace the host is empty, yet booted from an image', async () => {
    const fake = workshop.host();
    writeFileSync(join(fake.root, 'run/.containerenv'), '');
    const host = drive(fake);
    assert.equal((await host.status()).booted, undefined);
    assert.equal((await host.boot()).imageBooted, true);
    const outcome = await perform(host, stageRequest(second));
    assert.equal(failureOf(outcome, 'StageFailed').reason, 'AgentMisconfigured');
  });
});

describe('operations outlive the agent', () => {
  test('one that runs is adopted, and not started twice', async () => {
    const fake = workshop.host();
    injectFault(fake.directory, { kind: 'SlowPull' });
    const first = drive(fake);
    await first.start(stageRequest(second));
    await until(() => existsSync(hostPaths(fake.directory).calls));
    const next = drive(fake);
    const adopted = await next.adopt();
    assert.equal(adopted?.kind, 'Stage');
    assert.equal(adopted?.digest, second.digest);
    const twice = await next.start(stageRequest(second));
    await until(() => existsSync(hostPaths(fake.directory).refusedUnits));
    endFault(fake.directory, 'SlowPull');
    assert.notEqual((await twice.done).code, 0);
    assert.equal((await adopted?.done)?.code, 0);
    assert.equal((await next.status()).staged?.digest, second.platform);
    assert.equal(callsOf(fake.directory).length, 1);
    await adopted?.forget();
    assert.equal(await next.adopt(), undefined);
  });

  test('a service manager that does not answer is not taken to say that nothing runs, or that it went well', async () => {
    const fake = workshop.host();
    const { path, setDown } = shaky(fake);
    injectFault(fake.directory, { kind: 'BoundImage', times: 1 });
    injectFault(fake.directory, { kind: 'SlowPull' });
    await drive(fake).start(stageRequest(second));
    await until(() => existsSync(hostPaths(fake.directory).calls));
    const next = drive(fake, { path });
    setDown(true);
    await assert.rejects(next.adopt(), (e: unknown) => e instanceof HostError && /connect to bus/.test(e.message));
    setDown(false);
    const adopted = await next.adopt();
    setDown(true);
    await until(() => adopted?.trouble?.() !== undefined);
    assert.match(adopted?.trouble?.() ?? '', /^systemd does not say whether scantling-\S+ still runs: Failed to connect to bus/);
    endFault(fake.directory, 'SlowPull');
    await until(() => hasFailed(fake.directory));
    const early = await Promise.race([adopted?.done, sleep(300)]);
    assert.equal(early, undefined, 'it has ended, and whoever gets no answer cannot know how');
    setDown(false);
    assert.equal((await adopted?.done)?.code, 1);
    assert.equal(adopted?.trouble?.(), undefined);
    await adopted?.forget();
  });

  test('one that failed unread is found with its words', async () => {
    const fake = workshop.host();
    injectFault(fake.directory, { kind: 'BoundImage', times: 1 });
    const operation = await drive(fake).start(stageRequest(second));
    await operation.done;
    const next = drive(fake);
    const found = await next.adopt();
    const outcome = await found?.done;
    assert.equal(outcome?.code, 1);
    assert.match(outcome?.stderr ?? '', /Pulling bound images/);
    await found?.forget();
    assert.equal(await next.adopt(), undefined);
    assert.deepEqual(readdirSync(join(fake.root, 'run/scantling')), []);
    assert.equal((await perform(next, stageRequest(second))).code, 0, 'and the name is free again');
  });

  test('one that takes too long is ended by the service manager', async () => {
    const fake = workshop.host();
    injectFault(fake.directory, { kind: 'Hang', times: 1 });
    const host = drive(fake, { operationMaxSeconds: 1 });
    assert.notEqual((await perform(host, stageRequest(second))).code, 0);
    assert.equal((await host.status()).staged, undefined);
  });

  test('the staged digest of an earlier target is replaced', async () => {
    const host = drive(workshop.host());
    await perform(host, stageRequest(workshop.images[2]));
    await perform(host, stageRequest(second));
    const status = await host.status();
    assert.equal(status.staged?.digest, second.platform);
    assert.equal(status.booted?.digest, workshop.images[0]?.platform);
  });
});

describe('signatures', () => {
  for (const [name, policy, flag] of [
    ["a distribution's policy that accepts everything", { default: [{ type: 'insecureAcceptAnything' }] }, false],
    ['a policy that rejects by default', rejectsByDefault, true],
  ] as const) {
    test(`${name}: the flag is ${flag ? '' : 'not '}given`, async () => {
      const fake = workshop.host();
      writePolicy(fake.root, policy);
      const host = drive(fake);
      assert.equal((await perform(host, stageRequest(second))).code, 0);
      assert.equal((await host.status()).staged?.reference?.signature, flag ? 'containerPolicy' : undefined);
    });
  }

  test('what was insisted on once is not given up when the policy is loosened', async () => {
    const fake = workshop.host();
    writePolicy(fake.root, rejectsByDefault);
    const host = drive(fake);
    await perform(host, stageRequest(second));
    await perform(host, { kind: 'Arm', digest: second.digest });
    rebootHost(fake.directory);
    await host.status();
    writePolicy(fake.root, { default: [{ type: 'insecureAcceptAnything' }] });
    const outcome = await perform(host, stageRequest(workshop.images[2]));
    assert.equal(failureOf(outcome, 'StageFailed').reason, 'SignatureRejected');
  });
});

describe('a finalization that failed', () => {
  test('leaves its text', async () => {
    const fake = workshop.host();
    const host = drive(fake);
    assert.equal(await host.finalizeFailure(), undefined);
    await perform(host, stageRequest(second));
    await perform(host, { kind: 'Arm', digest: second.digest });
    injectFault(fake.directory, { kind: 'FinalizeFails' });
    assert.equal(rebootHost(fake.directory).outcome, 'FinalizeFailed');
    assert.match((await host.finalizeFailure()) ?? '', /No space left/);
    assert.equal((await host.status()).booted?.digest, workshop.images[0]?.platform);
  });
});

function writePolicy(root: string, policy: object): void {
  mkdirSync(join(root, 'etc/containers'), { recursive: true });
  writeFileSync(join(root, 'etc/containers/policy.json'), JSON.stringify(policy));
}

/** Waits for something that another process does; the test's own time limit is the only one. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 10));
}
