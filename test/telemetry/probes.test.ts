import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveProbes } from '../../controller/telemetry/probes.ts';

test('probes answer by their checks, and metrics are served', async () => {
  let problem: string | undefined = 'caches not synced';
  const probes = await serveProbes('127.0.0.1:0', { live: {}, ready: { caches: () => problem } });
  try {
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(`http://${probes.address}${path}`, { method });
      return { status: response.status, body: await response.text() };
    };
    assert.deepEqual(await get('/healthz'), { status: 200, body: 'ok\n' });
    assert.deepEqual(await get('/readyz'), { status: 503, body: 'caches: caches not synced\n' });
    problem = undefined;
    assert.equal((await get('/readyz?verbose')).status, 200);
    assert.match((await get('/metrics')).body, /scantling_event_loop_lag_seconds/);
    assert.equal((await get('/nothing')).status, 404);
    assert.equal((await get('/healthz', 'POST')).status, 405);
  } finally {
    await probes.close();
  }
});

test('an address that is none is refused', async () => {
  await assert.rejects(serveProbes('nonsense', { live: {}, ready: {} }), /is not an address such as :8080 or/);
});
