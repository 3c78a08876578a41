/** A controller that ends at any moment, and the one that comes after it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { secrets } from '../../controller/api/core.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { defaultNamespace, fieldManagers, signsAnnotation } from '../../controller/api/names.ts';
import type { Client } from '../../controller/kube/client.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { until } from '../kube/until.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { StoredSignatures, newSigningKey } from '../trust/signing-scene.ts';
import { inPhase, startBuildCluster } from './build-cluster.ts';
import type { BuildCluster } from './build-cluster.ts';
import { contextOf } from './build-fixture.ts';
import { JobHands } from './job-hands.ts';

const finish = (definition: string): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': definition }] });

/** A Controller that was killed does nothing more, not even fail: its calls never return. */
function killedAfter(
  calls: number,
  killed: () => void,
): (client: Client, registry: Registry) => { client: Client; registry: Registry } {
  let left = calls;
  const limit = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, key) {
        const value: unknown = Reflect.get(object, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (left-- > 0) return (value as (...args: unknown[]) => unknown).apply(object, args);
          killed();
          return new Promise(() => undefined);
        };
      },
    });
  return (client, registry) => ({ client: limit(client), registry: limit(registry) });
}

describe('a build whose controller ends', () => {
  let cluster: BuildCluster;
  let hands: JobHands;
  before(async () => {
    cluster = await startBuildCluster({ controllers: ['job-controller', 'garbage-collector-controller'] });
    hands = new JobHands(cluster);
    await hands.addNode('amd64');
  });
  after(() => cluster.stop());

  test('a controller killed after any call: the next one comes to the same end', async () => {
    const running = await cluster.start();
    const expected = await cluster.becomes(
      await cluster.ask(finish('killed'), { repository: `${cluster.server.host}/killed/expected` }),
      'Succeeded',
      inPhase('Succeeded'),
    );
    await running.stop();
    let ended = false;
    for (let calls = 0; !ended; calls++) {
      const name = await cluster.ask(finish('killed'), { repository: `${cluster.server.host}/killed/${calls}` });
      let killed = false;
      const first = await cluster.start({
        wrap: killedAfter(calls, () => {
          killed = true;
        }),
      });
      await until('killed or done', async () => killed || inPhase('Succeeded')((await cluster.find(name))!));
      await first.kill();
      ended = !killed;
      const second = await cluster.start();
      const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
      assert.equal(build.status?.image?.digest, expected.status?.image?.digest);
      assert.equal(build.status?.attempts, 1);
      await second.stop();
      assert.ok(calls < 100);
    }
  });

  test('a controller killed after any call, while it signs: all is signed in the end', async () => {
    const key = await newSigningKey();
    const annotations = { [signsAnnotation]: `${cluster.server.host}/sealed` };
    const metadata = { name: 'restart-signer', namespace: defaultNamespace, annotations };
    const data = { 'cosign.key': Buffer.from(key.pem).toString('base64') };
    await cluster.admin.apply(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data }, { fieldManager: 'test' });
    let ended = false;
    // Which call is the last differs from run to run anyway, because many are made at a time.
    for (let calls = 9; !ended; calls += 8) {
      const repository = `${cluster.server.host}/sealed/${calls}`;
      const signing = { keySecretRef: { name: 'restart-signer' } };
      const name = await cluster.ask(finish('sealed'), { repository, signing, platforms: ['linux/amd64'] });
      let killed = false;
      const limited = killedAfter(calls, () => {
        killed = true;
      });
      // A process that ends takes its client along, and with it the turns that its writers wait for.
      const own = clientOf(cluster.server.host);
      const first = await cluster.start({ wrap: client => limited(client, own) });
      await until('killed or done', async () => killed || inPhase('Succeeded')((await cluster.find(name))!));
      await first.kill();
      ended = !killed;
      const second = await cluster.start();
      const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
      const stored = new StoredSignatures(cluster.server.host, `sealed/${calls}`);
      for (const { digest } of build.status?.image?.platforms ?? []) {
        assert.ok((await stored.taggedBy(digest, key, `${repository}:${name}`)) >= 1);
        const types = new Set((await stored.statementsBy(digest, key)).map(statement => statement.predicateType));
        assert.equal(types.size, 3, `killed after ${calls} calls`);
      }
      assert.equal(build.status?.signatures?.length, 4);
      await second.stop();
      await own.close();
      assert.ok(calls < 300);
    }
  });

  test('a controller killed after any call, while a Job builds: one Job is made, and what it built is used', async () => {
    let ended = false;
    for (let calls = 0; !ended; calls += 2) {
      const context = contextOf({ definition: `job-${calls}`, layers: [{ 'etc/a': 'b' }], containerfile: `RUN echo ${calls}\n` });
      const name = await cluster.ask(context, { platforms: ['linux/amd64'] });
      let killed = false;
      const first = await cluster.start({
        wrap: killedAfter(calls, () => {
          killed = true;
        }),
      });
      const done = new Set<string>();
      const goOn = async (): Promise<void> => {
        for (const job of await hands.jobsOf(name)) {
          const pod = await hands.podOf(job);
          if (!pod || done.has(job.metadata.uid ?? '')) continue;
          done.add(job.metadata.uid ?? '');
          await hands.succeed({ job, pod });
        }
      };
      await until('killed or done', async () => {
        await goOn();
        return killed || inPhase('Succeeded')((await cluster.find(name))!);
      });
      await first.kill();
      ended = !killed;
      const second = await cluster.start();
      await until('done', async () => {
        await goOn();
        return inPhase('Succeeded')((await cluster.find(name))!);
      });
      const { attempts, foundations } = (await cluster.find(name))?.status ?? {};
      assert.deepEqual([attempts, foundations?.length, done.size], [1, 1, 1], `killed after ${calls} calls`);
      await second.stop();
      assert.ok(calls < 150);
    }
  });

  test('a Building that no one works on is done again', async () => {
    const name = await cluster.ask(finish('interrupted'));
    const status = { phase: 'Building' as const, attempts: 0, startTime: '2026-01-01T00:00:00Z' };
    const object = { apiVersion: 'scantling.dev/v1alpha1', kind: 'ImageBuild', metadata: { name }, status };
    await cluster.admin.applyStatus(imagebuilds, object, { fieldManager: fieldManagers.build });
    const running = await cluster.start();
    const build = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
    assert.equal(build.status?.attempts, 1);
    await running.stop();
  });
});
