import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { fetch } from 'undici';
import { type RegistryServer, registryCredentials, startRegistry } from '../cluster/registry.ts';

const blob = Buffer.from('a blob');
const digest = `sha256:${createHash('sha256').update(blob).digest('hex')}`;
const basic = `Basic ${Buffer.from(`${registryCredentials.username}:${registryCredentials.password}`).toString('base64')}`;

async function push({ host }: RegistryServer, headers: Record<string, string> = {}): Promise<number> {
  const upload = await fetch(`http://${host}/v2/some/name/blobs/uploads/`, { method: 'POST', headers });
  const location = upload.headers.get('location');
  if (upload.status !== 202 || !location) return upload.status;
  assert.ok(location.startsWith(`http://${host}/`), 'uploads go on where they began');
  return (await fetch(`${location}&digest=${digest}`, { method: 'PUT', headers, body: blob })).status;
}

describe('registry', () => {
  let open: RegistryServer;
  before(async () => {
    open = await startRegistry();
  });
  after(() => open.stop());

  it('takes blobs, gives them back, deletes them, and records it', async () => {
    assert.equal(await push(open), 201);
    const url = `http://${open.host}/v2/some/name/blobs/${digest}`;
    assert.equal(await (await fetch(url)).text(), 'a blob');
    assert.equal((await fetch(url, { method: 'DELETE' })).status, 202);
    assert.equal((await fetch(url)).status, 404);
    assert.deepEqual(
      open.requests.log.map(({ method, status }) => `${method} ${status}`),
      ['POST 202', 'PUT 201', 'GET 200', 'DELETE 202', 'GET 404'],
    );
    assert.equal(open.requests.log[1]?.bytesIn, blob.length);
    assert.equal(open.requests.log[2]?.bytesOut, blob.length);
  });

  it('fails on demand: with a status, a broken connection, or other bytes', async () => {
    assert.equal(await push(open), 201);
    const url = `http://${open.host}/v2/some/name/blobs/${digest}`;
    open.requests.fail(({ method }) => method === 'GET', { status: 429, retryAfter: 1, times: 1 });
    const limited = await fetch(url);
    assert.deepEqual([limited.status, limited.headers.get('retry-after')], [429, '1']);
    open.requests.fail(({ method }) => method === 'GET', { cutAfterBytes: 3, times: 1 });
    await assert.rejects(async () => (await fetch(url)).text());
    open.requests.fail(({ method }) => method === 'GET', { corrupt: chunk => Buffer.alloc(chunk.length, 'x'), times: 1 });
    assert.equal(await (await fetch(url)).text(), 'xxxxxx');
    assert.equal(await (await fetch(url)).text(), 'a blob');
  });

  it('asks for Basic credentials', async () => {
    const registry = await startRegistry({ auth: 'basic' });
    try {
      const refused = await fetch(`http://${registry.host}/v2/`);
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic realm="scantling"/);
      assert.equal(await push(registry, { authorization: `Basic ${Buffer.from('scantling:wrong').toString('base64')}` }), 401);
      assert.equal(await push(registry, { authorization: basic }), 201);
    } finally {
      await registry.stop();
    }
  });

  it('asks for a token of its token service, good for what it was asked for', async () => {
    const registry = await startRegistry({ auth: 'token' });
    try {
      const refused = await fetch(`http://${registry.host}/v2/some/name/blobs/uploads/`, { method: 'POST' });
      const challenge = refused.headers.get('www-authenticate') ?? '';
      assert.match(
        challenge,
        /^Bearer realm="http:\/\/[\d.:]+\/token",service="scantling",scope="repository:some\/name:(pull,push|push,pull)"/,
      );
      const tokenFor = async (scope: string, authorization?: string) => {
        const url = `http://${registry.host}/token?service=scantling&scope=${encodeURIComponent(scope)}`;
        const answer = await fetch(url, authorization === undefined ? {} : { headers: { authorization } });
        return answer.status === 200 ? ((await answer.json()) as { token: string }).token : answer.status;
      };
      assert.equal(await tokenFor('repository:some/name:pull,push', 'Basic eDp5'), 401);
      for (const [token, status] of [
        [await tokenFor('repository:some/name:pull,push', basic), 201],
        [await tokenFor('repository:other/name:pull,push', basic), 401],
        [await tokenFor('repository:some/name:pull,push'), 401],
      ]) {
        assert.equal(await push(registry, { authorization: `Bearer ${token}` }), status);
      }
    } finally {
      await registry.stop();
    }
  });
});
