/** What variants of files are made of, and how much of it is in memory. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SourceResolver } from '../../controller/addon/resolve-source.ts';
import { StallingError } from '../../controller/api/errors.ts';
import type { SystemAddon } from '../../controller/api/system-addon.ts';
import type { InputTree } from '../../controller/definition/inputs.ts';

const revision = `main@sha1:${'a'.repeat(40)}`;
const addon: SystemAddon = {
  apiVersion: 'scantling.dev/v1alpha1',
  kind: 'SystemAddon',
  metadata: { name: 'tool', uid: 'u', generation: 1 },
  spec: {
    suspend: false,
    sourceRef: { name: 'git', path: '.', revision },
    variants: ['fedora', 'debian', 'opensuse'].map(id => ({
      platform: 'linux/amd64' as const,
      os: { id },
      source: { trees: [{ from: id, to: '/usr/share/tool' }] },
    })),
    allowSetuid: false,
    output: { repository: 'registry.example/addons/tool' },
    interval: '10m',
    history: { successful: 5, prune: 'None', gracePeriod: '24h' },
  },
};

class Tree implements InputTree {
  readonly #files: number;
  readonly #bytes: Uint8Array;
  reads = 0;
  atOnce = 0;
  #now = 0;

  constructor(files: number, bytes: Uint8Array) {
    this.#files = files;
    this.#bytes = bytes;
  }

  entry(path: string): Promise<Awaited<ReturnType<InputTree['entry']>>> {
    return Promise.resolve({ path, mode: 'directory', oid: 'tree' });
  }

  list(directory: string): ReturnType<InputTree['list']> {
    const names = Array.from({ length: this.#files }, (_, i) => `${directory}/file-${i}`);
    return Promise.resolve(names.map(path => ({ path, mode: 'file', oid: path })));
  }

  async read(entries: Parameters<InputTree['read']>[0]): ReturnType<InputTree['read']> {
    this.reads++;
    this.atOnce = Math.max(this.atOnce, ++this.#now);
    await new Promise(setImmediate);
    this.#now--;
    return new Map(entries.map(({ oid }) => [oid, this.#bytes]));
  }
}

const missing = (): never => assert.fail('is not needed');
const resolverOver = (tree: InputTree): SourceResolver => {
  const [client, followed, trust] = [{}, {}, {}].map(of => new Proxy(of, { get: missing })) as [never, never, never];
  return new SourceResolver(addon, {
    client,
    followed,
    trust,
    installed: missing,
    open: () => Promise.resolve(tree),
    auth: missing,
    force: false,
    settled: true,
  });
};
const resolveAll = (resolver: SourceResolver) =>
  Promise.all(addon.spec.variants.map((variant, i) => resolver.resolve(variant, i)));

describe('variants of files', () => {
  it('are looked at one after the other, and what they place is read again when they are made', async () => {
    const tree = new Tree(2, Buffer.from('tool'));
    const sources = await resolveAll(resolverOver(tree));
    assert.deepEqual([tree.reads, tree.atOnce], [3, 1]);
    assert.equal(new Set(sources.map(({ inputs }) => inputs)).size, 3);
    const { content } = sources[0] ?? assert.fail();
    assert.ok(content.kind === 'Placed');
    assert.deepEqual(
      (await content.read()).map(({ path }) => path),
      ['/usr/share/tool/file-0', '/usr/share/tool/file-1'],
    );
    assert.equal(tree.reads, 4);
  });

  it('that are wrong do not keep others from being looked at', async () => {
    const tree = new Tree(0, Buffer.alloc(0));
    const settled = await Promise.allSettled(addon.spec.variants.map((v, i) => resolverOver(tree).resolve(v, i)));
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    const resolver = resolverOver(tree);
    const [first, second] = await Promise.allSettled(addon.spec.variants.map((v, i) => resolver.resolve(v, i)));
    assert.deepEqual([first?.status, second?.status], ['rejected', 'rejected']);
    assert.equal(tree.reads, 6);
  });

  it('hold no more than the controller has memory for', async () => {
    const tree = new Tree(3, Buffer.alloc(24 * 1024 * 1024));
    await assert.rejects(
      resolverOver(tree).resolve(addon.spec.variants[0] ?? assert.fail(), 0),
      (error: unknown) =>
        error instanceof StallingError &&
        error.message === 'spec.variants[0].source holds 75497472 bytes, more than 67108864; put large files into an image',
    );
  });
});
