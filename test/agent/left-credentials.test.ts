/** Credentials of a pull whose agent is gone, or whose pool is: they go all the same, and nothing else does. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { Agent } from '../../controller/agent/agent.ts';
import type { FakeHost } from '../cluster/host/fake-host.ts';
import { injectFault } from '../cluster/host/faults.ts';
import { hostPaths } from '../cluster/host/state.ts';
import { until } from '../kube/until.ts';
import { drive, stageRequest, startWorkshop } from './driven-host.ts';
import type { TestImage, Workshop } from './driven-host.ts';
import { loneAgent } from './lone-agent.ts';

const ours = JSON.stringify({ auths: {}, 'scantling.dev/agent': 'pull Secret of a SystemPool' });
const foreign = JSON.stringify({ auths: { 'scantling.dev/agent': {} } });

let workshop: Workshop;
let second: TestImage;
before(async () => {
  workshop = await startWorkshop();
  second = workshop.images[1] ?? assert.fail();
});
after(() => workshop.stop());

function put(fake: FakeHost, text: string): string {
  const path = join(fake.root, 'run/ostree/auth.json');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const pulling = (fake: FakeHost) => until('the pull', () => existsSync(hostPaths(fake.directory).calls));

const unexpected = () => Promise.reject(new Error('an agent without a target asks the API for nothing'));

/** An agent whose pool was deleted. */
const agentWithoutTarget = (t: TestContext, fake: FakeHost): Agent => loneAgent(t, fake, { answer: unexpected });

describe('credentials of a pull', () => {
  test('go when it ends, with no agent there, and what it said stays', async () => {
    const fake = workshop.host();
    const path = put(fake, ours);
    injectFault(fake.directory, { kind: 'Registry' });
    const operation = await drive(fake).start(stageRequest(second));
    const outcome = await operation.done;
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.stderr, /503/);
    assert.equal(existsSync(path), false);
  });

  test('go when it is ended', async () => {
    const fake = workshop.host();
    const path = put(fake, ours);
    injectFault(fake.directory, { kind: 'Hang' });
    const operation = await drive(fake).start(stageRequest(second));
    await pulling(fake);
    await operation.cancel();
    assert.equal(existsSync(path), false);
  });

  test("stay where they are somebody else's, and what did not need any says nothing of them", async () => {
    const fake = workshop.host();
    const host = drive(fake);
    const bare = await host.start(stageRequest(second));
    assert.deepEqual(await bare.done, { code: 0, stdout: (await bare.done).stdout, stderr: '' });
    await bare.forget();
    const path = put(fake, foreign);
    assert.equal((await (await host.start(stageRequest(second))).done).code, 0);
    assert.equal(readFileSync(path, 'utf8'), foreign);
  });

  test('that an earlier life left are taken away though the pool is gone', async t => {
    const fake = workshop.host();
    const path = put(fake, ours);
    agentWithoutTarget(t, fake).start();
    await until('the removal', () => !existsSync(path));
  });

  test('of a pull that an earlier life began are left to it, and then nothing of it is kept', async t => {
    const fake = workshop.host();
    const path = put(fake, ours);
    injectFault(fake.directory, { kind: 'SlowPull', ms: 1000 });
    await drive(fake).start(stageRequest(second));
    await pulling(fake);
    const agent = agentWithoutTarget(t, fake);
    agent.start();
    await until('the end of the pull', () => !existsSync(path));
    await until('that it is read', async () => (await drive(fake).adopt()) === undefined);
  });

  test('go when the agent is stopped while nothing is pulled', async t => {
    const fake = workshop.host();
    const agent = agentWithoutTarget(t, fake);
    agent.start();
    await until('its first look', () => agent.problem() === undefined);
    const path = put(fake, ours);
    await agent.stop();
    assert.equal(existsSync(path), false);
  });
});
