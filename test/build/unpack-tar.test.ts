import assert from 'node:assert/strict';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { StallingError } from '../../controller/api/errors.ts';
import { readTar, unpackTar } from '../../controller/build/unpack-tar.ts';
import { writeTar } from '../../controller/definition/tar.ts';
import type { TarEntry } from '../../controller/definition/tar.ts';
import { temporaryDirectory } from '../cluster/processes.ts';

const text = new TextEncoder();
const file = (path: string, content = 'x', mode = 0o644): TarEntry => ({ path, mode, bytes: text.encode(content) });
const segment = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 80 })
  .filter(s => !/^\.{1,2}$|[/\0]/.test(s) && s.isWellFormed());

test('what writeTar wrote is read back, however long or odd the names', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(segment, segment, segment), { maxLength: 8, selector: parts => parts[0] }), names => {
      const entries = names.map((parts, i) =>
        i % 3 === 2 ? { path: parts.join('/'), link: parts.join('/') } : file(parts.join('/'), parts[1], i % 2 ? 0o755 : 0o600),
      );
      const read = new Map(readTar(writeTar(entries)).map(entry => [entry.path, entry]));
      assert.equal(read.size, entries.length);
      for (const entry of entries) {
        const found = read.get(entry.path);
        if ('link' in entry) assert.equal(found?.link, entry.link);
        else assert.deepEqual([found?.mode, Buffer.from(found?.bytes ?? [])], [entry.mode, Buffer.from(entry.bytes)]);
      }
    }),
  );
});

test('files are written with their modes, links as they are, and nothing through a link', async () => {
  const directory = temporaryDirectory('unpack');
  await unpackTar(writeTar([file('a/b/run', '#!', 0o777), file('c', 'see'), { path: 'a/out', link: '/etc/passwd' }]), directory);
  assert.deepEqual((await readdir(directory)).toSorted(), ['a', 'c']);
  assert.equal((await lstat(join(directory, 'a/b/run'))).mode & 0o777, 0o777);
  assert.equal(await readFile(join(directory, 'c'), 'utf8'), 'see');
  assert.equal(await readlink(join(directory, 'a/out')), '/etc/passwd');
});

const refused: Record<string, Uint8Array> = {
  absolute: writeTar([file('/etc/passwd')]),
  'out of it': writeTar([file('a/../../b')]),
  twice: writeTar([file('a'), file('a')]),
  'through a link': writeTar([{ path: 'a', link: '/etc' }, file('a/b')]),
  'cut off': writeTar([file('a', 'x'.repeat(600))]).subarray(0, 1024),
  'no archive': new Uint8Array(1024).fill(1),
};
for (const [what, archive] of Object.entries(refused)) {
  test(`refused: ${what}`, async () => {
    const directory = temporaryDirectory('unpack');
    await assert.rejects(
      unpackTar(archive, directory),
      error => error instanceof StallingError && error.reason === 'InvalidContext',
    );
    assert.deepEqual(await readdir(directory), []);
  });
}

test('anything but files and links is refused', () => {
  const archive = Buffer.from(writeTar([file('a')]));
  archive[156] = '5'.charCodeAt(0);
  let sum = 0;
  archive.subarray(0, 512).forEach((byte, i) => (sum += i >= 148 && i < 156 ? 0x20 : byte));
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  assert.throws(() => readTar(archive), /neither a file nor a symbolic link/);
});
