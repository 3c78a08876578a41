import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { globMatches, parseGlob } from '../../controller/definition/glob.ts';

const matches = (pattern: string, path: string): boolean => {
  const glob = parseGlob(pattern);
  assert.ok(glob, pattern);
  return globMatches(glob, path);
};

test("patterns of Go's filepath.Match, and ** for directories", () => {
  const cases: [pattern: string, match: string[], no: string[]][] = [
    ['*.go', ['a.go', '.go'], ['a/b.go', 'a.got']],
    ['a?c', ['abc', 'aéc'], ['ac', 'a/c']],
    ['[a-cx]1', ['b1', 'x1'], ['d1', 'b2']],
    ['[^a-c]', ['d'], ['b', 'dd']],
    ['[\\]\\-]', [']', '-'], ['\\']],
    ['\\*', ['*'], ['a']],
    ['**/x', ['x', 'a/x', 'a/b/x'], ['ax', 'a/x/b']],
    ['a/**', ['a/b', 'a/b/c'], ['b']],
    ['a/**/b*', ['a/b', 'a/x/y/bc'], ['a/x/c']],
  ];
  for (const [pattern, yes, no] of cases) {
    for (const path of yes) assert.ok(matches(pattern, path), `${pattern} ${path}`);
    for (const path of no) assert.ok(!matches(pattern, path), `${pattern} ${path}`);
  }
  for (const pattern of ['[', '[a', '[a-', '[^', 'a\\', '[]', '[-a]', '[a-]'])
    assert.equal(parseGlob(pattern), undefined, pattern);
});

test('a name matches itself, escaped, and * matches all', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), name => {
      fc.pre(!name.includes('/') && name !== '**');
      assert.ok(matches(name.replaceAll(/[*?[\\\]]/g, '\\$&'), name));
      assert.ok(matches('*', name));
    }),
  );
});

test('the worst pattern ends soon', () => {
  assert.equal(matches(`${'*a'.repeat(1000)}b`, 'a'.repeat(255)), false);
  assert.equal(matches(`${'**/a/'.repeat(500)}b`, 'a/'.repeat(500)), false);
});
