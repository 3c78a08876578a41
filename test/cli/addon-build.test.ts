/** `scantling addon build` of directories and of images in a real registry; what is made is what systemd's kernel mounts. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { manifest, rootfs, skipWithoutSquashfs, squashfs, type TestContext } from '../addon/torcx/archives.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import { has } from '../tools/run-command.mjs';
import { run } from './addon-run.ts';

function scratch(t: TestContext): string {
  const directory = temporaryDirectory('addon-build');
  t.after(() => removeDirectory(directory));
  return directory;
}

/** Where CI is set it must be there. */
const skipWithoutErofs = !process.env['CI'] && !(await has('fsck.erofs', '-V')) && 'needs fsck.erofs (Debian: erofs-utils)';

interface Said {
  kind: string;
  ok: boolean;
  made?: { file: string; digest: string; size: number; files: number; directories: number; links: number };
  refusals: { path: string; why: string }[];
}
const json = (out: string): Said => JSON.parse(out) as Said;

describe('addon build', () => {
  test('of a directory: the file is what is said of it, and equal each time', async t => {
    const tree = rootfs(t, { 'usr/bin/tool': '#!/bin/sh\n', 'usr/share/tool/data': 'data', 'usr/bin/other': { link: 'tool' } });
    const directory = scratch(t);
    const file = join(directory, 'tools.raw');
    const { code, out, said } = await run([
      'addon',
      'build',
      tree,
      '--name',
      'tools',
      '--os',
      'fedora:42',
      '-o',
      file,
      '--format',
      'json',
    ]);
    assert.equal(code, 0, said + out);
    const { kind, ok, made } = json(out);
    assert.deepEqual([kind, ok], ['AddonBuild', true]);
    const bytes = readFileSync(file);
    assert.equal(made?.digest, `sha256:${createHash('sha256').update(bytes).digest('hex')}`);
    assert.equal(made.size, bytes.length);
    // Two of ours, and the extension-release.
    assert.deepEqual([made.files, made.links], [3, 1]);
    assert.equal(bytes.readUInt32LE(1024), 0xe0f5e1e2);
    const again = join(directory, 'again.raw');
    const text = await run(['addon', 'build', tree, '--name', 'tools', '--os', 'fedora:42', '-o', again]);
    assert.equal(text.code, 0, text.said);
    assert(readFileSync(again).equals(bytes));
    assert.match(
      text.out,
      /again\.raw: addon tools for fedora 42, linux\/amd64\nsha256:[0-9a-f]{64}\n\d+ bytes: 3 files, 1 link and \d+ directories\nsystemd takes it only under the name tools\.raw\n$/,
    );
  });

  test('what an addon cannot have is said path by path: exit code 1, and no file', async t => {
    const tree = rootfs(t, { 'etc/tool.conf': 'x', 'usr/bin/tool': 'x', 'usr/lib/os-release': 'ID=other\n' });
    chmodSync(join(tree, 'usr/bin/tool'), 0o4755);
    const file = join(scratch(t), 'tools.raw');
    const { code, out } = await run(['addon', 'build', tree, '--name', 'tools', '-o', file]);
    assert.equal(code, 1);
    assert.match(out, /^Refused: addon tools cannot have \d+ paths\n/);
    for (const path of ['/etc', '/usr/bin/tool', '/usr/lib/os-release']) assert(out.includes(`\n  ${path}`), out);
    assert(!existsSync(file));
    const asJson = json((await run(['addon', 'build', tree, '--name', 'tools', '-o', file, '--format', 'json'])).out);
    assert.equal(asJson.ok, false);
    assert(asJson.refusals.some(({ path }) => path === '/usr/lib/os-release'));
    const allowed = await run([
      'addon',
      'build',
      tree,
      '--name',
      'tools',
      '-o',
      file,
      '--allow-setuid',
      '--ignore',
      '/etc,/usr/lib/os-release',
    ]);
    assert.equal(allowed.code, 0, allowed.out + allowed.said);
  });

  test(
    'an archive of torcx, from its import to what a node mounts',
    { skip: skipWithoutSquashfs || skipWithoutErofs },
    async t => {
      const registry = await startRegistry();
      t.after(() => registry.stop());
      const archive = squashfs(
        t,
        rootfs(t, {
          '.torcx/manifest.json': manifest({ bin: ['/bin/docker'] }),
          'bin/docker': 'program',
          'lib/data': 'x'.repeat(100_000),
        }),
      );
      const directory = scratch(t);
      const repository = `${registry.host}/addons/docker`;
      const plain = ['--insecure-registries', registry.host];
      const imported = await run([
        'addon',
        'import',
        archive,
        '--name',
        'docker',
        '--push',
        repository,
        '-o',
        join(directory, 'a'),
        '--tree',
        '--format',
        'json',
        ...plain,
      ]);
      assert.equal(imported.code, 0, imported.said);
      const { image } = JSON.parse(imported.out) as { image: { reference: string } };
      const [ofImage, ofTree] = [join(directory, 'docker.raw'), join(directory, 'tree.raw')];
      const built = await run(['addon', 'build', image.reference, '--name', 'docker', '-o', ofImage, ...plain]);
      assert.equal(built.code, 0, built.said + built.out);
      const fromTree = await run(['addon', 'build', join(directory, 'a/tree'), '--name', 'docker', '-o', ofTree]);
      assert.equal(fromTree.code, 0, fromTree.said + fromTree.out);
      assert(readFileSync(ofImage).equals(readFileSync(ofTree)), 'of an image and of its tree comes the same');
      const unpacked = join(directory, 'unpacked');
      execFileSync('fsck.erofs', [`--extract=${unpacked}`, ofImage]);
      assert.equal(readFileSync(join(unpacked, 'usr/bin/docker'), 'utf8'), 'program');
      assert.match(readFileSync(join(unpacked, 'usr/lib/extension-release.d/extension-release.docker'), 'utf8'), /ID=_any/);
    },
  );

  const wrong: [string, (t: TestContext) => string[], number, RegExp][] = [
    ['no name', t => [rootfs(t, {}), '-o', 'x.raw'], 2, /--name is missing/],
    ['no output', t => [rootfs(t, {}), '--name', 'a'], 2, /--output is missing: the file to write, as a\.raw/],
    ['a file that is there', t => [rootfs(t, {}), '--name', 'a', '-o', '/dev/null'], 2, /is there already/],
    ['a name that is none', t => [rootfs(t, {}), '--name', 'A_b', '-o', 'x.raw'], 1, /"A_b" can be no name/],
    [
      'neither a directory nor an image',
      t => [join(scratch(t), 'none'), '--name', 'a', '-o', join(scratch(t), 'a.raw')],
      1,
      /is not host\/repository/,
    ],
    [
      'a pipe',
      t => {
        const tree = rootfs(t, { 'usr/bin/x': '' });
        execFileSync('mkfifo', [join(tree, 'usr/pipe')]);
        symlinkSync('pipe', join(tree, 'usr/link'));
        return [tree, '--name', 'a', '-o', join(scratch(t), 'a.raw')];
      },
      1,
      /usr\/pipe is neither a file/,
    ],
  ];
  for (const [name, words, code, says] of wrong)
    test(`refused: ${name}`, async t => {
      const ran = await run(['addon', 'build', ...words(t)]);
      assert.equal(ran.code, code, ran.said);
      assert.match(ran.said, says);
    });
});
