/** Which found keys wait for a person. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FoundKey } from '../../controller/trust/discovery.ts';
import { pendingKeysOf } from '../../controller/trust/pending-keys.ts';

const now = Date.parse('2026-03-01T00:00:00Z');
const none: ReadonlySet<string> = new Set();
const found = (fingerprint: string): FoundKey => ({
  kind: 'key',
  fingerprint,
  algorithm: 'ecdsa-p256',
  identities: [],
  subkeys: [],
  text: `key ${fingerprint}`,
  location: 'https://example.com/k.pem',
});
const names = ({ pendingKeys }: ReturnType<typeof pendingKeysOf>): string[] => pendingKeys.map(key => key.fingerprint);

test('a found key waits, and is news once; when it was found first stays', () => {
  const discovery = { found: [found('a')], complete: true };
  const first = pendingKeysOf({ current: [], discovery, accepted: none, revoked: none, now });
  assert.deepEqual([names(first), first.added], [['a'], ['a']]);
  const again = pendingKeysOf({ current: first.pendingKeys, discovery, accepted: none, revoked: none, now: now + 1e6 });
  assert.deepEqual(again, { pendingKeys: first.pendingKeys, added: [] });
});

test('no key that was found counts by itself, also not over https (T10)', () => {
  const { pendingKeys } = pendingKeysOf({
    current: [],
    discovery: { found: [found('a')], complete: true },
    accepted: none,
    revoked: none,
    now,
  });
  assert.deepEqual(pendingKeys, [
    {
      fingerprint: 'a',
      algorithm: 'ecdsa-p256',
      identities: [],
      location: 'https://example.com/k.pem',
      firstSeen: '2026-03-01T00:00:00.000Z',
      key: 'key a',
    },
  ]);
});

test('a revoked key never returns, whoever serves it and however often (W4)', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.subarray(['a', 'b', 'c', 'd']), fc.boolean()), { maxLength: 8 }), looks => {
      let current: ReturnType<typeof pendingKeysOf>['pendingKeys'] = [{ fingerprint: 'a' }, { fingerprint: 'b' }];
      for (const [keys, complete] of looks) {
        const revoked = new Set(['a', 'c']);
        const { pendingKeys, added } = pendingKeysOf({
          current,
          discovery: { found: keys.map(found), complete },
          accepted: none,
          revoked,
          now,
        });
        assert(![...pendingKeys.map(k => k.fingerprint), ...added].some(f => revoked.has(f)));
        current = pendingKeys;
      }
    }),
  );
});

test('what was accepted does not wait any more, and the next key does (W3)', () => {
  const discovery = { found: [found('a'), found('b')], complete: true };
  assert.deepEqual(names(pendingKeysOf({ current: [], discovery, accepted: new Set(['a']), revoked: none, now })), ['b']);
});

test('a key that is no longer served goes, but not because a look has failed', () => {
  const current = [{ fingerprint: 'a' }];
  assert.deepEqual(
    names(pendingKeysOf({ current, discovery: { found: [], complete: true }, accepted: none, revoked: none, now })),
    [],
  );
  assert.deepEqual(
    names(pendingKeysOf({ current, discovery: { found: [], complete: false }, accepted: none, revoked: none, now })),
    ['a'],
  );
});

test('no more wait than the status holds, and those that came first stay', () => {
  const many = Array.from({ length: 40 }, (_, i) => found(`k${i}`));
  const all = pendingKeysOf({
    current: [{ fingerprint: 'first' }],
    discovery: { found: [...many, found('first')], complete: true },
    accepted: none,
    revoked: none,
    now,
  });
  assert.equal(all.pendingKeys.length, 32);
  assert.equal(all.pendingKeys[0]?.fingerprint, 'first');
});
