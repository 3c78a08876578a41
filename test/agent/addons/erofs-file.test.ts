/** Files out of erofs images: those that mkfs.erofs makes and those that were damaged. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ErofsFormatError,
  hasErofsPath,
  listErofsDirectory,
  readErofsFile,
} from '../../../controller/agent/addons/erofs-file.ts';
import type { ReadAt } from '../../../controller/agent/addons/erofs-file.ts';
import { erofsOf, hasMkfs } from './shop.ts';

const skip = !hasMkfs && 'erofs-utils is not installed';

function reader(image: Buffer): ReadAt {
  return async (offset, length) => image.subarray(offset, offset + length);
}

const release = 'usr/lib/extension-release.d/extension-release.runtime';
const big = Buffer.alloc(10_000, 'abc');
const many = Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`usr/share/many/file-with-a-long-name-${i}`, `${i}`]));

for (const [what, flags] of [
  ['compact inodes', []],
  ['extended inodes', ['-Eforce-inode-extended']],
  ['no inline data', ['-Enoinline_data']],
] as const) {
  test(`a file is found and read (${what})`, { skip }, async () => {
    const read = reader(erofsOf({ [release]: 'ID=debian\n', 'usr/bin/big': big, ...many }, flags));
    assert.equal((await readErofsFile(read, release))?.toString(), 'ID=debian\n');
    assert.deepEqual(await readErofsFile(read, 'usr/bin/big'), big);
    assert.equal((await readErofsFile(read, 'usr/share/many/file-with-a-long-name-699'))?.toString(), '699');
    assert.equal((await listErofsDirectory(read, 'usr/share/many'))?.length, 700);
    assert.equal(await hasErofsPath(read, 'usr/bin'), true);
    assert.equal(await hasErofsPath(read, 'usr/lib/os-release'), false);
    assert.equal(await readErofsFile(read, 'usr/bin'), undefined);
    assert.equal(await readErofsFile(read, 'usr/bin/big/more'), undefined);
    assert.equal(await listErofsDirectory(read, 'opt'), undefined);
    await assert.rejects(readErofsFile(read, 'usr/bin/big', 100), ErofsFormatError);
  });
}

test('what is no erofs image is said to be none', async () => {
  for (const image of [Buffer.alloc(0), Buffer.alloc(5000), Buffer.from('hsqs'.repeat(2000))])
    await assert.rejects(readErofsFile(reader(image), release), ErofsFormatError);
});

test('a compressed image is refused, not misread', { skip }, async () => {
  const read = reader(erofsOf({ [release]: 'ID=debian\n', 'usr/bin/big': Buffer.alloc(1 << 20, 'x') }, ['-zlz4']));
  await assert.rejects(readErofsFile(read, 'usr/bin/big', 1 << 21), ErofsFormatError);
});

test('an image that was damaged or cut anywhere gives bytes or an error of its format, and always ends', { skip }, async () => {
  const image = erofsOf({ [release]: 'ID=debian\n', 'usr/bin/tool': 'tool' });
  const damage = fc.array(fc.tuple(fc.nat(image.length - 1), fc.nat(255)), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(damage, fc.nat(image.length), async (changes, length) => {
      const harmed = Buffer.from(image);
      // Most of an image is padding: what is changed is where something is.
      for (const [at, byte] of changes) harmed[1024 + (at % 2048)] = byte;
      for (const each of [harmed, image.subarray(0, length)]) {
        try {
          await readErofsFile(reader(each), release);
        } catch (error) {
          assert.ok(error instanceof ErofsFormatError, String(error));
        }
      }
    }),
    { numRuns: 300 },
  );
});
