import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { defaultNamespace, requestedAt } from '../../controller/api/names.ts';
import { BuildError } from '../../controller/build/build-error.ts';
import type { FoundationBuilder, FoundationTask } from '../../controller/build/foundation-task.ts';
import { parseDockerConfig } from '../../controller/registry/credentials.ts';
import { registryCredentials } from '../cluster/registry.ts';
import { until } from '../kube/until.ts';
import { inPhase, startBuildCluster } from './build-cluster.ts';
import type { BuildCluster } from './build-cluster.ts';
import { contextOf, pushBase } from './build-fixture.ts';
import { pushFoundation } from './push-foundation.ts';

const finish = (definition: string): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': definition }] });
const steps = (definition: string): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': definition }], containerfile: `RUN echo ${definition}\n` });
/** The test base has two platforms, and a process builds for one. */
const amd64 = { platforms: ['linux/amd64'] };
const architecture = 'amd64';

describe('the ImageBuild reconciler on a real API server', () => {
  let cluster: BuildCluster;
  before(async () => {
    cluster = await startBuildCluster();
  });
  after(() => cluster.stop());

  const writesOf = (name: string): number =>
    cluster.proxy.calls(call => call.resource === 'imagebuilds' && call.verb === 'patch' && call.name === name).length;

  test('a build without steps succeeds in two writes, and a restart writes nothing', async () => {
    const name = await cluster.ask(finish('simple'));
    cluster.proxy.clear();
    const running = await cluster.start();
    const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    const { status } = build;
    assert.ok(isTrue(status?.conditions, 'Ready'));
    assert.deepEqual(
      status?.conditions?.map(c => c.type),
      ['ImageTrusted', 'Ready'],
    );
    assert.equal(status?.attempts, 1);
    assert.equal(status?.observedGeneration, 1);
    assert.equal(status?.image?.reference, `${cluster.server.host}/built/simple@${status?.image?.digest}`);
    assert.deepEqual(
      status?.image?.platforms?.map(p => p.platform),
      ['linux/amd64', 'linux/arm64'],
    );
    assert.ok(await cluster.registry.resolve(status?.image?.reference ?? ''));
    assert.equal(writesOf(name), 2);
    // Events come after the write that they are about.
    await running.stop();
    assert.deepEqual(
      running.events.map(e => [e.type, e.reason]),
      [
        ['Normal', 'BuildStarted'],
        ['Normal', 'Succeeded'],
      ],
    );
    const again = await cluster.start();
    again.controller.enqueue(name);
    const other = await cluster.ask(finish('simple-other'));
    await cluster.becomes(other, 'Succeeded', inPhase('Succeeded'));
    assert.equal(writesOf(name), 2);
    assert.equal((await cluster.find(name))?.metadata.resourceVersion, build.metadata.resourceVersion);
    await again.stop();
  });

  test('a failing step is tried three times, said in full, and tried again on request', async () => {
    let works = false;
    const tasks: FoundationTask[] = [];
    const builder: FoundationBuilder = {
      architecture,
      build: async task => {
        tasks.push(task);
        if (!works) {
          throw new BuildError('exit code 7', { step: '2/2: RUN false', stepNumber: 2, exitCode: 7, log: ['one', 'two'] });
        }
        return { digest: await pushFoundation(cluster.registry, task), warnings: [] };
      },
    };
    let later = 0;
    const running = await cluster.start({ builder, now: () => Date.now() + later });
    const name = await cluster.ask(steps('failing'), amd64);
    for (const attempts of [1, 2]) {
      const build = await cluster.becomes(
        name,
        `attempt ${attempts} failed`,
        b => b.status?.attempts === attempts && b.status.phase === 'Pending',
      );
      assert.deepEqual(build.status?.failure, {
        step: '2/2: RUN false',
        stepNumber: 2,
        exitCode: 7,
        message: 'exit code 7',
        log: ['one', 'two'],
      });
      assert.equal(conditionOf(build.status?.conditions, 'Reconciling')?.reason, 'ProgressingWithRetry');
      assert.equal(build.status?.attemptsLeft, 3 - attempts);
      later += 3_600_000;
      running.controller.enqueue(name);
    }
    const failed = await cluster.becomes(name, 'Failed', inPhase('Failed'));
    assert.equal(failed.status?.attempts, 3);
    assert.ok(isTrue(failed.status?.conditions, 'Stalled'));
    assert.equal(conditionOf(failed.status?.conditions, 'Ready')?.reason, 'BuildFailed');
    assert.equal(tasks.length, 3);
    assert.equal(tasks[0]?.timeoutMs, 60_000);
    works = true;
    await cluster.admin.mergePatch(
      imagebuilds,
      name,
      { metadata: { annotations: { [requestedAt]: 'now' } } },
      { fieldManager: 'test' },
    );
    const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.deepEqual(
      [build.status?.attempts, build.status?.failure, build.status?.lastHandledReconcileAt],
      [1, undefined, 'now'],
    );
    assert.deepEqual(
      running.events.filter(e => e.type === 'Warning').map(e => e.reason),
      ['BuildFailed', 'BuildFailed', 'BuildFailed'],
    );
    await cluster.admin.mergePatch(
      imagebuilds,
      name,
      { metadata: { annotations: { [requestedAt]: 'again' } } },
      { fieldManager: 'test' },
    );
    await cluster.becomes(
      name,
      'acknowledged',
      b => b.status?.lastHandledReconcileAt === 'again' && b.status.phase === 'Succeeded',
    );
    await running.stop();
  });

  test('the step that runs beside the controller is named in the status, and few writes are made of it', async () => {
    const hold = Promise.withResolvers<void>();
    const builder: FoundationBuilder = {
      architecture,
      build: async (task, { onStep }) => {
        for (const step of ['pull of base', '1/3: FROM base', '2/3: RUN dnf install -y a b c']) onStep?.(step);
        await hold.promise;
        onStep?.('push to os');
        return { digest: await pushFoundation(cluster.registry, task), warnings: [] };
      },
    };
    cluster.proxy.clear();
    const running = await cluster.start({ builder });
    const name = await cluster.ask(steps('stepping'), amd64);
    const build = await cluster.becomes(name, 'says its step', b => b.status?.builder === 'Process');
    const ready = conditionOf(build.status?.conditions, 'Ready');
    assert.deepEqual(
      [build.status?.phase, ready?.reason, ready?.message],
      ['Building', 'Building', 'attempt 1 is running: step 2/3: RUN dnf install -y a b c for linux/amd64'],
    );
    hold.resolve();
    const done = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.deepEqual([done.status?.builder, done.status?.attempts], ['Process', 1]);
    await running.stop();
    assert.equal(writesOf(name), 3);
    assert.deepEqual(
      running.events.map(e => e.reason),
      ['BuildStarted', 'Succeeded'],
    );
  });

  test('what a person asks for during an attempt is not lost with its end', async () => {
    const hold = Promise.withResolvers<void>();
    let calls = 0;
    const builder: FoundationBuilder = {
      architecture,
      build: async (task, { onStep }) => {
        if (++calls > 1) return { digest: await pushFoundation(cluster.registry, task), warnings: [] };
        await hold.promise;
        onStep?.('2/3: RUN false');
        // Long enough for the step to be written after the person's word.
        await sleep(1_500);
        throw new StallingError('Hopeless', 'cannot be built');
      },
    };
    const running = await cluster.start({ builder });
    const name = await cluster.ask(steps('asked-meanwhile'), amd64);
    await until('building', () => calls === 1);
    const word = { metadata: { annotations: { [requestedAt]: 'meanwhile' } } };
    await cluster.admin.mergePatch(imagebuilds, name, word, { fieldManager: 'test' });
    hold.resolve();
    const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.deepEqual([calls, build.status?.lastHandledReconcileAt], [2, 'meanwhile']);
    await running.stop();
  });

  test('a deleted build stops its child', async () => {
    let signal: AbortSignal | undefined;
    const builder: FoundationBuilder = {
      architecture,
      build: (_task, access) => {
        ({ signal } = access);
        return new Promise((_, reject) => access.signal.addEventListener('abort', () => reject(access.signal.reason as Error)));
      },
    };
    const running = await cluster.start({ builder });
    const name = await cluster.ask(steps('deleted'), amd64);
    await until('building', () => signal !== undefined);
    cluster.proxy.clear();
    await cluster.admin.delete(imagebuilds, name);
    await until('aborted', () => signal?.aborted === true);
    // The same again is another object, and is built.
    assert.equal(await cluster.ask(steps('deleted'), amd64), name);
    const before = signal;
    await until('building the new one', () => signal !== before);
    await running.stop();
    assert.equal(writesOf(name), 1, 'nothing is written of the one that is gone');
  });

  test('a Secret that is missing is waited for, and its content never seen', async () => {
    const auth = parseDockerConfig(JSON.stringify({ auths: { [cluster.locked.host]: registryCredentials } }));
    const running = await cluster.start();
    const name = await cluster.ask(finish('secretive'), { repository: `${cluster.locked.host}/team/os`, secret: 'push', auth });
    const waiting = await cluster.becomes(
      name,
      'waiting',
      b => conditionOf(b.status?.conditions, 'Ready')?.reason === 'SecretNotFound',
    );
    assert.match(conditionOf(waiting.status?.conditions, 'Ready')?.message ?? '', /Secret scantling-system\/push not found/);
    const write = (json: string): Promise<unknown> =>
      cluster.admin.apply(
        secrets,
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'push', namespace: defaultNamespace },
          type: 'Opaque',
          data: { '.dockerconfigjson': Buffer.from(json).toString('base64') },
        },
        { fieldManager: 'test' },
      );
    await write('not json: hunter22');
    running.controller.enqueue(name);
    const invalid = await cluster.becomes(
      name,
      'invalid',
      b => conditionOf(b.status?.conditions, 'Ready')?.reason === 'InvalidSecret',
    );
    assert.ok(!JSON.stringify(invalid).includes('hunter22'));
    await write(JSON.stringify({ auths: { [cluster.locked.host]: { ...registryCredentials, password: 'wrong-one' } } }));
    running.controller.enqueue(name);
    const denied = await cluster.becomes(
      name,
      'denied',
      b => conditionOf(b.status?.conditions, 'Ready')?.reason === 'RegistryAccessDenied',
    );
    assert.match(conditionOf(denied.status?.conditions, 'Ready')?.message ?? '', /team\/os/);
    assert.equal(conditionOf(denied.status?.conditions, 'Stalled'), undefined);
    assert.ok(!JSON.stringify([denied, running.events]).includes('wrong-one'));
    await write(JSON.stringify({ auths: { [cluster.locked.host]: registryCredentials } }));
    running.controller.enqueue(name);
    const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.ok(!JSON.stringify([build, running.events]).includes(registryCredentials.password));
    await running.stop();
  });

  test('trouble with the registry is waited out and counts as no attempt', async () => {
    let failures = 0;
    const running = await cluster.start({
      wrap: (client, registry) => ({
        client,
        registry: {
          ...registry,
          pushManifest: (...args) => {
            if (failures++ < 2) return Promise.reject(new TransientError('RegistryUnavailable', 'r.example answers 503'));
            return registry.pushManifest(...args);
          },
        },
      }),
    });
    const name = await cluster.ask(finish('unlucky'));
    const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.equal(build.status?.attempts, 1);
    assert.ok(running.events.some(e => e.type === 'Warning' && e.reason === 'RegistryUnavailable'));
    await running.stop();
  });

  test('a base that is not bootable ends the build at once', async () => {
    const running = await cluster.start();
    const base = await pushBase(cluster.registry, `${cluster.server.host}/base/plain`, {
      layers: [new Uint8Array(10)],
      labels: {},
    });
    const name = await cluster.ask(finish('unbootable'), { base: base.image });
    const build = await cluster.becomes(name, 'Failed', inPhase('Failed'));
    assert.equal(conditionOf(build.status?.conditions, 'Stalled')?.reason, 'BaseNotBootable');
    assert.ok(build.status?.failure?.message.includes(base.image));
    await running.stop();
  });
});
