import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AddonFault } from '../../../controller/agent/addons/addon-fault.ts';
import { inspectRaw } from '../../../controller/agent/addons/inspect.ts';
import { addonOf, hasMkfs, openStore } from './shop.ts';

const skip = !hasMkfs && 'erofs-utils is not installed';
const ground = { os: undefined, architecture: undefined };

test('an image whose directory names a place that no file has is a fault of the addon', { skip }, async t => {
  const { root } = openStore(remove => t.after(remove));
  const path = join(root, 'runtime.raw');
  const image = addonOf('runtime');
  writeFileSync(path, image);
  await inspectRaw(path, 'runtime', ground);
  // The entries of the root directory, which lie behind its inode: `.`, `..` and `usr`.
  const inode = image.readUInt32LE(1024 + 40) * 4096 + image.readUInt16LE(1024 + 14) * 32;
  const entries = inode + ((image.readUInt16LE(inode) & 1) === 1 ? 64 : 32);
  image.writeBigUInt64LE(2n ** 62n, entries + 2 * 12);
  writeFileSync(path, image);
  await assert.rejects(inspectRaw(path, 'runtime', ground), error => error instanceof AddonFault && error.reason === 'NotErofs');
});
