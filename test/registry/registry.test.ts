import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientOf, manifestOf, pushImage } from './image-fixture.ts';

describe('a real registry', () => {
  let server: RegistryServer;
  let other: RegistryServer;
  let client: Registry;
  before(async () => {
    [server, other] = await Promise.all([startRegistry(), startRegistry()]);
    client = clientOf(server.host, other.host);
  });
  after(async () => {
    await client.close();
    await Promise.all([server.stop(), other.stop()]);
  });

  test('what is pushed can be resolved and read, by tag and by digest', async () => {
    const repository = `${server.host}/push/read`;
    const { blob, blobDigest, digest } = await pushImage(client, repository, 'v1');
    const resolved = { reference: `${repository}@${digest}`, digest, mediaType: mediaTypes.manifest };
    assert.deepEqual(await client.resolve(`${repository}:v1`), resolved);
    assert.deepEqual(await client.resolve(`${repository}@${digest}`), resolved);
    assert.deepEqual(await client.resolve(`${repository}:gone@${digest}`), resolved, 'the digest decides');
    const manifest = await client.manifest(`${repository}:v1`);
    assert.equal(manifest.digest, digest);
    assert.equal(manifest.mediaType, mediaTypes.manifest);
    assert.deepEqual(Buffer.from(manifest.bytes), Buffer.from(manifestOf(blob)));
    assert.deepEqual(Buffer.from(await client.blob(repository, blobDigest)), blob);
    assert.equal(await client.hasBlob(repository, blobDigest), blob.length);
  });

  test('what exists is not sent again', async () => {
    const repository = `${server.host}/push/twice`;
    const { blob } = await pushImage(client, repository, 'v1');
    server.requests.clear();
    await client.pushBlob(repository, blob);
    assert.deepEqual(
      server.requests.log.map(r => r.method),
      ['HEAD'],
    );
  });

  test('an empty blob and one of megabytes pass', async () => {
    const repository = `${server.host}/push/sizes`;
    for (const bytes of [new Uint8Array(0), randomBytes(5_000_000)]) {
      const digest = await client.pushBlob(repository, bytes);
      assert.equal(sha256(await client.blob(repository, digest)), digest);
    }
  });

  test('a blob of the same registry is mounted: no byte of it passes', async () => {
    const from = `${server.host}/mount/from`;
    const blob = randomBytes(500_000);
    const digest = await client.pushBlob(from, blob);
    server.requests.clear();
    await client.copyBlob(`${server.host}/mount/to`, { from, digest, size: blob.length });
    assert.equal(server.requests.bytesIn, 0);
    assert.ok(server.requests.bytesOut < 10_000);
    assert.equal(await client.hasBlob(`${server.host}/mount/to`, digest), blob.length);
  });

  test('a blob of another registry is streamed over, and one that is there is left alone', async () => {
    const from = `${other.host}/copy/from`;
    const blob = randomBytes(3_000_000);
    const digest = await client.pushBlob(from, blob);
    const to = `${server.host}/copy/to`;
    await client.copyBlob(to, { from, digest, size: blob.length });
    assert.equal(sha256(await client.blob(to, digest)), digest);
    other.requests.clear();
    await client.copyBlob(to, { from, digest, size: blob.length });
    assert.equal(other.requests.count, 0);
  });

  test('a registry that does not mount gets the bytes', async () => {
    const from = `${server.host}/refuse-mount/from`;
    const blob = randomBytes(100_000);
    const digest = await client.pushBlob(from, blob);
    // Without a valid source the registry opens an upload session instead, as the specification lets it.
    const end = server.requests.fail(r => r.method === 'POST' && r.query.includes('mount='), {
      status: 202,
      headers: { location: '/v2/refuse-mount/to/blobs/uploads/none' },
    });
    await assert.rejects(client.copyBlob(`${server.host}/refuse-mount/to`, { from, digest, size: blob.length }), TransientError);
    end();
    await client.copyBlob(`${server.host}/refuse-mount/to`, { from, digest, size: blob.length });
    assert.equal(sha256(await client.blob(`${server.host}/refuse-mount/to`, digest)), digest);
  });

  test('a copy whose bytes or size are not those of the digest never arrives', async () => {
    const from = `${other.host}/copy/wrong`;
    const blob = randomBytes(50_000);
    const digest = await client.pushBlob(from, blob);
    const to = `${server.host}/copy/wrong`;
    await assert.rejects(client.copyBlob(to, { from, digest, size: blob.length - 1 }), TransientError);
    await assert.rejects(client.copyBlob(to, { from, digest, size: blob.length + 1 }), TransientError);
    const end = other.requests.fail(r => r.method === 'GET', { corrupt: chunk => Buffer.from(chunk.map(byte => byte ^ 1)) });
    await assert.rejects(client.copyBlob(to, { from, digest, size: blob.length }), TransientError);
    end();
    assert.equal(await client.hasBlob(to, digest), undefined);
  });

  test('a definite 404 is NotFoundError and says what', async () => {
    const absent = sha256('absent');
    const repository = `${server.host}/absent`;
    for (const call of [
      () => client.resolve(`${repository}:v1`),
      () => client.manifest(`${repository}@${absent}`),
      () => client.blob(repository, absent),
    ]) {
      await assert.rejects(call, error => error instanceof NotFoundError && error.message.includes(repository));
    }
    assert.equal(await client.hasBlob(repository, absent), undefined);
  });

  test('a 404 behind a redirect is not the registry saying that something is absent', async () => {
    const repository = `${server.host}/redirected`;
    const { blob, blobDigest } = await pushImage(client, repository, 'v1');
    const end = server.requests.fail(r => r.method !== 'PUT' && r.path.includes('/blobs/sha256'), {
      status: 307,
      headers: { location: `http://${other.host}/v2/elsewhere/blobs/${blobDigest}` },
    });
    await assert.rejects(client.blob(repository, blobDigest), TransientError);
    await assert.rejects(client.hasBlob(repository, blobDigest), TransientError);
    await client.pushBlob(`${other.host}/elsewhere`, blob);
    assert.equal(sha256(await client.blob(repository, blobDigest)), blobDigest, 'a redirect to where it is works');
    end();
  });

  test('larger than allowed is refused', async () => {
    const repository = `${server.host}/limit`;
    const digest = await client.pushBlob(repository, randomBytes(1_000));
    await assert.rejects(client.blob(repository, digest, undefined, 999), /larger than 999 bytes/);
    assert.equal((await client.blob(repository, digest, undefined, 1_000)).length, 1_000);
  });

  test('a registry that names no digest on HEAD is asked for the manifest', async () => {
    const repository = `${server.host}/plain-head`;
    const { digest } = await pushImage(client, repository, 'v1');
    for (const fault of [{ status: 200, headers: { 'content-type': mediaTypes.manifest } }, { status: 405 }]) {
      const end = server.requests.fail(r => r.method === 'HEAD', fault);
      assert.equal((await client.resolve(`${repository}:v1`)).digest, digest);
      end();
    }
  });

  test('a manifest that is an artifact of another kind is no image', async () => {
    const repository = `${server.host}/strange`;
    const answer = {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"mediaType":"application/vnd.example+json"}',
    };
    const end = server.requests.fail(r => r.method === 'GET', answer);
    await assert.rejects(
      client.manifest(`${repository}:v1`),
      error => error instanceof StallingError && error.reason === 'InvalidImage',
    );
    end();
  });

  test('plain http is spoken only to hosts that are listed', async () => {
    const strict = clientOf(other.host);
    server.requests.clear();
    await assert.rejects(
      strict.resolve(`${server.host}/a:b`),
      error =>
        error instanceof TransientError && error.reason === 'RegistryUnavailable' && /no TLS.*plainHTTP/.test(error.message),
    );
    assert.equal(server.requests.count, 0);
    const end = other.requests.fail(() => true, { status: 307, headers: { location: `http://${server.host}/v2/a/manifests/b` } });
    await assert.rejects(strict.resolve(`${other.host}/a:b`), /not https and not listed/);
    assert.equal(server.requests.count, 0);
    end();
    await strict.close();
  });
});
