/** Whatever was done to the bytes of an archive: it is read, or refused with a reason, within bounds of memory. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { gunzipSync } from 'node:zlib';
import { StallingError } from '../../../controller/api/errors.ts';
import { ArchiveTree, archiveLimits } from '../../../controller/addon/torcx/archive-tree.ts';
import { decompressLz4Block } from '../../../controller/addon/torcx/lz4-block.ts';
import { bytesAccess, type RandomAccess } from '../../../controller/addon/torcx/random-access.ts';
import { importReasons } from '../../../controller/addon/torcx/refusal.ts';
import { readSquashfs } from '../../../controller/addon/torcx/squashfs.ts';
import { readTarArchive } from '../../../controller/addon/torcx/tgz.ts';
import { manifest, noise, rootfs, skipWithoutSquashfs, squashfs, tgz, type Content } from './archives.ts';

const content: Content = {
  '.torcx/manifest.json': manifest({ bin: ['/bin/tool'] }),
  'bin/tool': noise.subarray(0, 20_000),
  'lib/holes': Buffer.alloc(50_000),
  'lib/link': { link: '../bin/tool' },
  ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`many/file-${i}`, `content of ${i} `.repeat(i)])),
};
const limits = { ...archiveLimits, bytes: 8 * 1024 * 1024, entries: 1000 };

type Read = (archive: RandomAccess, tree: ArchiveTree) => Promise<void>;

/** Reads all of it; what it gives at most is bounded. */
async function readWhole(bytes: Buffer, read: Read): Promise<void> {
  const tree = new ArchiveTree({ limits, allowSetuid: false });
  try {
    await read(bytesAccess(bytes), tree);
    assert(tree.entries().length <= limits.entries);
    let given = 0;
    for (const entry of tree.entries()) if (entry.kind === 'file') for await (const piece of entry.bytes()) given += piece.length;
    assert(given <= limits.bytes);
  } catch (error) {
    assert(error instanceof StallingError, `not refused but failed: ${error instanceof Error ? error.stack : String(error)}`);
    assert(error.reason in importReasons);
    assert(error.message.length < 2000);
  }
}

interface Change {
  at: number;
  value: number;
  width: number;
}

/** Where damage does most: the superblock and the tables at the end. */
const change = fc.record({
  at: fc.oneof(fc.nat(), fc.integer({ min: 0, max: 95 }), fc.integer({ min: -4000, max: -1 })),
  value: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 0x7f, 0x80, 0xff)),
  width: fc.constantFrom(1, 1, 2, 4, 8),
});

function damage(bytes: Buffer, changes: readonly Change[], cut: number | undefined): Buffer {
  const damaged = Buffer.from(cut === undefined ? bytes : bytes.subarray(0, cut % bytes.length));
  if (damaged.length === 0) return damaged;
  for (const { at, value, width } of changes) {
    const start = ((at % damaged.length) + damaged.length) % damaged.length;
    damaged.fill(value, start, Math.min(damaged.length, start + width));
  }
  return damaged;
}

/** Makes headers of tar right again that were changed: otherwise their sum would be all that is looked at. */
function withChecksums(bytes: Buffer): Buffer {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const header = bytes.subarray(at, at + 512);
    if (header.toString('latin1', 257, 262) !== 'ustar') continue;
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return bytes;
}

async function survives(bytes: Buffer, read: Read, numRuns: number, mend = (damaged: Buffer) => damaged): Promise<void> {
  await readWhole(bytes, read);
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 0, maxLength: 6 }),
      fc.option(fc.nat(), { nil: undefined, freq: 6 }),
      (changes, cut) => readWhole(mend(damage(bytes, changes, cut)), read),
    ),
    { numRuns },
  );
}

const plain = ['-noI', '-noD', '-noF', '-noX'];
for (const options of [
  ['-comp', 'gzip'],
  ['-comp', 'zstd', '-b', '4096'],
  ['-comp', 'lz4', '-b', '4096'],
  plain,
  [...plain, '-b', '4096'],
])
  test(`a damaged squashfs image (${options.join(' ')})`, { skip: skipWithoutSquashfs }, async t => {
    await survives(readFileSync(squashfs(t, rootfs(t, content), '-nopad', ...options)), readSquashfs, 400);
  });

test('a damaged tar archive', async t => {
  const bytes = gunzipSync(readFileSync(tgz(t, rootfs(t, content), '--format=pax')));
  await survives(bytes, readTarArchive, 200);
  await survives(bytes, readTarArchive, 400, withChecksums);
});

test('any bytes as a block of lz4 have at most what was allowed, or are none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 1000 }), (bytes, limit) => {
      try {
        assert(decompressLz4Block(bytes, limit).length <= limit);
      } catch (error) {
        assert(error instanceof RangeError);
      }
    }),
    { numRuns: 2000 },
  );
});
