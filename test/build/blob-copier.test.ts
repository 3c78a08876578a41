import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { BlobCopier } from '../../controller/build/blob-copier.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { retryPolicy } from '../../controller/registry/retry.ts';
import type { CopiedBlob, Registry } from '../../controller/registry/registry.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';

describe("a base's blobs from another registry", () => {
  let source: RegistryServer;
  let target: RegistryServer;
  let registry: Registry;
  const size = 300_000;

  before(async () => {
    [source, target] = await Promise.all([startRegistry(), startRegistry()]);
    const insecureHosts = new Set([source.host, target.host]);
    registry = createRegistry({ insecureHosts, userAgent: 'test', retry: { ...retryPolicy, tries: 1 } });
  });
  after(async () => {
    await registry.close();
    await Promise.all([source.stop(), target.stop()]);
  });

  async function blobs(count: number): Promise<CopiedBlob[]> {
    const from = `${source.host}/base/layers`;
    return Promise.all(
      Array.from({ length: count }, async () => ({ from, size, digest: await registry.pushBlob(from, randomBytes(size)) })),
    );
  }

  test('are transferred once, however many repositories want them at a time, and then mounted', async () => {
    const layers = await blobs(5);
    const copier = new BlobCopier(registry);
    target.requests.clear();
    const totals = await Promise.all(
      Array.from({ length: 30 }, (_, i) => copier.copy(`${target.host}/built/d${i}`, layers, undefined)),
    );
    assert.ok(target.requests.bytesIn < 5 * size + 10_000, `${target.requests.bytesIn} bytes`);
    const sum = (of: 'pushed' | 'reused'): number => totals.reduce((total, each) => total + each[of], 0);
    assert.deepEqual([sum('pushed'), sum('reused')], [5 * size, 29 * 5 * size]);
    const later = await copier.copy(`${target.host}/built/later`, layers, undefined);
    assert.deepEqual(later, { pushed: 0, reused: 5 * size });
    for (const { digest } of layers) assert.equal(await registry.hasBlob(`${target.host}/built/later`, digest), size);
  });

  test('a transfer that fails is one build alone: the next tries again', async () => {
    const layers = await blobs(1);
    const copier = new BlobCopier(registry);
    const end = target.requests.fail(r => r.path.startsWith('/v2/built/broken'), { status: 403 });
    const broken = copier.copy(`${target.host}/built/broken`, layers, undefined);
    const waiting = copier.copy(`${target.host}/built/waiting`, layers, undefined);
    await assert.rejects(broken, { reason: 'RegistryAccessDenied' });
    assert.deepEqual(await waiting, { pushed: size, reused: 0 });
    end();
    assert.deepEqual(await copier.copy(`${target.host}/built/broken`, layers, undefined), { pushed: 0, reused: size });
  });
});
