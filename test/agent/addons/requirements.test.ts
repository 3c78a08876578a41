/** What addons need of a system, found in its tree. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { findLacking, type Requiring } from '../../../controller/agent/addons/requirements.ts';
import { removeDirectory, temporaryDirectory } from '../../cluster/processes.ts';
import { addonOf, hasMkfs } from './shop.ts';

const lists = {
  'usr/lib/modules/6.12.0/modules.builtin': 'kernel/fs/erofs/erofs.ko\nkernel/drivers/block/loop.ko\n',
  'usr/lib/modules/6.12.0/modules.dep':
    'kernel/net/bridge/br_netfilter.ko.xz: kernel/net/bridge/bridge.ko.xz\nkernel/net/bridge/bridge.ko.xz:\nkernel/drivers/nvme/host/nvme-core.ko.zst:\n',
};

const lackedIn = async (
  tree: string,
  requires: Requiring['requires'],
  { runs = false, raws = [] as string[] } = {},
): Promise<string | undefined> => {
  const found = await findLacking([{ name: 'kubelet', ...(requires ? { requires } : {}) }], { tree, runs, raws });
  const fault = found.get('kubelet');
  if (fault) assert.equal(fault.reason, 'RequirementMissing');
  return fault?.message;
};

describe('what an addon needs of a system', () => {
  const directory = temporaryDirectory('requirements');
  after(() => removeDirectory(directory));
  let trees = 0;
  const raw = (name: string, files: Record<string, string>): string => {
    writeFileSync(join(directory, `${name}.raw`), addonOf(name, files));
    return join(directory, `${name}.raw`);
  };
  const treeOf = (files: Record<string, string>): string => {
    const tree = join(directory, `${trees++}`);
    mkdirSync(tree);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), text);
    }
    return tree;
  };

  const modules: [string, Record<string, string>, string[], RegExp | undefined][] = [
    ['a module that is built in', lists, ['loop', 'erofs'], undefined],
    ['a module that is loaded', lists, ['br_netfilter', 'bridge'], undefined],
    ['a module by its other sign', lists, ['br-netfilter', 'nvme_core'], undefined],
    ['a module that another needs only', { 'usr/lib/modules/1/modules.dep': 'a/x.ko: b/y.ko\n' }, ['y'], /kernel module y$/],
    [
      'a module that is not there',
      lists,
      ['loop', 'zfs', 'wireguard'],
      /does not have: kernel module zfs, kernel module wireguard$/,
    ],
    ['a part of a name', lists, ['netfilter'], /kernel module netfilter$/],
    ['a module of a system whose lists cannot be seen', { 'usr/lib/modules/6.12.0/vmlinuz': '' }, ['zfs'], undefined],
    ['a module of a system without kernel', {}, ['zfs'], undefined],
  ];
  for (const [what, files, kernelModules, message] of modules)
    test(`${message ? 'lacks' : 'has'} ${what}`, async () => {
      const said = await lackedIn(treeOf(files), { kernelModules });
      if (message) assert.match(said ?? '', message);
      else assert.equal(said, undefined);
    });

  test('has paths below /usr, links of the tree followed in it', async () => {
    const tree = treeOf({ 'usr/bin/runc': '' });
    symlinkSync('/usr/bin', join(tree, 'usr/sbin'));
    assert.equal(await lackedIn(tree, { paths: ['/usr/bin/runc', '/usr/sbin/runc', '/usr/sbin'] }), undefined);
    assert.match(
      (await lackedIn(tree, { paths: ['/usr/bin/crun', '/usr/sbin/runc'] })) ?? '',
      /staged does not have: path \/usr\/bin\/crun$/,
    );
  });

  test('is judged of other paths only where the system runs', async () => {
    const tree = treeOf({ 'usr/bin/sh': '' });
    assert.equal(await lackedIn(tree, { paths: ['/dev/kvm', '/opt/x'] }), undefined);
    const said = await lackedIn(tree, { paths: ['/dev/kvm', '/usr/bin/sh'] }, { runs: true });
    assert.match(said ?? '', /^the addon kubelet needs what the host does not have: path \/dev\/kvm$/);
  });

  test('may be brought by another addon of the set', { skip: !hasMkfs && 'erofs-utils is not installed' }, async () => {
    const tree = treeOf(lists);
    symlinkSync('bin', join(tree, 'usr/sbin'));
    const runtime = raw('runtime', { 'usr/bin/runc': '' });
    const requires = { kernelModules: ['zfs'], paths: ['/usr/sbin/runc'] };
    assert.match((await lackedIn(tree, requires, { raws: [runtime] })) ?? '', /does not have: kernel module zfs$/);
    const driver = raw('driver', { 'usr/lib/modules/6.12.0/extra/zfs.ko': '' });
    assert.equal(await lackedIn(tree, requires, { raws: [runtime, driver] }), undefined);
  });

  test('is nothing for most, and of others what each of them lacks', async () => {
    const tree = treeOf(lists);
    const addons: Requiring[] = [
      { name: 'a' },
      { name: 'b', requires: { kernelModules: ['zfs'] } },
      { name: 'c', requires: { kernelModules: ['loop'] } },
    ];
    const found = await findLacking(addons, { tree, runs: true, raws: [] });
    assert.deepEqual([...found.keys()], ['b']);
    assert.equal((await findLacking([{ name: 'a' }], { tree: join(tree, 'none'), runs: true, raws: ['/none'] })).size, 0);
  });
});
