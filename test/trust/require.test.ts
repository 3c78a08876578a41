import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Candidate } from '../../controller/trust/candidate.ts';
import type { Evidence } from '../../controller/trust/evidence.ts';
import { requirementOf } from '../../controller/trust/require.ts';
import type { Governing, ImageAuthority, KeylessAuthority } from '../../controller/trust/rules.ts';
import { bundle, judge, keyAuthority, newPair, rulesOf, simple } from './signed-fixture.ts';

const [a, b, c, d] = [newPair(), newPair(), newPair(), newPair()];
const alice = keyAuthority('alice', [a]);
const bob = keyAuthority('bob', [b]);
const carol = keyAuthority('carol', [c]);

type Require = Governing<ImageAuthority>['require'];

function decided(authorities: readonly ImageAuthority[], require: Require, candidates: readonly Candidate[]): string {
  return judge(rulesOf(authorities, { require }), candidates).decision;
}

function messageOfAll(authorities: readonly ImageAuthority[], candidates: readonly Candidate[]): string {
  return judge(rulesOf(authorities, { require: 'All' }), candidates).message;
}

const keyless = (name: string): KeylessAuthority => ({
  kind: 'keyless',
  policy: 'os',
  name,
  identities: [],
  trustedRoot: '{}',
});
const by = (authority: ImageAuthority, subject: string): Evidence => ({
  authority,
  signer: { authority: authority.name, identity: { issuer: 'https://issuer.test', subject }, form: 'Bundle' },
});

void describe('how many have to sign', () => {
  void test('Any: one is enough', () => {
    assert.equal(decided([alice, bob], 'Any', [simple(b)]), 'Trusted');
    assert.equal(decided([alice, bob], 'Any', []), 'Refused');
  });

  void test('a number: of distinct authorities, in whatever form', () => {
    assert.equal(decided([alice, bob, carol], 2, [simple(a)]), 'Refused');
    assert.equal(decided([alice, bob, carol], 2, [simple(a), bundle(a)]), 'Refused');
    assert.equal(decided([alice, bob, carol], 2, [simple(a), bundle(c)]), 'Trusted');
    assert.equal(decided([alice, bob, carol], 3, [simple(a), bundle(c)]), 'Refused');
  });

  void test('a number: two keys of one authority count once', () => {
    assert.equal(decided([keyAuthority('two', [a, b]), carol], 2, [simple(a), simple(b)]), 'Refused');
  });

  void test('a number: authorities with a common key count once, whichever key has signed', () => {
    const first = keyAuthority('first', [a, b]);
    const second = keyAuthority('second', [b, c]);
    const third = keyAuthority('third', [d]);
    assert.equal(decided([first, second, third], 2, [simple(b)]), 'Refused');
    assert.equal(decided([first, second, third], 2, [simple(a), simple(c)]), 'Refused');
    assert.equal(decided([first, second, third], 2, [simple(a), simple(d)]), 'Trusted');
  });

  void test('a number: what two share through a third that has not signed does not make them one', () => {
    const bridge = keyAuthority('bridge', [a, c]);
    assert.equal(decided([alice, carol, { ...bridge, keys: [d.publicKey] }], 2, [simple(a), simple(c)]), 'Trusted');
  });

  void test('All: each authority of the policy itself, and no other one', () => {
    const above = { ...carol, policy: 'root' };
    assert.equal(decided([alice, bob, above], 'All', [simple(a), simple(b)]), 'Trusted');
    assert.equal(decided([alice, bob, above], 'All', [simple(a), simple(c)]), 'Refused');
  });

  void test('All: one that could not be read is missing, and none at all is not all', () => {
    const judged = (o: object): string => judge(rulesOf([alice], { require: 'All', ...o }), [simple(a)]).message;
    assert.equal(judged({}), 'signed by os/alice');
    assert.match(judged({ unread: [{ name: 'os/bob', message: 'gone' }] }), /os\/bob of them is missing/);
    assert.equal(judged({ unread: [{ name: 'root/bob', message: 'gone' }] }), 'signed by os/alice');
    assert.match(judged({ authorities: [{ ...alice, policy: 'root' }] }), /no authority that could sign/);
  });

  void test('All: a key that two authorities list counts for one of them', () => {
    const both = keyAuthority('both', [a, b]);
    assert.match(
      messageOfAll([alice, { ...alice, name: 'again' }], [simple(a), bundle(a)]),
      /os\/again is by a key that counts for/,
    );
    assert.match(messageOfAll([alice, both], [simple(a)]), /os\/both is by a key that counts for another of them already/);
    for (const candidates of [
      [simple(a), simple(b)],
      [simple(b), simple(a)],
    ]) {
      assert.equal(decided([alice, both], 'All', candidates), 'Trusted');
      assert.equal(decided([both, alice], 'All', candidates), 'Trusted');
    }
    const [governing] = rulesOf([keyless('x'), keyless('y')], { require: 'All' }).governing;
    assert.ok(governing);
    assert.equal(requirementOf(governing, [by(keyless('x'), 'ci'), by(keyless('y'), 'ci')]).met, false);
    assert.equal(
      requirementOf(governing, [by(keyless('x'), 'ci'), by(keyless('y'), 'ci'), by(keyless('y'), 'release')]).met,
      true,
    );
  });

  void test('one identity that satisfies two authorities counts once', () => {
    const [governing] = rulesOf([keyless('x'), keyless('y')], { require: 2 }).governing;
    assert.ok(governing);
    assert.equal(requirementOf(governing, [by(keyless('x'), 'ci'), by(keyless('y'), 'ci')]).met, false);
    assert.equal(requirementOf(governing, [by(keyless('x'), 'ci'), by(keyless('y'), 'release')]).met, true);
  });

  void test('who does not count for the policy counts for nothing', () => {
    assert.equal(decided([alice], 'Any', [simple(b)]), 'Refused');
  });
});
