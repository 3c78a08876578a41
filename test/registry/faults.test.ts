import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { NotFoundError } from '../../controller/registry/errors.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import type { HttpFault } from '../cluster/http-faults.ts';
import { startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientOf, manifestOf } from './image-fixture.ts';

const flip = (chunk: Buffer): Buffer => Buffer.from(chunk.map(byte => byte ^ 0x20));

/** A single one of these is got over. */
const passing: Record<string, HttpFault> = {
  '429 with Retry-After': { status: 429, retryAfter: 0 },
  '500': { status: 500, body: 'oops' },
  '503 with a page': { status: 503, headers: { 'content-type': 'text/html' }, body: '<html>' },
  'cut connection': { cutAfterBytes: 0 },
  'cut body': { cutAfterBytes: 1 },
  'changed body': { corrupt: flip },
};

/** These are an answer, only a wrong one: the call may fail, and must not believe it. */
const lying: Record<string, HttpFault> = {
  'a page with 200': { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' },
  'another digest': { status: 201, headers: { 'docker-content-digest': sha256('another'), location: '/v2/x/blobs/uploads/y' } },
  'a redirect to nowhere': { status: 307 },
  '403': { status: 403 },
};

function refuses(error: unknown): boolean {
  assert.ok(!(error instanceof NotFoundError), 'an error is never "absent"');
  assert.ok(error instanceof TransientError, String(error));
  return true;
}

describe('a registry whose calls fail in turn', () => {
  let server: RegistryServer;
  let client: Registry;
  let round = 0;
  before(async () => {
    server = await startRegistry();
    client = clientOf(server.host);
  });
  after(async () => {
    await client.close();
    await server.stop();
  });

  /** Everything the client can do, checked; `hit` says which of its calls the fault hits. */
  async function work(fault: HttpFault, hit: (call: number) => boolean): Promise<number> {
    const [from, to] = [`${server.host}/faults/${++round}/from`, `${server.host}/faults/${round}/to`];
    const blob = randomBytes(300);
    const size = blob.length;
    let call = -1;
    const end = server.requests.fail(() => hit(++call), fault);
    try {
      const digest = await client.pushBlob(from, blob);
      assert.equal(digest, sha256(blob));
      await client.copyBlob(to, { from, digest, size });
      const bytes = manifestOf(blob);
      assert.equal(await client.pushManifest(to, { mediaType: mediaTypes.manifest, bytes, tag: 'v1' }), sha256(bytes));
      assert.equal((await client.resolve(`${to}@${sha256(bytes)}`)).digest, sha256(bytes));
      assert.equal((await client.manifest(`${to}:v1`)).digest, sha256(bytes));
      assert.equal(sha256(await client.blob(to, digest)), digest);
    } finally {
      end();
    }
    // Done means done: everything is there without faults.
    assert.equal((await client.resolve(`${to}:v1`)).digest, sha256(manifestOf(blob)));
    assert.equal(await client.hasBlob(to, sha256(blob)), size);
    return call + 1;
  }

  for (const [name, fault] of Object.entries(passing)) {
    test(`${name}: one is got over, more are an error`, async () => {
      const calls = await work(fault, () => false);
      assert.ok(calls >= 12, `${calls} calls`);
      for (let i = 0; i < calls; i++) await work(fault, call => call === i);
      for (let i = 0; i < calls; i++) {
        // A body that is empty cannot be cut or changed: such a call just passes.
        const outcome = work(fault, call => call >= i);
        await outcome.then(() => undefined, refuses);
      }
      if (fault.status !== undefined)
        await assert.rejects(
          work(fault, () => true),
          refuses,
        );
    });
  }

  for (const [name, fault] of Object.entries(lying)) {
    test(`${name} is never believed`, async () => {
      const calls = await work(fault, () => false);
      for (let i = 0; i < calls; i++) {
        await work(fault, call => call === i).then(() => undefined, refuses);
        await work(fault, call => call >= i).then(() => undefined, refuses);
      }
    });
  }

  test('Retry-After longer than a worker may wait is handed on', async () => {
    const end = server.requests.fail(() => true, { status: 429, retryAfter: 90 });
    server.requests.clear();
    await assert.rejects(
      client.resolve(`${server.host}/a:b`),
      error => error instanceof TransientError && error.retryAfterMs === 90_000,
    );
    assert.equal(server.requests.count, 1, 'no second try');
    end();
  });
});
