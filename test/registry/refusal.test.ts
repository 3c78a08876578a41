import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { errorWords, mask, refusalOf } from '../../controller/registry/refusal.ts';

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

test('the codes and words of a registry are quoted', () => {
  for (const [body, words] of [
    [{ errors: [{ code: 'DENIED', message: 'no' }] }, 'DENIED: no'],
    [{ errors: [{ code: 'A' }, { message: 'only words' }, { code: 'A' }] }, 'A; only words'],
    [
      { errors: [{ code: 'UNKNOWN', message: 'unknown', detail: 'no space left on device' }] },
      'UNKNOWN: unknown no space left on device',
    ],
    [{ errors: [{ code: 'DENIED', message: 'a\n\u0007b\u202e' }] }, 'DENIED: a b'],
    [{ errors: 'none' }, ''],
    [{ message: 'other form' }, ''],
    ['<html>', ''],
  ] as const) {
    assert.equal(errorWords(bytes(body), []), words);
  }
  assert.equal(errorWords(new TextEncoder().encode('<html>502</html>'), []), '');
  assert.equal(errorWords(bytes({ errors: [{ code: 'X', message: 'y'.repeat(5_000) }] }), []).length, 300);
});

test('no secret is quoted, whatever a registry repeats', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\w~+/=.-]{8,40}$/), fc.string(), fc.string(), (secret, before, after) => {
      assert.ok(
        !errorWords(bytes({ errors: [{ code: 'D', message: `${before}${secret}${after}` }] }), [secret]).includes(secret),
      );
    }),
  );
  for (const text of [
    'Authorization: Bearer abcdef123456.x-y',
    'basic c2NhbnRsaW5nOm5vdA==',
    'https://s3/x?X-Amz-Signature=abcdef123456&x=1',
    '{"access_token": "abcdef123456"}',
    'https://user:abcdef123456@registry.example.com/',
  ]) {
    assert.doesNotMatch(mask(text, []), /abcdef123456|c2NhbnRs/, text);
  }
  assert.equal(mask('push access to team/os is missing', []), 'push access to team/os is missing');
});

test('a status means what it means, and no room is said as that', () => {
  for (const [status, words, redirected, reason, passing] of [
    [401, '', false, 'RegistryAccessDenied', false],
    [403, 'DENIED: requested access to the resource is denied', false, 'RegistryAccessDenied', false],
    [403, 'DENIED: adding 5 GiB of storage resource will exceed the quota', false, 'RegistryQuotaExceeded', false],
    [403, 'DENIED', true, 'RegistryUnavailable', true],
    [400, 'no space left', false, 'RegistryQuotaExceeded', false],
    [413, '', false, 'RegistryQuotaExceeded', false],
    [507, '', false, 'RegistryQuotaExceeded', false],
    [429, 'TOOMANYREQUESTS: pull rate limit', false, 'RegistryUnavailable', true],
    [500, 'UNKNOWN: no space left on device', false, 'RegistryUnavailable', true],
    [418, '', false, 'RegistryRefused', false],
    [404, '', true, 'RegistryUnavailable', true],
  ] as const) {
    assert.deepEqual(refusalOf(status, words, redirected), { reason, passing }, `${status} ${words}`);
  }
});
