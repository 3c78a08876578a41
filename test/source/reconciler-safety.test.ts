import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conditionOf, isTrue } from '../../controller/api/conditions.ts';
import { allowRemovals, allowRewind, sourceLabel } from '../../controller/api/names.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { until } from '../kube/until.ts';
import { type RunningController, type SourceWorld, definitionYaml, startSourceWorld } from './source-fixture.ts';

let world: SourceWorld;
let controller: RunningController;
before(async () => {
  world = await startSourceWorld();
  controller = await world.startController();
});
after(async () => {
  await controller.stop();
  await world.stop();
});

const restart = async (): Promise<void> => {
  await controller.stop();
  controller = await world.startController();
};
describe('pruning', () => {
  const four = {
    'd/a.yaml': definitionYaml('p-a'),
    'd/b.yaml': definitionYaml('p-b'),
    'd/c.yaml': definitionYaml('p-c'),
    'd/d.yaml': definitionYaml('p-d'),
  };

  it('removes what is gone within maxRemovals, and more only with the word of a person for that commit', async () => {
    const git = await world.source('prune', four, { path: 'd' });
    await world.ready('prune', 'Succeeded');
    const one = await git.commit({ 'd/d.yaml': null }, 'one of four');
    await world.ready('prune', 'Succeeded', one);
    assert.equal(await world.definition('p-d'), undefined);
    const two = await git.commit({ 'd/b.yaml': null, 'd/c.yaml': null }, 'two of three');
    const blocked = await world.ready('prune', 'PruneBlocked', two);
    assert.ok(isTrue(blocked.status?.conditions, 'PruneBlocked'));
    assert.equal(
      await world.message('prune'),
      `2 of 3 objects would be removed and maxRemovals is 25%; to allow it, annotate scantling.dev/allow-removals=${two}`,
    );
    assert.equal((await world.inventory('prune')).length, 3);
    await world.annotate('prune', { [allowRemovals]: one });
    await world.twoPolls('prune');
    assert.ok(await world.definition('p-b'), 'the word was for another commit');
    await world.annotate('prune', { [allowRemovals]: two });
    await world.ready('prune', 'Succeeded', two);
    assert.equal(await world.definition('p-b'), undefined);
    assert.equal(await world.definition('p-c'), undefined);
    assert.deepEqual(await world.inventory('prune'), ['SystemDefinition/p-a d/a.yaml']);
    assert.equal(conditionOf((await world.get('prune')).status?.conditions, 'PruneBlocked'), undefined);
    await world.remove('prune');
  });

  it('never happens with an error, an empty path or a missing one, not even with consent', async () => {
    const git = await world.source('never', four, { path: 'd', maxRemovals: 100 });
    await world.ready('never', 'Succeeded');
    const cases: [string, Record<string, string | null>, string][] = [
      ['DocumentsRefused', { 'd/a.yaml': 'apiVersion: scantling.dev/v1alpha1\nkind: [', 'd/b.yaml': null }, 'an error'],
      [
        'NoDocuments',
        { 'd/a.yaml': null, 'd/b.yaml': null, 'd/c.yaml': null, 'd/d.yaml': null, 'd/README': 'empty' },
        'an empty path',
      ],
      ['PathNotFound', { d: null, other: 'x' }, 'a missing path'],
    ];
    for (const [reason, files, what] of cases) {
      const oid = await git.commit(files, what);
      await world.annotate('never', { [allowRemovals]: oid });
      const source = await world.ready('never', reason, oid);
      assert.equal(source.status?.inventory?.length, 4, what);
      assert.ok(isTrue(source.status?.conditions, 'PruneBlocked'), what);
      await world.twoPolls('never');
      for (const name of ['p-a', 'p-b', 'p-c', 'p-d']) assert.ok(await world.definition(name), `${what}: ${name}`);
    }
    await world.remove('never');
  });

  it('leaves what a person copied from an object of the source, label and all', async () => {
    const git = await world.source('copied', { 'a.yaml': definitionYaml('original') }, { maxRemovals: 100 });
    await world.ready('copied', 'Succeeded');
    const original = await world.definition('original');
    assert.ok(original);
    const { labels = {}, annotations = {} } = original.metadata;
    const { apiVersion, kind, spec } = original;
    await world.admin.create(systemdefinitions, { apiVersion, kind, metadata: { name: 'copy', labels, annotations }, spec });
    await world.ready('copied', 'Succeeded', await git.commit({ other: '1' }, 'nothing of ours'));
    assert.ok(await world.definition('copy'));
    assert.deepEqual(await world.inventory('copied'), ['SystemDefinition/original a.yaml']);
    await world.admin.delete(systemdefinitions, 'copy');
    await world.remove('copied');
  });

  it('is off with prune: false, and what stays is remembered', async () => {
    const git = await world.source(
      'keep',
      { 'a.yaml': definitionYaml('keep-a'), 'b.yaml': definitionYaml('keep-b') },
      { prune: false },
    );
    await world.ready('keep', 'Succeeded');
    const oid = await git.commit({ 'b.yaml': null }, 'one gone');
    await world.ready('keep', 'Succeeded', oid);
    assert.ok(await world.definition('keep-b'));
    assert.equal((await world.inventory('keep')).length, 2);
    await world.patch('keep', { prune: true });
    await until('it is removed', async () => (await world.definition('keep-b')) === undefined);
    await world.remove('keep');
  });
});

describe('history', () => {
  it('that was rewritten is refused until a person names the commit', async () => {
    const git = await world.source('rewind', { 'a.yaml': definitionYaml('rewind') });
    const first = await git.head();
    assert.ok(first);
    await world.ready('rewind', 'Succeeded', first);
    const second = await git.commit({ 'a.yaml': definitionYaml('rewind', '  kernelArguments: [two]\n') }, 'second');
    await world.ready('rewind', 'Succeeded', second);
    const forced = await git.commit({ 'a.yaml': definitionYaml('rewind', '  kernelArguments: [forced]\n') }, 'forced', {
      parent: first,
    });
    const refused = await world.ready('rewind', 'NonFastForward', forced);
    assert.equal(refused.status?.lastAppliedRevision, `main@sha1:${second}`);
    assert.equal(
      await world.message('rewind'),
      `${forced} does not descend from ${second}, which is applied; to go there, annotate scantling.dev/allow-rewind=${forced}`,
    );
    assert.deepEqual((await world.definition('rewind'))?.spec.kernelArguments, ['two']);
    await restart();
    await world.twoPolls('rewind');
    assert.deepEqual((await world.definition('rewind'))?.spec.kernelArguments, ['two'], 'a restart changes nothing');
    await world.annotate('rewind', { [allowRewind]: forced });
    await world.ready('rewind', 'Succeeded', forced);
    assert.deepEqual((await world.definition('rewind'))?.spec.kernelArguments, ['forced']);
    // The word for it is used up: what is pushed there again later needs another one.
    const fixed = await git.commit({ 'a.yaml': definitionYaml('rewind', '  kernelArguments: [fixed]\n') }, 'fixed');
    await world.ready('rewind', 'Succeeded', fixed);
    await git.reset('main', forced);
    await world.ready('rewind', 'NonFastForward', forced);
    assert.match(await world.message('rewind'), /has allowed that once; to go there again, take the annotation away/);
    await world.annotate('rewind', { [allowRewind]: null });
    await until('it is not remembered', async () => (await world.get('rewind')).status?.lastHandledRewind === undefined);
    await world.annotate('rewind', { [allowRewind]: forced });
    await world.ready('rewind', 'Succeeded', forced);
    await git.reset('main', first);
    await world.ready('rewind', 'NonFastForward', first);
    await world.patch('rewind', { ref: { branch: null, commit: first } });
    await world.ready('rewind', 'Succeeded', first);
    assert.equal((await world.get('rewind')).status?.lastAppliedRevision, `commit@sha1:${first}`);
    assert.equal((await world.definition('rewind'))?.spec.sourceRef?.revision, `commit@sha1:${first}`);
    await world.remove('rewind');
  });

  it('is followed by tag too, peeled', async () => {
    const git = await world.source('tags', { 'a.yaml': definitionYaml('tagged') }, { ref: { tag: 'v1' } });
    const first = await git.head();
    assert.ok(first);
    await world.ready('tags', 'RefNotFound');
    await git.annotatedTag('v1', first);
    await world.ready('tags', 'Succeeded', first);
    assert.equal((await world.get('tags')).status?.lastAppliedRevision, `v1@sha1:${first}`);
    await world.remove('tags');
  });
});

describe('two sources', () => {
  it('that declare one object are both stalled and name each other; nothing changes hands until one lets go', async () => {
    const a = await world.source('claim-a', { 'x.yaml': definitionYaml('contested'), 'a.yaml': definitionYaml('only-a') });
    await world.ready('claim-a', 'Succeeded');
    await world.source('claim-b', {
      'y.yaml': definitionYaml('contested', '  kernelArguments: [b]\n'),
      'b.yaml': definitionYaml('only-b'),
    });
    await world.ready('claim-b', 'ObjectClaimed');
    await world.ready('claim-a', 'ObjectClaimed');
    assert.equal(
      await world.message('claim-a'),
      'x.yaml:1: SystemDefinition/contested is also declared by SystemSource claim-b; remove it from one of them',
    );
    assert.equal(
      await world.message('claim-b'),
      'y.yaml:1: SystemDefinition/contested is also declared by SystemSource claim-a; remove it from one of them',
    );
    assert.ok(await world.definition('only-b'), 'its other documents are applied');
    const owner = async () => (await world.definition('contested'))?.metadata.labels?.[sourceLabel];
    assert.equal(await owner(), 'claim-a');

    await restart();
    await world.twoPolls('claim-b');
    await world.twoPolls('claim-a');
    await world.ready('claim-a', 'ObjectClaimed');
    await world.ready('claim-b', 'ObjectClaimed');
    assert.equal(await owner(), 'claim-a');
    assert.deepEqual((await world.definition('contested'))?.spec.kernelArguments, undefined);
    assert.deepEqual(
      controller.events.filter(e => e.regarding.name.startsWith('claim-')),
      [],
      'a restart is no news',
    );

    const uid = (await world.definition('contested'))?.metadata.uid;
    await a.commit({ 'x.yaml': null }, 'let go');
    await world.ready('claim-a', 'Succeeded');
    await world.ready('claim-b', 'Succeeded');
    assert.equal(await owner(), 'claim-b');
    assert.equal((await world.definition('contested'))?.metadata.uid, uid, 'it was handed over, not made anew');
    await world.remove('claim-a');
    await world.remove('claim-b');
  });
});

const isWrite = (call: { verb: string; resource: string }): boolean =>
  ['create', 'patch', 'update', 'delete'].includes(call.verb) && call.resource.startsWith('system');

describe('a controller that is killed after any of its writes', () => {
  it('comes to the same end', async () => {
    const git = await world.source(
      'killed',
      { 'a.yaml': definitionYaml('k-a'), 'b.yaml': definitionYaml('k-b') },
      { maxRemovals: 1 },
    );
    await world.ready('killed', 'Succeeded');
    for (let survives = 0, finished = false; !finished; survives++) {
      const [gone, stays, comes] = survives % 2 === 0 ? ['a', 'b', 'c'] : ['c', 'b', 'a'];
      let writes = 0;
      // From this write on nothing reaches the API server, as if the process had died.
      const dead = world.proxy.fail(call => isWrite(call) && writes++ >= survives, { status: 500 });
      const oid = await git.commit(
        {
          [`${gone}.yaml`]: null,
          [`${stays}.yaml`]: definitionYaml(`k-${stays}`, `  kernelArguments: [n${survives}]\n`),
          [`${comes}.yaml`]: definitionYaml(`k-${comes}`),
        },
        `${survives} writes`,
      );
      finished = await Promise.race([
        world.ready('killed', 'Succeeded', oid).then(() => true),
        until('a write is refused', () => writes > survives).then(() => false),
      ]);
      await controller.stop();
      dead.remove();
      controller = await world.startController();
      await world.ready('killed', 'Succeeded', oid);
      assert.deepEqual(
        (await world.inventory('killed')).toSorted(),
        [`SystemDefinition/k-${stays} ${stays}.yaml`, `SystemDefinition/k-${comes} ${comes}.yaml`].toSorted(),
      );
      assert.equal(await world.definition(`k-${gone}`), undefined);
      assert.ok(await world.definition(`k-${comes}`));
      assert.deepEqual((await world.definition(`k-${stays}`))?.spec.kernelArguments, [`n${survives}`]);
      assert.equal((await world.definition(`k-${stays}`))?.spec.sourceRef?.revision, `main@sha1:${oid}`);
    }
    await world.remove('killed');
  });
});
