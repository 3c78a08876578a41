/** Builds in Jobs, on the real API server with the real Job controller; what a node would do is done by hand. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { jobs } from '../../controller/api/core.ts';
import type { Job } from '../../controller/api/core.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { buildLabel, cancelAnnotation, defaultNamespace, requestedAt } from '../../controller/api/names.ts';
import { jobName } from '../../controller/build/job-name.ts';
import { until } from '../kube/until.ts';
import { because, inPhase, readyMessage, startBuildCluster } from './build-cluster.ts';
import type { BuildCluster } from './build-cluster.ts';
import { contextOf } from './build-fixture.ts';
import { JobHands } from './job-hands.ts';

const amd64 = { platforms: ['linux/amd64'] };
const steps = (definition: string, run = definition): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': definition }], containerfile: `RUN echo ${run}\n` });

describe('builds in Jobs', () => {
  let cluster: BuildCluster;
  let hands: JobHands;
  before(async () => {
    cluster = await startBuildCluster({ controllers: ['job-controller', 'garbage-collector-controller'] });
    hands = new JobHands(cluster);
    await hands.addNode('amd64');
  });
  after(() => cluster.stop());

  const annotate = (name: string, annotations: Record<string, string | null>): Promise<unknown> =>
    cluster.admin.mergePatch(imagebuilds, name, { metadata: { annotations } }, { fieldManager: 'test' });

  test('from a Job to an image, with a restart in the middle; an equal foundation is built once', async () => {
    const first = await cluster.start();
    const name = await cluster.ask(steps('whole', 'shared'), amd64);
    const { job, pod } = await hands.next(name);
    assert.equal(job.metadata.labels?.[buildLabel], (await cluster.find(name))?.metadata.uid);
    await hands.unschedulable(pod, '0/1 nodes are available');
    const stuck = await cluster.becomes(name, 'Unschedulable', because('Unschedulable'));
    assert.equal(stuck.status?.phase, 'Building');
    assert.match(readyMessage(stuck), /linux\/amd64: pod .* of Job .*: 0\/1 nodes are available/);
    await hands.run(pod);
    const running = await cluster.becomes(name, 'running', because('Building'));
    assert.deepEqual(running.status?.jobs, [
      { platform: 'linux/amd64', namespace: defaultNamespace, name: job.metadata.name, pod: pod.metadata.name },
    ]);
    const waiter = await cluster.ask(steps('waiter', 'shared'), amd64);
    assert.match(readyMessage(await cluster.becomes(waiter, 'waiting', because('FoundationBuilding'))), new RegExp(name));
    await first.stop();
    // A new process finds what runs.
    const second = await cluster.start();
    await hands.succeed({ job, pod }, ['etc-usretc: /usr/etc']);
    const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.equal(done.status?.builder, 'Job');
    assert.equal(done.status?.attempts, 1);
    assert.deepEqual(done.status?.warnings, ['etc-usretc: /usr/etc']);
    assert.equal(done.status?.foundations?.length, 1);
    assert.equal((await hands.jobsOf(name)).length, 1);
    // The other definition has a repository of its own.
    const reused = await cluster.becomes(waiter, 'Succeeded', inPhase('Succeeded'));
    const { builder, warnings, foundations = [] } = reused.status ?? {};
    assert.deepEqual([builder, warnings], ['Assemble', ['etc-usretc: /usr/etc']]);
    assert.deepEqual(
      foundations.map(f => f.key),
      done.status?.foundations?.map(f => f.key),
    );
    assert.ok(foundations.every(f => f.reference.startsWith(`${cluster.server.host}/built/waiter@`)));
    assert.deepEqual(await hands.jobsOf(waiter), []);
    await second.stop();
    assert.deepEqual(
      [...first.events, ...second.events].filter(e => e.regarding.name === name).map(e => `${e.type} ${e.reason}`),
      ['Normal BuildStarted', 'Warning Unschedulable', 'Normal Succeeded'],
    );
  });

  test('a failing step uses up attempts, each with a Job of its own, and says where', async () => {
    let later = 0;
    const running = await cluster.start({ now: () => Date.now() + later });
    const name = await cluster.ask(steps('failing'), amd64);
    const seen: Job[] = [];
    for (const attempt of [1, 2, 3]) {
      const { job, pod } = await hands.next(name, seen);
      seen.push(job);
      assert.ok(job.metadata.name.endsWith(`-amd64-${attempt}`));
      await hands.fail(pod);
      const failed = await cluster.becomes(name, `attempt ${attempt} failed`, b => b.status?.attempts === attempt);
      assert.deepEqual(failed.status?.failure, {
        step: '2/2: RUN false',
        stepNumber: 2,
        platform: 'linux/amd64',
        job: job.metadata.name,
        pod: pod.metadata.name,
        exitCode: 1,
        message: 'exit code 1',
        log: ['the last words'],
      });
      assert.equal(failed.status?.attemptsLeft, 3 - attempt);
      later += 600_000;
      running.controller.enqueue(name);
    }
    const failed = await cluster.becomes(name, 'Failed', inPhase('Failed'));
    assert.ok(isTrue(failed.status?.conditions, 'Stalled'));
    // Asked again, nothing of before is taken for new.
    await annotate(name, { [requestedAt]: 'again' });
    const { job, pod } = await hands.next(name, seen);
    assert.ok(job.metadata.name.endsWith('-amd64-1'));
    await hands.succeed({ job, pod });
    const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.deepEqual([done.status?.attempts, done.status?.failure], [1, undefined]);
    await running.stop();
  });

  test('a changed execution tries a failed build again', async () => {
    const running = await cluster.start();
    const name = await cluster.ask(steps('stalling'), amd64);
    const { pod, job } = await hands.next(name);
    await hands.fail(pod, { kind: 'stalling', reason: 'InvalidContext', step: 'context', message: 'is none' });
    await cluster.becomes(name, 'Failed', inPhase('Failed'));
    const spec = { execution: { resources: { limits: { memory: '4Gi' } } } };
    await cluster.admin.mergePatch(imagebuilds, name, { spec }, { fieldManager: 'test' });
    const again = await hands.next(name, [job]);
    assert.ok(JSON.stringify(again.job.spec).includes('"memory":"4Gi"'));
    await hands.succeed(again);
    await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    await running.stop();
  });

  test('a Job of the wanted name that is something else is left alone, and waited for', async () => {
    const name = await cluster.ask(steps('taken'), amd64);
    const foreign: Job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: jobName(name, 'linux/amd64', 1), namespace: defaultNamespace },
      spec: {
        suspend: true,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'other', image: 'registry.example/other:1' }] } },
      },
    };
    const { metadata } = await cluster.admin.create(jobs, foreign);
    const running = await cluster.start();
    const waiting = await cluster.becomes(name, 'waiting for the name', because('JobExists'));
    assert.match(readyMessage(waiting), /exists already, for something else/);
    assert.equal((await cluster.admin.get(jobs, metadata.name, defaultNamespace)).metadata.uid, metadata.uid);
    await cluster.admin.delete(jobs, metadata.name, { namespace: defaultNamespace });
    running.controller.enqueue(name);
    await hands.succeed(await hands.next(name));
    await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    await running.stop();
  });

  test('a Job that is deleted by hand is made again, in the same attempt', async () => {
    const running = await cluster.start();
    const name = await cluster.ask(steps('by-hand'), amd64);
    const first = await hands.next(name);
    await hands.run(first.pod);
    await cluster.admin.delete(jobs, first.job.metadata.name, { namespace: defaultNamespace });
    const second = await hands.next(name, [first.job]);
    assert.equal(second.job.metadata.name, first.job.metadata.name);
    await hands.succeed(second);
    const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.equal(done.status?.attempts, 1);
    await running.stop();
  });

  test('canceled, its Job goes; uncanceled, it runs again; deleted, its Job goes too', async () => {
    const running = await cluster.start();
    const name = await cluster.ask(steps('canceled'), amd64);
    const first = await hands.next(name);
    await annotate(name, { [cancelAnnotation]: 'enough' });
    const canceled = await cluster.becomes(name, 'Canceled', inPhase('Canceled'));
    assert.ok(because('Canceled')(canceled));
    assert.equal(conditionOf(canceled.status?.conditions, 'Stalled'), undefined);
    await until('no Job', async () => (await hands.jobsOf(name)).length === 0);
    await annotate(name, { [cancelAnnotation]: null });
    await hands.next(name, [first.job]);
    await cluster.admin.delete(imagebuilds, name);
    await until('no Job', async () => (await hands.jobsOf(name)).length === 0);
    await running.stop();
  });

  test('a Secret that is missing is said before any pod starts', async () => {
    const running = await cluster.start();
    const secrets = [{ id: 'token', secretRef: { name: 'absent', key: 'token' } }];
    const name = await cluster.ask(steps('secretive'), { ...amd64, execution: { secrets } });
    const build = await cluster.becomes(name, 'waiting', because('SecretNotFound'));
    assert.match(readyMessage(build), /Secret scantling-system\/absent not found/);
    assert.deepEqual(await hands.jobsOf(name), []);
    await cluster.admin.delete(imagebuilds, name);
    await running.stop();
  });

  test('one Job for each platform; where no node can run it the build waits, and goes on when there is one', async () => {
    const running = await cluster.start();
    const name = await cluster.ask(steps('both'));
    const build = await cluster.becomes(name, 'waiting', because('PlatformUnsupported'));
    assert.match(readyMessage(build), /linux\/arm64; the nodes of the cluster have amd64; it goes on when such a node is there/);
    assert.deepEqual([build.status?.phase, build.status?.attempts, build.status?.failure], ['Pending', 0, undefined]);
    assert.ok(isTrue(build.status?.conditions, 'Reconciling'));
    assert.deepEqual(await hands.jobsOf(name), []);
    await hands.addNode('arm64');
    await until('two Jobs', async () => (await hands.jobsOf(name)).length === 2);
    const [a, b] = await hands.jobsOf(name);
    assert.ok(a && b);
    const one = await hands.next(name, [b]);
    const other = await hands.next(name, [a]);
    await hands.succeed(one);
    const half = await cluster.becomes(name, 'one foundation', x => x.status?.foundations?.length === 1);
    assert.equal(half.status?.phase, 'Building');
    await hands.succeed(other);
    const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.deepEqual(
      done.status?.image?.platforms?.map(p => p.platform),
      ['linux/amd64', 'linux/arm64'],
    );
    await hands.removeNode('arm64');
    await running.stop();
  });

  test('a builder that is not allowed or not there is refused, and only where steps are to be run', async () => {
    const running = await cluster.start({ image: '' });
    const none = await cluster.ask(steps('no-image'), amd64);
    assert.match(readyMessage(await cluster.becomes(none, 'waiting', because('BuilderUnavailable'))), /--builder-image/);
    const other = await cluster.ask(steps('not-allowed'), { ...amd64, execution: { builder: 'Process' } });
    const build = await cluster.becomes(other, 'Failed', inPhase('Failed'));
    assert.ok(because('BuilderNotAllowed')(build));
    assert.match(readyMessage(build), /Process; allowed here: Job/);
    const finish = await cluster.ask(contextOf({ definition: 'plain', layers: [{ 'etc/a': 'b' }] }));
    await cluster.becomes(finish, 'Succeeded', inPhase('Succeeded'));
    await cluster.admin.delete(imagebuilds, none);
    await running.stop();
  });
});
