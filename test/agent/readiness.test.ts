/** What makes an agent not ready: its own faults, and an API server only until that has answered once. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAgent } from '../../controller/agent/agent.ts';
import { createMemoryFile } from '../../controller/agent/memory-file.ts';
import { createHostCredentials } from '../../controller/agent/pull-secret-file.ts';
import type { TargetWatch } from '../../controller/agent/target-watch.ts';
import type { NodeTargetSpec } from '../../controller/api/node-target.ts';
import { ApiError } from '../../controller/kube/errors.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { until } from '../kube/until.ts';
import { drive, startWorkshop } from './driven-host.ts';

test('an API server that is away makes no agent unready that has worked, and a refusal does', async t => {
  const workshop = await startWorkshop();
  t.after(() => workshop.stop());
  const fake = workshop.host();
  const first = workshop.images[0] ?? assert.fail();
  const spec: NodeTargetSpec = {
    poolRef: { name: 'p' },
    image: first.image,
    digests: [first.digest, first.platform],
    state: 'Staged',
    since: new Date(0).toISOString(),
  };
  const targets: TargetWatch = {
    start: () => {},
    stop: () => Promise.resolve(),
    synced: () => Promise.resolve(),
    get: () => ({ name: 'n', uid: 'u', resourceVersion: '1', generation: 1, spec, retried: [] }),
    onChange: () => {},
  };
  let status = 503;
  let writes = 0;
  const answer = () => {
    writes++;
    return Promise.reject(new ApiError({ status, reason: `Http${status}`, message: `the answer ${status}` }));
  };
  const written = async (as: number): Promise<void> => {
    status = as;
    const before = writes;
    await until(`two writes with ${as}`, () => writes > before + 1);
  };
  const agent = createAgent({
    targets,
    client: { applyStatus: answer },
    host: drive(fake),
    credentials: createHostCredentials({ client: { get: answer }, namespace: 'scantling-agents', root: fake.root }),
    memory: createMemoryFile(join(fake.root, 'var/lib/scantling/agent/memory.json')),
    version: 'test',
    log: createLog('silent'),
    heartbeatMs: 100,
  });
  t.after(() => agent.stop());
  agent.start();
  await written(503);
  assert.equal(agent.problem(), 'the answer 503');
  // A target that is gone meanwhile is no fault.
  await written(404);
  await until('a pass that went well', () => agent.problem() === undefined);
  await written(503);
  assert.equal(agent.problem(), undefined);
  await written(403);
  await until('word of the refusal', () => agent.problem() === 'the answer 403');
});
