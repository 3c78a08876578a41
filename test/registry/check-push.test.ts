/** Whether a repository takes a push, found out before there is anything to push. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientOf, clientWith } from './image-fixture.ts';

const isSession = ({ method, path }: { method: string; path: string }): boolean =>
  method === 'DELETE' && path.includes('/blobs/uploads/');
const is =
  (reason: string, words: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof TransientError, String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, words);
    return true;
  };

for (const kind of ['distribution', 'referrers'] as const) {
  describe(`a look whether ${kind} takes a push`, () => {
    let server: RegistryServer;
    let client: Registry;
    before(async () => {
      server = await startRegistry({ kind });
      client = clientOf(server.host);
    });
    after(async () => {
      await client.close();
      await server.stop();
    });
    const methods = (): string[] => server.requests.log.map(({ method }) => method);

    test('opens an upload and gives it up', async () => {
      server.requests.clear();
      await client.checkPush(`${server.host}/team/os`);
      assert.deepEqual(methods(), ['POST', 'DELETE']);
      assert.equal(server.requests.log.find(r => r.method === 'POST')?.path, '/v2/team/os/blobs/uploads/');
      assert.equal(server.requests.bytesIn, 0);
    });

    test('a refusal is that of the push itself', async () => {
      const body = '{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}';
      const end = server.requests.fail(({ method }) => method === 'POST', { status: 403, body });
      await assert.rejects(
        client.checkPush(`${server.host}/team/os`),
        is('RegistryAccessDenied', /denies push on team\/os \(403, no credentials were given\): DENIED: requested access/),
      );
      end();
    });

    test('trouble with the registry is tried again, and no denial', async () => {
      const once = server.requests.fail(({ method }) => method === 'POST', { status: 503, times: 1 });
      await client.checkPush(`${server.host}/team/os`);
      once();
      const end = server.requests.fail(({ method }) => method === 'POST', { status: 503 });
      await assert.rejects(client.checkPush(`${server.host}/team/os`), is('RegistryUnavailable', /503/));
      end();
    });

    test('an upload that cannot be given up is left to the registry', async () => {
      for (const fault of [
        { status: 404 },
        { status: 405 },
        { status: 401 },
        { status: 403 },
        { status: 500 },
        { cutAfterBytes: 0 },
      ]) {
        server.requests.clear();
        const end = server.requests.fail(isSession, fault);
        await client.checkPush(`${server.host}/team/os`);
        assert.deepEqual(methods(), ['POST', 'DELETE'], JSON.stringify(fault));
        end();
      }
    });
  });
}

for (const auth of ['basic', 'token'] as const) {
  test(`with ${auth} authorization it is asked with the credentials of the push`, async () => {
    const server = await startRegistry({ auth });
    const client = clientOf(server.host);
    try {
      const name = `${server.host}/team/os`;
      const given = parseDockerConfig(JSON.stringify({ auths: { [name]: registryCredentials } }));
      await client.checkPush(name, given);
      const tokens = server.requests.log.filter(({ path }) => path === '/token').map(({ query }) => decodeURIComponent(query));
      if (auth === 'token') assert.match(tokens[0] ?? '', /scope=repository:team\/os:pull,push$/);
      await assert.rejects(client.checkPush(name), is('RegistryAccessDenied', /denies push on team\/os \(401, no credentials/));
    } finally {
      await client.close();
      await server.stop();
    }
  });
}

test('a mirror is not asked: what is pushed goes to the registry itself', async () => {
  const [server, mirror] = await Promise.all([startRegistry(), startRegistry()]);
  const mirrors = [{ location: mirror.host, plainHTTP: true, tags: true }];
  const registries = [{ prefix: server.host, plainHTTP: true, mirrors }];
  const client = clientWith({ configuration: () => ({ registries }) });
  try {
    await client.checkPush(`${server.host}/team/os`);
    assert.deepEqual([mirror.requests.count, server.requests.count], [0, 2]);
  } finally {
    await client.close();
    await Promise.all([server.stop(), mirror.stop()]);
  }
});
