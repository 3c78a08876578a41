/** A host's addons as its files show them. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { createAddonHost } from '../../../controller/agent/addons/addon-host.ts';
import { recordsPath } from '../../../controller/agent/addons/records.ts';
import { AddonStore } from '../../../controller/agent/addons/store.ts';
import { programPath } from '../../../controller/host-addons/seal.ts';
import type { BootcStatus, BootEntry } from '../../../controller/agent/bootc-status.ts';
import { sealAddons } from '../../cluster/host/addon-scripts.ts';
import { hex, recordOf } from './record-fixture.ts';
import { addonOf, debian12, hasMkfs, openShop, openStore } from './shop.ts';

const skip = !hasMkfs && 'erofs-utils is not installed';
const deployment = hex(0xd0);
const entry = {
  digest: `sha256:${hex(0xa0)}`,
  deployment: `${deployment}.0`,
  architecture: 'amd64',
  locked: false,
  incompatible: false,
  pinned: false,
  softRebootCapable: false,
};
const status: BootcStatus = { booted: entry, others: [], rollbackQueued: false, usrOverlay: false, readOnly: false };
const boot = { bootID: 'this', imageBooted: true };
const open = (): Promise<never> => assert.fail('asked for the registry');

test('what was said in another boot, or by another deployment, is not said of this one', async t => {
  const { root } = openStore(remove => t.after(remove));
  const host = createAddonHost({ root, open });
  const seen = async (): Promise<boolean[]> => {
    const { seal, support } = await host.look(status, boot);
    return [seal !== undefined, support !== undefined];
  };
  assert.deepEqual(await seen(), [false, false]);
  for (const [said, of, there] of [
    ['another', deployment, false],
    ['this', hex(0xe0), false],
    ['this', deployment, true],
    ['this', null, true],
  ] as const) {
    sealAddons(root, { boot: said, deployment: of, refused: [] });
    assert.deepEqual(await seen(), [there, there], `${said} ${of}`);
  }
});

test('a record that is damaged is told, and another one can be put in its place', async t => {
  const { root } = openStore(remove => t.after(remove));
  const host = createAddonHost({ root, open });
  await host.write(recordOf(1));
  writeFileSync(join(root, recordsPath, deployment), 'scantling');
  const { current } = (await host.look(status, boot)).booted;
  assert(typeof current === 'string');
  assert.match(current, /is cut, or was changed/);
  await host.stage(recordOf(2));
  await host.arm(deployment);
  assert.deepEqual((await host.look(status, boot)).booted, { current: recordOf(2) });
});

test('a file that the boot found spoiled is fetched again', { skip }, async t => {
  const shop = await openShop();
  t.after(() => shop.stop());
  const { root } = openStore(remove => t.after(remove));
  const sold = await shop.sell('runtime', addonOf('runtime'));
  writeRelease(root);
  const host = createAddonHost({ root, open: async () => ({ ...shop.access, close: async () => {} }) });
  const request = { target: 'x', addons: [sold], pullSecret: undefined, over: entry, runs: true };
  assert.equal((await host.prepare({ ...request, doubtful: [] }).done).code, 0);
  const path = new AddonStore(root).pathOf(sold);
  const good = readFileSync(path);
  chmodSync(path, 0o644);
  writeFileSync(path, Buffer.alloc(good.length));
  assert.equal((await host.prepare({ ...request, doubtful: [sold] }).done).code, 0);
  assert.deepEqual(readFileSync(path), good);
});

test('a deployment that bootc does not tell of keeps its record and its addons', async t => {
  const { root, store } = openStore(remove => t.after(remove));
  const host = createAddonHost({ root, open });
  const [pinned, composed, gone] = [hex(0xe1), hex(0xe2).repeat(2), hex(0xe3)];
  for (const name of [pinned, composed, gone]) await host.write(recordOf(1, name));
  mkdirSync(join(root, `sysroot/ostree/deploy/default/deploy/${pinned}.1`), { recursive: true });
  symlinkSync('sysroot/ostree', join(root, 'ostree'));
  mkdirSync(join(root, 'sysroot/state/deploy', composed), { recursive: true });
  const [addon] = recordOf(1).addons;
  assert(addon);
  const path = store.pathOf(addon);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'x');
  const left = (): string[] => readdirSync(join(root, recordsPath)).toSorted();
  await host.tidy(status, []);
  assert.deepEqual(left(), [pinned, composed].toSorted());
  assert.ok(existsSync(path));
  rmSync(join(root, 'sysroot'), { recursive: true });
  await host.tidy(status, []);
  assert.deepEqual(left(), []);
  assert.ok(!existsSync(path));
});

test('what waits for an image is kept until the deployment has a record of its own', async t => {
  const { root } = openStore(remove => t.after(remove));
  const host = createAddonHost({ root, open });
  const waiting = hex(0xc1);
  const image = `registry.example.com/os@sha256:${waiting}`;
  const staged: BootEntry = { ...entry, deployment: `${hex(0xe1)}.0`, reference: { image, transport: 'registry' } };
  await host.write(recordOf(1, waiting));
  await host.tidy({ ...status, staged }, []);
  assert.deepEqual((await host.look(status, boot, image)).ahead, recordOf(1, waiting));
  await host.write(recordOf(1, hex(0xe1)));
  await host.tidy({ ...status, staged }, []);
  assert.deepEqual(readdirSync(join(root, recordsPath)), [hex(0xe1)]);
  assert.equal((await host.look(status, boot, image)).ahead, undefined);
});

test('addons are not prepared over a staged image that has no units for them', async t => {
  const { root } = openStore(remove => t.after(remove));
  const host = createAddonHost({ root, open: () => Promise.reject(new Error('no way to the registry')) });
  const deployed = join(root, 'ostree/deploy/default/deploy', entry.deployment);
  const addons = [{ name: 'runtime', image: `registry.example.com/a@sha256:${hex(1)}`, digest: `sha256:${hex(2)}`, size: 1 }];
  const prepare = async (runs: boolean, of = addons): Promise<string> => {
    const request = { target: 'x', addons: of, pullSecret: undefined, over: entry, runs, doubtful: [] };
    return (await host.prepare(request).found).map(({ error }) => String(error)).join();
  };
  // What cannot be seen is not taken for what is not there.
  assert.match(await prepare(false), /no way to the registry/);
  mkdirSync(join(deployed, 'usr/lib'), { recursive: true });
  writeFileSync(join(deployed, 'usr/lib/os-release'), debian12);
  assert.match(await prepare(false), /that is staged has no units for addons/);
  assert.match(await prepare(true), /no way to the registry/);
  assert.equal(await prepare(false, []), '');
  mkdirSync(dirname(join(deployed, programPath)), { recursive: true });
  writeFileSync(join(deployed, programPath), '#!/bin/sh');
  assert.match(await prepare(false), /no way to the registry/);
});

function writeRelease(root: string): void {
  const path = join(root, 'usr/lib/os-release');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, debian12);
}
