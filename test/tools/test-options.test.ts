import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from './test-options.ts';

test('npm test takes patterns and flags, wherever they stand', () => {
  assert.deepEqual(readOptions([]), { patterns: [], thorough: false, minutes: 75 });
  assert.deepEqual(readOptions(['--thorough']), { patterns: [], thorough: true, minutes: 150 });
  assert.deepEqual(readOptions(['a', '--minutes=5', 'b', '--thorough']), { patterns: ['a', 'b'], thorough: true, minutes: 5 });
  assert.equal(readOptions(['a', '--help']), undefined);
  for (const [args, why] of [
    [['--watch'], /there is no flag --watch/],
    [['--minutes', 'x'], /--minutes needs a number/],
    [['--minutes', '0'], /--minutes needs a number/],
    [['--minutes'], /--minutes needs a number/],
  ] as const)
    assert.throws(() => readOptions([...args]), why);
});
