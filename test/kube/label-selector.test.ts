import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseLabelSelector, requiresLabel } from '../../controller/kube/label-selector.ts';

describe('a label selector', () => {
  const none = {};
  const a = { shard: 'a', 'example.com/site': 'north' };
  const b = { shard: 'b' };
  const cases: [selector: string, a: boolean, b: boolean, none: boolean][] = [
    ['', true, true, true],
    ['shard', true, true, false],
    ['!shard', false, false, true],
    ['! shard', false, false, true],
    ['shard=a', true, false, false],
    ['shard == a', true, false, false],
    ['shard!=a', false, true, true],
    ['shard in (a, c)', true, false, false],
    ['shard in (a,b)', true, true, false],
    ['shard notin (a)', false, true, true],
    ['example.com/site=north,shard in (a,b)', true, false, false],
    ['!example.com/site, shard', false, true, false],
    ['constructor', false, false, false],
  ];
  for (const [selector, ...expected] of cases)
    it(`"${selector}"`, () => assert.deepEqual([a, b, none].map(parseLabelSelector(selector)), expected));

  it('requires a label or does not', () => {
    const requiring = ['shard', 'shard=a', 'shard in (a, b)', 'site=north, shard', 'shard!=a, shard'];
    assert.deepEqual(
      requiring.filter(selector => !requiresLabel(selector, 'shard')),
      [],
    );
    const others = ['', '!shard', 'shard!=a', 'shard notin (a)', 'site=north', 'other/shard=a'];
    assert.deepEqual(
      others.filter(selector => requiresLabel(selector, 'shard')),
      [],
    );
  });

  const refused = ['=a', 'shard in a', 'shard in (a', 'shard > 1', 'a b', 'shard=a b', 'shard=-', ',', 'shard,', '!', 'in (a)'];
  for (const selector of refused)
    it(`refuses "${selector}"`, () =>
      assert.throws(() => parseLabelSelector(selector), /is no (term of a label selector|value of a label)/));
});
