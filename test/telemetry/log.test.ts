import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../controller/telemetry/log.ts';

test('secrets are cut out of log lines, one level down too', () => {
  const lines: string[] = [];
  const log = createLog('info', line => lines.push(line));
  log.child({ controller: 'source' }).info(
    {
      password: 'hunter2',
      request: { headers: { authorization: 'Bearer abc' }, token: 'tok-1' },
      secret: { data: 'c2VjcmV0' },
    },
    'polled',
  );
  const text = lines.join('');
  for (const leaked of ['hunter2', 'Bearer abc', 'tok-1', 'c2VjcmV0']) assert.ok(!text.includes(leaked), leaked);
  const parsed = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.equal(parsed['controller'], 'source');
  assert.equal(parsed['level'], 'info');
  assert.equal(parsed['msg'], 'polled');
});
