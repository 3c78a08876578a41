import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes, scryptSync, verify } from 'node:crypto';
import { test } from 'node:test';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import fc from 'fast-check';
import { StallingError } from '../../controller/api/errors.ts';
import { openSigningKey } from '../../controller/trust/signing-key.ts';
import { emptyPasswordKey, goldenKey } from './golden-keys.ts';

const pkcs8 = (namedCurve = 'prime256v1'): Buffer =>
  generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'der' });

const pem = (label: string, body: Uint8Array): Buffer => {
  const lines = Buffer.from(body)
    .toString('base64')
    .replaceAll(/(.{64})/g, '$1\n');
  return Buffer.from(`-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`);
};

interface Change {
  label?: string;
  n?: unknown;
  r?: unknown;
  p?: unknown;
  kdf?: string;
  cipher?: string;
  ciphertext?: (sealed: Uint8Array) => Uint8Array;
}

/** As cosign writes one; parameters small, so that tests are quick. */
function encrypted(der: Uint8Array, password: string | Buffer, change: Change = {}): Buffer {
  const [salt, nonce] = [randomBytes(32), randomBytes(24)];
  const key = scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 });
  const sealed = xsalsa20poly1305(key, nonce).encrypt(der);
  const { label = 'ENCRYPTED SIGSTORE PRIVATE KEY', n = 1024, r = 8, p = 1, kdf = 'scrypt', cipher = 'nacl/secretbox' } = change;
  const json = {
    kdf: { name: kdf, params: { N: n, r, p }, salt: salt.toString('base64') },
    cipher: { name: cipher, nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(change.ciphertext?.(sealed) ?? sealed).toString('base64'),
  };
  return pem(label, Buffer.from(JSON.stringify(json)));
}

const password = 'correct horse battery';
const refusal = async (key: Uint8Array, given: string | undefined = password): Promise<string> => {
  try {
    await openSigningKey(key, given === undefined ? undefined : Buffer.from(given));
  } catch (error) {
    assert.ok(error instanceof StallingError, String(error));
    assert.equal(error.reason, 'SigningKeyInvalid');
    return error.message;
  }
  assert.fail('the key was taken');
};

test('a key of cosign and a plain one sign alike', async () => {
  const der = pkcs8();
  const bytes = Buffer.from('what is signed');
  for (const key of [
    encrypted(der, password),
    encrypted(der, password, { label: 'ENCRYPTED COSIGN PRIVATE KEY' }),
    pem('PRIVATE KEY', der),
  ]) {
    const opened = await openSigningKey(key, Buffer.from(password));
    const signature = opened.sign(bytes);
    assert.ok(verify('sha256', bytes, createPublicKey(opened.publicKey), signature));
    assert.ok(opened.verify(bytes, signature));
    assert.ok(!opened.verify(Buffer.from('what is not'), signature));
    assert.match(opened.fingerprint, /^[0-9a-f]{64}$/);
  }
});

test('keys that cosign made are opened, and are the keys that it says', async () => {
  const { publicKey } = await openSigningKey(Buffer.from(goldenKey.key), Buffer.from(goldenKey.password));
  assert.equal(publicKey, goldenKey.publicKey);
  await openSigningKey(Buffer.from(emptyPasswordKey), Buffer.alloc(0));
  assert.match(await refusal(Buffer.from(goldenKey.key), 'Correct horse battery'), /not opened by cosign\.password/);
});

test('an empty password is a password, and none is none', async () => {
  const key = encrypted(pkcs8(), '');
  await openSigningKey(key, Buffer.alloc(0));
  await assert.rejects(openSigningKey(key, undefined), /cosign\.password is missing/);
});

test('what cannot be signed with is refused in words', async () => {
  const der = pkcs8();
  assert.match(await refusal(encrypted(der, password), 'wrong'), /not opened by cosign\.password/);
  assert.match(await refusal(encrypted(der, password), `${password}\n`), /line break at the end/);
  assert.match(await refusal(Buffer.from('nothing')), /no private key in PEM/);
  assert.match(await refusal(Buffer.concat([pem('PRIVATE KEY', der), pem('PRIVATE KEY', der)])), /more than one block/);
  assert.match(await refusal(pem('PRIVATE KEY', pkcs8('secp384r1'))), /secp384r1; hosts check ECDSA on P-256/);
  assert.match(await refusal(pem('PRIVATE KEY', pkcs8('secp256k1'))), /secp256k1/);
  const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' });
  assert.match(await refusal(pem('PRIVATE KEY', ed25519)), /of kind ed25519/);
  assert.match(await refusal(encrypted(ed25519, password)), /of kind ed25519/);
  const older = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' });
  assert.match(await refusal(Buffer.from(older)), /older format EC PRIVATE KEY; openssl pkcs8/);
  assert.match(await refusal(pem('ENCRYPTED PRIVATE KEY', der)), /encrypted PKCS#8/);
  assert.match(await refusal(pem('PUBLIC KEY', der)), /is a public key/);
  assert.match(await refusal(pem('OPENSSH PRIVATE KEY', der)), /OPENSSH PRIVATE KEY; wanted/);
  assert.match(await refusal(pem('PRIVATE KEY', Buffer.from('no key'))), /no key that can be decoded/);
  assert.match(await refusal(encrypted(Buffer.from('no key'), password)), /no key that can be decoded/);
  assert.match(await refusal(pem('ENCRYPTED SIGSTORE PRIVATE KEY', Buffer.from('{'))), /no JSON/);
  assert.match(await refusal(pem('ENCRYPTED SIGSTORE PRIVATE KEY', Buffer.from('[]'))), /not encrypted as cosign/);
  assert.match(await refusal(encrypted(der, password, { kdf: 'pbkdf2' })), /not encrypted as cosign/);
  assert.match(await refusal(encrypted(der, password, { cipher: 'aes' })), /not encrypted as cosign/);
  assert.match(await refusal(encrypted(der, password, { ciphertext: sealed => sealed.subarray(0, 10) })), /cut off/);
  assert.match(await refusal(encrypted(der, password, { ciphertext: sealed => sealed.subarray(0, 60) })), /not opened/);
  assert.match(await refusal(Buffer.alloc(70_000, 'a')), /larger than/);
});

test('parameters that would take the memory of the controller are refused before anything is computed', async () => {
  const der = pkcs8();
  for (const change of [{ n: 2 ** 30 }, { n: 1000 }, { n: 1 }, { n: '1024' }, { r: 4096 }, { p: 1e9 }, { p: 0 }, { r: 1.5 }]) {
    assert.match(await refusal(encrypted(der, password, change)), /parameters of scrypt/, JSON.stringify(change));
  }
});

test('no message has anything of key or password, whatever the key is', async () => {
  const secret = 'PASSWORD-of-the-key';
  const der = pkcs8();
  const key = encrypted(der, secret);
  await fc.assert(
    fc.asyncProperty(fc.nat(key.length - 1), fc.nat(255), async (at, byte) => {
      const damaged = Buffer.from(key);
      damaged[at] = byte;
      try {
        await openSigningKey(damaged, Buffer.from(secret));
      } catch (error) {
        assert.ok(error instanceof StallingError, String(error));
        assert.ok(!String(error.stack).includes(secret));
        assert.equal(error.cause, undefined);
        assert.ok(!/[A-Za-z0-9+/]{40}/.test(error.message.replace('openssl pkcs8', '')), error.message);
      }
    }),
    { numRuns: 200 },
  );
});
