/** SystemAddons as documents of a repository, on a real API server: applied and pinned as definitions are. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type SystemAddon, systemaddons } from '../../controller/api/system-addon.ts';
import { isNotFound } from '../../controller/kube/errors.ts';
import { isApplied } from '../../controller/source/open-revision.ts';
import { until } from '../kube/until.ts';
import { type RunningController, type SourceWorld, poolYaml, startSourceWorld } from './source-fixture.ts';

const addonYaml = (name: string, extra = ''): string => `apiVersion: scantling.dev/v1alpha1
kind: SystemAddon
metadata:
  name: ${name}
spec:
  output: { repository: registry.example.com/addons/${name} }
  variants:
    - os: { id: fedora, versionId: '42' }
      source:
        files:
          - { path: /usr/bin/${name}, mode: '0755', from: tool.sh }
        trees:
          - { from: share, to: /usr/share/${name} }
    - os: { id: debian, versionId: '13' }
      source:
        files:
          - { path: /usr/bin/${name}, mode: '0755', content: "#!/bin/sh\\n" }
${extra}`;

describe('SystemAddons of a repository', () => {
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

  const addon = (name: string): Promise<SystemAddon> => world.admin.get(systemaddons, name);
  const revision = async (name: string): Promise<string | undefined> => (await addon(name)).spec.sourceRef?.revision;

  it('are applied before pools, and pinned to the commit that last changed what they read', async () => {
    const files = { 'tools/addon.yaml': addonYaml('pinned'), 'tools/tool.sh': 'one\n', 'tools/share/a/b': 'B\n' };
    const git = await world.source('pinned', { ...files, 'pool.yaml': poolYaml('pinned') });
    await world.ready('pinned', 'Succeeded');
    assert.deepEqual(await world.inventory('pinned'), ['SystemAddon/pinned tools/addon.yaml', 'SystemPool/pinned pool.yaml']);
    const first = await addon('pinned');
    assert.deepEqual({ ...first.spec.sourceRef, revision: undefined }, { name: 'pinned', path: 'tools', revision: undefined });

    const other = await git.commit({ 'README.md': 'of nothing\n' }, 'another file');
    const source = await world.ready('pinned', 'Succeeded', other);
    assert.equal(await revision('pinned'), first.spec.sourceRef?.revision);
    assert.ok(isApplied(source, '0'.repeat(40), { ...first.metadata, kind: 'SystemAddon' }), 'noted as it is');
    assert.ok(!isApplied(source, '0'.repeat(40), first.metadata), 'not for a definition of that name');

    for (const change of [{ 'tools/share/a/b': 'another B\n' }, { 'tools/tool.sh': 'two\n' }]) {
      const oid = await git.commit(change, 'what it reads');
      await world.ready('pinned', 'Succeeded', oid);
      assert.equal(await revision('pinned'), `main@sha1:${oid}`);
    }
  });

  it('are refused with the line of what they read and is not there', async () => {
    await world.source('missing', { 'a.yaml': addonYaml('missing') });
    const { status } = await world.ready('missing', 'DocumentsRefused');
    assert.deepEqual(
      status?.failures?.map(({ file, line, message }) => `${file}:${line}: ${message}`),
      [
        'a.yaml:11: spec.variants[0].source.files[0].from: "tool.sh" is not in the repository (tool.sh)',
        'a.yaml:13: spec.variants[0].source.trees[0].from: "share" is not in the repository (share)',
      ],
    );
  });

  it('lose what was added by hand, but stay suspended, and go with their document', async () => {
    const files = {
      'addon.yaml': addonYaml('drifting'),
      'tool.sh': 'one\n',
      'share/a': 'A\n',
      'other.yaml': poolYaml('drifting'),
    };
    const git = await world.source('drifting', files, { maxRemovals: '100%' });
    await world.ready('drifting', 'Succeeded');
    const patch = { spec: { allowSetuid: true, suspend: true } };
    await world.admin.mergePatch(systemaddons, 'drifting', patch, { fieldManager: 'test' });
    await until('allowSetuid is taken back', async () => !(await addon('drifting')).spec.allowSetuid);
    assert.equal((await addon('drifting')).spec.suspend, true);
    const oid = await git.commit({ 'addon.yaml': 'nothing: here\n' }, 'take it away');
    await world.ready('drifting', 'Succeeded', oid);
    await assert.rejects(addon('drifting'), isNotFound);
  });
});
