/** Definitions that are based on others, that share an output, and what they want of their builds, on a real API server and registry. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { imagebuilds } from '../../controller/api/image-build.ts';
import { approveBase, cancelAnnotation, requestedAt } from '../../controller/api/names.ts';
import { type SystemDefinition, systemdefinitions } from '../../controller/api/system-definition.ts';
import { pushBaseImage } from '../cluster/base-image.ts';
import { baseOf, type Fleet, type RunningController, says, startFleet, succeeded } from './fleet-fixture.ts';

function latestBuild({ status }: SystemDefinition): string {
  assert.ok(status?.latestBuild);
  return status.latestBuild;
}

function message({ status }: SystemDefinition): string {
  return conditionOf(status?.conditions, 'Ready')?.message ?? '';
}

const motd = (content: string): object => ({ files: [{ path: '/etc/motd', content }] });

let fleet: Fleet;
let controller: RunningController;
before(async () => {
  fleet = await startFleet('referrers');
  controller = await fleet.startController();
});
after(() => fleet.stop());

const repositoryOf = (name: string): string => `${fleet.server.host}/out/${name}`;
const specOf = (name: string, parts: object = {}): object => ({
  base: { image: fleet.base.image },
  output: { repository: repositoryOf(name) },
  ...parts,
});
const on = (name: string, base: string, parts: object = {}): object =>
  specOf(name, { base: { definitionRef: { name: base } }, ...parts });

/** Plays a build whose image others can be based on; its digest. */
async function succeedBootable(name: string): Promise<string> {
  const build = latestBuild(await fleet.until(name, says('BuildPending')));
  const labels = { build };
  const { digest } = await pushBaseImage({ registry: fleet.server.host, repository: `out/${name}`, tag: build, labels });
  await fleet.finishBuild(build, { phase: 'Succeeded', attempts: 1, image: { digest } });
  await fleet.until(name, says('Succeeded'));
  return digest;
}

describe('a definition based on another', () => {
  it('waits for it by name, is built on its last good image, and again on each new one', async () => {
    await fleet.apply('edge', on('edge', 'common'));
    const missing = await fleet.until('edge', says('BaseNotReady'));
    assert.ok(isTrue(missing.status?.conditions, 'Reconciling'));
    assert.equal(
      message(missing),
      'spec.base.definitionRef: SystemDefinition common does not exist; apply it or correct the name',
    );
    await fleet.apply('common', specOf('common', motd('one')));
    await fleet.until('edge', definition => message(definition).endsWith('SystemDefinition common has no image yet'));

    const first = await succeedBootable('common');
    const pending = await fleet.until('edge', says('BuildPending'));
    assert.deepEqual(baseOf(pending), { image: repositoryOf('common'), digest: first });
    assert.equal((await fleet.build(latestBuild(pending))).spec.base, `${repositoryOf('common')}@${first}`);
    await succeedBootable('edge');

    await fleet.apply('common', specOf('common', motd('two')));
    await fleet.until('common', says('BuildPending'));
    assert.equal((await fleet.definition('edge')).status?.base?.digest, first, 'the last good image, while another is built');
    const second = await succeedBootable('common');
    const again = await fleet.until('edge', says('BuildPending'));
    assert.equal(again.status?.base?.digest, second);
  });

  it('waits for approval where updates are manual', async () => {
    await fleet.apply('ground', specOf('ground', motd('one')));
    const first = await succeedBootable('ground');
    const spec = on('careful', 'ground', { base: { definitionRef: { name: 'ground' }, update: 'Manual' } });
    await fleet.apply('careful', spec);
    await succeedBootable('careful');
    await fleet.apply('ground', specOf('ground', motd('two')));
    const second = await succeedBootable('ground');
    const waiting = await fleet.until('careful', ({ status }) => status?.base?.available === second);
    assert.match(
      conditionOf(waiting.status?.conditions, 'BaseUpdateAvailable')?.message ?? '',
      new RegExp(`^spec\\.base\\.definitionRef ground is now ${second}, and ${first} is in use;`),
    );
    await fleet.apply('careful', spec, { [approveBase]: second });
    assert.equal((await fleet.until('careful', says('BuildPending'))).status?.base?.digest, second);
  });

  it('is refused in a circle, with all of its members; what is based on a circle waits', async () => {
    await fleet.apply('ring-b', on('ring-b', 'ring-c'));
    await fleet.apply('ring-c', on('ring-c', 'ring-a'));
    await fleet.apply('tail', on('tail', 'ring-b'));
    await fleet.until('ring-c', says('BaseNotReady'));
    await fleet.apply('ring-a', on('ring-a', 'ring-b'));
    for (const name of ['ring-a', 'ring-b', 'ring-c']) {
      const refused = await fleet.until(name, says('BaseCycle'));
      assert.ok(isTrue(refused.status?.conditions, 'Stalled'));
      assert.equal(
        message(refused),
        'spec.base.definitionRef: the definitions are based on each other: ring-a → ring-b → ring-c → ring-a; give one of them a base.image',
      );
    }
    const tail = await fleet.until('tail', says('BaseNotReady'));
    assert.ok(isTrue(tail.status?.conditions, 'Reconciling'));

    await controller.stop();
    controller = await fleet.startController();
    await fleet.apply('ring-c', specOf('ring-c'));
    await succeedBootable('ring-c');
    await succeedBootable('ring-b');
    await fleet.until('ring-a', says('BuildPending'));
    await fleet.until('tail', says('BuildPending'));

    await fleet.apply('self', on('self', 'self'));
    assert.match(message(await fleet.until('self', says('BaseCycle'))), /: self → self; /);
  });

  it('goes down a chain in order', async () => {
    const names = ['link-0', 'link-1', 'link-2', 'link-3'];
    for (const [i, name] of names.toReversed().entries()) {
      const base = names.at(-i - 2);
      await fleet.apply(name, base === undefined ? specOf(name) : on(name, base));
    }
    for (const [i, name] of names.entries()) {
      await fleet.until(name, says('BuildPending'));
      for (const later of names.slice(i + 1)) assert.deepEqual(await fleet.builds(later), []);
      await succeedBootable(name);
    }
  });
});

describe('an output repository', () => {
  it('is that of the oldest definition; others are refused until it goes', async () => {
    const output = { repository: repositoryOf('same') };
    await fleet.apply('older', specOf('older', { output }));
    await fleet.until('older', says('BuildPending'));
    await fleet.apply('younger', specOf('younger', { output }));
    const refused = await fleet.until('younger', says('OutputConflict'));
    assert.ok(isTrue(refused.status?.conditions, 'Stalled'));
    assert.equal(
      message(refused),
      `spec.output.repository: ${output.repository} is the output of SystemDefinition older, which is older; choose another repository`,
    );
    assert.deepEqual(await fleet.builds('younger'), []);
    await fleet.admin.delete(systemdefinitions, 'older');
    await fleet.until('younger', says('BuildPending'));
  });
});

describe('the ImageBuild of a definition', () => {
  it('has its platforms, and is another for others', async () => {
    await fleet.apply('arm', specOf('arm', { platforms: ['linux/arm64'] }));
    const arm = await fleet.build(latestBuild(await fleet.until('arm', says('BuildPending'))));
    assert.deepEqual(arm.spec.platforms, ['linux/arm64']);
    await fleet.apply('arm', specOf('arm'));
    const both = await fleet.until('arm', ({ status }) => status?.latestBuild !== arm.metadata.name);
    assert.equal((await fleet.build(latestBuild(both))).spec.platforms, undefined);
  });

  it('follows how the definition is built until it is done, and is not another for it', async () => {
    const build = { resources: { limits: { memory: '1Gi', cpu: '1' } }, nodeSelector: { fast: 'yes' }, timeout: '10m' };
    await fleet.apply('poor', specOf('poor', { build }));
    const name = latestBuild(await fleet.until('poor', says('BuildPending')));
    const execution = async (): Promise<object> => (await fleet.build(name)).spec.execution;
    assert.deepEqual(await execution(), { ...build, lint: 'Warn' });
    await fleet.finishBuild(name, { phase: 'Failed', attempts: 3, failure: { step: 'RUN x', message: 'killed' } });
    await fleet.until('poor', says('BuildFailed'));
    const richer = { resources: { limits: { memory: '4Gi' } }, timeout: '10m' };
    await fleet.apply(
      'poor',
      specOf('poor', { build: richer, base: { image: fleet.base.image, pullSecretRef: { name: 'push' } } }),
    );
    const done = await fleet.until('poor', ({ metadata, status }) => status?.observedGeneration === metadata.generation);
    assert.equal(done.status?.latestBuild, name);
    assert.deepEqual(await execution(), { ...richer, lint: 'Warn', pullSecretRef: { name: 'push' } });

    await fleet.finishBuild(name, succeeded(name));
    await fleet.until('poor', says('Succeeded'));
    await fleet.apply('poor', specOf('poor', { build }));
    await fleet.until('poor', ({ metadata, status }) => status?.observedGeneration === metadata.generation);
    assert.deepEqual(await execution(), { ...richer, lint: 'Warn', pullSecretRef: { name: 'push' } }, 'what is done stays');
  });

  it('is done again when its image is definitely gone, and only then', async () => {
    await fleet.apply('gone', specOf('gone', motd('first')));
    const first = latestBuild(await fleet.until('gone', says('BuildPending')));
    await fleet.finishBuild(first, succeeded(first));
    await fleet.until('gone', says('Succeeded'));
    await fleet.apply('gone', specOf('gone', motd('second')));
    const second = latestBuild(await fleet.until('gone', says('BuildPending')));
    await fleet.finishBuild(second, succeeded(second));
    const before = await fleet.until('gone', says('Succeeded'));

    const { digest } = succeeded(first).image;
    const manifest = `/v2/out/gone/manifests/${digest}`;
    const broken = fleet.server.requests.fail(({ method, path }) => method === 'HEAD' && path === manifest, { status: 503 });
    await fleet.apply('gone', specOf('gone', motd('first')));
    await fleet.until('gone', says('RegistryUnavailable'));
    assert.equal((await fleet.build(first)).metadata.annotations?.[requestedAt], undefined, 'an error is no absence');
    assert.equal((await fleet.definition('gone')).status?.image, before.status?.image);
    const removed = await fetch(`http://${fleet.server.host}${manifest}`, { method: 'DELETE' });
    assert.equal(removed.status, 202);
    broken();

    const again = await fleet.until('gone', ({ status }) => status?.latestBuild === first);
    assert.match(message(again), /looks whether its image is still in the registry, and builds it again if it is not$/);
    assert.equal(again.status?.image, before.status?.image, 'the last image that is there stays');
    const { annotations } = (await fleet.build(first)).metadata;
    assert.ok(annotations?.[requestedAt]);
    await fleet.finishBuild(first, { ...succeeded(first), lastHandledReconcileAt: annotations[requestedAt] });
    assert.equal((await fleet.until('gone', says('Succeeded'))).status?.image, `${repositoryOf('gone')}@${digest}`);

    await fleet.apply('gone', specOf('gone', motd('first')), { [requestedAt]: 'look' });
    await fleet.until('gone', ({ status }) => status?.lastHandledReconcileAt === 'look');
    assert.equal((await fleet.build(first)).metadata.annotations?.[requestedAt], 'look');
  });

  it('that was canceled by hand is said to be, and goes on without the annotation', async () => {
    await fleet.apply('halted', specOf('halted'));
    const name = latestBuild(await fleet.until('halted', says('BuildPending')));
    const annotate = (value: string | null) =>
      fleet.admin.mergePatch(
        imagebuilds,
        name,
        { metadata: { annotations: { [cancelAnnotation]: value } } },
        { fieldManager: 'test' },
      );
    await annotate('wrong base');
    await fleet.finishBuild(name, { phase: 'Canceled' });
    const canceled = await fleet.until('halted', says('BuildCanceled'));
    assert.ok(isTrue(canceled.status?.conditions, 'Stalled'));
    await annotate(null);
    await fleet.finishBuild(name, { phase: 'Building' });
    await fleet.until('halted', says('Building'));
  });
});
