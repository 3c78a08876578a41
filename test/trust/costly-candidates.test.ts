/** What costs too much to read is refused before it is read, and takes nothing from what is good beside it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Candidate } from '../../controller/trust/candidate.ts';
import { judgeCandidates } from '../../controller/trust/judge-image.ts';
import { bundle, digest, envelope, image, keyAuthority, newPair, now, rulesOf, simple, statementOf } from './signed-fixture.ts';

const pair = newPair();
const rules = rulesOf([keyAuthority('release', [pair])]);
const of = { rules, image, now };
const many = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
const material = (change: object) => (json: Record<string, unknown>) =>
  void (json['verificationMaterial'] = { publicKey: { hint: '' }, tlogEntries: [], ...change });
const certificates = (list: object[]) => ({ publicKey: undefined, x509CertificateChain: { certificates: list } });
const subject = { digest: { sha256: digest.slice(7) } };
const entry = { canonicalizedBody: '', inclusionProof: { hashes: [] } };

const costly: readonly [string, Candidate, RegExp][] = [
  ['values', bundle(pair, { change: material({ tlogEntries: many(330_000, {}) }) }), /more than 10000 values/],
  ['log entries', bundle(pair, { change: material({ tlogEntries: many(5, {}) }) }), /5 log entries; 4 are read/],
  [
    'hashes of a proof',
    bundle(pair, { change: material({ tlogEntries: [{ ...entry, inclusionProof: { hashes: many(65, '') } }] }) }),
    /65 hashes of a proof; 64 are read/,
  ],
  [
    'a log entry',
    bundle(pair, { change: material({ tlogEntries: [{ ...entry, canonicalizedBody: 'A'.repeat(200_000) }] }) }),
    /a log entry of 200000 characters/,
  ],
  [
    'timestamps',
    bundle(pair, { change: material({ timestampVerificationData: { rfc3161Timestamps: many(5, {}) } }) }),
    /5 timestamps; 4 are read/,
  ],
  ['certificates', bundle(pair, { change: material(certificates(many(11, {}))) }), /11 certificates; 10 are read/],
  [
    'a certificate',
    bundle(pair, { change: material(certificates([{ rawBytes: 'A'.repeat(100_000) }])) }),
    /a certificate of 100000 characters/,
  ],
  ['subjects', envelope(pair, { statement: statementOf({ subject: many(1_025, subject) }) }), /1025 subjects; 1024 are read/],
  [
    'values of a statement',
    envelope(pair, { statement: statementOf({ predicate: many(100_000, 0) }) }),
    /more than 100000 values/,
  ],
  ['a note', simple(pair, { notes: { certificate: 'A'.repeat(100_000) } }), /a certificate of 100000 characters/],
  ['another note', simple(pair, { notes: { logEntry: 'A'.repeat(500_000) } }), /a log entry of 500000 characters/],
  ['a third note', simple(pair, { notes: { timestamp: 'A'.repeat(100_000) } }), /a timestamp of 100000 characters/],
];

void describe('a candidate that would cost much', () => {
  for (const [what, candidate, words] of costly) {
    void test(`is refused for ${what}, and a good one beside it counts`, () => {
      const judgement = judgeCandidates(of, [candidate, simple(pair)]);
      assert.equal(judgement.decision, 'Trusted');
      const [refused] = judgement.candidates;
      assert.equal(refused?.reason, 'TooLarge', refused?.message);
      assert.match(refused?.message ?? '', words);
    });
  }

  void test('is judged after those that are small, and not at all when the time is over', () => {
    let left = 2;
    const large = envelope(pair, { statement: statementOf({ predicate: 'A'.repeat(100_000) }) });
    const judgement = judgeCandidates(of, [large, large, simple(pair)], () => left-- <= 0);
    assert.equal(judgement.decision, 'Trusted');
    assert.deepEqual(
      judgement.candidates.map(({ reason }) => reason),
      ['NotASignature', 'TooMany', 'Accepted'],
    );
  });
});
