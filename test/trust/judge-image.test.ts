import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ed25519ph } from '@noble/curves/ed25519.js';
import type { Candidate } from '../../controller/trust/candidate.ts';
import type { KeylessAuthority } from '../../controller/trust/rules.ts';
import {
  type KeyKind,
  bundle,
  day,
  digest,
  envelope,
  judge,
  keyAuthority,
  newPair,
  now,
  other,
  payloadOf,
  reasonsOf,
  rulesOf,
  signWith,
  simple,
  statementOf,
} from './signed-fixture.ts';

const kinds: readonly KeyKind[] = ['p256', 'p384', 'p521', 'rsa', 'ed25519'];
const pair = newPair();
const stranger = newPair();
const release = keyAuthority('release', [pair]);
const rules = rulesOf([release]);

void describe('signatures by plain keys', () => {
  for (const kind of kinds) {
    void test(`${kind}: both forms are accepted, and another key's are not`, () => {
      const own = newPair(kind);
      const others = newPair(kind);
      for (const make of [simple, bundle]) {
        const judgement = judge(rulesOf([keyAuthority('release', [own])]), [make(own)]);
        assert.equal(judgement.decision, 'Trusted', judgement.message);
        assert.equal(judgement.signers[0]?.key, own.publicKey.fingerprint);
        assert.deepEqual(reasonsOf(judge(rulesOf([keyAuthority('release', [own])]), [make(others)])), ['UnknownKey']);
      }
    });
  }

  void test('curves other than P-256 are also read with SHA-256, as cosign 2 and podman sign', () => {
    for (const kind of ['p384', 'p521'] as const) {
      const own = newPair(kind);
      assert.equal(judge(rulesOf([keyAuthority('release', [own])]), [simple(own, { hash: 'sha256' })]).decision, 'Trusted');
    }
  });

  void test('Ed25519ph is read too, as cosign 3 signs', () => {
    const own = newPair('ed25519');
    const secret = Buffer.from(own.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
    const prehashed = (bytes: Uint8Array): Candidate => {
      const signature = Buffer.from(ed25519ph.sign(bytes, secret)).toString('base64');
      return { kind: 'simple', digest: 'sha256:payload', bytes: Buffer.from(text), notes: { signature } };
    };
    const by = rulesOf([keyAuthority('release', [own])]);
    assert.equal(judge(by, [prehashed(Buffer.from(text))]).decision, 'Trusted');
    assert.deepEqual(reasonsOf(judge(by, [prehashed(Buffer.from(`${text} `))])), ['UnknownKey']);
    assert.deepEqual(reasonsOf(judge(rulesOf([keyAuthority('release', [newPair('ed25519')])]), [prehashed(Buffer.from(text))])), [
      'UnknownKey',
    ]);
  });

  void test('no other hash is', () => {
    for (const [kind, hash] of [
      ['p256', 'sha1'],
      ['p256', 'sha512'],
      ['rsa', 'sha1'],
      ['rsa', 'sha512'],
      ['p384', 'sha512'],
    ] as const) {
      const own = newPair(kind);
      const judgement = judge(rulesOf([keyAuthority('release', [own])]), [simple(own, { hash })]);
      assert.deepEqual(reasonsOf(judgement), ['UnknownKey'], `${kind} with ${hash}`);
    }
  });

  void test('what is found says who signed, of which policy, and until when it stands', () => {
    const notAfter = now + day;
    const judgement = judge(rulesOf([keyAuthority('release', [pair], { notAfter })]), [simple(pair)]);
    assert.equal(judgement.policy, 'os');
    assert.equal(judgement.generation, 3);
    assert.equal(judgement.digest, digest);
    assert.equal(judgement.basis, 'sha256:basis');
    assert.equal(Date.parse(judgement.until ?? ''), notAfter + 1);
    assert.deepEqual(judgement.signers, [{ authority: 'os/release', key: pair.publicKey.fingerprint, form: 'Signature' }]);
  });
});

interface Refusal {
  name: string;
  candidate: Candidate;
  reason: string;
}

const text = JSON.stringify(payloadOf());
const changed = (change: (payload: Record<string, Record<string, unknown>>) => void): object => {
  const payload = structuredClone(payloadOf()) as Record<string, Record<string, unknown>>;
  change(payload);
  return payload;
};

const simpleForm: readonly Refusal[] = [
  { name: 'another digest', candidate: simple(pair, { payload: payloadOf(other) }), reason: 'WrongDigest' },
  { name: 'a digest in capitals', candidate: simple(pair, { payload: payloadOf(digest.toUpperCase()) }), reason: 'WrongDigest' },
  { name: 'a digest with a space', candidate: simple(pair, { payload: payloadOf(`${digest} `) }), reason: 'WrongDigest' },
  {
    name: 'another type',
    candidate: simple(pair, { payload: text.replace('cosign container', 'atomic container') }),
    reason: 'WrongType',
  },
  {
    name: 'a type in capitals',
    candidate: simple(pair, { payload: text.replace('cosign container', 'Cosign container') }),
    reason: 'WrongType',
  },
  {
    name: 'a digest twice',
    candidate: simple(pair, {
      payload: text.replace('"docker-manifest-digest"', `"docker-manifest-digest":"${other}","docker-manifest-digest"`),
    }),
    reason: 'Malformed',
  },
  { name: 'critical twice', candidate: simple(pair, { payload: text.replace('{', '{"critical":{},') }), reason: 'Malformed' },
  {
    name: 'critical twice, once escaped',
    candidate: simple(pair, { payload: text.replace('{', '{"\\u0063ritical":{},') }),
    reason: 'Malformed',
  },
  { name: 'another member', candidate: simple(pair, { payload: { ...payloadOf(), Critical: {} } }), reason: 'Malformed' },
  {
    name: 'another critical member',
    candidate: simple(pair, { payload: changed(p => (p['critical']!['extra'] = 1)) }),
    reason: 'Malformed',
  },
  {
    name: 'no identity',
    candidate: simple(pair, { payload: changed(p => delete p['critical']!['identity']) }),
    reason: 'Malformed',
  },
  {
    name: 'optional that is a list',
    candidate: simple(pair, { payload: { ...payloadOf(), optional: [] } }),
    reason: 'Malformed',
  },
  { name: 'a list', candidate: simple(pair, { payload: '[]' }), reason: 'Malformed' },
  { name: 'no JSON', candidate: simple(pair, { payload: `${text}}` }), reason: 'Malformed' },
  { name: 'a byte order mark', candidate: simple(pair, { payload: `\ufeff${text}` }), reason: 'Malformed' },
  { name: 'nothing', candidate: simple(pair, { payload: '' }), reason: 'Malformed' },
  { name: 'nesting without end', candidate: simple(pair, { payload: '['.repeat(5000) + ']'.repeat(5000) }), reason: 'Malformed' },
  { name: 'no signature', candidate: simple(pair, { notes: { signature: '' } }), reason: 'Malformed' },
  {
    name: 'a signature in other base64',
    candidate: simple(pair, { notes: { signature: `${signWith(pair, Buffer.from(text)).toString('base64')}\n` } }),
    reason: 'Malformed',
  },
  { name: 'another key', candidate: simple(stranger), reason: 'UnknownKey' },
];

const signatures = (count: number) => (json: Record<string, unknown>) => {
  const target = (json['dsseEnvelope'] ?? json) as { signatures: unknown[] };
  target.signatures = Array.from({ length: count }, () => target.signatures[0]);
};

const statements: readonly Refusal[] = [
  {
    name: 'about another image',
    candidate: bundle(pair, { statement: statementOf({ subject: [{ digest: { sha256: other.slice(7) } }] }) }),
    reason: 'WrongDigest',
  },
  {
    name: 'about a longer digest',
    candidate: bundle(pair, { statement: statementOf({ subject: [{ digest: { sha256: `${digest.slice(7)}00` } }] }) }),
    reason: 'WrongDigest',
  },
  {
    name: 'about the digest with its algorithm',
    candidate: bundle(pair, { statement: statementOf({ subject: [{ digest: { sha256: digest } }] }) }),
    reason: 'WrongDigest',
  },
  {
    name: 'about a sha512',
    candidate: bundle(pair, { statement: statementOf({ subject: [{ digest: { sha512: digest.slice(7) } }] }) }),
    reason: 'WrongDigest',
  },
  { name: 'about nothing', candidate: bundle(pair, { statement: statementOf({ subject: [] }) }), reason: 'Malformed' },
  {
    name: 'about a subject that is none',
    candidate: bundle(pair, { statement: statementOf({ subject: ['x'] }) }),
    reason: 'Malformed',
  },
  {
    name: 'of another _type',
    candidate: bundle(pair, { statement: statementOf({ type: 'https://in-toto.io/Statement/v2' }) }),
    reason: 'WrongType',
  },
  { name: 'of another payload type', candidate: bundle(pair, { payloadType: 'application/json' }), reason: 'WrongType' },
  {
    name: 'that is an attestation',
    candidate: bundle(pair, { statement: statementOf({ predicateType: 'https://slsa.dev/provenance/v1' }) }),
    reason: 'NotASignature',
  },
  {
    name: 'of a predicate that only begins like a signature',
    candidate: bundle(pair, { statement: statementOf({ predicateType: 'https://sigstore.dev/cosign/sign/v1x' }) }),
    reason: 'NotASignature',
  },
  {
    name: 'with a subject twice',
    candidate: bundle(pair, { statement: JSON.stringify(statementOf()).replace('{', '{"subject":[],') }),
    reason: 'Malformed',
  },
  { name: 'without a signature', candidate: bundle(pair, { change: signatures(0) }), reason: 'SeveralSignatures' },
  { name: 'with two signatures', candidate: bundle(pair, { change: signatures(2) }), reason: 'SeveralSignatures' },
  {
    name: 'with a member twice',
    candidate: {
      ...bundle(pair),
      bytes: Buffer.from(
        Buffer.from((bundle(pair) as { bytes: Uint8Array }).bytes)
          .toString()
          .replace('{', '{"mediaType":"x",'),
      ),
    } as Candidate,
    reason: 'Malformed',
  },
  {
    name: 'of a bundle of no known version',
    candidate: bundle(pair, { change: json => (json['mediaType'] = 'application/json') }),
    reason: 'Malformed',
  },
  {
    name: 'with no material',
    candidate: bundle(pair, { change: json => delete json['verificationMaterial'] }),
    reason: 'Malformed',
  },
  {
    name: 'with a certificate, for a key',
    candidate: bundle(pair, {
      change: json => (json['verificationMaterial'] = { certificate: { rawBytes: 'AAAA' }, tlogEntries: [] }),
    }),
    reason: 'CertificateRefused',
  },
  {
    name: 'that signs the manifest itself',
    candidate: bundle(pair, {
      change: json => {
        delete json['dsseEnvelope'];
        json['messageSignature'] = {
          messageDigest: { algorithm: 'SHA2_256', digest: Buffer.from(digest.slice(7), 'hex').toString('base64') },
          signature: 'AAAA',
        };
      },
    }),
    reason: 'Unsupported',
  },
  { name: 'by another key', candidate: bundle(stranger), reason: 'UnknownKey' },
  { name: 'beside the image, that says to be a signature', candidate: envelope(pair), reason: 'NotASignature' },
  {
    name: 'beside the image, with two signatures',
    candidate: envelope(pair, { change: signatures(2) }),
    reason: 'SeveralSignatures',
  },
  {
    name: 'beside the image, with another member',
    candidate: envelope(pair, { change: json => (json['extra'] = 1) }),
    reason: 'Malformed',
  },
];

void describe('what is refused, and why', () => {
  for (const { name, candidate, reason } of [
    ...simpleForm.map(of => ({ ...of, name: `payload: ${of.name}` })),
    ...statements.map(of => ({ ...of, name: `statement ${of.name}` })),
  ]) {
    void test(name, () => {
      const judgement = judge(rules, [candidate]);
      assert.deepEqual(reasonsOf(judgement), [reason], judgement.message);
      assert.equal(judgement.decision, 'Refused');
      assert.equal(judgement.reason, 'Untrusted');
      assert.deepEqual(judgement.signers, []);
      assert.match(judgement.message, new RegExp(reason));
    });
    void test(`${name}: a good one beside it counts`, () => {
      for (const candidates of [
        [candidate, simple(pair)],
        [bundle(pair), candidate],
      ]) {
        assert.equal(judge(rules, candidates).decision, 'Trusted');
      }
    });
  }
});

const at = (o: object): string[] => reasonsOf(judge(rulesOf([keyAuthority('release', [pair], o)]), [simple(pair)]));

void describe('keys and time', () => {
  void test('a key counts from its beginning to its end, both included', () => {
    assert.deepEqual(at({ notBefore: now, notAfter: now }), ['Accepted']);
    assert.deepEqual(at({ notBefore: now + 1 }), ['NotYetValid']);
    assert.deepEqual(at({ notAfter: now - 1 }), ['Expired']);
  });

  void test('what is refused is judged again when a key begins to count', () => {
    const judgement = judge(rulesOf([keyAuthority('release', [pair], { notBefore: now + day, notAfter: now + 2 * day })]), [
      simple(pair),
    ]);
    assert.equal(Date.parse(judgement.until ?? ''), now + day);
  });

  void test('what is trusted is not, when another key begins to count', () => {
    const judgement = judge(rulesOf([release, keyAuthority('next', [stranger], { notBefore: now + day })]), [simple(pair)]);
    assert.equal(judgement.until, undefined);
  });

  void test('a revoked key counts for nothing, and the judgement says so', () => {
    const { fingerprint } = pair.publicKey;
    for (const revocation of [
      { fingerprint, policy: 'all' },
      { fingerprint, policy: 'all', since: now + day },
    ]) {
      const judgement = judge(rulesOf([release], { revoked: [revocation] }), [simple(pair), bundle(pair)]);
      assert.deepEqual(reasonsOf(judgement), ['Revoked', 'Revoked']);
      assert.equal(judgement.reason, 'Revoked');
      assert.match(judgement.message, /TrustPolicy all revokes/);
    }
  });

  void test('another key of the same authority still counts', () => {
    const two = rulesOf([keyAuthority('release', [pair, stranger])], {
      revoked: [{ fingerprint: pair.publicKey.fingerprint, policy: 'all' }],
    });
    assert.equal(judge(two, [simple(pair), simple(stranger)]).decision, 'Trusted');
  });
});

void describe('policies', () => {
  const second = keyAuthority('second', [stranger]);

  void test('without any everything is let through, and said', () => {
    const judgement = judge({ ...rules, configured: false, governing: [] }, []);
    assert.deepEqual([judgement.decision, judgement.reason], ['NotConfigured', 'NotConfigured']);
  });

  void test('without one that covers the name it is refused', () => {
    const judgement = judge({ ...rules, governing: [] }, [simple(pair)]);
    assert.deepEqual([judgement.decision, judgement.reason], ['Refused', 'NoPolicy']);
  });

  void test('Warn lets through what is not signed, and says so', () => {
    const judgement = judge(rulesOf([release], { mode: 'Warn' }), [simple(stranger)]);
    assert.deepEqual([judgement.decision, judgement.reason], ['Warned', 'Warned']);
    assert.match(judgement.message, /^let through because mode is Warn: /);
    assert.equal(judge(rulesOf([release], { mode: 'Warn' }), [simple(pair)]).decision, 'Trusted');
  });

  void test('two that govern must both be satisfied', () => {
    const [one] = rules.governing;
    const [two] = rulesOf([second]).governing;
    assert.ok(one && two);
    const both = { ...rules, governing: [one, { ...two, policy: 'os-too' }] };
    assert.equal(judge(both, [simple(pair)]).decision, 'Refused');
    assert.equal(judge(both, [simple(stranger)]).decision, 'Refused');
    assert.equal(judge(both, [simple(pair), simple(stranger)]).decision, 'Trusted');
    const warned = { ...both, governing: [one, { ...two, policy: 'os-too', mode: 'Warn' as const }] };
    assert.equal(judge(warned, [simple(pair)]).decision, 'Warned');
    assert.equal(judge(warned, [simple(stranger)]).decision, 'Refused');
    const skipped = { ...both, governing: [one, { ...two, policy: 'os-too', mode: 'Skip' as const }] };
    assert.equal(judge(skipped, [simple(stranger)]).decision, 'Refused');
    assert.equal(judge(skipped, [simple(pair)]).decision, 'Trusted');
  });

  void test('what could not be read of the policy is said where something is missing', () => {
    const judgement = judge(rulesOf([release], { unread: [{ name: 'os/ci', message: 'Secret ci is missing' }] }), []);
    assert.match(judgement.message, /os\/ci could not be read \(Secret ci is missing\)/);
    assert.match(judgement.message, /nothing is signed of/);
  });

  void test('a key alone does for no authority of certificates', () => {
    const keyless: KeylessAuthority = {
      kind: 'keyless',
      policy: 'os',
      name: 'ci',
      identities: [{ issuer: 'i', subject: 's' }],
      trustedRoot: '{}',
    };
    assert.deepEqual(reasonsOf(judge(rulesOf([keyless]), [simple(pair), bundle(pair)])), ['NoCertificate', 'NoCertificate']);
  });
});
