import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { writes } from '../cluster/api-call.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { type FaultProxy, startFaultProxy } from '../cluster/fault-proxy.ts';
import { ApiUser } from './api-user.ts';

const path = '/api/v1/namespaces/default/configmaps';

/** Lines of a watch, one at a time; undefined when it has ended, 'cut' when the connection broke. */
async function watchLines(user: ApiUser): Promise<() => Promise<string | undefined>> {
  const response = await user.open('GET', `${path}?watch=1`);
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let buffer = '';
  return async () => {
    for (;;) {
      const end = buffer.indexOf('\n');
      if (end >= 0) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 1);
        return line;
      }
      try {
        const chunk = await reader?.read();
        if (!chunk || chunk.done) return undefined;
        buffer += decoder.decode(chunk.value as Uint8Array, { stream: true });
      } catch {
        return 'cut'; // the very thing these tests provoke
      }
    }
  };
}

describe('fault proxy', () => {
  let cluster: ControlPlane;
  let proxy: FaultProxy;
  let user: ApiUser;
  before(async () => {
    cluster = await startControlPlane();
    proxy = await startFaultProxy(cluster);
    user = new ApiUser(cluster, cluster.adminToken, proxy.url);
  });
  afterEach(() => proxy.clear());
  after(async () => {
    await user.close();
    await proxy.stop();
    await cluster.stop();
  });

  it('records what was asked and what it cost', async () => {
    await user.call('POST', path, { metadata: { name: 'recorded' } });
    await user.call('PATCH', `${path}/recorded`, { data: { a: 'b' } });
    await user.call('GET', '/apis/apps/v1/deployments?limit=1');
    await user.call('GET', '/readyz?verbose').catch(() => undefined);
    const seen = proxy.record.map(call =>
      [call.verb, call.group, call.resource, call.namespace, call.name, call.status].join(' '),
    );
    assert.deepEqual(seen, [
      'create  configmaps default  201',
      'patch  configmaps default recorded 200',
      'list apps deployments   200',
      'get     200',
    ]);
    const [create] = proxy.calls({ verb: writes, userAgent: 'api-user' });
    assert.equal(create?.bytesIn, JSON.stringify({ metadata: { name: 'recorded' } }).length);
    assert.ok((create?.bytesOut ?? 0) > 100);
    assert.equal(create?.injected, false);
  });

  it('fails as often as it is told, with Retry-After', async () => {
    const fault = proxy.fail({ verb: 'list', resource: 'configmaps' }, { status: 429, retryAfter: 2, times: 1 });
    const answer = await user.call<{ reason: string }>('GET', path);
    assert.deepEqual([answer.status, answer.retryAfter, answer.body.reason], [429, '2', 'TooManyRequests']);
    assert.equal((await user.call('GET', path)).status, 200);
    assert.equal(fault.hits, 1);
    const always = proxy.fail({ continued: true }, { status: 410 });
    assert.equal((await user.call('GET', `${path}?continue=x`)).status, 410);
    assert.equal((await user.call('GET', path)).status, 200);
    always.remove();
    assert.equal((await user.call('GET', `${path}?continue=x`)).status, 400);
  });

  it('loses a call before the server hears of it, or its answer after', async () => {
    proxy.fail({ verb: 'create' }, { drop: 'before', times: 1 });
    await assert.rejects(user.call('POST', path, { metadata: { name: 'lost' } }));
    assert.equal((await user.call('GET', `${path}/lost`)).status, 404);
    proxy.fail({ verb: 'create' }, { drop: 'after', times: 1 });
    await assert.rejects(user.call('POST', path, { metadata: { name: 'done' } }));
    assert.equal((await user.call('GET', `${path}/done`)).status, 200);
  });

  it('passes watches on, puts garbage into them, and ends them as 410', async () => {
    const next = await watchLines(user);
    await proxy.seen({ verb: 'watch' });
    assert.equal(proxy.openWatches.length, 1);
    for (let line = await next(); !line?.includes('"recorded"'); line = await next()) assert.ok(line);
    assert.equal(proxy.garbage({ resource: 'configmaps' }, 'no json'), 1);
    for (let line = await next(); line !== 'no json'; line = await next()) assert.ok(line);
    assert.equal(proxy.expireWatches(), 1);
    const last = JSON.parse((await next()) ?? '') as { type: string; object: { code: number } };
    assert.deepEqual([last.type, last.object.code], ['ERROR', 410]);
    assert.equal(await next(), undefined);
    assert.equal(proxy.openWatches.length, 0);
  });

  it('cuts watches in the middle of a line', async () => {
    const next = await watchLines(user);
    assert.ok(await next());
    assert.equal(proxy.cutWatches({ resource: 'configmaps' }, { midLine: true }), 1);
    let line = await next();
    while (line !== 'cut') {
      assert.notEqual(line, undefined, 'a cut connection is no orderly end');
      line = await next();
    }
  });

  it('hangs watches without a word, and lets them go on with what they missed', async () => {
    const next = await watchLines(user);
    assert.ok(await next());
    assert.equal(proxy.hangWatches(), 1);
    await user.call('POST', path, { metadata: { name: 'while-hung' } });
    const { bytesOut } = proxy.openWatches[0] ?? { bytesOut: -1 };
    const other = await watchLines(user);
    const pending = other();
    const silent = Symbol('silent');
    assert.equal(await Promise.race([pending, new Promise(resolve => setTimeout(() => resolve(silent), 100))]), silent);
    assert.equal(proxy.openWatches[0]?.bytesOut, bytesOut);
    proxy.resumeWatches();
    for (let line = await next(); !line?.includes('"while-hung"'); line = await next()) assert.ok(line);
    assert.ok(await pending);
    proxy.cutWatches();
  });

  it('counts connections, and cuts them', async () => {
    await user.call('GET', path);
    assert.ok(proxy.connections.open >= 1);
    proxy.cutConnections();
    const { total } = proxy.connections;
    await user.until('GET', path, ({ status }) => status === 200);
    assert.ok(proxy.connections.total > total);
  });

  it('cuts connections while the server is away, and works again when it is back', async () => {
    await cluster.stopApiServer();
    await assert.rejects(user.call('GET', path));
    await cluster.startApiServer();
    assert.equal((await user.call('GET', path)).status, 200);
  });
});
