import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseChallenges } from '../../controller/registry/challenge.ts';
import { parseRetryAfter, retryDelay, retryPolicy } from '../../controller/registry/retry.ts';

test('challenges are read with quoted and bare parameters', () => {
  assert.deepEqual(
    parseChallenges('Bearer realm="https://a/token",service="b, c",scope="repository:x:pull,push" , error=invalid_token'),
    [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://a/token', service: 'b, c', scope: 'repository:x:pull,push', error: 'invalid_token' },
      },
    ],
  );
  assert.deepEqual(parseChallenges('Basic realm="a \\"b\\"", Bearer realm="c"'), [
    { scheme: 'basic', parameters: { realm: 'a "b"' } },
    { scheme: 'bearer', parameters: { realm: 'c' } },
  ]);
  assert.deepEqual(parseChallenges('Negotiate, Basic'), [
    { scheme: 'negotiate', parameters: {} },
    { scheme: 'basic', parameters: {} },
  ]);
});

test('no header makes the parser throw or hang', () => {
  fc.assert(fc.property(fc.string(), text => Array.isArray(parseChallenges(text))));
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(parseRetryAfter('3', now), 3000);
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:07 GMT', now), 7000);
  assert.equal(parseRetryAfter('Wed, 31 Dec 2025 00:00:07 GMT', now), 0);
  assert.equal(parseRetryAfter('soon', now), undefined);
  assert.equal(parseRetryAfter(undefined, now), undefined);
});

test('a wait is at least what was asked for and never longer than allowed', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 10 }),
      fc.option(fc.nat(20_000), { nil: undefined }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (next, asked, random) => {
        const delay = retryDelay(retryPolicy, next, asked, random);
        if (next > retryPolicy.tries || (asked ?? 0) > retryPolicy.maxWaitMs) assert.equal(delay, undefined);
        else assert.ok(delay !== undefined && delay >= (asked ?? 0) && delay <= retryPolicy.maxWaitMs);
      },
    ),
  );
});
