/** A set of addons on its way from a real registry to being ready on a host. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Ground } from '../../../controller/agent/addons/inspect.ts';
import { prepareSet } from '../../../controller/agent/addons/prepare.ts';
import type { WantedAddon } from '../../../controller/agent/addons/prepare.ts';
import { parseRelease } from '../../../controller/agent/addons/release.ts';
import type { AddonStore } from '../../../controller/agent/addons/store.ts';
import { reasonOf, TransientError } from '../../../controller/api/errors.ts';
import { addonOf, bytesOf, debian12, hasMkfs, openShop, openStore } from './shop.ts';
import type { Shop } from './shop.ts';

const skip = !hasMkfs && 'erofs-utils is not installed';
const ground: Ground = { os: parseRelease(debian12), architecture: 'x86-64' };
let shop: Shop;

before(async () => {
  shop = await openShop();
});
after(() => shop.stop());

function storeOf(t: TestContext): AddonStore {
  return openStore(remove => t.after(remove)).store;
}

const noRegistry = (): Promise<never> => assert.fail('asked for the registry');
const noWay = (): Promise<never> => Promise.reject(new TransientError('InvalidRegistries', 'cannot be read'));

/** Reasons by name; '' for one that is ready. */
async function prepare(
  store: AddonStore,
  addons: readonly WantedAddon[],
  more: Partial<Parameters<typeof prepareSet>[1]> = {},
): Promise<Record<string, string>> {
  const { signal } = new AbortController();
  const found = await prepareSet(addons, {
    store,
    access: async () => shop.access,
    allow: async () => {},
    ground,
    signal,
    ...more,
  });
  assert.deepEqual(
    found.map(({ name, digest }) => ({ name, digest })),
    addons.map(({ name, digest }) => ({ name, digest })),
  );
  return Object.fromEntries(found.map(({ name, error }) => [name, error === undefined ? '' : reasonOf(error)]));
}

describe('a set of addons', { skip }, () => {
  test('is ready when each is in the store and fits; a second time it needs no registry', async t => {
    const store = storeOf(t);
    const addons = [
      await shop.sell('runtime', addonOf('runtime', { 'usr/bin/runtime': Buffer.alloc(3 << 20, 'r') })),
      await shop.sell('kubelet', addonOf('kubelet', { 'usr/bin/kubelet': Buffer.alloc(3 << 20, 'k') })),
      await shop.sell('driver', addonOf('driver', {}, 'ID=_any\n')),
    ];
    assert.deepEqual(await prepare(store, addons), { runtime: '', kubelet: '', driver: '' });
    for (const addon of addons) assert.equal(await store.has(addon), true);
    assert.deepEqual(await prepare(store, addons, { access: noRegistry }), { runtime: '', kubelet: '', driver: '' });
  });

  test('with two that are fetched at once, of which one breaks, has the other', async t => {
    const store = storeOf(t);
    const good = await shop.sell('good', addonOf('good', { 'usr/bin/good': Buffer.alloc(4 << 20, 'g') }));
    const bad = await shop.sell('bad', addonOf('bad', { 'usr/bin/bad': Buffer.alloc(4 << 20, 'b') }));
    const mend = shop.server.requests.fail(({ path }) => path.includes(bad.digest), { status: 503 });
    t.after(mend);
    assert.deepEqual(await prepare(store, [bad, good]), { bad: 'RegistryUnavailable', good: '' });
    mend();
    assert.deepEqual(await prepare(store, [bad, good]), { bad: '', good: '' });
  });

  test('that is not for this system, or is no addon of its name, is not ready', async t => {
    const store = storeOf(t);
    const addons = [
      await shop.sell('newer', addonOf('newer', {}, 'ID=debian\nVERSION_ID=13\n')),
      await shop.sell('renamed', addonOf('original')),
      await shop.sell('system', addonOf('system', { 'usr/lib/os-release': debian12 })),
      await shop.sell('other', addonOf('other'), { match: { id: 'fedora' } }),
      await shop.sell('arm', addonOf('arm'), { architecture: 'arm64' }),
      await shop.sell('calls-itself', addonOf('calls-itself'), { name: 'something-else' }),
      await shop.sell('noise', bytesOf(5000).bytes),
      await shop.sell('empty', addonOf('empty', {}, '')),
      await shop.sell('fine', addonOf('fine')),
    ];
    assert.deepEqual(await prepare(store, addons), {
      newer: 'WrongRelease',
      renamed: 'NameMismatch',
      system: 'HasOSRelease',
      other: 'WrongRelease',
      arm: 'WrongRelease',
      'calls-itself': 'NameMismatch',
      noise: 'NotErofs',
      empty: 'WrongRelease',
      fine: '',
    });
  });

  test('is not compared with a system that cannot be seen', async t => {
    const store = storeOf(t);
    const newer = await shop.sell('newer', addonOf('newer', {}, 'ID=debian\nVERSION_ID=13\n'));
    assert.deepEqual(await prepare(store, [newer], { ground: { os: undefined, architecture: undefined } }), { newer: '' });
  });

  test('of which the artifact is another than the target says is not fetched', async t => {
    const store = storeOf(t);
    const raw = addonOf('runtime', { 'usr/bin/x': 'x' });
    const sold = await shop.sell('runtime', raw);
    const other = await shop.sell('runtime', addonOf('runtime', { 'usr/bin/x': 'y' }));
    shop.server.requests.clear();
    assert.deepEqual(await prepare(store, [{ ...sold, image: other.image }]), { runtime: 'InvalidArtifact' });
    assert.deepEqual(await prepare(store, [{ ...sold, size: sold.size + 1 }]), { runtime: 'InvalidArtifact' });
    const lied = await shop.sell('runtime', raw, { image: { digest: other.digest, size: other.size } });
    assert.deepEqual(await prepare(store, [lied]), { runtime: 'InvalidArtifact' });
    assert.deepEqual(
      shop.server.requests.log.filter(({ path, method }) => method === 'GET' && path.includes(sold.digest)),
      [],
    );
  });

  test('for which there is no room, or no way to the registry, is not begun', async t => {
    const store = storeOf(t);
    const sold = await shop.sell('runtime', addonOf('runtime', { 'usr/bin/z': 'z' }));
    shop.server.requests.clear();
    const huge = { ...sold, name: 'huge', size: 2 ** 52 };
    assert.deepEqual(await prepare(store, [huge, sold]), { huge: 'DiskFull', runtime: 'DiskFull' });
    assert.deepEqual(await prepare(store, [sold], { access: noWay }), { runtime: 'InvalidRegistries' });
    assert.equal(shop.server.requests.count, 0);
  });

  test('that is not wanted any more is given up', async t => {
    const store = storeOf(t);
    const sold = await shop.sell('runtime', addonOf('runtime', { 'usr/bin/w': 'w' }));
    assert.deepEqual(await prepare(store, [sold], { signal: AbortSignal.abort() }), { runtime: 'Error' });
    assert.deepEqual(await store.list(), []);
  });
});
