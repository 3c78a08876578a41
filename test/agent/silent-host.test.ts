/** A host whose service manager does not answer while a command runs on it, against a real API server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLog } from '../../controller/telemetry/log.ts';
import { clearFaults, injectFault } from '../cluster/host/faults.ts';
import { drive, shaky, stageRequest } from './driven-host.ts';
import { hostOf, ready, startYard } from './station.ts';
import type { Yard } from './station.ts';

let yard: Yard;
before(async () => {
  yard = await startYard();
});
after(() => yard.stop());

test('a command whose end cannot be seen: it is said and logged once, and waited for', async () => {
  const station = await yard.station();
  const { path, setDown } = shaky(station.host);
  const [, second, third] = yard.images;
  injectFault(station.host.directory, { kind: 'Hang', digest: second?.digest ?? '' });
  await drive(station.host).start(stageRequest(second));
  await station.aim(second);
  const lines: string[] = [];
  const log = createLog('warn', line => lines.push(line));
  station.startAgent({ host: drive(station.host, { path }), heartbeatMs: 1000, log });
  await station.untilReady('Staging');
  setDown(true);
  const silent = await station.untilReady('ServiceManagerSilent');
  assert.equal(hostOf(silent).phase, 'Failed');
  assert.match(ready(silent)?.message ?? '', /Failed to connect to bus/);
  await station.until(t => hostOf(t).reportedAt !== hostOf(silent).reportedAt);
  assert.equal(lines.filter(line => line.includes('systemd does not say')).length, 1);
  setDown(false);
  await station.untilReady('Staging');
  clearFaults(station.host.directory);
  await station.aim(third);
  await station.untilReady('Staged');
});
