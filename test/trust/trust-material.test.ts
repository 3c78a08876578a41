import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Candidate } from '../../controller/trust/candidate.ts';
import type { KeyAuthority, KeylessAuthority, Revocation } from '../../controller/trust/rules.ts';
import { begin, authority as certificates, issuer, keylessBundle, log, root, subject } from './corpus/keyless.ts';
import { trustedRoot } from './corpus/certificate-authority.ts';
import { bundleEntry, envelopeRecord, newLog } from './corpus/transparency-log.ts';
import { bundle, day, digest, judge, keyAuthority, newPair, now, type Pair, reasonsOf, rulesOf } from './signed-fixture.ts';

const minute = 60_000;
const ci: KeylessAuthority = { kind: 'keyless', policy: 'os', name: 'ci', identities: [{ issuer, subject }], trustedRoot: root };
const signed = keylessBundle({ hex: digest.slice(7) } as Parameters<typeof keylessBundle>[0]);
const candidate: Candidate = { kind: 'bundle', digest: 'sha256:bundle', bytes: Buffer.from(JSON.stringify(signed)) };

function revoking(...revoked: Omit<Revocation, 'policy'>[]): string[] {
  return reasonsOf(judge(rulesOf([ci], { revoked: revoked.map(each => ({ ...each, policy: 'all' })) }), [candidate]));
}

void describe('keys of authorities and logs that are revoked', () => {
  void test('a certificate counts by the authority, the log and the log of certificates', () => {
    const judgement = judge(rulesOf([ci]), [candidate]);
    assert.equal(judgement.decision, 'Trusted', judgement.message);
    assert.deepEqual(judgement.signers[0]?.identity, { issuer, subject });
    assert.equal(Date.parse(judgement.signers[0]?.time ?? ''), begin + minute);
    assert.equal(judgement.until, undefined);
  });

  void test('without the authority no certificate of it counts', () => {
    assert.deepEqual(revoking({ fingerprint: certificates.key.fingerprint }), ['CertificateInvalid']);
    assert.deepEqual(revoking({ fingerprint: certificates.certificateLog.fingerprint }), ['CertificateInvalid']);
    assert.deepEqual(revoking({ fingerprint: log.key.fingerprint }), ['LogInvalid']);
  });

  void test('what a trusted time shows to be earlier than the revocation stays good', () => {
    for (const { fingerprint } of [certificates.key, log.key, certificates.certificateLog]) {
      assert.deepEqual(revoking({ fingerprint, since: begin + 2 * minute }), ['Accepted']);
    }
    assert.deepEqual(revoking({ fingerprint: certificates.key.fingerprint, since: begin + minute }), ['CertificateInvalid']);
    assert.deepEqual(revoking({ fingerprint: log.key.fingerprint, since: begin }), ['LogInvalid']);
  });

  void test('a root that is none refuses, and throws nothing', () => {
    for (const trusted of [
      '',
      'x',
      '[]',
      '{"tlogs":[{}]}',
      '{"certificateAuthorities":[{"certChain":{"certificates":[{"rawBytes":"AAAA"}]}}]}',
    ]) {
      assert.deepEqual(reasonsOf(judge(rulesOf([{ ...ci, trustedRoot: trusted }]), [candidate])), ['RootInvalid'], trusted);
    }
    assert.deepEqual(reasonsOf(judge(rulesOf([{ ...ci, trustedRoot: '{}' }]), [candidate])), ['CertificateInvalid']);
  });
});

function logged(pair: Pair, o: { at?: number; pem?: string; log?: typeof log; promise?: boolean } = {}): Candidate {
  return bundle(pair, {
    change: json => {
      const record = envelopeRecord(json['dsseEnvelope'] as Parameters<typeof envelopeRecord>[0], o.pem ?? pair.publicKey.pem);
      const entry = bundleEntry(o.log ?? log, record, o.at ?? now - day, { promise: o.promise ?? true });
      json['verificationMaterial'] = { publicKey: { hint: '' }, tlogEntries: [entry] };
    },
  });
}
function by(pair: Pair, o: Partial<KeyAuthority> = {}): KeyAuthority {
  return keyAuthority('release', [pair], { transparencyLog: 'Required', trustedRoot: root, ...o });
}

void describe('keys whose signatures are logged', () => {
  const kinds = ['p256', 'p384', 'p521', 'rsa', 'ed25519'] as const;

  for (const kind of kinds) {
    void test(`${kind}: the log gives the time that validity and revocation go by`, () => {
      const pair = newPair(kind);
      const { fingerprint } = pair.publicKey;
      const reasons = (o: Partial<KeyAuthority>, revoked: Revocation[] = []): string[] =>
        reasonsOf(judge(rulesOf([by(pair, o)], { revoked }), [logged(pair)]));
      assert.deepEqual(reasons({}), ['Accepted']);
      assert.deepEqual(reasons({ notAfter: now - minute }), ['Accepted'], 'signed while the key counted');
      assert.deepEqual(reasons({ notAfter: now - 2 * day }), ['Expired']);
      assert.deepEqual(reasons({ notBefore: now - minute }), ['NotYetValid']);
      assert.deepEqual(reasons({}, [{ fingerprint, policy: 'all', since: now }]), ['Accepted']);
      assert.deepEqual(reasons({}, [{ fingerprint, policy: 'all', since: now - day }]), ['Revoked']);
      assert.deepEqual(reasons({}, [{ fingerprint, policy: 'all' }]), ['Revoked']);
    });
  }

  void test('an entry without a promise proves the entry, and no time', () => {
    const pair = newPair();
    const judged = judge(rulesOf([by(pair)]), [logged(pair, { promise: false })]);
    assert.deepEqual(reasonsOf(judged), ['Accepted']);
    assert.equal(judged.signers[0]?.time, undefined);
    assert.deepEqual(reasonsOf(judge(rulesOf([by(pair, { notAfter: now - minute })]), [logged(pair, { promise: false })])), [
      'Expired',
    ]);
  });

  void test('an entry in the name of another key, or of another log, proves nothing', () => {
    const pair = newPair();
    for (const candidate of [logged(pair, { pem: newPair().publicKey.pem }), logged(pair, { log: newLog() })]) {
      assert.deepEqual(reasonsOf(judge(rulesOf([by(pair)]), [candidate])), ['LogInvalid']);
      assert.deepEqual(reasonsOf(judge(rulesOf([by(pair, { transparencyLog: 'Optional' })]), [candidate])), ['LogInvalid']);
      assert.deepEqual(reasonsOf(judge(rulesOf([by(pair, { transparencyLog: 'Ignored' })]), [candidate])), ['Accepted']);
    }
  });

  void test('Required wants one, Optional does without', () => {
    const pair = newPair();
    assert.deepEqual(reasonsOf(judge(rulesOf([by(pair)]), [bundle(pair)])), ['NotLogged']);
    assert.deepEqual(reasonsOf(judge(rulesOf([by(pair, { transparencyLog: 'Optional' })]), [bundle(pair)])), ['Accepted']);
  });

  void test('a log that had ended when the entry was made does not count', () => {
    const pair = newPair();
    const ended = trustedRoot({ authorities: [certificates], logs: [log], until: now - 2 * day });
    assert.deepEqual(reasonsOf(judge(rulesOf([by(pair, { trustedRoot: ended })]), [logged(pair)])), ['LogInvalid']);
  });
});
