/** Addons on their way to a host whose target is deleted meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddonHost } from '../../../controller/agent/addons/addon-host.ts';
import { createAgent } from '../../../controller/agent/agent.ts';
import type { Outcome } from '../../../controller/agent/host.ts';
import type { TargetView } from '../../../controller/agent/target-watch.ts';
import { createLog } from '../../../controller/telemetry/log.ts';
import { specOf, World } from '../world.ts';
import { setOf } from './memory-addons.ts';

test('are given up: nobody wants them', async t => {
  const { host, addons, disk, target } = new World(specOf(1, setOf(1)));
  const begun = Promise.withResolvers<undefined>();
  const ended = Promise.withResolvers<Outcome>();
  const hung: AddonHost = {
    look: (...of) => addons.look(...of),
    prepare(request) {
      begun.resolve(undefined);
      const preparation = addons.prepare(request);
      return {
        ...preparation,
        done: ended.promise,
        cancel: async () => ended.resolve({ code: 1, stdout: '', stderr: '' }),
      };
    },
    write: record => addons.write(record),
    stage: record => addons.stage(record),
    arm: deployment => addons.arm(deployment),
    withdraw: deployment => addons.withdraw(deployment),
    prove: deployment => addons.prove(deployment),
    tidy: () => addons.tidy(),
  };
  let seen: TargetView | undefined = target;
  let notify: (() => void) | undefined;
  const agent = createAgent({
    targets: {
      start: () => undefined,
      stop: async () => undefined,
      synced: async () => undefined,
      get: () => seen,
      onChange: handler => {
        notify = handler;
      },
    },
    client: { applyStatus: async () => Promise.reject(new Error('the API is away')) },
    host,
    addons: hung,
    credentials: { provide: async () => undefined, withdraw: async () => undefined },
    memory: disk,
    version: 'test',
    log: createLog('silent'),
    heartbeatMs: 3_600_000,
  });
  t.after(() => agent.stop());
  // It has reported before, so that it fetches without another word.
  seen = { ...target, status: { host: { phase: 'Idle', reportedAt: new Date().toISOString(), agentVersion: 'test' } } };
  agent.start();
  await begun.promise;
  seen = undefined;
  assert.ok(notify, 'the agent does not watch its target');
  notify();
  assert.equal((await ended.promise).code, 1);
});
