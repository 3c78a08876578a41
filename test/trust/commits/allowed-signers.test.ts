import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { matchesPatterns, parseAllowedSigners } from '../../../controller/trust/allowed-signers.ts';
import { gitKeysOf } from '../../../controller/trust/git-keys.ts';
import { checkGlobs, matchesGlobs } from '../../../controller/trust/path-globs.ts';
import { matchesWildcards } from '../../../controller/trust/wildcard.ts';
import { ed25519Key, publicLine, rsaKey } from './sshsig.ts';

const line = publicLine(ed25519Key());

describe('allowed signers', () => {
  test('are read with options in any order and case, quoted principals and comments', () => {
    const text = [
      '# a comment',
      '',
      `alice@example.com ${line} a comment`,
      `  "bob@example.com,*@team.example.com"   Valid-After="20260101",NAMESPACES="git,file",valid-before="202612312359Z"\t${line}`,
      `*@ca.example.com cert-authority,no-touch-required ${line}\r`,
    ].join('\n');
    const [alice, bob, authority] = parseAllowedSigners(text);
    assert.deepEqual(
      [alice?.line, alice?.principals, alice?.certAuthority, alice?.namespaces],
      [3, 'alice@example.com', false, undefined],
    );
    assert.deepEqual([bob?.line, bob?.principals, bob?.namespaces], [4, 'bob@example.com,*@team.example.com', 'git,file']);
    assert.deepEqual([bob?.validAfter, bob?.validBefore], [Date.UTC(2026, 0, 1), Date.UTC(2026, 11, 31, 23, 59)]);
    assert.deepEqual([authority?.certAuthority, authority?.noTouchRequired], [true, true]);
  });

  for (const [what, text, expected] of [
    ['no key', 'alice@example.com', /line 1: it is not principals, options, kind of key and key/],
    [
      'an unknown option',
      `a@x\nb@x verify-required ${line}`.replace('a@x\n', `a@x ${line}\n`),
      /line 2: its option "verify-required" is unknown/,
    ],
    ['an option twice', `a@x namespaces="git",namespaces="file" ${line}`, /comes twice/],
    ['a month of 31 days that has 30', `a@x valid-after="20260631Z" ${line}`, /its valid-after is "20260631Z"/],
    ['a time without minutes', `a@x valid-after="2026063112" ${line}`, /not a time as 20261231/],
    ['an end before its beginning', `a@x valid-after="20260201",valid-before="20260101" ${line}`, /not after its valid-after/],
    ['a quote without an end', `"a@x ${line}`, /quoted badly/],
    ['another kind than its key', `a@x ssh-rsa ${line.split(' ')[1]}`, /its key is of kind ssh-ed25519/],
    ['a key that is cut', `a@x ${line.slice(0, -8)}`, /line 1: it is cut short/],
    ['a key that is no base64', `a@x ssh-ed25519 !!!!`, /is not base64/],
    ['a key with padding too much', `a@x ${line}==`, /is not base64/],
    ['a quote in the middle of a principal', `a"x ${line}`, /quoted badly/],
    ['DSA', `a@x ssh-dss ${Buffer.from('\0\0\0\x07ssh-dss').toString('base64')}`, /"ssh-dss", which does not count/],
    ['a short key of RSA', `a@x ${publicLine(rsaKey(1024))}`, /RSA of 1024 bits/],
    ['a certificate', `a@x ssh-ed25519-cert-v01@openssh.com AAAA`, /name its authority's key/],
    ['nobody', '# nobody\n', /it names nobody/],
  ] as const) {
    test(`with ${what} are refused, with the line`, () => {
      assert.throws(() => parseAllowedSigners(text), { reason: 'InvalidKey', message: expected });
    });
  }

  test('are shown with what they may, of an authority those who count', async () => {
    const allowedSigners = `alice@example.com valid-before="20270101Z" ${line}\nbob@example.com ${publicLine(ed25519Key())}\n`;
    const facts = await gitKeysOf({ policy: 'p', name: 'a', kind: 'ssh', allowedSigners, principals: ['alice@example.com'] });
    assert.deepEqual(
      facts.map(({ algorithm, identity, notAfter }) => [algorithm, identity, notAfter]),
      [['ssh-ed25519', 'alice@example.com', Date.UTC(2027, 0, 1)]],
    );
  });
});

describe('patterns', () => {
  for (const [value, patterns, matches] of [
    ['git', 'git', true],
    ['git', 'file,g?t', true],
    ['git', '*,!git', false],
    ['git', '!git,*', false],
    ['github', 'git', false],
    ['root@example.com', '*@example.com,!root@*', false],
    ['GIT', 'git', false],
  ] as const) {
    test(`${patterns} ${matches ? 'are' : 'are not'} ${value}`, () => assert.equal(matchesPatterns(value, patterns), matches));
  }

  test('match as regular expressions would', () => {
    const letters = fc.constantFrom('a', 'b', '*', '?');
    const text = fc.array(fc.constantFrom('a', 'b'), { maxLength: 12 }).map(all => all.join(''));
    fc.assert(
      fc.property(text, fc.array(letters, { maxLength: 6 }), (value, parts) => {
        const expected = new RegExp(`^${parts.join('').replaceAll('*', '.*').replaceAll('?', '.')}$`).test(value);
        assert.equal(matchesWildcards(value, parts.join('')), expected);
      }),
    );
  });
});

describe('globs of paths', () => {
  for (const [path, glob, matches] of [
    ['systems/edge/a.yaml', 'systems/edge/**', true],
    ['systems/edge/deep/er/a.yaml', 'systems/edge/**', true],
    ['systems/edge', 'systems/edge/**', false],
    ['systems/edge-2/a.yaml', 'systems/edge/**', false],
    ['systems/edge/a.yaml', 'systems/*/a.yaml', true],
    ['systems/deep/edge/a.yaml', 'systems/*/a.yaml', false],
    ['a.yaml', '**/a.yaml', true],
    ['x/y/a.yaml', '**/a.yaml', true],
    ['x/y/a.yml', '**/*.yaml', false],
    ['x', '**', true],
    ['x/y', '*', false],
    ['a/b/c', 'a/**/c', true],
    ['a/c', 'a/**/c', true],
  ] as const) {
    test(`${glob} ${matches ? 'has' : 'has not'} ${path}`, () => assert.equal(matchesGlobs(path, [glob]), matches));
  }

  test('that match nothing are refused', () => {
    for (const glob of ['/etc', 'a//b', '../a', 'a/', './a']) assert.throws(() => checkGlobs([glob]), { reason: 'InvalidKey' });
    checkGlobs(['**', 'a/**/b', '*.yaml']);
  });
});
