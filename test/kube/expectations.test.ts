import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Expectations } from '../../controller/kube/expectations.ts';

describe('expectations', () => {
  it('wait until the store has what was written', () => {
    const expectations = new Expectations(() => 0);
    assert.equal(expectations.waitMs('a', '5'), 0);
    expectations.wrote('a', '1000');
    assert.ok(expectations.waitMs('a', undefined) > 0, 'not there yet');
    assert.ok(expectations.waitMs('a', '999') > 0, 'older, though it sorts after as text');
    assert.equal(expectations.waitMs('b', '1'), 0, 'another key');
    assert.equal(expectations.waitMs('a', '1000'), 0);
    assert.equal(expectations.waitMs('a', '999'), 0, 'fulfilled once is fulfilled');
  });

  it('wait until the store has forgotten what was deleted', () => {
    const expectations = new Expectations(() => 0);
    expectations.deleted('a');
    assert.ok(expectations.waitMs('a', '1') > 0);
    assert.equal(expectations.waitMs('a', undefined), 0);
  });

  it('believe the store again after five seconds', () => {
    let now = 0;
    const expectations = new Expectations(() => now);
    expectations.wrote('a', '10');
    now = 4999;
    assert.ok(expectations.waitMs('a', '9') > 0);
    now = 5000;
    assert.equal(expectations.waitMs('a', '9'), 0);
  });
});
