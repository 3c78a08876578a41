/** What mksquashfs and tar pack is what is read, whatever they were told; and what no addon may have is refused with its reason. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { reasonOf } from '../../../controller/api/errors.ts';
import { writeTar } from '../../../controller/definition/tar.ts';
import { gzipSync } from 'node:zlib';
import {
  manifest,
  noise,
  read,
  rootfs,
  skipWithoutSquashfs as skip,
  squashfs,
  tgz,
  type Content,
  type TestContext,
} from './archives.ts';

/** More than a block of everything: files of many blocks with and without a rest, holes, small ones, links, long names, many names. */
const content: Content = {
  '.torcx/manifest.json': manifest({ bin: ['/bin/tool'] }),
  'bin/tool': '#!/bin/sh\necho tool\n',
  'bin/large': noise,
  'bin/even': noise.subarray(0, 131_072),
  'lib/text': 'abcdefgh'.repeat(40_000),
  'lib/holes': Buffer.alloc(400_000),
  'lib/some-holes': Buffer.concat([noise.subarray(0, 5000), Buffer.alloc(300_000), noise.subarray(0, 70)]),
  'lib/empty': '',
  'lib/again': { same: 'lib/text' },
  'lib/up': { link: '../bin/tool' },
  'lib/ünïcode': 'ü',
  [`lib/${'n'.repeat(255)}`]: 'long name',
  [`${'deep/'.repeat(30)}file`]: 'deep',
  'none/here': { directory: true },
  ...Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`many/file-${i}`, `content of ${i}`])),
};

/** As `read` says it. */
function expected(given: Content): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [path, what] of Object.entries(given)) {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) found[path.slice(0, slash)] = '/755';
    if (typeof what === 'string' || Buffer.isBuffer(what))
      found[path] = `${/(^|\/)s?bin\//.test(path) ? 755 : 644} ${Buffer.from(what).toString('latin1')}`;
    else if ('link' in what) found[path] = `-> ${what.link}`;
    else if ('same' in what) found[path] = `644 ${Buffer.from(given[what.same] as string).toString('latin1')}`;
    else found[path] = '/755';
  }
  return found;
}

function isEqual(found: Record<string, string>): void {
  const wanted = expected(content);
  assert.deepEqual(Object.keys(found).toSorted(), Object.keys(wanted).toSorted());
  for (const [path, what] of Object.entries(wanted)) assert(found[path] === what, `${path} is not as it was packed`);
}

describe('what is packed is what is read', { skip }, () => {
  const options: string[][] = [
    ['-comp', 'gzip'],
    ['-comp', 'zstd'],
    ['-comp', 'lz4'],
    ['-comp', 'lz4', '-Xhc'],
    ['-comp', 'zstd', '-b', '1M', '-Xcompression-level', '19'],
    ['-comp', 'gzip', '-b', '4096'],
    ['-no-fragments'],
    ['-always-use-fragments'],
    ['-noI', '-noD', '-noF', '-noX'],
    ['-no-exports', '-no-duplicates'],
    ['-nopad', '-b', '8192', '-comp', 'zstd'],
  ];
  for (const each of options)
    test(`mksquashfs ${each.join(' ')}`, async t => isEqual(await read(squashfs(t, rootfs(t, content), ...each))));
  for (const each of [
    ['--format=gnu'],
    ['--format=pax'],
    ['--format=pax', '--hard-dereference'],
    ['--sort=name', '--format=posix'],
  ])
    test(`tar ${each.join(' ')}`, async t => isEqual(await read(tgz(t, rootfs(t, content), ...each))));
});

interface Refusal {
  says: RegExp;
  reason: string;
  make: (t: TestContext) => string;
  options?: Parameters<typeof read>[1];
}

const plain: Content = { '.torcx/manifest.json': manifest({}), 'bin/tool': 'tool', 'lib/data': noise };

/** A tar archive of the entries as they are, two of one path or none of a plain one too. */
function crafted(t: TestContext, ...entries: Parameters<typeof writeTar>[0][number][]): string {
  const file = tgz(t, rootfs(t, plain));
  writeFileSync(file, gzipSync(writeTar(entries)));
  return file;
}

/** An image with some of its bytes changed. */
function changed(t: TestContext, change: (bytes: Buffer) => Buffer | void, ...options: string[]): string {
  const file = squashfs(t, rootfs(t, plain), ...options);
  const bytes = readFileSync(file);
  writeFileSync(file, change(bytes) ?? bytes);
  return file;
}

function withFifo(t: TestContext): string {
  const root = rootfs(t, plain);
  execFileSync('mkfifo', [join(root, 'lib/pipe')]);
  return root;
}

function withMode(t: TestContext, mode: number): string {
  const root = rootfs(t, plain);
  chmodSync(join(root, 'bin/tool'), mode);
  return root;
}

function tarOf(t: TestContext, root: string, ...options: string[]): string {
  const file = tgz(t, rootfs(t, plain));
  execFileSync('tar', ['-C', root, ...options, '-czf', file, '.']);
  return file;
}

const file = (path: string) => ({ path, mode: 0o644, bytes: Buffer.from('x') });

const refusals: Record<string, Refusal> = {
  'a path that climbs out': {
    reason: 'UnsafeArchive',
    says: /"\.\.\/etc\/passwd" is no plain path/,
    make: t => crafted(t, file('../etc/passwd')),
  },
  'a path with .. within': { reason: 'UnsafeArchive', says: /"lib\/\.\.\/\.\.\/x"/, make: t => crafted(t, file('lib/../../x')) },
  'a file twice': {
    reason: 'UnsafeArchive',
    says: /"lib\/x" is in it twice/,
    make: t => crafted(t, file('lib/x'), file('lib/x')),
  },
  'a file through a link': {
    reason: 'UnsafeArchive',
    says: /"lib\/passwd" goes through "lib"/,
    make: t => crafted(t, { path: 'lib', link: '/etc' }, file('lib/passwd')),
  },
  'a whiteout': { reason: 'UnsafeArchive', says: /\.wh\./, make: t => crafted(t, file('lib/.wh.x')) },
  'a pipe in a tar archive': { reason: 'UnsafeArchive', says: /"lib\/pipe" is a pipe/, make: t => tgz(t, withFifo(t)) },
  'a pipe in a squashfs image': { reason: 'UnsafeArchive', says: /"lib\/pipe" is a pipe/, make: t => squashfs(t, withFifo(t)) },
  'a device in a squashfs image': {
    reason: 'UnsafeArchive',
    says: /"null" is a character device/,
    make: t => squashfs(t, rootfs(t, plain), '-p', 'null c 666 0 0 1 3'),
  },
  'a setuid file in a tar archive': {
    reason: 'SetuidFile',
    says: /"bin\/tool" has mode 4755.*--allow-setuid/,
    make: t => tarOf(t, withMode(t, 0o4755)),
  },
  'a setgid file in a squashfs image': {
    reason: 'SetuidFile',
    says: /"bin\/tool" has mode 2755/,
    make: t => squashfs(t, withMode(t, 0o2755)),
  },
  'more entries than allowed': {
    reason: 'ArchiveTooLarge',
    says: /more than 3 entries/,
    make: t => squashfs(t, rootfs(t, plain)),
    options: { limits: { entries: 3 } },
  },
  'more entries of tar': {
    reason: 'ArchiveTooLarge',
    says: /more than 3 entries/,
    make: t => tgz(t, rootfs(t, plain)),
    options: { limits: { entries: 3 } },
  },
  'more bytes than allowed': {
    reason: 'ArchiveTooLarge',
    says: /more than 200000 bytes/,
    make: t => squashfs(t, rootfs(t, plain)),
    options: { limits: { bytes: 200_000 } },
  },
  'more bytes of tar': {
    reason: 'ArchiveTooLarge',
    says: /decompressed/,
    make: t => tgz(t, rootfs(t, { ...plain, zeros: Buffer.alloc(4_000_000) })),
    options: { limits: { bytes: 200_000, entries: 10 } },
  },
  'more levels than allowed': {
    reason: 'ArchiveTooLarge',
    says: /2 levels deep/,
    make: t => squashfs(t, rootfs(t, { 'a/b/c': '' })),
    options: { limits: { depth: 2 } },
  },
  'a path too long': {
    reason: 'ArchiveTooLarge',
    says: /too long/,
    make: t => squashfs(t, rootfs(t, plain)),
    options: { limits: { pathBytes: 5 } },
  },
  lzo: {
    reason: 'UnsupportedArchive',
    says: /compressed with lzo.*mksquashfs -comp zstd/,
    make: t => squashfs(t, rootfs(t, plain), '-comp', 'lzo'),
  },
  xz: { reason: 'UnsupportedArchive', says: /compressed with xz/, make: t => squashfs(t, rootfs(t, plain), '-comp', 'xz') },
  'another version of squashfs': {
    reason: 'UnsupportedArchive',
    says: /version 3\.0/,
    make: t => changed(t, b => void b.writeUInt16LE(3, 28)),
  },
  'a big-endian image': { reason: 'UnsupportedArchive', says: /big-endian/, make: t => changed(t, b => void b.write('sqsh', 0)) },
  'no squashfs image': {
    reason: 'InvalidArchive',
    says: /no squashfs image/,
    make: t => changed(t, b => void b.write('ELF!', 0)),
  },
  'an image cut off': { reason: 'InvalidArchive', says: /cut off/, make: t => changed(t, b => b.subarray(0, b.length - 5000)) },
  'an empty file': { reason: 'InvalidArchive', says: /0 bytes/, make: t => changed(t, () => Buffer.alloc(0)) },
  'blocks of 3 bytes': {
    reason: 'InvalidArchive',
    says: /blocks of 3 bytes/,
    make: t => changed(t, b => void b.writeUInt32LE(3, 12)),
  },
  'a tar archive that is none': {
    reason: 'InvalidArchive',
    says: /no gzipped archive/,
    make: t => {
      const made = squashfs(t, rootfs(t, plain));
      const named = join(dirname(made), 'a.torcx.tgz');
      renameSync(made, named);
      return named;
    },
  },
  'a gzipped archive cut off': {
    reason: 'InvalidArchive',
    says: /Z_BUF_ERROR/,
    make: t => {
      const made = tgz(t, rootfs(t, plain));
      writeFileSync(made, readFileSync(made).subarray(0, 2000));
      return made;
    },
  },
  'another name of what is not there': {
    reason: 'UnsafeArchive',
    says: /another name of "lib\/data"/,
    make: t => {
      const root = rootfs(t, { 'lib/data': 'x', 'lib/more': { same: 'lib/data' } });
      const made = tgz(t, root);
      const uncompressed = join(dirname(made), 'archive.tar');
      execFileSync('tar', ['-C', root, '-cf', uncompressed, 'lib/data', 'lib/more']);
      execFileSync('tar', ['--delete', '-f', uncompressed, 'lib/data']);
      writeFileSync(made, gzipSync(readFileSync(uncompressed)));
      return made;
    },
  },
};

describe('what no addon may have is refused', { skip }, () => {
  for (const [name, { make, reason, says, options }] of Object.entries(refusals))
    test(`${name}: ${reason}`, async t => {
      await assert.rejects(read(make(t), options), (error: Error) => {
        assert.equal(reasonOf(error), reason, error.message);
        assert.match(error.message, says);
        return true;
      });
    });

  test('setuid is kept where a person allows it', async t => {
    const found = await read(squashfs(t, withMode(t, 0o4755)), { allowSetuid: true });
    assert.equal(found['bin/tool'], '4755 tool');
  });

  test('a directory twice in a squashfs image', async t => {
    const file = squashfs(t, rootfs(t, { ...plain, 'name-a/x': '', 'name-b/x': '' }), '-noI');
    const bytes = readFileSync(file);
    bytes.write('name-a', bytes.lastIndexOf('name-b'));
    writeFileSync(file, bytes);
    await assert.rejects(read(file), /"name-a" is in it twice/);
  });

  test('a directory that is in itself has an end', async t => {
    const root = rootfs(t, plain);
    rmSync(join(root, 'lib'), { recursive: true });
    mkdirSync(join(root, 'lib'));
    symlinkSync('.', join(root, 'lib/self'));
    const made = squashfs(t, root, '-noI');
    const bytes = readFileSync(made);
    // The link's entry in the listing of lib says that it is a directory at the place of lib's own inode: only the root refers to that one.
    const at = bytes.lastIndexOf(Buffer.from('self'));
    const lib = bytes.lastIndexOf(Buffer.from('lib'));
    assert(at > 0 && lib > at);
    bytes.copy(bytes, at - 8, lib - 8, lib - 6);
    writeFileSync(made, bytes);
    await assert.rejects(read(made), /damaged: the directory "lib\/self(\/self)*" is in it twice/);
  });
});
