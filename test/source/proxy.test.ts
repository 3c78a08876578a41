/** Git through a proxy: plain http, tunnels for https, and what is excepted. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { SystemSourceSpecLimits } from '../../controller/api/system-source.ts';
import { ByteCache } from '../../controller/source/byte-cache.ts';
import type { Credentials } from '../../controller/source/credentials.ts';
import { GitHttp } from '../../controller/source/git-http.ts';
import { type Cached, Repository } from '../../controller/source/repository.ts';
import { startForwardProxy } from '../cluster/forward-proxy.ts';
import { startGitServer } from '../cluster/git-server.ts';

const limits: SystemSourceSpecLimits = { packBytes: 1 << 20, objects: 100, fileBytes: 1 << 20 };

function open(
  t: TestContext,
  url: string,
  o: { credentials?: Credentials; proxyOf: (url: URL) => string | undefined },
): Repository {
  const http = new GitHttp({
    url,
    credentials: o.credentials ?? {},
    userAgent: 'scantling/test',
    now: Date.now,
    proxyOf: o.proxyOf,
  });
  const repository = new Repository({ key: url, http, cache: new ByteCache<Cached>(1 << 20), now: Date.now });
  t.after(() => repository.close());
  return repository;
}

const context = (commit: string) => ({ commit, limits, signal: AbortSignal.timeout(20_000), held: {} });

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

test('a repository that only the proxy knows is fetched through it', async t => {
  const server = await startGitServer();
  t.after(() => server.stop());
  const repository = await server.createRepository('fleet');
  const commit = await repository.commit({ 'a.txt': 'a' }, 'first');
  const proxy = await startForwardProxy(addressOf(server.url));
  t.after(() => proxy.stop());
  const through = open(t, 'http://git.invalid/fleet.git', { proxyOf: () => proxy.url });
  assert.ok(await through.commit(context(commit)));
  assert.deepEqual([...new Set(proxy.asked.map(line => line.split(' ')[1]))], ['git.invalid']);
});

test('https goes through a tunnel, with the authority of the Git server and not of the proxy', async t => {
  const server = await startGitServer({ tls: true });
  t.after(() => server.stop());
  const repository = await server.createRepository('fleet');
  const commit = await repository.commit({ 'a.txt': 'a' }, 'first');
  const proxy = await startForwardProxy(addressOf(server.url));
  t.after(() => proxy.stop());
  const url = `${server.url}/fleet.git`;
  const trusting = open(t, url, { credentials: { ca: server.certificateAuthority }, proxyOf: () => proxy.url });
  assert.ok(await trusting.commit(context(commit)));
  assert.deepEqual([...new Set(proxy.asked)], [`CONNECT ${new URL(url).host}`]);
  await assert.rejects(open(t, url, { proxyOf: () => proxy.url }).commit(context(commit)), /certificate/i);
});

test('what is excepted goes directly', async t => {
  const server = await startGitServer();
  t.after(() => server.stop());
  const repository = await server.createRepository('fleet');
  const commit = await repository.commit({ 'a.txt': 'a' }, 'first');
  const proxy = await startForwardProxy(addressOf(server.url));
  t.after(() => proxy.stop());
  assert.ok(await open(t, `${server.url}/fleet.git`, { proxyOf: () => undefined }).commit(context(commit)));
  assert.deepEqual(proxy.asked, []);
});
