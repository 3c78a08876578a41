/** Jobs that are refused, get no pod or are lost, and what of it is still known to the controller that comes next. */
import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { configMaps, jobs } from '../../controller/api/core.ts';
import type { KubeObject } from '../../controller/api/meta.ts';
import { defaultNamespace, interruptionsAnnotation } from '../../controller/api/names.ts';
import type { Resource } from '../../controller/api/resource.ts';
import { ApiError } from '../../controller/kube/errors.ts';
import type { Client } from '../../controller/kube/client.ts';
import { until } from '../kube/until.ts';
import { because, inPhase, readyMessage, startBuildCluster } from './build-cluster.ts';
import type { BuildCluster } from './build-cluster.ts';
import { contextOf } from './build-fixture.ts';
import { JobHands } from './job-hands.ts';

interface ResourceQuota extends KubeObject {
  spec?: { hard: Record<string, string> };
  status?: { hard: Record<string, string>; used: Record<string, string> };
}

const core = { group: '', version: 'v1', namespaced: true } as const;
const quotas: Resource<ResourceQuota> = { ...core, plural: 'resourcequotas', kind: 'ResourceQuota' };
const manager = { fieldManager: 'test', namespace: defaultNamespace };
const amd64 = { platforms: ['linux/amd64'] };
type Wrap = NonNullable<NonNullable<Parameters<BuildCluster['start']>[0]>['wrap']>;
/** Admission that takes no Job of which this says so. */
const refusing =
  (refuses: (job: string) => Promise<boolean> | boolean): Wrap =>
  (client, registry) => {
    const create: Client['create'] = async (resource, object, options) => {
      if (resource.plural === jobs.plural && (await refuses(object.metadata.name)))
        throw new ApiError({ status: 403, reason: 'Forbidden', message: 'denied by a policy' });
      return client.create(resource, object, options);
    };
    return { client: { ...client, create }, registry };
  };
const evicted = [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'evicted' }];
const steps = (definition: string): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': definition }], containerfile: `RUN echo ${definition}\n` });

describe('Jobs that do not come to run', () => {
  let cluster: BuildCluster;
  let hands: JobHands;
  before(async () => {
    cluster = await startBuildCluster({ controllers: ['job-controller', 'garbage-collector-controller'] });
    hands = new JobHands(cluster);
    for (const architecture of ['amd64', 'arm64']) await hands.addNode(architecture);
  });
  after(() => cluster?.stop());

  /** Nobody counts here but admission, so what may be is written by hand; resolves when it is in force. */
  async function quota(t: TestContext, name: string, hard: Record<string, string>): Promise<() => Promise<void>> {
    const lift = (): Promise<void> => cluster.admin.delete(quotas, name, { namespace: defaultNamespace });
    t.after(lift);
    const all = { ...hard, 'count/configmaps': '0' };
    const object = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name, namespace: defaultNamespace },
      spec: { hard: all },
    };
    await cluster.admin.create(quotas, object);
    const used = Object.fromEntries(Object.keys(all).map(key => [key, '0']));
    await cluster.admin.mergePatch(quotas, name, { status: { hard: all, used } }, { ...manager, subresource: 'status' });
    let probes = 0;
    await until('the quota is in force', async () => {
      const metadata = { name: `${name}-${probes++}`, namespace: defaultNamespace };
      try {
        await cluster.admin.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
        return false;
      } catch (error) {
        if (error instanceof ApiError && error.status === 403) return true;
        throw error;
      }
    });
    return lift;
  }

  test('a quota that refuses the second Job: the build goes on with the first, says so, and makes the second when it may', async t => {
    const running = await cluster.start();
    const lift = await quota(t, 'one-job', { 'count/jobs.batch': '1' });
    const name = await cluster.ask(steps('rationed'));
    const refused = await cluster.becomes(name, 'refused', b => /exceeded quota/.test(readyMessage(b)));
    assert.equal(refused.status?.phase, 'Building');
    assert.ok(because('JobRefused')(refused));
    const first = await hands.next(name);
    assert.match(
      readyMessage(refused),
      new RegExp(
        `^attempt 1 .*Job ${first.job.metadata.name} for linux/\\w+.*; the Job for linux/\\w+ .*exceeded quota: one-job`,
      ),
    );
    assert.deepEqual(
      refused.status?.jobs?.map(job => job.name),
      [first.job.metadata.name],
    );
    // A pass that finds the first at work does not forget the second.
    await hands.run(first.pod);
    running.controller.enqueue(name);
    await lift();
    await until('two Jobs', async () => {
      running.controller.enqueue(name);
      return (await hands.jobsOf(name)).length === 2;
    });
    const second = await hands.next(name, [first.job]);
    await cluster.becomes(name, 'Building', because('Building'));
    await hands.succeed(first);
    await hands.succeed(second);
    const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.equal(done.status?.attempts, 1);
    await running.stop();
    assert.deepEqual(
      running.events.filter(e => e.regarding.name === name).map(e => e.reason),
      ['BuildStarted', 'JobRefused', 'Succeeded'],
    );
  });

  for (const architecture of ['amd64', 'arm64']) {
    test(`the Job for ${architecture} is refused: the other is made all the same`, async () => {
      let refused = true;
      const running = await cluster.start({ wrap: refusing(job => refused && job.includes(`-${architecture}-`)) });
      const name = await cluster.ask(steps(`without-${architecture.slice(0, 3)}`));
      const one = await hands.next(name);
      assert.doesNotMatch(one.job.metadata.name, new RegExp(`-${architecture}-`));
      const said = await cluster.becomes(name, 'refused', because('JobRefused'));
      assert.equal(said.status?.phase, 'Building');
      assert.match(readyMessage(said), new RegExp(`; the Job for linux/${architecture} is not made yet: .*denied by a policy`));
      refused = false;
      running.controller.enqueue(name);
      const two = await hands.next(name, [one.job]);
      await hands.succeed(one);
      await hands.succeed(two);
      await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
      await running.stop();
    });
  }

  test('a lost Job is what uses up the quota: it is counted, and made again while the other is refused', async () => {
    let later = 0;
    let most = 1;
    let build = '';
    const wrap = refusing(async () => (await hands.jobsOf(build)).length >= most);
    const running = await cluster.start({ wrap, now: () => Date.now() + later });
    const context = steps('crowded-out');
    build = await cluster.ask(context);
    const one = await hands.next(build);
    await cluster.becomes(build, 'refused', because('JobRefused'));
    await hands.set(one.pod, { phase: 'Failed', conditions: evicted });
    const lost = await cluster.becomes(build, 'lost', b => because('Evicted')(b) && inPhase('Pending')(b));
    assert.deepEqual([lost.status?.phase, lost.status?.interruptions], ['Pending', [{ platform: 'linux/amd64', count: 1 }]]);
    assert.match(readyMessage(lost), /evicted.*; the Job for linux\/arm64 is not made yet: .*denied by a policy/);
    later = 3_600_000;
    running.controller.enqueue(build);
    const again = await hands.next(build, [one.job]);
    assert.equal(again.job.metadata.name, one.job.metadata.name);
    assert.equal(again.job.metadata.annotations?.[interruptionsAnnotation], '1');
    most = 2;
    running.controller.enqueue(build);
    const two = await hands.next(build, [one.job, again.job]);
    await hands.succeed(again);
    await hands.succeed(two);
    const done = await cluster.becomes(build, 'Succeeded', inPhase('Succeeded'));
    assert.equal(done.status?.attempts, 1);
    await running.stop();
  });

  test('a pod without a node, beside a Job that is refused: both are said, and its deadline uses up no attempt', async () => {
    let refused = true;
    let later = 0;
    const wrap = refusing(job => refused && job.includes('-arm64-'));
    const running = await cluster.start({ wrap, now: () => Date.now() + later });
    const name = await cluster.ask(steps('cramped'));
    const one = await hands.next(name);
    await hands.unschedulable(one.pod, '0/2 nodes are available');
    const stuck = await cluster.becomes(name, 'stuck', because('Unschedulable'));
    assert.match(readyMessage(stuck), /0\/2 nodes are available; the Job for linux\/arm64 is not made yet: .*denied by a policy/);
    await cluster.admin.mergePatch(jobs, one.job.metadata.name, { spec: { activeDeadlineSeconds: 1 } }, manager);
    const late = await cluster.becomes(name, 'past its deadline', b => b.status?.failure !== undefined);
    assert.deepEqual(
      [late.status?.attempts, late.status?.failure?.reason, late.status?.failure?.job],
      [0, 'Unschedulable', one.job.metadata.name],
    );
    assert.match(late.status?.failure?.message ?? '', /did not start in time: .*0\/2 nodes are available$/);
    // That it is over is all that the Job says from here on, and nobody sees any more why it did not begin.
    refused = false;
    running.controller.enqueue(name);
    const two = await hands.next(name, [one.job]);
    later = 3_600_000;
    running.controller.enqueue(name);
    const again = await hands.next(name, [one.job, two.job]);
    assert.equal(again.job.metadata.name, one.job.metadata.name);
    assert.equal(again.job.metadata.annotations?.[interruptionsAnnotation], '1');
    await hands.succeed(two);
    await hands.succeed(again);
    const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.equal(done.status?.attempts, 1);
    await running.stop();
  });

  test('a quota that refuses the only Job is waited for', async t => {
    const running = await cluster.start();
    const lift = await quota(t, 'no-job', { 'count/jobs.batch': '0' });
    const name = await cluster.ask(steps('starved'), amd64);
    const refused = await cluster.becomes(name, 'refused', because('JobRefused'));
    assert.equal(refused.status?.phase, 'Pending');
    assert.match(readyMessage(refused), /exceeded quota: no-job/);
    await lift();
    await until('a Job', async () => {
      running.controller.enqueue(name);
      return (await hands.jobsOf(name)).length === 1;
    });
    await hands.succeed(await hands.next(name));
    await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    await running.stop();
  });

  test('a Job that gets no pod: the words of its event are those of the build', async t => {
    let later = 0;
    const running = await cluster.start({ now: () => Date.now() + later });
    const lift = await quota(t, 'no-pod', { pods: '0' });
    const name = await cluster.ask(steps('podless'), amd64);
    await cluster.becomes(name, 'a Job', b => (b.status?.jobs ?? []).length === 1);
    later = 60_000;
    const missing = await cluster.becomes(name, 'the words of the quota', b => {
      running.controller.enqueue(name);
      return because('PodMissing')(b) && /exceeded quota: no-pod/.test(readyMessage(b));
    });
    assert.equal(missing.status?.phase, 'Building');
    await lift();
    await hands.succeed(await hands.next(name));
    await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    await running.stop();
  });

  test('a controller that ends between the going of a lost Job and the coming of the next: its successor goes on counting', async () => {
    let later = 0;
    const now = (): number => Date.now() + later;
    let stopped = false;
    // The Job is gone and the next is never made: what a process that ends there leaves.
    const wrap: Wrap = (client, registry) => {
      const create: Client['create'] = (resource, object, options) => {
        if (resource.plural !== jobs.plural || later === 0) return client.create(resource, object, options);
        stopped = true;
        return new Promise(() => undefined);
      };
      return { client: { ...client, create }, registry };
    };
    const first = await cluster.start({ now, wrap });
    const name = await cluster.ask(steps('forgetful'), amd64);
    const one = await hands.next(name);
    await hands.set(one.pod, { phase: 'Failed', conditions: evicted });
    const lost = await cluster.becomes(name, 'lost', b => because('Evicted')(b) && inPhase('Pending')(b));
    assert.deepEqual(lost.status?.interruptions, [{ platform: 'linux/amd64', count: 1 }]);
    later = 3_600_000;
    first.controller.enqueue(name);
    await until('it ended in between', () => stopped);
    await first.kill();
    assert.deepEqual(await hands.jobsOf(name), []);
    const second = await cluster.start({ now });
    const two = await hands.next(name, [one.job]);
    assert.equal(two.job.metadata.annotations?.[interruptionsAnnotation], '1');
    await hands.succeed(two);
    const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.deepEqual([done.status?.attempts, done.status?.interruptions], [1, undefined]);
    await second.stop();
  });
});
