/** Which builds are looked at when something happens to another. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jobs } from '../../controller/api/core.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { cancelAnnotation } from '../../controller/api/names.ts';
import type { Client } from '../../controller/kube/client.ts';
import { until } from '../kube/until.ts';
import { because, inPhase, readyMessage, startBuildCluster } from './build-cluster.ts';
import type { BuildCluster } from './build-cluster.ts';
import { contextOf } from './build-fixture.ts';
import { JobHands } from './job-hands.ts';

let cluster: BuildCluster;
before(async () => {
  cluster = await startBuildCluster({ controllers: ['job-controller', 'garbage-collector-controller'] });
});
after(() => cluster?.stop());

const amd64 = { platforms: ['linux/amd64'] };
const steps = (definition: string, run: string): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': definition }], containerfile: `RUN echo ${run}\n` });

/** Holds whoever passes until it is opened. */
function gate(): { reached: Promise<void>; pass: () => Promise<void>; open: () => void } {
  const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const pass = (): Promise<void> => {
    reached.resolve();
    return opened.promise;
  };
  return { reached: reached.promise, pass, open: opened.resolve };
}

/** What the controller was told before another build came is known, and was looked at, when that one is done. */
async function settled(definition: string): Promise<void> {
  const name = await cluster.ask(contextOf({ definition, layers: [{ 'etc/name': definition }] }), amd64);
  await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
}

test('the end of a Job wakes those that wait for its foundation, and nobody else', async () => {
  const hands = new JobHands(cluster);
  await hands.addNode('amd64');
  const looks = new Map<string, number>();
  const running = await cluster.start({
    slots: 8,
    wrap: (client, registry) => {
      const get: Client['get'] = (resource, name, namespace) => {
        if (resource.plural === imagebuilds.plural) looks.set(name, (looks.get(name) ?? 0) + 1);
        return client.get(resource, name, namespace);
      };
      return { client: { ...client, get }, registry };
    },
  });
  const ask = (definition: string, run: string): Promise<string> => cluster.ask(steps(definition, run), amd64);
  const [a, b] = [await ask('maker-a', 'a'), await ask('maker-b', 'b')];
  const [ofA, ofB] = [await hands.next(a), await hands.next(b)];
  for (const { pod } of [ofA, ofB]) await hands.run(pod);
  const [waitsForA, waitsForB] = [await ask('waiter-a', 'a'), await ask('waiter-b', 'b')];
  for (const [name, other] of [[waitsForA, a] as const, [waitsForB, b] as const])
    assert.match(readyMessage(await cluster.becomes(name, 'waiting', because('FoundationBuilding'))), new RegExp(other));
  await settled('before');
  const before = looks.get(waitsForA);

  // One that is made, and one that nobody makes any more.
  await hands.succeed(ofB);
  await cluster.becomes(waitsForB, 'Succeeded', inPhase('Succeeded'));
  await until('the Job has ended', async () => {
    const { status } = await cluster.admin.get(jobs, ofB.job.metadata.name, ofB.job.metadata.namespace);
    return status?.conditions?.some(c => c.type === 'Complete') ?? false;
  });
  await settled('after');
  assert.equal(looks.get(waitsForA), before, 'whose foundation is still being made');
  const metadata = { annotations: { [cancelAnnotation]: 'enough' } };
  await cluster.admin.mergePatch(imagebuilds, a, { metadata }, { fieldManager: 'test' });
  await hands.succeed(await hands.next(waitsForA));
  await cluster.becomes(waitsForA, 'Succeeded', inPhase('Succeeded'));
  await running.stop();
});

test('a foundation that is recorded while another build looks for it is taken, not built again', async () => {
  const hands = new JobHands(cluster);
  await hands.addNode('amd64');
  const [push, look] = [gate(), gate()];
  const running = await cluster.start({
    slots: 8,
    wrap: (client, registry) => ({
      client,
      registry: {
        ...registry,
        // The maker has let go of the foundation by then, and has not said yet that it is there.
        pushManifest: async (...args) => {
          if (args[0].endsWith('/built/late-maker')) await push.pass();
          return registry.pushManifest(...args);
        },
        // The waiter's own repository is where it looks last, after what statuses say.
        manifest: async (...args) => {
          if (args[0].includes('/built/late-waiter:')) await look.pass();
          return registry.manifest(...args);
        },
      },
    }),
  });
  const maker = await cluster.ask(steps('late-maker', 'late'), amd64);
  const made = await hands.next(maker);
  await hands.run(made.pod);
  await hands.succeed(made);
  await push.reached;
  const waiter = await cluster.ask(steps('late-waiter', 'late'), amd64);
  await look.reached;
  push.open();
  await cluster.becomes(maker, 'Succeeded', inPhase('Succeeded'));
  await settled('late-other');
  look.open();
  await cluster.becomes(waiter, 'Succeeded', inPhase('Succeeded'));
  assert.deepEqual(await hands.jobsOf(waiter), []);
  await running.stop();
});
