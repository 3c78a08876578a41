/** What happens to a build from outside, and to its Job, on the real API server with the real Job controller. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { defaultNamespace, requestedAt } from '../../controller/api/names.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { until } from '../kube/until.ts';
import { because, inPhase, readyMessage, startBuildCluster } from './build-cluster.ts';
import type { BuildCluster } from './build-cluster.ts';
import { contextOf } from './build-fixture.ts';
import { JobHands } from './job-hands.ts';

const amd64 = { platforms: ['linux/amd64'] };
const steps = (definition: string, run = definition): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': run }], containerfile: `RUN echo ${run}\n` });

describe('the life of a build', () => {
  let cluster: BuildCluster;
  let hands: JobHands;
  before(async () => {
    cluster = await startBuildCluster({ controllers: ['job-controller', 'garbage-collector-controller'] });
    hands = new JobHands(cluster);
    await hands.addNode('amd64');
  });
  after(() => cluster.stop());

  const wants = async (definition: string, latestBuild: string): Promise<void> => {
    const spec = { base: { image: 'r.example/base:1' }, output: { repository: `r.example/${definition}` } };
    const object = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemDefinition', metadata: { name: definition } };
    await cluster.admin.apply(systemdefinitions, { ...object, spec }, { fieldManager: 'test' });
    await cluster.admin.applyStatus(systemdefinitions, { ...object, status: { latestBuild } }, { fieldManager: 'test' });
  };

  test('one build of a definition at once, the oldest first; what its definition no longer wants ends without a failure', async () => {
    let later = 0;
    const running = await cluster.start({ perDefinition: 1, now: () => Date.now() + later });
    const first = await cluster.ask(steps('busy', 'one'), amd64);
    const { job, pod } = await hands.next(first);
    const second = await cluster.ask(steps('busy', 'two'), amd64);
    const queued = await cluster.becomes(second, 'Queued', because('Queued'));
    assert.match(readyMessage(queued), /1 build of this definition is running, and no more may; waiting since \d{4}-/);
    const other = await cluster.ask(steps('idle'), amd64);
    await hands.next(other);
    // The definition has moved on, and back.
    const third = await cluster.ask(steps('busy', 'three'), amd64);
    await cluster.becomes(third, 'Queued', because('Queued'));
    later = 60_000;
    await wants('busy', third);
    const superseded = await cluster.becomes(second, 'Superseded', because('Superseded'));
    assert.equal(superseded.status?.phase, 'Canceled');
    assert.equal(conditionOf(superseded.status?.conditions, 'Stalled'), undefined);
    assert.match(readyMessage(superseded), new RegExp(third));
    assert.equal((await cluster.find(first))?.status?.phase, 'Building', 'what has begun goes on');
    await wants('busy', second);
    await cluster.becomes(second, 'Queued again', because('Queued'));
    await hands.succeed({ job, pod });
    await hands.next(second);
    assert.deepEqual(await hands.jobsOf(third), []);
    for (const name of [first, second, third, other]) await cluster.admin.delete(imagebuilds, name);
    await cluster.admin.delete(systemdefinitions, 'busy');
    await running.stop();
  });

  test('a lost Job is made again after a while and uses up no attempt, one that was killed for its memory does', async () => {
    let later = 0;
    const running = await cluster.start({ now: () => Date.now() + later });
    const name = await cluster.ask(steps('unlucky'), amd64);
    const first = await hands.next(name);
    await hands.run(first.pod);
    await hands.set(first.pod, { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' });
    const lost = await cluster.becomes(name, 'Evicted', b => because('Evicted')(b) && inPhase('Pending')(b));
    assert.deepEqual([lost.status?.phase, lost.status?.attempts, lost.status?.attemptsLeft], ['Pending', 0, 3]);
    const { reason, job, pod, platform } = lost.status?.failure ?? {};
    assert.deepEqual([reason, job, pod, platform], ['Evicted', first.job.metadata.name, first.pod.metadata.name, 'linux/amd64']);
    later += 60_000;
    running.controller.enqueue(name);
    const second = await hands.next(name, [first.job]);
    assert.equal(second.job.metadata.name, first.job.metadata.name);
    await hands.exit(second.pod, 137, { reason: 'OOMKilled' });
    const killed = await cluster.becomes(name, 'one attempt used up', b => b.status?.attempts === 1);
    assert.equal(killed.status?.failure?.reason, 'OOMKilled');
    assert.equal(killed.status?.failure?.exitCode, 137);
    assert.match(readyMessage(killed), /attempt 1 of 3: OOMKilled in step Containerfile: the build needed more memory/);
    later += 60_000;
    running.controller.enqueue(name);
    const third = await hands.next(name, [first.job, second.job]);
    assert.ok(third.job.metadata.name.endsWith('-2'));
    await hands.succeed(third);
    const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.deepEqual([done.status?.attempts, done.status?.failure], [2, undefined]);
    await running.stop();
  });

  test('a pod that waits says for what, and is not taken for a failure', async () => {
    const running = await cluster.start();
    const name = await cluster.ask(steps('waiting'), amd64);
    const { job, pod } = await hands.next(name);
    for (const [reason, message] of [
      ['ErrImagePull', 'failed to pull and unpack image: not found'],
      ['ImagePullBackOff', 'Back-off pulling image'],
      ['InvalidImageName', 'couldn\'t parse image name "x:y:z"'],
      ['CreateContainerConfigError', 'configmap "x" not found'],
    ] as const) {
      await hands.wait(pod, reason, message);
      const build = await cluster.becomes(name, reason, because(reason));
      assert.ok(readyMessage(build).includes(message), readyMessage(build));
      assert.equal(build.status?.phase, 'Building');
    }
    await hands.run(pod);
    await cluster.becomes(name, 'running', because('Building'));
    await hands.succeed({ job, pod });
    await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    await running.stop();
  });

  test('a Secret that goes while its pod starts is said, and a Job that nobody can make is refused', async () => {
    const running = await cluster.start();
    const write = (): Promise<unknown> =>
      cluster.admin.apply(
        secrets,
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'token', namespace: defaultNamespace }, data: { a: 'eHg=' } },
        { fieldManager: 'test' },
      );
    await write();
    const execution = { secrets: [{ id: 'token', secretRef: { name: 'token', key: 'a' } }] };
    const name = await cluster.ask(steps('mounted'), { ...amd64, execution });
    const { job, pod } = await hands.next(name);
    await cluster.admin.delete(secrets, 'token', { namespace: defaultNamespace });
    await hands.wait(pod, 'ContainerCreating', '');
    running.controller.enqueue(name);
    const waiting = await cluster.becomes(name, 'SecretNotFound', because('SecretNotFound'));
    assert.equal(waiting.status?.phase, 'Building');
    await write();
    running.controller.enqueue(name);
    await cluster.becomes(name, 'running', because('Building'));
    await hands.succeed({ job, pod });
    await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    const refused = await cluster.ask(steps('refused'), { ...amd64, execution: { resources: { limits: { memory: 'lots' } } } });
    const failed = await cluster.becomes(refused, 'Failed', inPhase('Failed'));
    assert.ok(because('JobRefused')(failed), JSON.stringify(failed.status));
    assert.match(readyMessage(failed), /quantities|memory/);
    await running.stop();
  });

  test('what succeeded is built again only when its image is definitely gone', async () => {
    let outage = true;
    let asked = 0;
    const running = await cluster.start({
      wrap: (client, registry) => ({
        client,
        registry: {
          ...registry,
          resolve: (...args) => {
            asked++;
            return outage ? Promise.reject(new Error('connection refused')) : registry.resolve(...args);
          },
        },
      }),
    });
    const name = await cluster.ask(contextOf({ definition: 'gone', layers: [{ 'etc/a': 'b' }] }));
    const built = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    const ask = (value: string): Promise<unknown> =>
      cluster.admin.mergePatch(
        imagebuilds,
        name,
        { metadata: { annotations: { [requestedAt]: value } } },
        { fieldManager: 'test' },
      );
    await ask('one');
    await until('it was looked for in vain', () => asked > 6);
    assert.deepEqual((await cluster.find(name))?.status, built.status, 'an error is no answer');
    outage = false;
    running.controller.enqueue(name);
    await cluster.becomes(name, 'acknowledged', b => b.status?.lastHandledReconcileAt === 'one');
    assert.deepEqual((await cluster.find(name))?.status?.image, built.status?.image);
    const [repository = '', digest = ''] = (built.status?.image?.reference ?? '').split('@');
    await cluster.registry.deleteManifest(repository, digest);
    await ask('two');
    await until('it was built again', () => running.events.some(e => e.reason === 'ImageGone'));
    const again = await cluster.becomes(
      name,
      'Succeeded',
      b => inPhase('Succeeded')(b) && b.status?.lastHandledReconcileAt === 'two',
    );
    assert.deepEqual(again.status?.image, built.status?.image);
    assert.ok(await cluster.registry.resolve(again.status?.image?.reference ?? ''));
    await running.stop();
  });
});
