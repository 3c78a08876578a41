import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvedDigests, chooseDigest } from '../../controller/definition/image-choice.ts';

const none: ReadonlySet<string> = new Set();

test('Always goes to what is seen; Manual waits for approval of exactly that', () => {
  assert.deepEqual(chooseDigest({ before: 'a', seen: 'b' }, 'Always', none), { digest: 'b' });
  assert.deepEqual(chooseDigest({ before: 'a', seen: 'b' }, 'Manual', none), { digest: 'a', available: 'b' });
  assert.deepEqual(chooseDigest({ before: 'a', seen: 'b' }, 'Manual', new Set(['c'])), { digest: 'a', available: 'b' });
  assert.deepEqual(chooseDigest({ before: 'a', seen: 'b' }, 'Manual', new Set(['b'])), { digest: 'b' });
  assert.deepEqual(chooseDigest({ before: 'a', seen: 'a' }, 'Manual', none), { digest: 'a' });
});

test('an image that is new in the spec needs no approval, and one that cannot be looked up stays', () => {
  for (const update of ['Always', 'Manual'] as const) {
    assert.deepEqual(chooseDigest({ before: undefined, seen: 'a' }, update, none), { digest: 'a' });
    assert.deepEqual(chooseDigest({ before: 'a', seen: undefined }, update, none), { digest: 'a' });
    assert.deepEqual(chooseDigest({ before: undefined, seen: undefined }, update, none), { digest: undefined });
  }
});

test('several digests may be approved at once', () => {
  assert.deepEqual(approvedDigests(' a, b\nc '), ['a', 'b', 'c']);
  assert.deepEqual(approvedDigests(undefined), []);
});
