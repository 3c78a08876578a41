/** Servers without TLS, and proxies on the way to them: nothing secret may go there. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { accessAsPerson, type PersonalChoices } from '../../controller/kube/cluster-access.ts';
import { AccessError } from '../../controller/kube/kubeconfig-document.ts';
import { Transport } from '../../controller/kube/transport.ts';
import { proxyFor } from '../../controller/registry/proxy.ts';

const home = mkdtempSync(join(tmpdir(), 'scantling-http-'));
after(() => rmSync(home, { recursive: true }));

/** An API server without TLS, as `kubectl proxy` is, and also a proxy that answers itself. */
async function startServer(t: TestContext): Promise<{ url: string; seen: IncomingHttpHeaders[]; asked: string[] }> {
  const [seen, asked]: [IncomingHttpHeaders[], string[]] = [[], []];
  const answer = JSON.stringify({ gitVersion: 'v1.35.0' });
  const server = createServer((request, response) => {
    seen.push(request.headers);
    asked.push(request.url ?? '');
    response.setHeader('content-type', 'application/json').end(answer);
  });
  // Behind a tunnel it is the server itself.
  server.on('connect', (request, socket) => {
    seen.push(request.headers);
    asked.push(`CONNECT ${request.url ?? ''}`);
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    server.emit('connection', socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, asked };
}

function kubeconfig(server: string, user: object, more: object = {}): string {
  const file = join(home, 'config');
  const config = {
    clusters: [{ name: 'c', cluster: { server, ...more } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function ask(t: TestContext, file: string, choices: PersonalChoices): Promise<void> {
  const transport = new Transport({ ...(await accessAsPerson(file, choices, {})), userAgent: 'test' });
  t.after(() => transport.close());
  await transport.request({ method: 'GET', path: '/version', retry: false });
}

const users = { token: { token: 'sekret' }, password: { username: 'jane', password: 'sekret' } };

for (const [name, user] of Object.entries(users))
  for (const how of ['--server', 'the kubeconfig', 'a kubeconfig that verifies nothing'] as const)
    test(`a ${name} is not sent to a server without TLS that ${how} names, through a proxy or directly`, async t => {
      const { url, seen, asked } = await startServer(t);
      const insecure = how === 'a kubeconfig that verifies nothing' ? { 'insecure-skip-tls-verify': true } : {};
      const go = (server: string, choices: PersonalChoices) =>
        how === '--server'
          ? ask(t, kubeconfig('https://elsewhere', user), { ...choices, server })
          : ask(t, kubeconfig(server, user, insecure), choices);
      await go('http://api.example.com:8080', { proxyOf: server => proxyFor(server, { http: url }) });
      await go(url, { as: 'jane' });
      assert.ok(asked.length >= 2, asked.join());
      for (const headers of seen) assert.equal(headers['authorization'], undefined);
      assert.equal(seen.at(-1)?.['impersonate-user'], 'jane');
    });

test('a token of the command line is not sent there either', async t => {
  const { url, seen } = await startServer(t);
  await ask(t, kubeconfig('https://elsewhere', {}), { server: url, token: 'sekret' });
  assert.deepEqual(
    seen.map(headers => headers['authorization']),
    [undefined],
  );
});

/** And the password is not quoted. */
const refused = (message: RegExp) => (error: unknown) =>
  error instanceof AccessError && message.test(error.message) && !error.message.includes('sekret');

test('what is no URL of a server is said, and whose it is, without its words', async t => {
  for (const server of ['foo', 'host:6443', 'ftp://host', 'https://', 'jane:sekret@host']) {
    await assert.rejects(
      ask(t, kubeconfig('https://a', {}), { server }),
      refused(/^--server is not a URL such as https:/),
      server,
    );
    await assert.rejects(
      ask(t, kubeconfig(server, {}), {}),
      refused(/^the server of the kubeconfig's cluster "c" is not/),
      server,
    );
  }
});

test('what is no URL of a proxy is said, and where it stands, without its words', async t => {
  const file = kubeconfig('https://api.example.com', {});
  for (const [proxy, message] of [
    ['ftp://sekret', /^HTTPS_PROXY is not the URL of a proxy/],
    ['http://', /^HTTPS_PROXY is not the URL of a proxy/],
    ['http://us%er:sekret@host:3128', /^the name or password in HTTPS_PROXY holds a %/],
  ] as const) {
    const call = ask(t, file, { proxyOf: server => proxyFor(server, { https: proxy }) });
    await assert.rejects(call, refused(message), proxy);
  }
  const own = ask(t, kubeconfig('https://a', {}, { 'proxy-url': 'socks4://host' }), {});
  await assert.rejects(own, { message: /^the proxy-url of the kubeconfig's cluster "c" is not the URL of a proxy/ });
});

test('a SOCKS proxy that looks names up is one', async t => {
  const file = kubeconfig('https://api.example.com', {});
  await assert.rejects(ask(t, file, { proxyOf: () => 'socks5h://127.0.0.1:1' }), /ECONNREFUSED/);
});

test('the name in the certificate of the cluster’s own server is not asked of another', async () => {
  const file = kubeconfig('https://a', {}, { 'tls-server-name': 'a.internal' });
  const nameFor = async (choices: PersonalChoices) => {
    const options: { servername?: string } = {};
    const { kubeConfig } = await accessAsPerson(file, choices, {});
    await kubeConfig.applyToHTTPSOptions(options);
    return options.servername;
  };
  assert.equal(await nameFor({}), 'a.internal');
  assert.equal(await nameFor({ server: 'https://b' }), undefined);
});
