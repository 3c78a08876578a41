/** `scantling addon list`, `addon show` and `profile show` with a real API server. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { nodetargets, type NodeTarget } from '../../controller/api/node-target.ts';
import { systemaddons } from '../../controller/api/system-addon.ts';
import { nodeProfile, nodeProfileText } from '../../controller/cli/profile-show-document.ts';
import { crds, customResourceDefinitions, established } from '../cluster/manifests.ts';
import { startApi, type Api } from '../kube/api-fixture.ts';
import { run, type Ran } from './addon-run.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const apiVersion = 'scantling.dev/v1alpha1';

describe('addons of a cluster', () => {
  let api: Api;
  before(async () => {
    api = await startApi();
    for (const crd of crds().filter(c => /^(systemaddons|systempools|nodetargets)/.test(c.metadata.name))) {
      await api.admin.apply(customResourceDefinitions, crd, { fieldManager: 'test' });
      await established(api.admin, crd.metadata.name);
    }
  });
  after(() => api?.stop());
  const command = (...words: string[]): Promise<Ran> => run([...words, '--kubeconfig', api.cluster.adminKubeconfig]);

  test('there is none, then one with a variant that has no image', async () => {
    const none = await command('addon', 'list');
    assert.deepEqual([none.code, none.out], [0, 'There is no SystemAddon.\n']);
    const variants = [
      {
        platform: 'linux/amd64' as const,
        os: { id: 'fedora', versionId: '42' },
        source: { image: { reference: 'registry.example.com/a:1' } },
      },
      { platform: 'linux/arm64' as const, os: { id: '_any' }, source: { image: { reference: 'registry.example.com/a:1' } } },
    ];
    const spec = {
      variants,
      services: ['kubelet.service'],
      requires: { systemd: 255 },
      output: { repository: 'registry.example.com/addons/kubelet' },
    };
    await api.admin.apply(
      systemaddons,
      { apiVersion, kind: 'SystemAddon', metadata: { name: 'kubelet' }, spec },
      { fieldManager: 'test' },
    );
    const status = {
      variants: [
        {
          platform: 'linux/amd64',
          os: { id: 'fedora', versionId: '42' },
          image: `registry.example.com/addons/kubelet@${digest('a')}`,
          digest: digest('b'),
          size: 8192,
        },
        { platform: 'linux/arm64', os: { id: '_any' }, reason: 'ImageNotFound', message: 'push it, or name another' },
      ],
    };
    await api.admin.mergePatch(systemaddons, 'kubelet', { status }, { fieldManager: 'test', subresource: 'status' });

    const list = await command('addon', 'list');
    assert.equal(list.code, 0, list.said);
    assert.match(list.out, /^ADDON +STATE +VARIANTS .*\nkubelet +Moving +1\/2 /);
    const asJson = JSON.parse((await command('addon', 'list', '-o', 'json')).out) as {
      kind: string;
      version: number;
      addons: { name: string; made: number }[];
    };
    assert.deepEqual([asJson.kind, asJson.version, asJson.addons.map(a => [a.name, a.made])], ['AddonList', 1, [['kubelet', 1]]]);

    const { out, code } = await command('addon', 'show', 'kubelet');
    assert.equal(code, 0);
    for (const says of [
      /Starts: +kubelet\.service/,
      /Requires: +systemd 255/,
      /Variant: +linux\/amd64 for fedora 42\n/,
      /File: +sha256:b+, 8192 bytes/,
      /Trouble: +ImageNotFound: push it/,
    ])
      assert.match(out, says);
    const missing = await command('addon', 'show', 'other');
    assert.deepEqual([missing.code, missing.said], [1, 'scantling: there is no SystemAddon other\n']);
  });

  test('the addons of a node', async () => {
    const missing = await command('profile', 'show', 'worker-9');
    assert.deepEqual([missing.code, missing.out], [1, '']);
    const target = targetOf();
    const { status, ...object } = target;
    await api.admin.apply(nodetargets, object, { fieldManager: 'test' });
    await api.admin.mergePatch(nodetargets, 'worker-1', { status }, { fieldManager: 'test', subresource: 'status' });
    const { code, out, said } = await command('profile', 'show', 'worker-1', '-o', 'json');
    assert.equal(code, 0, said);
    assert.deepEqual(JSON.parse(out), nodeProfile(target, undefined));
  });
});

/** Two are wanted; of these one is merged, and one in an older image; a third is to go. */
function targetOf(): NodeTarget {
  const addons = [
    { name: 'containerd', image: `registry.example.com/a@${digest('1')}`, digest: digest('a'), size: 1 },
    { name: 'kubelet', image: `registry.example.com/a@${digest('2')}`, digest: digest('b'), size: 1 },
    { name: 'new', image: `registry.example.com/a@${digest('3')}`, digest: digest('c'), size: 1, from: 'node' as const },
  ];
  return {
    apiVersion,
    kind: 'NodeTarget',
    metadata: { name: 'worker-1' },
    spec: {
      poolRef: { name: 'edge' },
      image: `registry.example.com/os@${digest('0')}`,
      digests: [digest('0')],
      state: 'Staged',
      since: '2026-01-01T00:00:00Z',
      addons,
      addonSet: digest('e'),
    },
    status: {
      host: {
        capabilities: ['Addons'],
        addons: {
          set: digest('f'),
          state: 'Partial',
          entries: [
            {
              name: 'containerd',
              digest: digest('a'),
              state: 'Quarantined',
              reason: 'NotErofs',
              message: 'it is no erofs image',
            },
            { name: 'kubelet', digest: digest('9'), state: 'Merged' },
            { name: 'old', digest: digest('8'), state: 'Merged' },
          ],
        },
      },
    },
  };
}

describe('what a node runs of what it is to run', () => {
  test('each addon by itself', () => {
    const { ok, addons } = nodeProfile(targetOf(), undefined);
    assert.equal(ok, false);
    assert.deepEqual(
      addons.map(a => [a.name, a.state]),
      [
        ['containerd', 'Quarantined'],
        ['kubelet', 'Replacing'],
        ['new', 'Coming'],
        ['old', 'Leaving'],
      ],
    );
  });
  test('says who asks for it on this node, though others have the set otherwise', () => {
    const target = targetOf();
    const told = (target.spec.addons ?? []).map(({ name, image }) => ({ name, image, from: 'pool' as const }));
    const { addons } = nodeProfile(target, { status: { addons: { sets: [{ set: digest('e'), nodes: 2, addons: told }] } } });
    assert.deepEqual(
      addons.map(({ name, from }) => [name, from]),
      [
        ['containerd', 'pool'],
        ['kubelet', 'pool'],
        ['new', 'node'],
        ['old', undefined],
      ],
    );
  });
  test('in words', () => {
    const text = nodeProfileText(nodeProfile(targetOf(), undefined));
    assert.match(text, /^worker-1 \(SystemPool edge\) does not run the addons that it is to run\n/);
    assert.match(text, /\ncontainerd +Quarantined +sha256:a{12} +NotErofs: it is no erofs image\n/);
  });
  test('it runs what it is to run only when all of it is merged', () => {
    const target = targetOf();
    const withState = (state: 'Merged' | 'Partial', set: string): boolean =>
      nodeProfile({ ...target, status: { host: { addons: { set, state } } } }, undefined).ok;
    assert.deepEqual(
      [withState('Merged', digest('e')), withState('Partial', digest('e')), withState('Merged', digest('f'))],
      [true, false, false],
    );
  });
  test('without addons', () => {
    const { addons: _addons, addonSet: _set, ...spec } = targetOf().spec;
    assert.equal(nodeProfile({ ...targetOf(), spec }, undefined).ok, false);
    assert.equal(nodeProfile({ ...targetOf(), spec, status: {} }, undefined).ok, true);
  });
});
