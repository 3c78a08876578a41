import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reasonOf } from '../../controller/api/errors.ts';
import { apiErrorOf, apiErrorOfEvent, isConflict, isGone, isNotFound, parseRetryAfter } from '../../controller/kube/errors.ts';

const status = (fields: object) => JSON.stringify({ kind: 'Status', apiVersion: 'v1', ...fields });

describe('errors of the API server', () => {
  it('carry what the server said', () => {
    const details = { retryAfterSeconds: 3, causes: [{ reason: 'DisruptionBudget', message: 'needs 2 healthy pods' }, 'junk'] };
    const error = apiErrorOf(429, status({ reason: 'TooManyRequests', message: 'cannot evict', details }));
    assert.equal(error.status, 429);
    assert.equal(reasonOf(error), 'TooManyRequests');
    assert.equal(error.message, 'cannot evict');
    assert.equal(error.retryAfterMs, 3000);
    assert.deepEqual(error.causes, [{ reason: 'DisruptionBudget', message: 'needs 2 healthy pods' }]);
  });

  it('come from whatever a proxy writes, too', () => {
    const error = apiErrorOf(502, '<html>bad gateway</html>', '7');
    assert.deepEqual([error.status, error.reason, error.retryAfterMs], [502, 'Http502', 7000]);
    assert.ok(!error.message.includes('html'));
  });

  it('only a 404 is "not found"', () => {
    assert.ok(isNotFound(apiErrorOf(404, status({ reason: 'NotFound' }))));
    for (const code of [400, 401, 403, 410, 500, 503]) assert.ok(!isNotFound(apiErrorOf(code, status({ reason: 'NotFound' }))));
    assert.ok(!isNotFound(new Error('not found')));
  });

  it('take their code from an ERROR event', () => {
    assert.ok(isGone(apiErrorOfEvent({ kind: 'Status', code: 410, reason: 'Expired' })));
    assert.ok(isConflict(apiErrorOfEvent({ kind: 'Status', code: 409 })));
    assert.equal(apiErrorOfEvent(undefined).status, 500);
  });

  it('read Retry-After as seconds and as a date', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    assert.equal(parseRetryAfter('5', now), 5000);
    assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:09 GMT', now), 9000);
    assert.equal(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now), 0);
    assert.equal(parseRetryAfter('soon', now), undefined);
    assert.equal(parseRetryAfter(undefined, now), undefined);
  });
});
