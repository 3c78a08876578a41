/** How long a person waits for an answer: for all attempts together, and for Leases as for anything else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { ApiError } from '../../controller/kube/errors.ts';
import { ConnectionError } from '../../controller/kube/answer-error.ts';
import { Transport } from '../../controller/kube/transport.ts';

const versionPath = '/version';
const leasePath = '/apis/coordination.k8s.io/v1/namespaces/scantling-system/leases/scantling-controller';

async function start(t: TestContext, readTimeoutMs: number, answer: RequestListener) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeConfig = { getCurrentCluster: () => ({ server: url }), applyToHTTPSOptions: () => Promise.resolve() };
  const transport = new Transport({ kubeConfig, userAgent: 'test', readTimeoutMs, random: () => 0 });
  t.after(async () => {
    await transport.close();
    server.closeAllConnections();
    server.close();
  });
  return { asked, get: (path: string) => transport.request({ method: 'GET', path }) };
}

const unanswered = (error: unknown) => error instanceof ConnectionError && error.message.endsWith('did not answer within 0.3 s');
const unavailable: RequestListener = (_, response) => response.writeHead(503).end('{}');

for (const path of [versionPath, leasePath])
  test(`a server that does not answer is asked once for ${path}, for all of the time`, async t => {
    const { asked, get } = await start(t, 300, () => undefined);
    await assert.rejects(get(path), unanswered);
    assert.deepEqual(asked, [path]);
  });

test('no attempt is begun for which there is no time', async t => {
  const { asked, get } = await start(t, 100, unavailable);
  await assert.rejects(get(versionPath), ApiError);
  assert.equal(asked.length, 1);
});

test('a Lease is read again where there is time, and there may be all of it', async t => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on('warning', warned);
  t.after(() => process.off('warning', warned));
  let left = 1;
  const { asked, get } = await start(t, 2 ** 31 - 1, (_, response) => {
    response.writeHead(left-- > 0 ? 503 : 200).end('{"kind":"Lease"}');
  });
  assert.deepEqual(await get(leasePath), { kind: 'Lease' });
  assert.equal(asked.length, 2);
  // The beginnings of attempts have fractions of milliseconds, and sums of these are not exact.
  for (let i = 0; i < 100; i++) await get(leasePath);
  await new Promise(setImmediate);
  assert.deepEqual(warnings, [], 'Node cuts a time that is too long to 1 ms, and says so');
});
