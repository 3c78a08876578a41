import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import type { Candidate } from '../../controller/trust/candidate.ts';
import { preAuthEncoding } from '../../controller/trust/dsse.ts';
import type { PublicKey } from '../../controller/trust/rules.ts';
import {
  bundle,
  envelope,
  judge,
  keyAuthority,
  newPair,
  payloadOf,
  rulesOf,
  signWith,
  simple,
  statementOf,
} from './signed-fixture.ts';

const pairs = (['p256', 'p384', 'ed25519', 'rsa'] as const).map(newPair);
const pair = pairs[0] ?? newPair();
const stranger = newPair();

function flipped(bytes: Uint8Array, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  const at = Math.floor(bit / 8) % changed.length;
  changed[at] = (changed[at] ?? 0) ^ (1 << (bit % 8));
  return changed;
}

const bits = fc.nat({ max: 1_000_000 });
const pairOf = fc.constantFrom(...pairs);

/** Whatever it is, nothing of it is a reason to throw or to trust. */
const garbage: fc.Arbitrary<Candidate> = fc.oneof(
  fc.record({
    kind: fc.constant('simple' as const),
    digest: fc.string(),
    bytes: fc.uint8Array(),
    notes: fc.record({ signature: fc.string(), certificate: fc.string(), logEntry: fc.string() }, { requiredKeys: [] }),
  }),
  fc.record({
    kind: fc.constant('envelope' as const),
    digest: fc.string(),
    bytes: fc.json().map(text => Buffer.from(text)),
    notes: fc.constant({}),
  }),
  fc.record({ kind: fc.constant('bundle' as const), digest: fc.string(), bytes: fc.json().map(text => Buffer.from(text)) }),
  fc.constantFrom(
    simple(stranger),
    bundle(stranger),
    envelope(pair),
    simple(pair, { payload: payloadOf(`sha256:${'0'.repeat(64)}`) }),
  ),
  fc
    .record({
      mediaType: fc.constantFrom(
        'application/vnd.dev.sigstore.bundle.v0.3+json',
        'application/vnd.dev.sigstore.bundle+json;version=0.1',
      ),
      verificationMaterial: fc.anything(),
      dsseEnvelope: fc.anything(),
    })
    .map(json => ({
      kind: 'bundle' as const,
      digest: 'x',
      bytes: Buffer.from(JSON.stringify(json, (_, value: unknown) => (typeof value === 'bigint' ? 0 : value))),
    })),
);

void describe('properties of judging', () => {
  void test('a payload of which a bit is flipped is refused', () => {
    const payload = Buffer.from(JSON.stringify(payloadOf()));
    fc.assert(
      fc.property(pairOf, bits, (own, bit) => {
        const signature = signWith(own, payload).toString('base64');
        const candidate: Candidate = { kind: 'simple', digest: 'x', bytes: flipped(payload, bit), notes: { signature } };
        assert.equal(judge(rulesOf([keyAuthority('release', [own])]), [candidate]).decision, 'Refused');
      }),
    );
  });

  void test('a signature of which a bit is flipped is refused', () => {
    const payload = Buffer.from(JSON.stringify(payloadOf()));
    fc.assert(
      fc.property(pairOf, bits, (own, bit) => {
        const signature = flipped(signWith(own, payload), bit).toString('base64');
        const candidate: Candidate = { kind: 'simple', digest: 'x', bytes: payload, notes: { signature } };
        assert.equal(judge(rulesOf([keyAuthority('release', [own])]), [candidate]).decision, 'Refused');
      }),
    );
  });

  void test('a key of which a bit is flipped trusts nothing, or is no key', () => {
    fc.assert(
      fc.property(pairOf, bits, (own, bit) => {
        const der = Buffer.from(own.publicKey.pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
        const pem = `-----BEGIN PUBLIC KEY-----\n${flipped(der, bit).toString('base64')}\n-----END PUBLIC KEY-----\n`;
        let keys: PublicKey[];
        try {
          keys = publicKeysOf(pem);
        } catch {
          return;
        }
        // An unused bit of the encoding may have been flipped: then it is the same key, by the same name.
        if (keys[0]?.fingerprint === own.publicKey.fingerprint) return;
        const authority = { ...keyAuthority('release', []), keys };
        assert.equal(judge(rulesOf([authority]), [simple(own), bundle(own)]).decision, 'Refused');
      }),
    );
  });

  void test('an envelope of which a bit of the payload, its type or the signature is flipped is refused', () => {
    const payload = Buffer.from(JSON.stringify(statementOf()));
    const payloadType = 'application/vnd.in-toto+json';
    fc.assert(
      fc.property(pairOf, bits, fc.constantFrom('payload', 'payloadType', 'signature'), (own, bit, part) => {
        const sig = signWith(own, preAuthEncoding({ payloadType, payload }));
        const change = (name: string, bytes: Buffer): Buffer => (part === name ? flipped(bytes, bit) : bytes);
        const json = {
          mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
          verificationMaterial: { publicKey: { hint: '' }, tlogEntries: [] },
          dsseEnvelope: {
            payload: change('payload', payload).toString('base64'),
            payloadType: change('payloadType', Buffer.from(payloadType)).toString('latin1'),
            signatures: [{ sig: change('signature', sig).toString('base64') }],
          },
        };
        const candidate: Candidate = { kind: 'bundle', digest: 'x', bytes: Buffer.from(JSON.stringify(json)) };
        assert.equal(judge(rulesOf([keyAuthority('release', [own])]), [candidate]).decision, 'Refused');
      }),
    );
  });

  void test('garbage is never trusted, takes nothing from a good one, and order makes no difference', () => {
    const rules = rulesOf([keyAuthority('release', [pair])]);
    fc.assert(
      fc.property(fc.array(garbage, { maxLength: 8 }), fc.boolean(), bits, (candidates, isBundle, at) => {
        const alone = judge(rules, candidates);
        assert.equal(alone.decision, 'Refused');
        assert.equal(alone.candidates.length, candidates.length);
        const good = isBundle ? bundle(pair) : simple(pair);
        const position = at % (candidates.length + 1);
        const with1 = judge(rules, [...candidates.slice(0, position), good, ...candidates.slice(position)]);
        const with2 = judge(rules, [good, ...candidates.toReversed()]);
        assert.equal(with1.decision, 'Trusted');
        assert.deepEqual({ ...with1, candidates: [] }, { ...with2, candidates: [] });
      }),
    );
  });
});
