/** The built agent on a host whose boots run the real scripts: from a registry into /usr, and back. bootc and the order to reboot are stand-ins; systemd is real. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setDigest } from '../../controller/addon/set-digest.ts';
import type { NodeTargetSpec } from '../../controller/api/node-target.ts';
import { openShop } from '../agent/addons/shop.ts';
import { hostOf, startYard, verdictOf } from '../agent/station.ts';
import { deploymentOf as bootEntry, toggleRollback } from '../cluster/host/deployments.ts';
import { rebootHost, rebootRequested } from '../cluster/host/fake-host.ts';
import { loadState, saveState } from '../cluster/host/state.ts';
import { startProcess, type ServerProcess } from '../cluster/processes.ts';
import { programFor } from '../cluster/program.ts';
import { makeAddon, serviceFiles } from './addon-image.ts';
import { boot, type BootedHost } from './booted-host.ts';
import { deploymentOf, imageOf, makeDisk } from './host-disk.ts';
import { withoutHosts } from './systemd-root.ts';

/** Of the system that the host boots. */
const release = 'ID=debian\nVERSION_ID="13"\n';

/** What such a host shows. */
const running = (version: string, { addonSet }: { addonSet: string }): unknown => ({
  seal: ['Merged', addonSet],
  version,
  service: ['active', `${version}\n`],
});

test(
  'an addon comes from a registry into /usr, is exchanged with the system, and is back after a rollback',
  { skip: withoutHosts() },
  async t => {
    const [yard, shop] = await Promise.all([startYard(), openShop()]);
    t.after(() => Promise.all([yard.stop(), shop.stop()]));
    const [one, two] = yard.images;
    assert.ok(one && two);
    const station = await yard.station();
    const { directory, path } = station.host;
    const deployments = [one, two].map(({ image, platform }) => {
      const pulled = { digest: platform, version: null, timestamp: null };
      return bootEntry({ image, transport: 'registry' }, pulled, 0).checksum;
    });
    const disk = await makeDisk(t, 257, { deployments });
    for (const deployment of deployments) {
      const registries = join(deploymentOf(disk, deployment), 'etc/containers/registries.conf.d');
      mkdirSync(registries, { recursive: true });
      writeFileSync(join(registries, 'shop.conf'), `[[registry]]\nlocation = "${shop.server.host}"\ninsecure = true\n`);
      // Without one a host takes no artifact.
      const policy = join(deploymentOf(disk, deployment), 'etc/containers/policy.json');
      writeFileSync(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
      symlinkSync('sysroot/ostree', join(imageOf(disk, deployment), 'ostree'));
    }

    const sell = async (version: string): Promise<Required<Pick<NodeTargetSpec, 'addons' | 'addonSet'>>> => {
      const services = ['runtime.service'];
      const addon = await makeAddon('runtime', version, { release, files: serviceFiles('runtime', version), services });
      const match = { id: 'debian', versionId: '13' };
      const { name, image, digest, size } = await shop.sell('runtime', addon.bytes, { match, services });
      const wanted = { name, image, digest, size, services };
      return { addons: [wanted], addonSet: setDigest([wanted]) ?? '' };
    };
    const [first, second] = [await sell('1'), await sell('2')];

    let host: BootedHost;
    let agent: ServerProcess | undefined;
    const [command, ...args] = await programFor({ source: false });
    const comeUp = async (): Promise<void> => {
      host = await boot(disk, { deployment: loadState(directory).booted?.checksum ?? '' });
      const flags = { 'node-name': station.name, kubeconfig: station.kubeconfig, 'host-root': host.root, 'host-path': path };
      const named = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
      agent = await startProcess({
        name: 'agent',
        command,
        args: [...args, 'agent', ...named, '--host-exec=nsenter', '--http-address=off'],
        logFile: join(directory, 'agent.log'),
      });
    };
    const goDown = async (): Promise<void> => {
      await agent?.stop(2_000);
      await host.cut();
      rebootHost(directory);
    };
    /** The whole way to a target: staged, approved, rebooted, judged. */
    const reach = async (...[image, set]: Parameters<typeof station.approve>): Promise<void> => {
      await station.aim(image, set);
      await station.untilReady('Staged');
      await station.approve(image, set);
      while (!rebootRequested(directory)) await sleep(20);
      await goDown();
      await comeUp();
      const booted = await station.untilReady('Booted');
      assert.equal(verdictOf(booted).type, 'Succeeded');
      assert.deepEqual(hostOf(booted).addons?.set, set?.addonSet);
    };
    const runs = (): unknown => ({
      seal: [host.seal().state, host.seal().set],
      version: host.read('usr/share/addons/runtime'),
      service: [host.run('systemctl', 'is-active', 'runtime.service').stdout.trim(), host.read('run/runtime.started')],
    });

    t.after(() => agent?.stop(2_000));
    await comeUp();
    await reach(one, first);
    assert.deepEqual(runs(), running('1', first));
    await reach(two, second);
    assert.deepEqual(runs(), running('2', second));

    // A person goes back, with the host's own tools and no word to anybody.
    saveState(directory, toggleRollback(loadState(directory)));
    await goDown();
    await comeUp();
    assert.deepEqual(runs(), running('1', first));
    const back = await station.until(target => hostOf(target).booted?.digest === one.platform);
    assert.equal(hostOf(back).addons?.set, first.addonSet);
  },
);
