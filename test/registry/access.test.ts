import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { type Certificates, type RegistriesConfiguration, parseRegistries } from '../../controller/registry/configuration.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { createAuthority, issueCertificate } from '../cluster/certificates.ts';
import { registryCredentials, startRegistry } from '../cluster/registry.ts';
import type { RegistryServer } from '../cluster/registry.ts';
import { clientWith, pushImage } from './image-fixture.ts';

const servers = createAuthority('registry-servers');
const clients = createAuthority('registry-clients');
const certificate = issueCertificate({ ...servers, commonName: 'registry-servers' }, ['127.0.0.1']);
const own = issueCertificate({ ...clients, commonName: 'registry-clients' }, ['scantling']);
const stranger = issueCertificate({ ...createAuthority('strangers'), commonName: 'strangers' }, ['stranger']);

const secrets: Record<string, Certificates> = {
  right: { ca: servers.certificate, cert: own.certificate, key: own.key },
  authority: { ca: servers.certificate },
  strange: { ca: servers.certificate, cert: stranger.certificate, key: stranger.key },
};

function configured(...registries: object[]): RegistriesConfiguration {
  return parseRegistries(JSON.stringify({ registries }), name => secrets[name]);
}

describe('a registry that wants client certificates', () => {
  let server: RegistryServer;
  before(async () => {
    server = await startRegistry({ auth: 'token', tls: { ...certificate, clientAuthority: clients.certificate } });
  });
  after(() => server.stop());
  const auth = () => parseDockerConfig(JSON.stringify({ auths: { [server.host]: registryCredentials } }));

  test('takes the right one, for uploads in pieces and for its token server too', async () => {
    const configuration = configured({ prefix: server.host, certSecretRef: { name: 'right' } });
    const client = clientWith({ configuration: () => configuration, pieceBytes: 1_000 });
    const repository = `${server.host}/team/os`;
    const { digest } = await pushImage(client, repository, 'v1', auth());
    assert.equal((await client.resolve(`${repository}:v1`, auth())).digest, digest);
    await client.close();
  });

  for (const [name, secret] of [
    ['an unknown authority', undefined],
    ['no client certificate', 'authority'],
    ["a stranger's client certificate", 'strange'],
  ] as const) {
    test(`${name} is an error that names the registry`, async () => {
      const entries = secret ? [{ prefix: server.host, certSecretRef: { name: secret } }] : [];
      const client = clientWith({ configuration: () => configured(...entries) });
      await assert.rejects(client.resolve(`${server.host}/team/os:v1`, auth()), error => {
        assert.ok(error instanceof TransientError, String(error));
        assert.equal(error.reason, 'RegistryUnavailable');
        assert.ok(error.message.includes(`${server.host}: HEAD team/os/manifests/v1`), error.message);
        return true;
      });
      await client.close();
    });
  }

  test('certificates that are renewed count from the next call on', async () => {
    let secret = 'strange';
    const client = clientWith({ configuration: () => configured({ prefix: server.host, certSecretRef: { name: secret } }) });
    await assert.rejects(client.hasBlob(`${server.host}/team/os`, sha256('x'), auth()), TransientError);
    secret = 'right';
    assert.equal(await client.hasBlob(`${server.host}/team/os`, sha256('x'), auth()), undefined);
    await client.close();
  });

  test('shows its own certificate to nobody else', async () => {
    // A storage host of the same organisation: its authority is trusted, and it is told nothing about the client.
    const storage = await startRegistry({ tls: certificate });
    const plain = clientWith({ ca: servers.certificate });
    const blob = randomBytes(1_000);
    await plain.pushBlob(`${storage.host}/storage`, blob);
    const configuration = configured({ prefix: server.host, certSecretRef: { name: 'right' } });
    const client = clientWith({ configuration: () => configuration });
    const repository = `${server.host}/team/redirected`;
    const end = server.requests.fail(({ path }) => path.includes('/blobs/'), {
      status: 307,
      headers: { location: `https://${storage.host}/v2/storage/blobs/${sha256(blob)}` },
    });
    storage.requests.clear();
    assert.equal(sha256(await client.blob(repository, sha256(blob), auth())), sha256(blob));
    end();
    assert.deepEqual(
      storage.requests.log.map(({ authorized }) => authorized),
      [false],
    );
    await Promise.all([plain.close(), client.close()]);
    await storage.stop();
  });
});

test('an authority for all hosts, and one in the text itself', async () => {
  const server = await startRegistry({ tls: certificate });
  const none = clientWith({});
  await assert.rejects(none.resolve(`${server.host}/a:v1`), /name its authority in registries\.yaml/);
  await none.close();
  const inText = configured({ prefix: server.host, ca: servers.certificate });
  for (const client of [clientWith({ ca: servers.certificate }), clientWith({ configuration: () => inText })]) {
    await pushImage(client, `${server.host}/a`, 'v1');
    await client.close();
  }
  await server.stop();
});

test('plain http only below the prefix that allows it', async () => {
  const server = await startRegistry();
  const configuration = configured({ prefix: `${server.host}/open`, plainHTTP: true });
  const client = clientWith({ configuration: () => configuration });
  await pushImage(client, `${server.host}/open/image`, 'v1');
  server.requests.clear();
  await assert.rejects(client.resolve(`${server.host}/closed/image:v1`), TransientError);
  assert.equal(server.requests.count, 0);
  await client.close();
  await server.stop();
});

test('a proxy is used for the hosts that it is for, through a tunnel for https', async () => {
  const [secure, open] = await Promise.all([startRegistry({ tls: certificate }), startRegistry()]);
  const through: string[] = [];
  // Loopback is never proxied, so the names are of another host, which only the proxy knows.
  const proxy = createServer((incoming, response) => {
    through.push(`${incoming.method} ${new URL(incoming.url ?? '').host}`);
    const { pathname } = new URL(incoming.url ?? '');
    void fetch(`http://${open.host}${pathname}`).then(async answer => {
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  proxy.on('connect', (request, socket) => {
    through.push(`CONNECT ${request.url}`);
    const upstream = connect(Number(secure.host.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const each of [upstream, socket]) each.on('error', () => upstream.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const client = clientWith({ proxy: { http: url, https: url, no: 'direct.invalid' }, ca: servers.certificate }, 'plain.test');
  assert.equal(await client.hasBlob('plain.test/a', sha256('x')), undefined);
  // The certificate is for the address; that it is refused for the name shows that the tunnel ends at the registry.
  await assert.rejects(client.hasBlob('secure.test/a', sha256('x')), /altnames|certificate/i);
  assert.deepEqual(
    [...new Set(through)],
    ['GET plain.test', 'CONNECT secure.test:443'].map(t => t.replace('GET', 'HEAD')),
  );
  through.length = 0;
  await assert.rejects(client.hasBlob('direct.invalid/a', sha256('x')), TransientError);
  assert.deepEqual(through, []);
  await client.close();
  proxy.closeAllConnections();
  proxy.close();
  await Promise.all([secure.stop(), open.stop()]);
});
