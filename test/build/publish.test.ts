import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { readImageSystem } from '../../controller/addon/image-system.ts';
import { formatVendorProfile, vendorProfileMark } from '../../controller/api/vendor-profile.ts';
import { baseInfo } from '../../controller/build/base.ts';
import { contextDigest, pullContext, pushContext, planMediaType } from '../../controller/build/context.ts';
import type { Context } from '../../controller/build/context.ts';
import { builderVersion, imageVersion } from '../../controller/build/name.ts';
import type { BuiltImage } from '../../controller/build/publish.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Descriptor } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import type { HttpFault } from '../cluster/http-faults.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { contextOf, pushBase } from './build-fixture.ts';
import { runOnce } from './run-once.ts';

const invalid = (error: unknown): boolean => error instanceof StallingError && error.reason === 'InvalidContext';
const missing = (error: unknown): boolean => error instanceof TransientError && error.reason === 'ContextNotFound';
const reasonOf = (reason: string, image: string) => (error: unknown) => {
  assert.ok(error instanceof TransientError || error instanceof StallingError, String(error));
  assert.equal(error.reason, reason);
  assert.ok(error.message.includes(image), error.message);
  return true;
};

describe('the assemble builder on a real registry', () => {
  let server: RegistryServer;
  let other: RegistryServer;
  let client: Registry;
  before(async () => {
    [server, other] = await Promise.all([startRegistry(), startRegistry()]);
    client = createRegistry({
      insecureHosts: new Set([server.host, other.host]),
      userAgent: 'scantling-test',
      retry: { tries: 3, baseMs: 1, maxWaitMs: 1_000 },
    });
  });
  after(async () => {
    await client.close();
    await Promise.all([server.stop(), other.stop()]);
  });

  const context = contextOf({
    definition: 'worker',
    layers: [{ 'etc/motd': 'hello\n' }, { 'usr/lib/a': 'a', 'usr/lib/b': 'b' }],
    labels: { 'com.example.team': 'infra', 'containers.bootc': '0' },
  });

  async function build(repository: string, base: string, from: Context = context, by: Registry = client): Promise<BuiltImage> {
    const digest = await pushContext(by, repository, from);
    assert.equal(digest, contextDigest(from));
    return runOnce(by, {
      name: 'worker-0123456789',
      spec: {
        definitionRef: { name: 'worker' },
        context: digest,
        base,
        output: { repository },
        execution: { timeout: '1m', lint: 'Warn' as const },
        builderVersion,
      },
    });
  }

  const manifestOf = async (image: string): Promise<{ config: Descriptor; layers: Descriptor[] }> =>
    (await client.manifest(image)).json as { config: Descriptor; layers: Descriptor[] };

  test('a context comes back as it was pushed, and only what is missing is sent', async () => {
    const repository = `${server.host}/context/os`;
    const digest = await pushContext(client, repository, context);
    const back = await pullContext(client, repository, digest);
    assert.deepEqual(back.plan, context.plan);
    assert.deepEqual(back.layers.map(sha256), context.layers.map(sha256));
    server.requests.clear();
    await pushContext(client, repository, context);
    assert.ok(!server.requests.log.some(r => r.path.includes('/uploads/')));
    for (const empty of [contextOf({ definition: 'bare' }), contextOf({ definition: 'steps', containerfile: 'RUN true\n' })]) {
      const digest = await pushContext(client, repository, empty);
      assert.deepEqual(await pullContext(client, repository, digest), empty);
    }
  });

  test('what is no context, or does not match its plan, is refused', async () => {
    const repository = `${server.host}/context/bad`;
    const base = await pushBase(client, repository, { layers: [randomBytes(10)] });
    await assert.rejects(pullContext(client, repository, base.digest), invalid);
    await assert.rejects(pullContext(client, repository, sha256('none')), missing);
    const torn = { plan: context.plan, layers: [context.layers[0]!, new Uint8Array(3)] };
    await assert.rejects(pushContext(client, repository, torn), /does not match its plan/);
    const future = { ...context.plan, version: 3 };
    const config = new TextEncoder().encode(JSON.stringify(future));
    await client.pushBlob(repository, config);
    const manifest = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.manifest,
        config: { mediaType: planMediaType, digest: sha256(config), size: config.length },
        layers: [],
      }),
    );
    const digest = await client.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: manifest });
    await assert.rejects(pullContext(client, repository, digest), error => invalid(error) && /version 3/.test(String(error)));
  });

  test('an image for every platform of the base, with the chain in its labels', async () => {
    const base = await pushBaseImage({ registry: server.host });
    const baseImage = `${server.host}/base/system@${base.digest}`;
    const repository = `${server.host}/built/worker`;
    const image = await build(repository, baseImage);
    assert.equal(image.reference, `${repository}@${image.digest}`);
    assert.deepEqual(
      image.platforms.map(p => p.platform),
      ['linux/amd64', 'linux/arm64'],
    );
    assert.equal((await client.resolve(`${repository}:worker-0123456789`)).digest, image.digest);
    const digest = contextDigest(context);
    for (const { platform, digest: platformDigest } of image.platforms) {
      const manifest = await manifestOf(`${repository}@${platformDigest}`);
      const baseManifest = await manifestOf(`${server.host}/base/system@${base.platforms[platform.split('/')[1] ?? '']}`);
      assert.deepEqual(manifest.layers.slice(0, baseManifest.layers.length), baseManifest.layers);
      const added = manifest.layers.slice(baseManifest.layers.length);
      assert.deepEqual(
        added,
        context.plan.layers.map(({ digest, size }) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size })),
      );
      for (const layer of manifest.layers) assert.equal(await client.hasBlob(repository, layer.digest), layer.size);
      const [built] = (await baseInfo(client, `${repository}@${platformDigest}`)).platforms;
      assert.equal(built?.platform, platform);
      assert.deepEqual(
        { ...built?.labels },
        {
          'com.example.team': 'infra',
          'containers.bootc': '1',
          'org.opencontainers.image.version': imageVersion('worker', digest),
          'org.opencontainers.image.base.name': `${server.host}/base/system`,
          'org.opencontainers.image.base.digest': base.digest,
          'dev.scantling.definition': 'worker',
          'dev.scantling.context': digest,
        },
      );
    }
  });

  test('the mark of a profile of addons is on index and manifests, also of what is built on it', async () => {
    const base = await pushBaseImage({ registry: server.host });
    const layers = [{ 'usr/share/scantling/profile.json': formatVendorProfile([{ name: 'runtime', addon: 'containerd-2' }]) }];
    const marked = contextOf({ definition: 'worker', layers, labels: { [vendorProfileMark]: '1' } });
    const first = await build(`${server.host}/built/asking`, `${server.host}/base/system@${base.digest}`, marked);
    const second = await build(`${server.host}/built/derived`, first.reference);
    for (const { reference, platforms } of [first, second]) {
      const repository = reference.slice(0, reference.indexOf('@'));
      for (const name of [reference, ...platforms.map(({ digest }) => `${repository}@${digest}`)]) {
        const { annotations } = (await client.manifest(name)).json as { annotations: Record<string, string> };
        assert.equal(annotations[vendorProfileMark], '1', name);
      }
      const { os, profile } = await readImageSystem(client, { image: reference, platform: 'linux/arm64' });
      assert.deepEqual([os.id, profile], ['base', [{ name: 'runtime', addon: 'containerd-2' }]]);
    }
  });

  test('the same inputs give the same image in another registry, and a second build moves no layer', async () => {
    const base = await pushBaseImage({ registry: server.host, repository: 'base/again' });
    const image = `${server.host}/base/again@${base.digest}`;
    const one = await build(`${server.host}/again/one`, image);
    const two = await build(`${other.host}/again/two`, image);
    assert.equal(two.digest, one.digest);
    server.requests.clear();
    assert.deepEqual(await build(`${server.host}/again/one`, image), one);
    assert.ok(!server.requests.log.some(r => r.path.includes('/blobs/uploads/')));
  });

  test('a base of forty layers is mounted: two requests a layer, no bytes', async () => {
    const layers = Array.from({ length: 40 }, () => randomBytes(20_000));
    const base = await pushBase(client, `${server.host}/base/forty`, { layers });
    server.requests.clear();
    const repository = `${server.host}/built/forty`;
    await build(repository, base.image);
    const { log } = server.requests;
    assert.equal(log.filter(r => r.method === 'POST' && r.query.includes('mount=')).length, 40);
    assert.ok(server.requests.bytesIn < 40_000, `${server.requests.bytesIn} bytes sent`);
    assert.ok(log.length < 2 * 40 + 45, `${log.length} requests`);
    server.requests.clear();
    const changed = contextOf({ definition: 'worker', layers: [{ 'etc/motd': 'hello\n' }, { 'usr/lib/a': 'changed' }] });
    await build(repository, base.image, changed);
    assert.equal(server.requests.log.filter(r => r.query.includes('mount=')).length, 0);
  });

  test("a base in Docker's format, of one platform, in another registry", async () => {
    const base = await pushBase(client, `${other.host}/docker/base`, {
      layers: [randomBytes(9_000)],
      format: 'docker',
      architecture: 'arm64',
    });
    const repository = `${server.host}/built/docker`;
    const image = await build(repository, base.image);
    assert.deepEqual(
      image.platforms.map(p => p.platform),
      ['linux/arm64'],
    );
    const index = await client.manifest(image.reference);
    assert.equal(index.mediaType, mediaTypes.index);
    const manifest = await client.manifest(`${repository}@${image.platforms[0]?.digest}`);
    assert.equal(manifest.mediaType, mediaTypes.manifest);
    assert.ok(!Buffer.from(manifest.bytes).toString().includes('docker'));
    assert.equal(await client.hasBlob(repository, base.layers[0] ?? ''), (await manifestOf(base.image)).layers[0]?.size);
  });

  test('attestations in an index are no platforms', async () => {
    const repository = `${server.host}/base/attested`;
    const base = await pushBase(client, repository, { layers: [randomBytes(100)] });
    const child = await client.manifest(base.image);
    const descriptor = { mediaType: child.mediaType, digest: child.digest, size: child.bytes.length };
    const bytes = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.index,
        manifests: [
          { ...descriptor, platform: { os: 'linux', architecture: 'amd64' } },
          { ...descriptor, platform: { os: 'unknown', architecture: 'unknown' } },
        ],
      }),
    );
    const digest = await client.pushManifest(repository, { mediaType: mediaTypes.index, bytes });
    const image = await build(`${server.host}/built/attested`, `${repository}@${digest}`);
    assert.equal(image.platforms.length, 1);
  });

  test('a base that is not bootable, missing or forbidden is refused by name', async () => {
    const plain = await pushBase(client, `${server.host}/base/plain`, {
      layers: [randomBytes(10)],
      labels: { 'containers.bootc': '0' },
    });
    await assert.rejects(build(`${server.host}/built/plain`, plain.image), reasonOf('BaseNotBootable', plain.image));
    const ostree = await pushBase(client, `${server.host}/base/ostree`, {
      layers: [randomBytes(10)],
      labels: { 'ostree.bootable': 'true' },
    });
    assert.ok(await build(`${server.host}/built/ostree`, ostree.image));
    const absent = `${server.host}/base/absent@${sha256('absent')}`;
    await assert.rejects(build(`${server.host}/built/absent`, absent), reasonOf('BaseNotFound', absent));
    const end = server.requests.fail(r => r.path.includes('base/plain'), { status: 403 });
    await assert.rejects(build(`${server.host}/built/forbidden`, plain.image), reasonOf('RegistryAccessDenied', 'base/plain'));
    end();
  });

  test('whatever call fails: the same image in the end, or an error, and never another image', async () => {
    const { image } = await pushBase(client, `${server.host}/base/faults`, { layers: [randomBytes(100)] });
    const small = contextOf({ definition: 'worker', layers: [{ 'etc/motd': 'hello\n' }] });
    server.requests.clear();
    const expected = await build(`${server.host}/faults/expected`, image, small);
    const calls = server.requests.count;
    const impatient = createRegistry({
      insecureHosts: new Set([server.host]),
      userAgent: 'scantling-test',
      retry: { tries: 1, baseMs: 1, maxWaitMs: 1 },
    });
    const faults: HttpFault[] = [{ status: 500 }, { corrupt: chunk => Buffer.from(chunk.map(b => b ^ 1)) }];
    let failures = 0;
    for (const [round, fault] of faults.entries()) {
      for (let hit = 0; hit < calls; hit++) {
        const repository = `${server.host}/faults/${round}/${hit}`;
        let call = 0;
        const end = server.requests.fail(() => call++ === hit, fault);
        try {
          // One process ends at its first error, the next does it all again: what a restart after any call comes to.
          const first = await build(repository, image, small, impatient).catch((error: unknown) => {
            assert.ok(error instanceof TransientError, String(error));
            failures++;
          });
          const built = first ?? (await build(repository, image, small, impatient));
          assert.equal(built.digest, expected.digest);
        } finally {
          end();
        }
        assert.equal((await client.resolve(`${repository}:worker-0123456789`)).digest, expected.digest);
      }
    }
    await impatient.close();
    assert.ok(calls > 25 && failures > calls, `${failures} failures in ${calls} calls`);
  });

  test('a build that another version of Scantling asked for, or of another definition, is not guessed at', async () => {
    const base = await pushBase(client, `${server.host}/base/version`, { layers: [randomBytes(10)] });
    const repository = `${server.host}/built/version`;
    const digest = await pushContext(client, repository, context);
    const spec = {
      definitionRef: { name: 'worker' },
      context: digest,
      base: base.image,
      output: { repository },
      execution: { timeout: '1m', lint: 'Warn' as const },
      builderVersion,
    };
    const attempt = (change: object): Promise<BuiltImage> =>
      runOnce(client, {
        name: 'x',
        spec: { ...spec, ...change },
      });
    await assert.rejects(attempt({ builderVersion: '0' }), { reason: 'BuilderVersion' });
    await assert.rejects(attempt({ definitionRef: { name: 'other' } }), { reason: 'InvalidContext' });
    await assert.rejects(attempt({ base: `${server.host}/base/version:1` }), { reason: 'InvalidImage' });
  });
});
