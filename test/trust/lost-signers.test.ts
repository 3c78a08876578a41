/** What a change of the rules takes from what was trusted, with no look at any signature; held against judging the same signatures anew. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Judgement, RecordedJudgement } from '../../controller/trust/judgement.ts';
import { recordOf } from '../../controller/trust/judgement.ts';
import { withoutLostSigners } from '../../controller/trust/lost-signers.ts';
import type { Governing, ImageAuthority, KeyAuthority, Revocation, Rules } from '../../controller/trust/rules.ts';
import { day, envelope, judge, keyAuthority, newPair, now, rulesOf, simple, statementOf } from './signed-fixture.ts';

const pairs = [newPair(), newPair(), newPair()] as const;
const [a, b, c] = pairs;
const [alice, bob, carol] = [keyAuthority('alice', [a]), keyAuthority('bob', [b]), keyAuthority('carol', [c])];
const revoking = (pair: typeof a, since?: number): Revocation => ({
  fingerprint: pair.publicKey.fingerprint,
  policy: 'emergency',
  ...(since === undefined ? {} : { since }),
});
const reasonOf = (judgement: Judgement | undefined): string | undefined =>
  judgement && `${judgement.decision} ${judgement.reason}`;
const trusted = (o: Partial<RecordedJudgement> = {}): RecordedJudgement => ({
  ...recordOf(judge(rulesOf([alice]), [simple(a)])),
  ...o,
});

describe('a record of trust', () => {
  it('is refused as revoked when its only signer is, with the policy that does it, and rests on the rules of now', () => {
    const rules: Rules<ImageAuthority> = { ...rulesOf([alice, bob], { revoked: [revoking(a)] }), basis: 'sha256:next' };
    const judgement = withoutLostSigners(rules, trusted());
    assert.equal(reasonOf(judgement), 'Refused Revoked');
    assert.deepEqual([judgement?.basis, judgement?.policy, judgement?.generation], ['sha256:next', 'os', 3]);
    assert.match(judgement?.message ?? '', /TrustPolicy emergency revokes the key [0-9a-f]{64}/);
  });

  it('is refused when its signer is of no authority any more, also one with another key', () => {
    assert.equal(reasonOf(withoutLostSigners(rulesOf([bob]), trusted())), 'Refused Untrusted');
    assert.equal(reasonOf(withoutLostSigners(rulesOf([{ ...alice, keys: bob.keys }]), trusted())), 'Refused Untrusted');
  });

  it('is left to a look where the signer may count: by another name, in a Secret that is not read, or before a time that is proved', () => {
    const anew = { ...alice, name: 'renamed' };
    assert.equal(withoutLostSigners(rulesOf([anew]), trusted()), undefined);
    const unread = [{ name: 'os/alice', message: 'the API server is away' }];
    assert.equal(withoutLostSigners(rulesOf([bob], { unread }), trusted()), undefined);
    const [signer] = trusted().signers;
    assert(signer);
    const proved = trusted({ signers: [{ ...signer, time: new Date(now - day).toISOString() }] });
    assert.equal(withoutLostSigners(rulesOf([alice], { revoked: [revoking(a, now)] }), proved), undefined);
    const late = rulesOf([alice], { revoked: [revoking(a, now - 2 * day)] });
    assert.equal(reasonOf(withoutLostSigners(late, proved)), 'Refused Revoked');
  });

  it('is left to a look when more is asked for and nobody is lost', () => {
    assert.equal(withoutLostSigners(rulesOf([alice, bob], { require: 2 }), trusted()), undefined);
  });

  it('is refused when the attestation that is asked for was of a key that is revoked, though the signature was not', () => {
    const predicateType = 'https://slsa.dev/provenance/v1';
    const rules = rulesOf([alice, bob], { attestations: [{ predicateType, commit: 'Any' }] });
    const recorded = recordOf(judge(rules, [simple(a), envelope(b, { statement: statementOf({ predicateType }) })]));
    assert.equal(recorded.decision, 'Trusted');
    const without = (pair: typeof a): string | undefined =>
      reasonOf(withoutLostSigners({ ...rules, revoked: [revoking(pair)] }, recorded));
    assert.deepEqual([without(b), without(a), without(c)], ['Refused Revoked', 'Refused Revoked', undefined]);
  });

  it('is not refused by policies that warn, nor where nothing governs', () => {
    assert.equal(withoutLostSigners(rulesOf([bob], { mode: 'Warn', revoked: [revoking(a)] }), trusted()), undefined);
    assert.equal(withoutLostSigners({ ...rulesOf([]), governing: [] }, trusted()), undefined);
    const skipped = { ...trusted(), decision: 'Skipped' as const };
    assert.equal(withoutLostSigners(rulesOf([bob]), skipped), undefined);
  });

  it('of any signatures under any revocation is refused exactly when the same signatures are', () => {
    const some = fc.subarray([...pairs], { minLength: 1 });
    const authorities = fc.subarray<KeyAuthority>([alice, bob, carol, keyAuthority('both', [a, b])], { minLength: 1 });
    const require = fc.constantFrom<Governing<ImageAuthority>['require']>('Any', 'All', 2);
    fc.assert(
      fc.property(some, authorities, require, fc.subarray([...pairs]), (signing, counting, asks, gone) => {
        const before = rulesOf(counting, { require: asks });
        const candidates = signing.map(pair => simple(pair));
        const judged = judge(before, candidates);
        fc.pre(judged.decision === 'Trusted');
        const after = { ...before, revoked: gone.map(pair => revoking(pair)) };
        const refused = withoutLostSigners(after, recordOf(judged));
        assert.equal(refused?.decision ?? 'Trusted', judge(after, candidates).decision);
      }),
      { numRuns: 60 },
    );
  });
});
