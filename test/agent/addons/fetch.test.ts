/** Bringing addons from a real registry, with all that goes wrong on the way. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { fetchRaw, FetchEndedError } from '../../../controller/agent/addons/fetch.ts';
import { AddonStore, storePath } from '../../../controller/agent/addons/store.ts';
import type { Raw } from '../../../controller/agent/addons/store.ts';
import { TransientError } from '../../../controller/api/errors.ts';
import { NotFoundError } from '../../../controller/registry/errors.ts';
import { removeDirectory, temporaryDirectory } from '../../cluster/processes.ts';
import { bytesOf, openShop, openStore } from './shop.ts';
import type { Shop } from './shop.ts';

const mib = 1 << 20;
let shop: Shop;

before(async () => {
  shop = await openShop();
});
after(() => shop.stop());

const forever = new AbortController().signal;

function fetchInto(store: AddonStore, raw: Raw, signal: AbortSignal = forever, from: Shop = shop): Promise<void> {
  return fetchRaw(store, raw, { ...from.access, repository: `${from.server.host}/addons` }, signal);
}

function storeOf(t: TestContext): { store: AddonStore; root: string } {
  return openStore(remove => t.after(remove));
}

function partOf(root: string, { name, digest }: Raw): string {
  return join(root, storePath, name, `.${digest.slice(7)}.part`);
}

const spoil = (chunk: Buffer): Buffer => Buffer.concat([Buffer.from([(chunk[0] ?? 0) ^ 1]), chunk.subarray(1)]);
const has = (reason: string) => (error: unknown) => error instanceof TransientError && error.reason === reason;

/** Bytes of blobs that were sent since the log was cleared. */
const sent = (): number =>
  shop.server.requests.log
    .filter(({ path, method }) => method === 'GET' && path.includes('/blobs/'))
    .reduce((n, r) => n + r.bytesOut, 0);

describe('an addon from a registry', () => {
  test('is in the store, whole and for nobody to change', async t => {
    const { store } = storeOf(t);
    const raw = bytesOf(3 * mib + 17);
    await shop.sell(raw.name, raw.bytes);
    assert.equal(await store.has(raw), false);
    await fetchInto(store, raw);
    assert.deepEqual(readFileSync(store.pathOf(raw)), raw.bytes);
    assert.equal(statSync(store.pathOf(raw)).mode & 0o777, 0o444);
    assert.equal(await store.has(raw), true);
    assert.deepEqual(await store.list(), [{ name: raw.name, digest: raw.digest, partial: false }]);
    shop.server.requests.clear();
    await fetchInto(store, raw);
    assert.equal(shop.server.requests.count, 0, 'what is there was asked for again');
  });

  test('goes on where the connection broke, in the same life', async t => {
    const { store } = storeOf(t);
    const raw = bytesOf(4 * mib);
    await shop.sell(raw.name, raw.bytes);
    shop.server.requests.clear();
    t.after(shop.server.requests.fail(({ path }) => path.includes(raw.digest), { cutAfterBytes: 2 * mib + 5, times: 1 }));
    await fetchInto(store, raw);
    assert.deepEqual(readFileSync(store.pathOf(raw)), raw.bytes);
    assert.ok(sent() < 5 * mib, `${sent()} bytes were sent`);
  });

  test('goes on in another life with what is on the disk', async t => {
    const { store, root } = storeOf(t);
    const raw = bytesOf(4 * mib);
    await shop.sell(raw.name, raw.bytes);
    mkdirSync(dirname(partOf(root, raw)), { recursive: true });
    writeFileSync(partOf(root, raw), raw.bytes.subarray(0, 3 * mib));
    shop.server.requests.clear();
    await fetchInto(store, raw);
    assert.deepEqual(readFileSync(store.pathOf(raw)), raw.bytes);
    assert.equal(sent(), mib);
  });

  test('begins anew where what an earlier life left is not its beginning', async t => {
    for (const left of [Buffer.alloc(mib), Buffer.alloc(5 * mib)]) {
      const { store, root } = storeOf(t);
      const raw = bytesOf(4 * mib);
      await shop.sell(raw.name, raw.bytes);
      mkdirSync(dirname(partOf(root, raw)), { recursive: true });
      writeFileSync(partOf(root, raw), left);
      await fetchInto(store, raw);
      assert.deepEqual(readFileSync(store.pathOf(raw)), raw.bytes);
      assert.equal(existsSync(partOf(root, raw)), false);
    }
  });

  test('needs no registry when all of it was brought before the end', async t => {
    const { store, root } = storeOf(t);
    const raw = bytesOf(mib);
    mkdirSync(dirname(partOf(root, raw)), { recursive: true });
    writeFileSync(partOf(root, raw), raw.bytes);
    await fetchInto(store, raw);
    assert.deepEqual(readFileSync(store.pathOf(raw)), raw.bytes);
  });

  test('is not written through a link that stands where its part is to be', async t => {
    const { store, root } = storeOf(t);
    const raw = bytesOf(mib);
    await shop.sell(raw.name, raw.bytes);
    mkdirSync(dirname(partOf(root, raw)), { recursive: true });
    writeFileSync(join(root, 'passwd'), 'root');
    symlinkSync(join(root, 'passwd'), partOf(root, raw));
    await fetchInto(store, raw);
    assert.equal(readFileSync(join(root, 'passwd'), 'utf8'), 'root');
    assert.deepEqual(readFileSync(store.pathOf(raw)), raw.bytes);
  });

  test('with other bytes is refused, and nothing of it stays', async t => {
    const { store, root } = storeOf(t);
    const raw = bytesOf(2 * mib);
    await shop.sell(raw.name, raw.bytes);
    const mend = shop.server.requests.fail(({ path }) => path.includes(raw.digest), { corrupt: spoil });
    t.after(mend);
    await assert.rejects(fetchInto(store, raw), has('DigestMismatch'));
    assert.deepEqual(await store.list(), []);
    assert.equal(existsSync(partOf(root, raw)), false);
    mend();
    await fetchInto(store, raw);
    assert.equal(await store.has(raw), true);
  });

  test('of another size than the target says is refused', async t => {
    const raw = bytesOf(mib);
    await shop.sell(raw.name, raw.bytes);
    for (const size of [mib - 1, mib + 1]) {
      const { store } = storeOf(t);
      await assert.rejects(fetchInto(store, { ...raw, size }), has('DigestMismatch'), `${size}`);
      assert.deepEqual(await store.list(), []);
    }
  });

  test('that is not there, or may not be had, says so', async t => {
    const { store } = storeOf(t);
    await assert.rejects(fetchInto(store, bytesOf(10)), NotFoundError);
    const raw = bytesOf(mib);
    await shop.sell(raw.name, raw.bytes);
    t.after(shop.server.requests.fail(({ path }) => path.includes(raw.digest), { status: 401 }));
    await assert.rejects(fetchInto(store, raw), has('RegistryAccessDenied'));
  });

  test('is brought with credentials', async t => {
    const { store } = storeOf(t);
    const guarded = await openShop({ auth: 'basic' });
    t.after(() => guarded.stop());
    const raw = bytesOf(mib);
    await guarded.sell(raw.name, raw.bytes);
    const bare = { ...guarded, access: { ...guarded.access, auth: undefined } };
    await assert.rejects(fetchInto(store, raw, forever, bare), has('RegistryAccessDenied'));
    await fetchInto(store, raw, forever, guarded);
    assert.equal(await store.has(raw), true);
  });

  test('that is not wanted any more ends, and what was brought stays for another time', async t => {
    const { store, root } = storeOf(t);
    const raw = bytesOf(8 * mib);
    await shop.sell(raw.name, raw.bytes);
    const given = new AbortController();
    const registry: Shop['access']['registry'] = {
      ...shop.registry,
      async *readBlob(...of) {
        for await (const bytes of shop.registry.readBlob(...of)) {
          yield bytes;
          if (statSync(partOf(root, raw)).size >= 3 * mib) given.abort();
        }
      },
    };
    await assert.rejects(
      fetchInto(store, raw, given.signal, { ...shop, access: { registry, auth: undefined } }),
      FetchEndedError,
    );
    const kept = statSync(partOf(root, raw)).size;
    assert.ok(kept >= 3 * mib && kept < 8 * mib);
    shop.server.requests.clear();
    await fetchInto(store, raw);
    assert.equal(sent(), 8 * mib - kept);
  });

  test(
    'on a disk that runs full keeps the name free, and comes when there is room',
    { skip: process.getuid?.() !== 0 },
    async t => {
      const root = temporaryDirectory('small');
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'scantling-test', root]);
      t.after(() => {
        execFileSync('umount', [root]);
        removeDirectory(root);
      });
      const store = new AddonStore(root);
      const raw = bytesOf(4 * mib);
      await shop.sell(raw.name, raw.bytes);
      await assert.rejects(fetchInto(store, raw), has('DiskFull'));
      assert.deepEqual(
        readdirSync(join(root, storePath, raw.name)).filter(name => name.endsWith('.raw')),
        [],
      );
      execFileSync('mount', ['-o', 'remount,size=16m', root]);
      await fetchInto(store, raw);
      assert.deepEqual(readFileSync(store.pathOf(raw)), raw.bytes);
    },
  );
});
