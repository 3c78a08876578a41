/** What steps, a registry and other people may do to builds in Jobs, and what comes of it: never more Jobs than there may be, never another's image. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { jobs } from '../../controller/api/core.ts';
import type { Job } from '../../controller/api/core.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { encodeTermination } from '../../controller/build/termination.ts';
import { until } from '../kube/until.ts';
import { because, inPhase, readyMessage, startBuildCluster } from './build-cluster.ts';
import type { BuildCluster } from './build-cluster.ts';
import { contextOf, pushBase } from './build-fixture.ts';
import { JobHands, argumentsOf } from './job-hands.ts';
import { pushFoundation } from './push-foundation.ts';

const amd64 = { platforms: ['linux/amd64'] };
const steps = (definition: string, run = definition): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': definition }], containerfile: `RUN echo ${run}\n` });

describe('builds in Jobs that somebody means ill', () => {
  let cluster: BuildCluster;
  let hands: JobHands;
  before(async () => {
    cluster = await startBuildCluster({ controllers: ['job-controller', 'garbage-collector-controller'] });
    hands = new JobHands(cluster);
    await hands.addNode('amd64');
  });
  after(() => cluster.stop());

  const change = (name: string, execution: object): Promise<unknown> =>
    cluster.admin.mergePatch(imagebuilds, name, { spec: { execution } }, { fieldManager: 'test' });

  test('a Job that says it pushed what is not there is made again later and later, and then uses up the attempt', async () => {
    let later = 0;
    const running = await cluster.start({ now: () => Date.now() + later });
    const name = await cluster.ask(steps('liar'), amd64);
    const digest = `sha256:${'0'.repeat(64)}`;
    const seen: Job[] = [];
    for (let lost = 0; lost <= 5; lost++) {
      const { job, pod } = await hands.next(name, seen);
      assert.ok(job.metadata.name.endsWith('-1'), job.metadata.name);
      seen.push(job);
      await hands.exit(pod, 0, { message: encodeTermination({ result: { digest, warnings: [] } }) });
      // The first time by the clock, later in what it takes for a long time.
      if (lost === 0)
        await cluster.becomes(name, 'at rest, without a slot', b => because('FoundationNotFound')(b) && inPhase('Pending')(b));
      later += 3_600_000;
      running.controller.enqueue(name);
    }
    await cluster.becomes(name, 'an attempt used up', b => b.status?.attempts === 1);
    await cluster.admin.delete(imagebuilds, name);
    await running.stop();
  });

  test('what a step forged as a failure is written down, and ends the build', async () => {
    const running = await cluster.start();
    const name = await cluster.ask(steps('forged'), amd64);
    const { pod } = await hands.next(name);
    const failure = { kind: 'stalling', reason: 'no reason!', step: 'a\nb', stepNumber: 2 ** 40, message: 'line\nline', log: [] };
    await hands.exit(pod, 1, { message: JSON.stringify({ version: 1, failure }) });
    await cluster.becomes(name, 'Failed', inPhase('Failed'));
    await running.stop();
  });

  test('with one platform failed, the Job of another goes: it holds no slot any more', async () => {
    await hands.addNode('arm64');
    const running = await cluster.start();
    await until('the node is known', () => running.nodes().includes('arm64'));
    const name = await cluster.ask(steps('halves'));
    await until('two Jobs', async () => (await hands.jobsOf(name)).length === 2);
    const [a, b] = await hands.jobsOf(name);
    assert.ok(a && b);
    const one = await hands.next(name, [b]);
    const other = await hands.next(name, [a]);
    await hands.run(other.pod);
    await hands.fail(one.pod);
    const failed = await cluster.becomes(name, 'one attempt used up', x => x.status?.attempts === 1);
    assert.equal(failed.status?.phase, 'Pending');
    assert.deepEqual(
      (await hands.jobsOf(name)).map(job => job.metadata.name),
      [one.job.metadata.name],
      'the one that failed has the log',
    );
    await hands.removeNode('arm64');
    await cluster.admin.delete(imagebuilds, name);
    await running.stop();
  });

  test('an execution that is changed while the last attempt runs is tried, too', async () => {
    let later = 0;
    const running = await cluster.start({ now: () => Date.now() + later });
    const name = await cluster.ask(steps('slow-hands'), amd64);
    const seen: Job[] = [];
    for (const attempt of [1, 2, 3]) {
      const { job, pod } = await hands.next(name, seen);
      seen.push(job);
      await hands.run(pod);
      await cluster.becomes(name, 'running', because('Building'));
      if (attempt === 3) {
        await change(name, { resources: { limits: { memory: '5Gi' } } });
        // It has taken note of something after the change.
        await hands.set(pod, { conditions: [{ type: 'Ready', status: 'True' }] });
        running.controller.enqueue(name);
      }
      await hands.exit(pod, 137, { reason: 'OOMKilled' });
      if (attempt < 3) await cluster.becomes(name, `attempt ${attempt} failed`, b => b.status?.attempts === attempt);
      later += 600_000;
      running.controller.enqueue(name);
    }
    const again = await hands.next(name, seen);
    assert.ok(again.job.metadata.name.endsWith('-1'));
    assert.ok(JSON.stringify(again.job.spec).includes('"memory":"5Gi"'));
    await hands.succeed(again);
    await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    await running.stop();
  });

  test('a pod that cannot be placed makes way for one that can, when the execution is changed', async () => {
    const running = await cluster.start();
    const name = await cluster.ask(steps('misplaced'), { ...amd64, execution: { nodeSelector: { disk: 'fast' } } });
    const first = await hands.next(name);
    await hands.unschedulable(first.pod, 'no node has disk=fast');
    await cluster.becomes(name, 'Unschedulable', because('Unschedulable'));
    await change(name, { nodeSelector: { disk: 'any' } });
    const second = await hands.next(name, [first.job]);
    assert.ok(JSON.stringify(second.job.spec).includes('"disk":"any"'));
    assert.equal(second.job.metadata.name, first.job.metadata.name, 'it uses up no attempt');
    // One that runs goes on.
    await hands.run(second.pod);
    await cluster.becomes(name, 'running', because('Building'));
    await change(name, { nodeSelector: { disk: 'other' } });
    await hands.succeed(second);
    await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.equal((await hands.jobsOf(name)).length, 1);
    await running.stop();
  });

  test('a foundation that was only found under its tag, which others may push, is used in its own repository alone', async () => {
    const running = await cluster.start();
    // What the foundation is, from a build that is gone again.
    const model = await cluster.ask(steps('model', 'common'), amd64);
    const { job } = await hands.next(model);
    const of = argumentsOf(job);
    await cluster.admin.delete(imagebuilds, model);
    await until('no Job', async () => (await hands.jobsOf(model)).length === 0);
    // Somebody who may push to one repository knows the key, too.
    const task = { base: of('base'), repository: `${cluster.server.host}/built/tenant`, tag: of('tag'), key: of('key') };
    const poisoned = await pushFoundation(cluster.registry, task, ['poisoned']);
    const tenant = await cluster.ask(steps('tenant', 'common'), amd64);
    const theirs = await cluster.becomes(tenant, 'Succeeded', inPhase('Succeeded'));
    assert.deepEqual(
      theirs.status?.foundations?.map(f => f.reference),
      [`${task.repository}@${poisoned}`],
    );
    // Another definition has it built, and what was built is shared.
    const careful = await cluster.ask(steps('careful', 'common'), amd64);
    await hands.succeed(await hands.next(careful));
    const built = await cluster.becomes(careful, 'Succeeded', inPhase('Succeeded'));
    assert.equal(built.status?.builder, 'Job');
    const third = await cluster.ask(steps('third', 'common'), amd64);
    const shared = await cluster.becomes(third, 'Succeeded', inPhase('Succeeded'));
    assert.equal(shared.status?.warnings, undefined);
    const fourth = await cluster.ask(steps('fourth', 'common'), amd64);
    await cluster.admin.delete(imagebuilds, careful);
    assert.equal((await cluster.becomes(fourth, 'Succeeded', inPhase('Succeeded'))).status?.warnings, undefined);
    await running.stop();
  });

  test('what lies under the tag without the layers of the base is no foundation', async () => {
    const running = await cluster.start();
    const name = await cluster.ask(steps('hollow'), amd64);
    const { job, pod } = await hands.next(name);
    const of = argumentsOf(job);
    const task = { base: of('base'), repository: of('repository'), tag: of('tag'), key: of('key') };
    const hollow = await pushFoundation(cluster.registry, { ...task, base: await otherBase() });
    await hands.exit(pod, 0, { message: encodeTermination({ result: { digest: hollow, warnings: [] } }) });
    const lost = await cluster.becomes(name, 'not taken', because('FoundationNotFound'));
    assert.match(readyMessage(lost), /no foundation of this build/);
    await cluster.admin.delete(jobs, job.metadata.name, { namespace: defaultNamespace });
    await cluster.admin.delete(imagebuilds, name);
    await running.stop();
  });

  const otherBase = async (): Promise<string> =>
    (await pushBase(cluster.registry, `${cluster.server.host}/base/other`, { layers: [Buffer.alloc(1024)] })).image;
});
