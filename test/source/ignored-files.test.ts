/** YAML beside the documents is no error, and no riddle either: a document whose apiVersion is misspelt looks the same. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { shortRevision } from '../../controller/api/short-revision.ts';
import { type RunningController, type SourceWorld, definitionYaml, poolYaml, startSourceWorld } from './source-fixture.ts';

let world: SourceWorld;
let controller: RunningController;
before(async () => {
  world = await startSourceWorld();
  controller = await world.startController();
});
after(async () => {
  await controller?.stop();
  await world?.stop();
});

test('a source names YAML files without a document of ours, which are no error', async () => {
  const files = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`d/x${String(i).padStart(2, '0')}.yaml`, 'a: 1\n']));
  const git = await world.source(
    'beside',
    {
      'd/a.yaml': definitionYaml('beside', '  files: [{ path: /etc/app.yaml, from: app.yaml }]\n'),
      'd/app.yaml': 'read by the definition: true\n',
      'd/kustomization.yaml': 'resources: [a.yaml]\n',
      'd/pool.yml': poolYaml('beside').replace('scantling.dev', 'scantling.io'),
      'd/.hidden.yaml': 'a: 1\n',
      'other/x.yaml': 'a: 1\n',
    },
    { path: 'd' },
  );
  const said = async (): Promise<string | undefined> =>
    conditionOf((await world.get('beside')).status?.conditions, 'FilesIgnored')?.message;
  const first = await git.head();
  await world.ready('beside', 'Succeeded', first);
  assert.equal(await world.message('beside'), `applied ${shortRevision(`main@sha1:${first}`)}: 1 object, 2 files ignored`);
  assert.equal(await said(), '2 files hold no document of scantling.dev and were ignored: d/kustomization.yaml, d/pool.yml');
  const all = await git.commit(files, 'many');
  await world.ready('beside', 'Succeeded', all);
  assert.match((await said()) ?? '', /^14 files hold .*: d\/kustomization\.yaml, d\/pool\.yml, d\/x00\.yaml, .* and 4 more$/);
  const broken = await git.commit({ 'd/b.yaml': 'apiVersion: scantling.dev/v1alpha1\nkind: [' }, 'break');
  await world.ready('beside', 'DocumentsRefused', broken);
  assert.match((await said()) ?? '', /^14 files/, 'what a refused document reads is not known');
  const gone = { ...Object.fromEntries(Object.keys(files).map(name => [name, null])), 'd/b.yaml': null };
  const last = await git.commit({ ...gone, 'd/kustomization.yaml': null, 'd/pool.yml': null }, 'clean');
  await world.ready('beside', 'Succeeded', last);
  assert.equal(await said(), undefined);
  assert.equal(await world.message('beside'), `applied ${shortRevision(`main@sha1:${last}`)}: 1 object`);
  await git.commit({ 'd/a.yaml': null, 'd/kustomization.yaml': 'a: 1\n' }, 'nothing of ours');
  await world.ready('beside', 'NoDocuments');
  assert.match(
    await world.message('beside'),
    /^"d" holds no document of Scantling in main@sha1:[0-9a-f]{12}; ignored: d\/app\.yaml, d\/kustomization\.yaml$/,
  );
  await world.remove('beside');
});
