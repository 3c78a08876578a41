import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import type { ExchangeMatcher, HttpFault } from '../cluster/http-faults.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientWith } from './image-fixture.ts';

const pieceBytes = 200_000;
const blob = randomBytes(4 * pieceBytes + 123);
const digest = sha256(blob);
const size = blob.length;

const is =
  (method: string, part = '/blobs/'): ExchangeMatcher =>
  exchange =>
    exchange.method === method && exchange.path.includes(part);

const flip = (chunk: Buffer): Buffer => Buffer.from(chunk.map(byte => byte ^ 1));

/** Hits only the `n`th matching request, counted from 1. */
function nth(n: number, matcher: ExchangeMatcher): ExchangeMatcher {
  let seen = 0;
  return exchange => matcher(exchange) && ++seen === n;
}

for (const kind of ['distribution', 'referrers'] as const) {
  describe(`uploads in pieces to ${kind}`, () => {
    let server: RegistryServer;
    let source: RegistryServer;
    let client: Registry;
    let round = 0;
    before(async () => {
      [server, source] = await Promise.all([startRegistry({ kind }), startRegistry()]);
      client = clientWith({ pieceBytes }, server.host, source.host);
      await client.pushBlob(`${source.host}/source`, blob);
    });
    after(async () => {
      await client.close();
      await Promise.all([server.stop(), source.stop()]);
    });
    const fresh = (): string => `${server.host}/uploads/${++round}`;
    const methods = (): string[] => server.requests.log.map(({ method, status }) => `${method} ${status}`);
    const patches = (): number => server.requests.log.filter(({ method }) => method === 'PATCH').length;

    /** Pushes from memory and copies from another registry into a repository each, with the fault in the way of it. */
    async function both(matcher: () => ExchangeMatcher, fault: HttpFault): Promise<{ uploaded: number; opened: number }> {
      // go-containerregistry's registry has one set of blobs for all repositories, so each push needs a blob of its own.
      let opened = 0;
      let uploaded = 0;
      for (const way of ['push', 'copy'] as const) {
        const repository = fresh();
        const bytes = Buffer.concat([randomBytes(16), blob]);
        const from = `${source.host}/from/${round}`;
        if (way === 'copy') await client.pushBlob(from, bytes);
        server.requests.clear();
        const end = server.requests.fail(matcher(), fault);
        try {
          if (way === 'push') await client.pushBlob(repository, bytes);
          else await client.copyBlob(repository, { from, digest: sha256(bytes), size: bytes.length });
        } finally {
          end();
        }
        opened += server.requests.log.filter(({ method }) => method === 'POST').length;
        uploaded += server.requests.bytesIn;
        assert.equal(await client.hasBlob(repository, sha256(bytes)), bytes.length);
        assert.equal(sha256(await client.blob(repository, sha256(bytes))), sha256(bytes));
      }
      return { opened, uploaded };
    }

    test('a large blob goes in pieces, a small one whole', async () => {
      const repository = fresh();
      server.requests.clear();
      await client.pushBlob(repository, blob);
      assert.deepEqual(methods(), ['HEAD 404', 'POST 202', ...Array<string>(5).fill('PATCH 202'), 'PUT 201']);
      assert.equal(server.requests.bytesIn, size);
      server.requests.clear();
      await client.pushBlob(repository, randomBytes(pieceBytes));
      assert.deepEqual(methods(), ['HEAD 404', 'POST 202', 'PUT 201']);
    });

    test('a connection that breaks between pieces or within one costs at most that piece', async () => {
      for (const fault of [
        { cutAfterBytes: 0 },
        { cutRequestAfterBytes: pieceBytes / 2 },
        { status: 502 },
        { dropAnswer: true },
      ]) {
        const { opened, uploaded } = await both(() => nth(3, is('PATCH')), fault);
        // go-containerregistry's does not tell how much it has: there the upload starts over.
        if (kind === 'referrers') continue;
        assert.equal(opened, 2, `one session each (${JSON.stringify(fault)})`);
        assert.ok(uploaded <= 2 * (size + 16 + pieceBytes), `${uploaded} bytes sent (${JSON.stringify(fault)})`);
      }
    });

    test('a session that the registry has lost starts over', async () => {
      for (const n of [1, 3, 5]) {
        const { opened } = await both(() => nth(n, is('PATCH')), {
          status: 404,
          body: '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}',
        });
        assert.equal(opened, 4, 'two sessions each');
      }
      const { opened } = await both(() => nth(1, is('PUT')), { status: 404 });
      assert.equal(opened, 4);
    });

    test('a lost answer to the last request does not send the bytes again', async () => {
      const { opened, uploaded } = await both(() => nth(1, is('PUT')), { dropAnswer: true });
      assert.equal(opened, 2);
      assert.equal(uploaded, 2 * (size + 16));
    });

    test('a registry that takes part of a piece gets the rest', async () => {
      if (kind === 'referrers') return;
      const repository = fresh();
      server.requests.clear();
      // It has all, and says so later: what it says is believed, and 416 asks again.
      const end = server.requests.fail(nth(2, is('PATCH')), { status: 416 });
      await client.pushBlob(repository, blob);
      end();
      assert.equal(await client.hasBlob(repository, digest), size);
      assert.equal(server.requests.log.filter(({ method }) => method === 'POST').length, 1);
      assert.equal(server.requests.log.filter(({ method, path }) => method === 'GET' && path.includes('/uploads/')).length, 1);
    });

    test('a registry that takes no pieces gets the whole, streamed', async () => {
      for (const status of [405, 413, 416, 400]) {
        // What is learnt about the host stays with the client.
        const own = clientWith({ pieceBytes }, server.host, source.host);
        const [pushed, copied] = [randomBytes(500_000), randomBytes(500_000)];
        await own.pushBlob(`${source.host}/whole`, copied);
        const end = server.requests.fail(is('PATCH'), { status });
        const repository = fresh();
        server.requests.clear();
        await own.pushBlob(repository, pushed);
        await own.copyBlob(repository, { from: `${source.host}/whole`, digest: sha256(copied), size: copied.length });
        end();
        assert.equal(patches(), 1, 'only the first is tried');
        for (const bytes of [pushed, copied]) assert.equal(sha256(await own.blob(repository, sha256(bytes))), sha256(bytes));
        await own.close();
      }
    });

    test('the smallest piece that a registry wants is kept to', async () => {
      const own = clientWith({ pieceBytes: 100 }, server.host);
      const location = await sessionOf(server.host, 'uploads/min');
      const end = server.requests.fail(is('POST'), { status: 202, headers: { location, 'oci-chunk-min-length': '400000' } });
      server.requests.clear();
      await own.pushBlob(`${server.host}/uploads/min`, Buffer.concat([blob, Buffer.from('min')]));
      end();
      assert.deepEqual(
        server.requests.log.filter(({ method }) => method === 'PATCH').map(({ bytesIn }) => bytesIn),
        [400_000, 400_000, size + 3 - 800_000],
      );
      await own.close();
    });

    test('a source that breaks is read on where it broke', async () => {
      const bytes = randomBytes(6 * pieceBytes);
      const from = `${source.host}/broken`;
      await client.pushBlob(from, bytes);
      source.requests.clear();
      const end = source.requests.fail(nth(1, is('GET')), { cutAfterBytes: 2.5 * pieceBytes });
      const end2 = source.requests.fail(nth(2, is('GET')), { cutAfterBytes: pieceBytes });
      await client.copyBlob(fresh(), { from, digest: sha256(bytes), size: bytes.length });
      end();
      end2();
      const gets = source.requests.log.filter(({ method }) => method === 'GET');
      assert.deepEqual(
        gets.map(({ status }) => status),
        [200, 206, 206],
      );
    });

    test('wrong bytes of a source are never taken for the blob', async () => {
      const bytes = randomBytes(3 * pieceBytes);
      const from = `${source.host}/wrong`;
      await client.pushBlob(from, bytes);
      const repository = fresh();
      const end = source.requests.fail(is('GET'), { corrupt: flip });
      await assert.rejects(
        client.copyBlob(repository, { from, digest: sha256(bytes), size: bytes.length }),
        error => error instanceof TransientError && error.reason === 'DigestMismatch' && error.message.includes(from),
      );
      end();
      assert.equal(await client.hasBlob(repository, sha256(bytes)), undefined);
    });

    test('a registry that is down for a minute in the middle of a push gets the rest afterwards', async () => {
      let now = Date.now();
      let slept = 0;
      // Time passes only in the waits between tries; the registry comes back after a minute of them.
      const sleep = (ms: number): Promise<void> => {
        now += ms;
        slept += ms;
        return Promise.resolve();
      };
      const own = clientWith(
        { pieceBytes, now: () => now, sleep, uploadRetry: { tries: 8, baseMs: 250, maxWaitMs: 30_000 } },
        server.host,
      );
      let seen = 0;
      const down: ExchangeMatcher = ({ method }) => slept < 60_000 && (seen > 2 || (method === 'PATCH' && ++seen > 2));
      const end = server.requests.fail(down, { cutAfterBytes: 0 });
      const bytes = Buffer.concat([randomBytes(8), blob]);
      server.requests.clear();
      await own.pushBlob(fresh(), bytes);
      end();
      assert.ok(slept >= 60_000, `${slept} ms`);
      if (kind === 'distribution') {
        assert.equal(server.requests.log.filter(({ method }) => method === 'POST').length, 1, 'it went on in its session');
        assert.ok(server.requests.bytesIn <= size + 8 + pieceBytes);
      }
      await own.close();
    });

    test('what the registry says when it refuses is passed on, and nothing secret', async () => {
      const auth = parseDockerConfig(JSON.stringify({ auths: { [server.host]: registryCredentials } }));
      const full = {
        errors: [
          {
            code: 'DENIED',
            message: `adding 1 GiB exceeds the quota of team (Bearer abcdefghijkl, ${registryCredentials.password})`,
          },
        ],
      };
      for (const [status, body, reason] of [
        [403, full, 'RegistryQuotaExceeded'],
        [413, { errors: [{ code: 'SIZE_INVALID', message: 'too large for you' }] }, 'RegistryQuotaExceeded'],
        [507, { errors: [{ code: 'TOOMANYREQUESTS', message: 'storage limit reached' }] }, 'RegistryQuotaExceeded'],
        [403, { errors: [{ code: 'DENIED', message: 'push access to uploads is missing' }] }, 'RegistryAccessDenied'],
      ] as const) {
        for (const request of [nth(5, is('PATCH')), is('PUT')]) {
          const repository = fresh();
          const end = server.requests.fail(request, { status, body: JSON.stringify(body) });
          server.requests.clear();
          await assert.rejects(client.pushBlob(repository, Buffer.concat([randomBytes(8), blob]), auth), error => {
            assert.ok(error instanceof TransientError);
            assert.equal(error.reason, reason);
            const [said] = body.errors;
            assert.ok(error.message.includes(`${said.code}: ${said.message.slice(0, 16)}`), error.message);
            assert.ok(error.message.includes(server.host) && error.message.includes('uploads/'), error.message);
            assert.ok(!error.message.includes('not-a-secret') && !error.message.includes('abcdefgh'), error.message);
            return true;
          });
          end();
          assert.equal(
            server.requests.log.filter(({ status: s }) => s === status).length,
            1,
            'a refusal is no reason to try again',
          );
        }
      }
    });
  });

  test(`a token that ends in the middle of an upload to ${kind} is replaced`, async () => {
    const server = await startRegistry({ kind, auth: 'token' });
    const auth = parseDockerConfig(JSON.stringify({ auths: { [server.host]: registryCredentials } }));
    const client = clientWith({ pieceBytes }, server.host);
    const challenge = `Bearer realm="http://${server.host}/token",service="scantling",error="invalid_token"`;
    const end = server.requests.fail(nth(3, is('PATCH')), { status: 401, headers: { 'www-authenticate': challenge } });
    await client.pushBlob(`${server.host}/team/os`, blob, auth);
    end();
    const asked = server.requests.log.map(({ method, path }) => (path === '/token' ? 'token' : method));
    assert.equal(asked.join(' '), 'HEAD token HEAD token POST PATCH PATCH PATCH token PATCH PATCH PATCH PUT');
    assert.equal(await client.hasBlob(`${server.host}/team/os`, digest, auth), size);
    await client.close();
    await server.stop();
  });
}

async function sessionOf(host: string, repository: string): Promise<string> {
  const answer = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  return answer.headers.get('location') ?? '';
}
