import assert from 'node:assert/strict';
import { createHash, createPublicKey, ECDH, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { fingerprintOfSSH, publicKeysOf, spkiFingerprint } from '../../controller/trust/fingerprint.ts';

const pem = (key: KeyObject): string => String(key.export({ type: 'spki', format: 'pem' }));
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });

test('every kind of key that cosign makes is read, with its fingerprint and what it is', () => {
  const keys = [
    ['ecdsa-p256', ec('P-256').publicKey],
    ['ecdsa-p384', ec('P-384').publicKey],
    ['ecdsa-p521', ec('P-521').publicKey],
    ['rsa-2048', generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey],
    ['rsa-3072', generateKeyPairSync('rsa', { modulusLength: 3072 }).publicKey],
    ['ed25519', generateKeyPairSync('ed25519').publicKey],
  ] as const;
  for (const [algorithm, key] of keys) {
    const fingerprint = createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest('hex');
    assert.deepEqual(publicKeysOf(pem(key)), [{ fingerprint, algorithm, pem: pem(key) }]);
    assert.equal(spkiFingerprint(key), fingerprint);
  }
});

test('W2: all keys of a text count, not only the first, and each once', () => {
  const [a, b, c] = [ec('P-256').publicKey, generateKeyPairSync('ed25519').publicKey, ec('P-384').publicKey];
  const text = `# ours\n${pem(a)}\nsome words\n${pem(b)}${pem(a)}\r\n${pem(c)}`;
  assert.deepEqual(
    publicKeysOf(text).map(({ fingerprint }) => fingerprint),
    [a, b, c].map(spkiFingerprint),
  );
});

test('a key has one fingerprint, however it is encoded', () => {
  const { publicKey } = ec('P-256');
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const point = ECDH.convertKey(der.subarray(-65), 'prime256v1', undefined, undefined, 'compressed');
  assert.ok(Buffer.isBuffer(point));
  // SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { point } }
  const compressed = Buffer.concat([Buffer.from('3039', 'hex'), der.subarray(2, 23), Buffer.from('032200', 'hex'), point]);
  const read = publicKeysOf(pem(createPublicKey({ key: compressed, type: 'spki', format: 'der' })));
  assert.deepEqual(
    read.map(({ fingerprint }) => fingerprint),
    [spkiFingerprint(publicKey)],
  );
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
  const [pkcs1] = publicKeysOf(String(rsa.export({ type: 'pkcs1', format: 'pem' })));
  assert.equal(pkcs1?.fingerprint, spkiFingerprint(rsa));
});

test('a key that must not be used is refused, in words and without any of the text', () => {
  const pair = ec('P-256');
  const cut = pem(pair.publicKey).replace(/-----END[^]*/, '');
  const table: [string, string, RegExp][] = [
    ['nothing', '', /holds no key in PEM/],
    ['text', 'hello', /holds no key in PEM/],
    ['PKCS#8', String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })), /private key/],
    ['SEC1', String(pair.privateKey.export({ type: 'sec1', format: 'pem' })), /private key/],
    [
      'an encrypted one',
      String(pair.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })),
      /private key/,
    ],
    [
      'one of cosign',
      '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----',
      /private key/,
    ],
    [
      'a private one beside a public one',
      `${pem(pair.publicKey)}${String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))}`,
      /private key/,
    ],
    ['RSA of 1024 bits', pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), /1024 bits; 2048 to 8192/],
    ['RSA-PSS', pem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey), /kind rsa-pss/],
    ['secp256k1', pem(ec('secp256k1').publicKey), /curve secp256k1; P-256, P-384 and P-521 are taken/],
    ['Ed448', pem(generateKeyPairSync('ed448').publicKey), /kind ed448/],
    ['X25519', pem(generateKeyPairSync('x25519').publicKey), /kind x25519/],
    ['one that is cut', cut, /cut or broken/],
    ['one of two that is cut', `${pem(pair.publicKey)}${cut}`, /cut or broken/],
    ['rubbish', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', /no public key that can be decoded/],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', /is a certificate/],
    ['OpenPGP', '-----BEGIN PGP PUBLIC KEY BLOCK-----\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----', /is a key of OpenPGP/],
    ['a second that is wrong', `${pem(pair.publicKey)}-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----`, /block 2: /],
    ['too many', Array.from({ length: 65 }, () => pem(pair.publicKey)).join(''), /65 keys; 64 are read at most/],
  ];
  for (const [name, text, words] of table) {
    assert.throws(
      () => publicKeysOf(text),
      (error: Error & { reason?: string }) => {
        assert.equal(error.reason, 'InvalidKey', name);
        assert.match(error.message, words, name);
        for (const line of text.split('\n').filter(line => /^[A-Za-z0-9+/=]{8,}$/.test(line)))
          assert.ok(!error.message.includes(line), name);
        return true;
      },
    );
  }
});

test('the fingerprint of an SSH key is what ssh-keygen -l prints', () => {
  // GitHub's host key, and the fingerprint that it publishes of it.
  const blob = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl', 'base64');
  assert.equal(fingerprintOfSSH(blob), 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU');
});
