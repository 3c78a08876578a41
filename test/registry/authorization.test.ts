import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { createRegistry } from '../../controller/registry/client.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import type { DockerConfig } from '../../controller/registry/credentials.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientOf, pushImage } from './image-fixture.ts';

function configFor(auths: Record<string, object>): DockerConfig {
  return parseDockerConfig(JSON.stringify({ auths }));
}

const denied = (repository: string, action: string) => (error: unknown) => {
  assert.ok(error instanceof TransientError, String(error));
  assert.equal(error.reason, 'RegistryAccessDenied');
  assert.ok(error.message.includes(repository), error.message);
  assert.ok(error.message.includes(action), error.message);
  assert.ok(!error.message.includes(registryCredentials.password), 'no secret in an error');
  return true;
};

for (const kind of ['basic', 'token'] as const) {
  describe(`a registry with ${kind} authorization`, () => {
    let server: RegistryServer;
    let open: RegistryServer;
    let client: Registry;
    let auth: DockerConfig;
    before(async () => {
      [server, open] = await Promise.all([startRegistry({ auth: kind }), startRegistry()]);
      client = clientOf(server.host, open.host);
      auth = configFor({ [server.host]: registryCredentials });
    });
    after(async () => {
      await client.close();
      await Promise.all([server.stop(), open.stop()]);
    });

    test('push, pull, mount and copy with the right credentials', async () => {
      const repository = `${server.host}/team/os`;
      const { blob, blobDigest, digest } = await pushImage(client, repository, 'v1', auth);
      assert.equal((await client.resolve(`${repository}:v1`, auth)).digest, digest);
      assert.equal(sha256(await client.blob(repository, blobDigest, auth)), blobDigest);
      server.requests.clear();
      await client.copyBlob(`${server.host}/team/other`, { from: repository, digest: blobDigest, size: blob.length }, auth);
      assert.equal(server.requests.bytesIn, 0, 'mounted');
      const open2 = `${open.host}/copied`;
      await client.copyBlob(open2, { from: repository, digest: blobDigest, size: blob.length }, auth);
      assert.ok(
        open.requests.log.every(r => !r.authorized),
        'the credentials of one registry are not shown to another',
      );
      const back = randomBytes(1_000_000);
      const backDigest = await client.pushBlob(open2, back, auth);
      await client.copyBlob(`${server.host}/team/back`, { from: open2, digest: backDigest, size: back.length }, auth);
      assert.equal(await client.hasBlob(`${server.host}/team/back`, backDigest, auth), back.length);
    });

    test('no credentials, and wrong ones, are denied by name', async () => {
      const repository = `${server.host}/team/secret`;
      await pushImage(client, repository, 'v1', auth);
      const wrong = configFor({ [server.host]: { username: registryCredentials.username, password: 'wrong-password' } });
      for (const config of [undefined, wrong]) {
        await assert.rejects(client.resolve(`${repository}:v1`, config), denied('team/secret', 'pull'));
        await assert.rejects(client.pushBlob(repository, randomBytes(10), config), denied('team/secret', 'pull'));
      }
      assert.ok(await client.resolve(`${repository}:v1`, auth), 'and the right ones still work');
    });

    test('a redirect to another host carries no credentials', async () => {
      const repository = `${server.host}/team/redirect`;
      const { blob, blobDigest } = await pushImage(client, repository, 'v1', auth);
      await client.pushBlob(`${open.host}/storage`, blob);
      open.requests.clear();
      const end = server.requests.fail(r => r.path.includes('/blobs/sha256'), {
        status: 307,
        headers: { location: `http://${open.host}/v2/storage/blobs/${blobDigest}` },
      });
      assert.equal(sha256(await client.blob(repository, blobDigest, auth)), blobDigest);
      end();
      assert.deepEqual(
        open.requests.log.map(r => [r.method, r.authorized]),
        [['GET', false]],
      );
    });
  });
}

describe('tokens', () => {
  let server: RegistryServer;
  before(async () => {
    server = await startRegistry({ auth: 'token' });
  });
  after(() => server.stop());
  const tokenRequests = (): number => server.requests.log.filter(r => r.path === '/token').length;

  test('are asked for once per scope, and again before they expire', async () => {
    const auth = configFor({ [server.host]: registryCredentials });
    let now = Date.now();
    const client = createRegistry({ insecureHosts: new Set([server.host]), userAgent: 'scantling-test', now: () => now });
    const repository = `${server.host}/team/tokens`;
    const { blobDigest } = await pushImage(client, repository, 'v1', auth);
    server.requests.clear();
    await Promise.all(Array.from({ length: 20 }, () => client.blob(repository, blobDigest, auth)));
    assert.equal(tokenRequests(), 0, 'the token of the push');
    now += 295_000;
    await Promise.all(Array.from({ length: 20 }, () => client.blob(repository, blobDigest, auth)));
    assert.equal(tokenRequests(), 1, 'twenty callers, one new token');
    assert.ok(server.requests.log.every(r => r.status !== 401));
    await client.close();
  });

  test('that the registry no longer takes are replaced', async () => {
    const auth = configFor({ [server.host]: registryCredentials });
    const client = clientOf(server.host);
    const repository = `${server.host}/team/replaced`;
    const { digest } = await pushImage(client, repository, 'v1', auth);
    server.requests.clear();
    const challenge = `Bearer realm="http://${server.host}/token",service="scantling",error="invalid_token"`;
    server.requests.fail(r => r.path.includes('/manifests/'), {
      status: 401,
      headers: { 'www-authenticate': challenge },
      times: 1,
    });
    assert.equal((await client.resolve(`${repository}:v1`, auth)).digest, digest);
    assert.equal(tokenRequests(), 1);
    await client.close();
  });

  test('a token server that fails is tried again, and its failure is not a denial', async () => {
    const auth = configFor({ [server.host]: registryCredentials });
    const repository = `${server.host}/team/flaky`;
    const faults = [
      { status: 503 },
      { status: 429, retryAfter: 0 },
      { cutAfterBytes: 0 },
      { status: 200, body: 'no json' },
      { status: 200, body: '{}' },
    ];
    for (const fault of faults) {
      const client = clientOf(server.host);
      server.requests.fail(r => r.path === '/token', { ...fault, times: 1 });
      await pushImage(client, repository, 'v1', auth);
      await client.close();
      const fresh = clientOf(server.host);
      const end = server.requests.fail(r => r.path === '/token', fault);
      await assert.rejects(
        fresh.resolve(`${repository}:v1`, auth),
        error => error instanceof TransientError && error.reason === 'RegistryUnavailable',
      );
      end();
      assert.ok(await fresh.resolve(`${repository}:v1`, auth));
      await fresh.close();
    }
  });

  test('credentials are not sent to a token server in clear text that nobody listed', async () => {
    const auth = configFor({ [server.host]: registryCredentials });
    const client = clientOf(server.host);
    server.requests.fail(() => true, {
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="http://example.invalid/token"' },
      times: 1,
    });
    await assert.rejects(client.resolve(`${server.host}/a:b`, auth), /token server example.invalid, which is not https/);
    await client.close();
  });

  test('a token server without GET is asked by POST', async () => {
    const auth = configFor({ [server.host]: registryCredentials });
    const client = clientOf(server.host);
    const repository = `${server.host}/team/post`;
    const ends = [
      server.requests.fail(r => r.path === '/token' && r.method === 'GET', { status: 405 }),
      server.requests.fail(r => r.path === '/token' && r.method === 'POST', {
        status: 200,
        body: '{"access_token":"abc","expires_in":60}',
      }),
    ];
    server.requests.clear();
    await assert.rejects(client.resolve(`${repository}:v1`, auth), denied('team/post', 'pull'));
    assert.ok(server.requests.log.some(r => r.path === '/token' && r.method === 'POST' && r.bytesIn > 0));
    for (const end of ends) end();
    const identity = configFor({ [server.host]: { auth: '', identitytoken: 'refresh' } });
    server.requests.clear();
    server.requests.fail(r => r.path === '/token', { status: 401, times: 1 });
    await assert.rejects(client.resolve(`${repository}:v1`, identity), denied('team/post', 'pull'));
    assert.deepEqual(
      server.requests.log.filter(r => r.path === '/token').map(r => r.method),
      ['POST'],
      'an identity token is never sent by GET',
    );
    await client.close();
  });
});
