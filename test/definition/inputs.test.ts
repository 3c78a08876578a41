import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallingError } from '../../controller/api/errors.ts';
import { type InputEntry, type InputTree, collectInputs } from '../../controller/definition/inputs.ts';
import { requestedInputs } from '../../controller/definition/repository-path.ts';
import { specOf } from './definition-fixture.ts';

const revision = `main@sha1:${'a'.repeat(40)}`;
const sourceRef = { name: 'fleet', path: 'systems/worker' };

/** A tree in memory; content doubles as object id. Counts what is read. */
function treeOf(files: Readonly<Record<string, string>>, refused?: string): InputTree & { reads: string[][] } {
  const entries: InputEntry[] = Object.entries(files).map(([path, oid]) => ({
    path,
    oid,
    mode: path.endsWith('.link') ? 'symlink' : path.endsWith('.sh') ? 'executable' : 'file',
  }));
  const reads: string[][] = [];
  return {
    reads,
    entry: async path => {
      if (path === refused) throw new StallingError('UnsupportedGitFeature', `${path} is a submodule, which is not supported`);
      const isDirectory = path === '' || entries.some(entry => entry.path.startsWith(`${path}/`));
      return isDirectory ? { path, mode: 'directory', oid: path } : entries.find(entry => entry.path === path);
    },
    list: async directory => entries.filter(entry => directory === '' || entry.path.startsWith(`${directory}/`)),
    read: async wanted => {
      reads.push(wanted.map(entry => entry.oid));
      return new Map(wanted.map(({ oid }) => [oid, Buffer.from(oid)]));
    },
  };
}

test('files, executables and links of files and trees, read at once', async () => {
  const tree = treeOf({
    'shared/a': 'A',
    'systems/worker/rootfs/b.sh': 'B',
    'systems/worker/rootfs/c.link': 'b.sh',
    other: 'no',
  });
  const requests = requestedInputs(
    specOf({
      sourceRef,
      files: [{ path: '/etc/a', mode: '0644', from: '../../shared/./a' }],
      trees: [{ from: 'rootfs/', to: '/etc' }],
    }),
  );
  assert.deepEqual(
    await collectInputs(requests, tree, { revision }),
    new Map<string, unknown>([
      ['shared/a', { type: 'file', executable: false, bytes: Buffer.from('A') }],
      ['systems/worker/rootfs/b.sh', { type: 'file', executable: true, bytes: Buffer.from('B') }],
      ['systems/worker/rootfs/c.link', { type: 'symlink', target: 'b.sh' }],
    ]),
  );
  assert.deepEqual(tree.reads, [['A', 'B', 'b.sh']]);
});

test('a document at the top may read the whole repository', async () => {
  const requests = requestedInputs(specOf({ sourceRef: { name: 'fleet', path: '.' }, trees: [{ from: '.', to: '/etc' }] }));
  assert.deepEqual([...(await collectInputs(requests, treeOf({ a: '1', 'd/b': '2' }), { revision })).keys()], ['a', 'd/b']);
});

test('every missing path is named with its field, the document and the revision', async () => {
  const requests = requestedInputs(
    specOf({
      sourceRef,
      files: [
        { path: '/etc/a', mode: '0644', from: 'motd' },
        { path: '/etc/b', mode: '0644', from: 'd' },
      ],
      trees: [{ from: 'f', to: '/etc' }],
    }),
  );
  const tree = treeOf({ 'systems/worker/d/x': '', 'systems/worker/f': '' });
  await assert.rejects(
    collectInputs(requests, tree, { revision, document: 'systems/worker/system.yaml' }),
    new StallingError(
      'InputNotFound',
      `systems/worker/system.yaml: spec.files[0].from: "motd" is not in the repository: "systems/worker/motd" is missing at ${revision}; ` +
        `commit it or correct the path; spec.files[1].from: "systems/worker/d" is a directory at ${revision}; use trees for a directory; ` +
        `spec.trees[0].from: "systems/worker/f" is a file at ${revision}; use files for a single file`,
    ),
  );
  assert.deepEqual(tree.reads, []);
});

test('a Containerfile and the directory that it copies from', async () => {
  const requests = requestedInputs(specOf({ sourceRef, containerfile: { from: 'Containerfile', context: 'context' } }));
  const tree = treeOf({ 'systems/worker/Containerfile': 'C', 'systems/worker/context/a': 'A', 'systems/worker/b': 'B' });
  const paths = [...(await collectInputs(requests, tree, { revision })).keys()];
  assert.deepEqual(paths, ['systems/worker/Containerfile', 'systems/worker/context/a']);

  const swapped = requestedInputs(specOf({ sourceRef, containerfile: { from: 'context', context: 'Containerfile' } }));
  await assert.rejects(
    collectInputs(swapped, tree, { revision }),
    new StallingError(
      'InputNotFound',
      `spec.containerfile.from: "systems/worker/context" is a directory at ${revision}; name the Containerfile in it; ` +
        `spec.containerfile.context: "systems/worker/Containerfile" is a file at ${revision}; name the directory that it is in`,
    ),
  );
});

test('what the repository refuses is told with the field that asked for it', async () => {
  const requests = requestedInputs(specOf({ sourceRef, trees: [{ from: 'vendor', to: '/etc' }] }));
  await assert.rejects(
    collectInputs(requests, treeOf({}, 'systems/worker/vendor'), { revision }),
    new StallingError(
      'UnsupportedGitFeature',
      'spec.trees[0].from: systems/worker/vendor is a submodule, which is not supported',
      { cause: new StallingError('UnsupportedGitFeature', 'systems/worker/vendor is a submodule, which is not supported') },
    ),
  );
});

test('an error on the way is no answer', async () => {
  const requests = requestedInputs(specOf({ sourceRef, trees: [{ from: 'rootfs', to: '/etc' }] }));
  const tree = { ...treeOf({}), entry: () => Promise.reject(new Error('connection cut')) };
  await assert.rejects(collectInputs(requests, tree, { revision }), /^Error: connection cut$/);
});
