import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { StallingError } from '../../controller/api/errors.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import type { ImageBuild } from '../../controller/api/image-build.ts';
import type { FoundationBuilder } from '../../controller/build/foundation-task.ts';
import { until } from '../kube/until.ts';
import { startBuildCluster } from './build-cluster.ts';
import type { BuildCluster } from './build-cluster.ts';
import { contextOf } from './build-fixture.ts';

const steps = (definition: string): ReturnType<typeof contextOf> =>
  contextOf({ definition, layers: [{ 'etc/name': definition }], containerfile: `RUN echo ${definition}\n` });
const amd64 = { platforms: ['linux/amd64'] };
const architecture = 'amd64';

/** Each build ends at once when its gate opens, and its slot goes to the next. */
const ended = (): StallingError => new StallingError('InvalidContext', 'it has done enough');

const isQueued = (build: ImageBuild): boolean => build.status?.conditions?.some(c => c.reason === 'Queued') ?? false;

describe('the slots of the ImageBuild reconciler', () => {
  let cluster: BuildCluster;
  before(async () => {
    cluster = await startBuildCluster();
  });
  after(() => cluster.stop());

  test('no more builds at once than there are slots; the others say that they wait', async () => {
    let [now, most] = [0, 0];
    const gates: (() => void)[] = [];
    const builder: FoundationBuilder = {
      architecture,
      build: async () => {
        most = Math.max(most, ++now);
        await new Promise<void>(resolve => gates.push(resolve));
        now--;
        throw ended();
      },
    };
    const running = await cluster.start({ builder, slots: 2 });
    const names = await Promise.all(['q1', 'q2', 'q3', 'q4'].map(definition => cluster.ask(steps(definition), amd64)));
    const builds = (): Promise<(ImageBuild | undefined)[]> => Promise.all(names.map(name => cluster.find(name)));
    await until('two Building, two Pending', async () => {
      const phases = (await builds()).map(build => build?.status?.phase);
      const count = (wanted: string): number => phases.filter(phase => phase === wanted).length;
      return count('Building') === 2 && count('Pending') === 2 && gates.length === 2;
    });
    const queued = (await builds()).find(build => build?.status?.phase === 'Pending');
    assert.match(conditionOf(queued?.status?.conditions, 'Ready')?.message ?? '', /waits for its turn: 2 builds are running/);
    await until('all ended', async () => {
      gates.shift()?.();
      return (await builds()).every(build => build?.status?.phase === 'Failed');
    });
    assert.equal(most, 2);
    await running.stop();
  });

  test('a slot goes on to the next when the build it was given to is gone, and the cache does not know yet', async () => {
    const gates: (() => void)[] = [];
    const builder: FoundationBuilder = {
      architecture,
      build: async () => {
        await new Promise<void>(resolve => gates.push(resolve));
        throw ended();
      },
    };
    const running = await cluster.start({ builder, slots: 1 });
    const held = await cluster.ask(steps('slot-held'), amd64);
    await until('the slot is taken', async () => gates.length === 1);
    const [gone, next] = [await cluster.ask(steps('slot-gone'), amd64), await cluster.ask(steps('slot-next'), amd64)];
    for (const name of [gone, next]) await cluster.becomes(name, 'Queued', isQueued);
    cluster.proxy.hangWatches({ resource: 'imagebuilds' });
    await cluster.admin.delete(imagebuilds, gone);
    gates.shift()?.();
    await until('the next one builds', async () => gates.length === 1);
    cluster.proxy.resumeWatches();
    // What is left would be built again in the tests that follow.
    for (const name of [held, next]) await cluster.admin.delete(imagebuilds, name);
    gates.shift()?.();
    await running.stop();
  });
});
