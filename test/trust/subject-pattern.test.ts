import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { StallingError } from '../../controller/api/errors.ts';
import { compilePattern, matchesPattern } from '../../controller/trust/subject-pattern.ts';

void describe('patterns of subjects', () => {
  const cases: readonly [pattern: string, yes: readonly string[], no: readonly string[]][] = [
    [
      'https://github\\.com/acme/.*',
      ['https://github.com/acme/', 'https://github.com/acme/os'],
      ['https://github.com/acme-evil/os', 'xhttps://github.com/acme/os', 'https://githubxcom/acme/os'],
    ],
    ['a|b', ['a', 'b'], ['ab', 'xa', 'bx', '']],
    ['a|bc', ['a', 'bc'], ['ac', 'abc']],
    ['^a$', ['a'], ['aa', '^a$']],
    ['(?:a|b)+c?', ['a', 'abab', 'abc'], ['', 'c', 'abcc']],
    ['(ab){2,3}', ['abab', 'ababab'], ['ab', 'abababab']],
    ['a{2}', ['aa'], ['a', 'aaa']],
    ['a{2,}', ['aa', 'aaaa'], ['a']],
    ['a{,2}', ['a{,2}'], ['a', 'aa']],
    ['a*?b+?', ['b', 'aabb'], ['a', '']],
    ['[a-c0-9_]+', ['a1_c'], ['d', '-', '']],
    ['[^a]', ['b', '\n'], ['a', '']],
    ['[]a]+', [']a'], ['b']],
    ['[a-]+', ['a-'], ['b']],
    ['[\\d.]+', ['1.2'], ['a']],
    ['\\w+@\\w+\\.\\w+', ['ci@example.com'], ['ci@example', 'cé@example.com']],
    ['.', ['a', '💡'], ['', '\n', 'ab']],
    ['', [''], ['a']],
    ['a\\+b', ['a+b'], ['aab']],
    ['a^b', [], ['ab', 'a^b']],
    ['(a*)*', ['', 'aaaa'], ['b']],
  ];
  for (const [pattern, yes, no] of cases) {
    void test(JSON.stringify(pattern), () => {
      const match = compilePattern(pattern);
      for (const text of yes) assert.equal(match(text), true, text);
      for (const text of no) assert.equal(match(text), false, text);
    });
  }

  void test('what is not taken is refused with words', () => {
    for (const pattern of [
      '(?=a)',
      '(?!a)',
      '(?<=a)',
      '(?i)a',
      '(a)\\1',
      '\\bx',
      '\\pL',
      '[[:alpha:]]',
      '(a',
      'a)',
      '*a',
      'a**',
      '[b-a]',
      '[a',
      'a\\',
      'a{3,2}',
      '((a{1000}){1000})',
    ]) {
      assert.throws(
        () => compilePattern(pattern),
        (error: unknown) => error instanceof StallingError && error.reason === 'InvalidKey' && error.message.includes('pattern'),
        pattern,
      );
    }
    assert.throws(() => compilePattern(`${'('.repeat(100)}a${')'.repeat(100)}`), StallingError);
  });

  void test('agrees with JavaScript where both mean the same', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^b]', '\\d', '(?:a|bc)', '(?:ab|)', '^', '$');
    const part = fc
      .tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{0,2}', '{2}'))
      .map(([a, times]) => (/[\^$]$/.test(a) ? a : a + times));
    const pattern = fc
      .array(
        fc.array(part, { maxLength: 5 }).map(parts => parts.join('')),
        { minLength: 1, maxLength: 3 },
      )
      .map(ways => ways.join('|'));
    fc.assert(
      fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1'), maxLength: 8 }), (source, text) => {
        assert.equal(matchesPattern(source, text), new RegExp(`^(?:${source})$`).test(text), `${source} on ${text}`);
      }),
      { numRuns: 2_000 },
    );
  });

  void test('no subject makes a pattern last', () => {
    const steps = compilePattern('(?:(a+)+)+(a|a)*(.*.*.*)*x');
    assert.equal(steps('a'.repeat(20_000)), false);
  });
});
