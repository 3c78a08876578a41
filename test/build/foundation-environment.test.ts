/** A foundation of one definition is taken for another's only where its steps could reach the same: proxy, authorities and Secrets. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ImageBuildSpecExecution } from '../../controller/api/image-build.ts';
import type { FoundationBuilder } from '../../controller/build/foundation-task.ts';
import { foundationEnvironment } from '../../controller/build/foundation-environment.ts';
import { type BuildCluster, inPhase, startBuildCluster } from './build-cluster.ts';
import { contextOf } from './build-fixture.ts';
import { pushFoundation } from './push-foundation.ts';

const proxy = { http: 'http://proxy.example:3128' };
const secret = (id: string, name: string) => ({ id, secretRef: { name, key: 'token' } });

const of = (more: Partial<ImageBuildSpecExecution>): string =>
  foundationEnvironment({ execution: { timeout: '1m', lint: 'Warn', ...more } }, { secrets: ['a', 'b'] });

test('the digest is of what decides what steps download, and of nothing else', () => {
  const none = of({});
  assert.equal(of({ timeout: '2h', lint: 'Off', nodeSelector: { a: 'b' } }), none);
  assert.equal(of({ secrets: [secret('unused', 'x')] }), none);
  assert.equal(of({ secrets: [secret('a', 'x'), secret('b', 'y')] }), of({ secrets: [secret('b', 'y'), secret('a', 'x')] }));
  const different = [
    none,
    of({ proxy }),
    of({ proxy: { ...proxy, noProxy: 'a' } }),
    of({ caBundleRef: { name: 'ca', key: 'ca.crt' } }),
    of({ caBundleRef: { name: 'other', key: 'ca.crt' } }),
    of({ secrets: [secret('a', 'x')] }),
    of({ secrets: [secret('a', 'other')] }),
    of({ secrets: [secret('b', 'x')] }),
  ];
  assert.equal(new Set(different).size, different.length);
});

describe('equal steps of several definitions', () => {
  let cluster: BuildCluster;
  before(async () => {
    cluster = await startBuildCluster();
  });
  after(() => cluster?.stop());

  test('are run once for all that could reach the same', async t => {
    let made = 0;
    const builder: FoundationBuilder = {
      architecture: 'amd64',
      build: async task => ({
        digest: await pushFoundation(cluster.registry, task, [`made ${++made}`]),
        warnings: [],
      }),
    };
    const running = await cluster.start({ builder });
    t.after(() => running.stop());
    const build = async (definition: string, motd: string, execution: Partial<ImageBuildSpecExecution> = {}) => {
      const context = contextOf({ definition, layers: [{ 'etc/motd': motd }], containerfile: 'RUN curl http://example.com/\n' });
      const name = await cluster.ask(context, { execution, platforms: ['linux/amd64'] });
      const { status } = await cluster.becomes(name, 'Succeeded', inPhase('Succeeded'));
      const [foundation] = status?.foundations ?? [];
      return { made, digest: foundation?.reference.split('@')[1], built: foundation?.built };
    };
    const theirs = await build('theirs', 'one', { proxy });
    assert.equal(theirs.made, 1);
    const ours = await build('ours', 'one');
    assert.deepEqual([ours.made, ours.built], [2, true]);
    assert.notEqual(ours.digest, theirs.digest);
    assert.deepEqual(await build('third', 'one'), ours);
    // One's own stays, and is for others what it was.
    assert.deepEqual(await build('theirs', 'two'), { ...theirs, made: 2 });
    assert.deepEqual(await build('fourth', 'one'), ours);
    assert.deepEqual(await build('fifth', 'one', { proxy }), { ...theirs, made: 2 });
  });
});
