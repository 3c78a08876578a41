import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkRoom } from '../../../controller/agent/addons/disk.ts';
import { TransientError } from '../../../controller/api/errors.ts';

const gib = 2 ** 30;

test('what fits is let through, and what would fill the disk says how much is missing where', () => {
  checkRoom({ free: 10 * gib, total: 20 * gib }, 8 * gib, '/var/lib/scantling/addons');
  checkRoom({ free: 0, total: 20 * gib }, 0, '/var/lib/scantling/addons');
  assert.throws(
    () => checkRoom({ free: 2 * gib, total: 20 * gib }, 3 * gib, '/var/lib/scantling/addons'),
    (error: unknown) => {
      assert.ok(error instanceof TransientError && error.reason === 'DiskFull');
      assert.match(error.message, /^\/var\/lib\/scantling\/addons on the node has 2\.0 GiB free/);
      assert.match(error.message, /: 2\.0 GiB are missing$/);
      return true;
    },
  );
});

test('what is let through never takes the last twentieth of a disk, or its last GiB', () => {
  const bytes = fc.integer({ min: 0, max: 2 ** 45 });
  fc.assert(
    fc.property(bytes, bytes, bytes, (total, free, needed) => {
      try {
        checkRoom({ free, total }, needed, 'here');
      } catch {
        return;
      }
      if (needed > 0) assert.ok(free - needed >= Math.min(gib, Math.floor(total / 20) - 1));
    }),
  );
});
