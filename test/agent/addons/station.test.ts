/** A node with addons, by the agent itself: a real API server, real registries, a fake host whose boots seal what its records say. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setDigest } from '../../../controller/addon/set-digest.ts';
import type { WantedAddon } from '../../../controller/agent/addons/prepare.ts';
import { targetOf } from '../../../controller/agent/target.ts';
import type { NodeTargetSpec } from '../../../controller/api/node-target.ts';
import { rebootHost, rebootRequested, refuseAddons } from '../../cluster/host/fake-host.ts';
import type { TestImage } from '../driven-host.ts';
import { hostOf, ready, startYard, verdictOf } from '../station.ts';
import type { Station, Yard } from '../station.ts';
import { addonOf, debian12, hasMkfs, openShop } from './shop.ts';
import type { Shop } from './shop.ts';

const skip = !hasMkfs && 'erofs-utils is not installed';
let yard: Yard;
let shop: Shop;
let runtime: WantedAddon;
let newer: WantedAddon;
let kubelet: WantedAddon;

before(async () => {
  if (skip) return;
  [yard, shop] = await Promise.all([startYard(), openShop()]);
  runtime = await shop.sell('runtime', addonOf('runtime', { 'usr/bin/runtime': Buffer.alloc(2 << 20, '1') }));
  newer = await shop.sell('runtime', addonOf('runtime', { 'usr/bin/runtime': Buffer.alloc(2 << 20, '2') }));
  kubelet = await shop.sell('kubelet', addonOf('kubelet', { 'usr/bin/kubelet': 'k' }));
});
after(() => Promise.all([yard?.stop(), shop?.stop()]));

function setOf(...addons: WantedAddon[]): Required<Pick<NodeTargetSpec, 'addons' | 'addonSet'>> {
  return {
    addons: addons.map(({ name, image, digest, size, services }) => ({
      name,
      image,
      digest,
      size,
      ...(services ? { services: [...services] } : {}),
    })),
    addonSet: setDigest(addons) ?? '',
  };
}

async function stationWithAddons(): Promise<Station> {
  const station = await yard.station({ addons: true });
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(station.host.root, path)), { recursive: true });
    writeFileSync(join(station.host.root, path), text);
  };
  put('etc/containers/registries.conf.d/shop.conf', `[[registry]]\nlocation = "${shop.server.host}"\ninsecure = true\n`);
  put('usr/lib/os-release', debian12);
  return station;
}

function image(n: 0 | 1 | 2): TestImage {
  return yard.images[n] ?? assert.fail('no such image');
}

function filesOf(station: Station, name: string): string[] {
  const path = join(station.host.root, 'var/lib/scantling/addons', name);
  return existsSync(path) ? readdirSync(path).filter(file => file.endsWith('.raw')) : [];
}

const writesOf = (station: Station): number =>
  yard.proxy.calls(c => c.userAgent === station.userAgent && !['get', 'list', 'watch'].includes(c.verb)).length;

describe('a node with addons', { skip }, () => {
  test('goes to an image with two, then to another one alone, and lets go of what nothing needs', async () => {
    const station = await stationWithAddons();
    const first = setOf(runtime, kubelet);
    await station.aim(image(1), first);
    station.startAgent();
    const staged = await station.untilReady('Staged');
    assert.equal(hostOf(staged).phase, 'Staged');
    assert.ok(hostOf(staged).capabilities?.includes('Addons'));
    assert.deepEqual(hostOf(staged).prepared, { image: image(1).platform, set: first.addonSet });
    assert.ok(writesOf(station) <= 2, `${writesOf(station)} writes`);
    await station.approve(image(1), first);
    await station.reboot();
    const done = await station.untilReady('Booted');
    assert.equal(verdictOf(done).type, 'Succeeded');
    assert.equal(hostOf(done).addons?.state, 'Merged');
    assert.equal(hostOf(done).addons?.set, first.addonSet);
    assert.deepEqual(
      hostOf(done).addons?.entries?.map(e => [e.name, e.state]),
      [
        ['runtime', 'Merged'],
        ['kubelet', 'Merged'],
      ],
    );
    assert.ok(writesOf(station) <= 4, `${writesOf(station)} writes`);

    const second = setOf(newer);
    await station.aim(image(1), second);
    const prepared = await station.until(t => hostOf(t).prepared?.set === second.addonSet);
    assert.equal(hostOf(prepared).phase, 'Staged');
    assert.equal(hostOf(prepared).staged, undefined);
    assert.equal(hostOf(prepared).addons?.set, first.addonSet);
    await station.approve(image(1), second);
    const boot = await station.reboot();
    assert.equal(boot.digest, image(1).platform);
    const changed = await station.untilReady('Booted');
    assert.equal(verdictOf(changed).type, 'Succeeded');
    assert.equal(hostOf(changed).addons?.set, second.addonSet);
    await station.until(() => filesOf(station, 'kubelet').length === 0 && filesOf(station, 'runtime').length === 1);
    assert.equal(hostOf(changed).addons?.summary, 'runtime');
  });

  test('says which addon is not ready, and goes on when it is there', async () => {
    const station = await stationWithAddons();
    const mend = shop.server.requests.fail(({ path }) => path.includes(kubelet.digest), { status: 404 });
    await station.aim(image(1), setOf(runtime, kubelet));
    station.startAgent();
    const waiting = await station.untilReady('AddonsNotReady');
    assert.match(ready(waiting)?.message ?? '', /^not ready on the host: kubelet \(/);
    assert.equal(hostOf(waiting).prepared, undefined);
    mend();
    await station.stopAgent();
    station.startAgent();
    await station.untilReady('Staged');
  });

  test('whose addon systemd leaves out has failed with it, and is given its former ones', async () => {
    const station = await stationWithAddons();
    const good = setOf(runtime);
    await station.aim(image(1), good);
    station.startAgent();
    await station.untilReady('Staged');
    await station.approve(image(1), good);
    await station.reboot();
    await station.untilReady('Booted');
    const bad = setOf(runtime, kubelet);
    await station.aim(image(1), bad);
    await station.untilReady('Staged');
    refuseAddons(station.host.directory, ['kubelet']);
    await station.approve(image(1), bad);
    await station.reboot();
    const failed = await station.untilReady('AddonsFailed');
    assert.equal(verdictOf(failed).type, 'AddonsFailed');
    assert.equal(hostOf(failed).addons?.state, 'Partial');
    assert.equal(hostOf(failed).addons?.summary, '!kubelet,runtime');
    assert.deepEqual(
      hostOf(failed).failed?.map(f => f.digest),
      [targetOf({ image: image(1).image, ...bad })],
    );
    // The former ones wait for a boot of their own.
    await station.aim(image(1), good);
    const back = await station.untilReady('Staged');
    assert.equal(hostOf(back).prepared?.set, good.addonSet);
    await station.approve(image(1), good);
    await station.reboot();
    const done = await station.untilReady('Booted');
    assert.equal(hostOf(done).addons?.set, good.addonSet);
  });

  test('that lost its memory while it was down has booted with its addons all the same, and they are proven', async () => {
    const station = await stationWithAddons();
    const first = setOf(runtime);
    await station.aim(image(1), first);
    station.startAgent();
    await station.untilReady('Staged');
    await station.approve(image(1), first);
    await station.reboot();
    await station.untilReady('Booted');
    const second = setOf(newer);
    await station.aim(image(1), second);
    await station.untilReady('Staged');
    const approval = await station.approve(image(1), second);
    while (!rebootRequested(station.host.directory)) await sleep(20);
    await station.stopAgent();
    const unproven = (): string[] =>
      readdirSync(join(station.host.root, 'var/lib/scantling/addons/.records')).filter(name => name.endsWith('.before'));
    assert.equal(unproven().length, 1);
    rmSync(station.memoryPath);
    rebootHost(station.host.directory);
    station.startAgent();
    const done = await station.untilReady('Booted');
    assert.equal(verdictOf(done).type, 'Succeeded');
    assert.equal(verdictOf(done).approval, approval);
    assert.equal(hostOf(done).addons?.set, second.addonSet);
    while (unproven().length > 0) await sleep(20);
  });

  test('whose image has no boot scripts says that it can merge none', async () => {
    const station = await stationWithAddons();
    rmSync(join(station.host.root, 'run/scantling'), { recursive: true });
    await station.aim(image(0), setOf(runtime));
    station.startAgent();
    const refused = await station.untilReady('AddonsUnsupported');
    assert.ok(hostOf(refused).capabilities?.includes('Addons'));
    assert.equal(hostOf(refused).addons, undefined);
    mkdirSync(join(station.host.root, 'run/scantling'));
    writeFileSync(join(station.host.root, 'run/scantling/seal.json'), '{"kind":"scantling-addons-seal","version":2}');
    await station.aim(image(0));
    const later = await station.untilReady('Booted');
    assert.deepEqual(
      hostOf(later).problems?.map(({ reason }) => reason),
      ['SealUnreadable'],
    );
  });
});
