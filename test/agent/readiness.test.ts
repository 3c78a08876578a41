/** What makes an agent not ready, and what has it started anew: its own faults, and an API server only until that has answered once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApiError } from '../../controller/kube/errors.ts';
import { endFault, injectFault } from '../cluster/host/faults.ts';
import { until } from '../kube/until.ts';
import { drive, startWorkshop, type Workshop } from './driven-host.ts';
import { loneAgent } from './lone-agent.ts';

let workshop: Workshop;
before(async () => {
  workshop = await startWorkshop();
});
after(() => workshop?.stop());

test('an API server that is away makes no agent unready that has worked, and a refusal does', async t => {
  let status = 503;
  let writes = 0;
  const answer = () => {
    writes++;
    return Promise.reject(new ApiError({ status, reason: `Http${status}`, message: `the answer ${status}` }));
  };
  const written = async (as: number): Promise<void> => {
    status = as;
    const seen = writes;
    await until(`two writes with ${as}`, () => writes > seen + 1);
  };
  const agent = loneAgent(t, workshop.host(), { image: workshop.images[0], answer, heartbeatMs: 100 });
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

const gone = () => Promise.reject(new ApiError({ status: 404, reason: 'NotFound', message: 'not found' }));
/** How long a step may take here, ms. */
const patience = { heartbeatMs: 100, longestStepMs: 500 };

test('a loop that hangs in a call to its host is stuck, and was not before', async t => {
  const fake = workshop.host();
  const host = drive(fake);
  const answered = Promise.withResolvers<void>();
  t.after(() => answered.resolve());
  let blocked = false;
  let calls = 0;
  const boot = host.boot.bind(host);
  host.boot = async () => {
    calls++;
    if (blocked) await answered.promise;
    return boot();
  };
  const agent = loneAgent(t, fake, { image: workshop.images[0], answer: gone, host, ...patience });
  assert.equal(agent.stuck(), undefined);
  agent.start();
  await until('several passes', () => calls > 3);
  assert.equal(agent.stuck(), undefined);
  blocked = true;
  await until('that it is stuck', () => agent.stuck() !== undefined);
  assert.match(agent.stuck() ?? '', /^the loop has given no sign of life for \d+ s$/);
});

test('a pull that lasts for long does not make it stuck', async t => {
  const fake = workshop.host();
  injectFault(fake.directory, { kind: 'SlowPull' });
  t.after(() => endFault(fake.directory, 'SlowPull'));
  let writes = 0;
  const answer = () => {
    writes++;
    return gone();
  };
  // A slow machine may take a good while for a step; heartbeats of a pull are a second apart, so it lasts longer than that.
  const longestStepMs = 3_000;
  const agent = loneAgent(t, fake, { image: workshop.images[1], answer, heartbeatMs: 100, longestStepMs });
  agent.start();
  const stuck: (string | undefined)[] = [];
  await until('the heartbeats of a pull', () => {
    stuck.push(agent.stuck());
    return writes > 6;
  });
  assert.deepEqual([...new Set(stuck)], [undefined]);
});
