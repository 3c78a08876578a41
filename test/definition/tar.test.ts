import assert from 'node:assert/strict';
import { mkdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type TarEntry, writeTar } from '../../controller/definition/tar.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { listTar, temporaryDirectory, unpack } from './definition-fixture.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const long = `${'d'.repeat(60)}/${'e'.repeat(60)}/${'f'.repeat(60)}`;
const veryLong = `${'d'.repeat(60)}/${'g'.repeat(200)}/name`;

const entries: TarEntry[] = [
  { path: 'usr/lib/b', mode: 0o4755, bytes: bytes('setuid') },
  { path: 'etc/a', mode: 0o600, bytes: bytes('x'.repeat(513)) },
  { path: 'etc/link', link: '../usr/lib/b' },
  { path: 'etc/empty', mode: 0o644, bytes: new Uint8Array(0) },
  { path: long, mode: 0o644, bytes: bytes('split between name and prefix') },
  { path: veryLong, mode: 0o644, bytes: bytes('by pax header') },
  { path: 'etc/grüße', mode: 0o644, bytes: bytes('not ASCII') },
  { path: 'etc/far', link: `../${veryLong}` },
];

test('system tar reads what is written: names, modes, owner 0:0, time 0, no directories', async () => {
  const listing = await listTar(writeTar(entries));
  assert.deepEqual(
    listing
      .trim()
      .split('\n')
      .map(line => line.replace(/ +/g, ' ')),
    [
      `-rw-r--r-- 0/0 29 1970-01-01 00:00:00 ${long}`,
      `-rw-r--r-- 0/0 13 1970-01-01 00:00:00 ${veryLong}`,
      '-rw------- 0/0 513 1970-01-01 00:00:00 etc/a',
      '-rw-r--r-- 0/0 0 1970-01-01 00:00:00 etc/empty',
      `lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 etc/far -> ../${veryLong}`,
      '-rw-r--r-- 0/0 9 1970-01-01 00:00:00 etc/grüße',
      'lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 etc/link -> ../usr/lib/b',
      '-rwsr-xr-x 0/0 6 1970-01-01 00:00:00 usr/lib/b',
    ],
  );
});

test('what is unpacked is what was packed', async t => {
  const directory = join(await temporaryDirectory(t), 'root');
  await mkdir(directory);
  await unpack([writeTar(entries)], directory);
  for (const entry of entries) {
    const path = join(directory, entry.path);
    if ('link' in entry) assert.equal(await readlink(path), entry.link);
    else {
      assert.deepEqual(new Uint8Array(await readFile(path)), entry.bytes);
      assert.equal((await stat(path)).mode & 0o777, entry.mode & 0o777);
    }
  }
});

test('the bytes do not change from version to version', () => {
  assert.equal(sha256(writeTar([])), 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef');
  assert.equal(sha256(writeTar(entries)), 'sha256:0f245b8a1562b0e3f35aced7653ebe9e56eb9475d42b0e6f32f9795c31aa76d6');
});

test('the order of entries does not matter, and any names are read back by tar', async () => {
  const segment = fc.string({ unit: fc.constantFrom('a', 'B', '0', '-', '_', 'é', '漢', '😀'), minLength: 1, maxLength: 70 });
  const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map(segments => segments.join('/'));
  const entry = fc.record({ path, mode: fc.integer({ min: 0, max: 0o7777 }), bytes: fc.uint8Array({ maxLength: 1100 }) });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(entry, { selector: e => e.path, maxLength: 12 }), fc.nat(), async (list, shift) => {
      const archive = writeTar(list);
      const turned = list.map((_, i) => list[(i + shift) % list.length]).filter(e => e !== undefined);
      assert.deepEqual(writeTar(turned), archive);
      assert.equal(archive.length % 512, 0);
      const names = (await listTar(archive)).split('\n').filter(Boolean);
      assert.deepEqual(new Set(names.map(line => line.split(' ').at(-1))), new Set(list.map(e => e.path)));
      assert.equal(names.length, list.length);
    }),
    { numRuns: 40 },
  );
});
