/** Which keys a text holds, and which texts hold none. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { generateKey, readKey } from 'openpgp';
import { StallingError } from '../../controller/api/errors.ts';
import { maxKeyBytes, readKeyMaterial } from '../../controller/trust/key-material.ts';

const pem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
const secret = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const openPGP = (name: string) => generateKey({ userIDs: [{ name, email: `${name}@example.com` }], format: 'armored' });
const field = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
/** As ssh-keygen writes one. */
function sshKey(comment: string): string {
  const raw = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '';
  const blob = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(Buffer.from(raw, 'base64url'))]);
  return `ssh-ed25519 ${blob.toString('base64')} ${comment}`;
}
const read = (text: string) => readKeyMaterial(Buffer.from(text));

describe('keys of every kind', () => {
  test('all entities of an armored file are shown and kept, not only the first (W2)', async () => {
    const [a, b] = [await openPGP('alice'), await openPGP('bob')];
    const keys = await read(`Two keys:\n${a.publicKey}\n${b.publicKey}`);
    assert.deepEqual(
      keys.map(key => key.identities),
      [['alice <alice@example.com>'], ['bob <bob@example.com>']],
    );
    for (const key of keys) {
      assert.equal((await readKey({ armoredKey: key.text })).getFingerprint(), key.fingerprint);
      assert.match(key.fingerprint, /^[0-9a-f]{40}$/);
      assert.equal(key.subkeys.length, 1);
    }
  });

  test('a file may hold keys of several kinds, and each is there once', async () => {
    const [one, line] = [pem(), sshKey('alice@example.com')];
    const keys = await read(`${one}${one}\n# a comment\n${line}\n${(await openPGP('alice')).publicKey}`);
    assert.deepEqual(
      keys.map(key => key.kind),
      ['key', 'openPGP', 'ssh'],
    );
  });

  test('a key of a .pub file becomes a line of allowed signers, by its comment', async () => {
    const [key] = await read(sshKey('alice@example.com'));
    assert.match(key?.text ?? '', /^alice@example\.com namespaces="git" ssh-ed25519 /);
    assert.match(key?.fingerprint ?? '', /^SHA256:[A-Za-z0-9+/]{43}$/);
    const [pattern] = await read(sshKey('*,!mallory'));
    assert.match(pattern?.text ?? '', /^\* namespaces="git" /, 'a comment is no pattern');
  });

  test('a line of allowed signers stays as it is', async () => {
    const line = `alice@example.com,bob@example.com namespaces="git",valid-before="20300101" ${sshKey('x')}`;
    const [key] = await read(line);
    assert.deepEqual([key?.text, key?.identities], [line, ['alice@example.com,bob@example.com']]);
  });

  test('what moves a terminal’s cursor is not in an identity', async () => {
    const [key] = await read(sshKey('alice\u001B[2K\u202Eevil'));
    assert.deepEqual(key?.identities, ['alice\uFFFD[2K\uFFFDevil']);
  });
});

describe('refused, with no word of the text', () => {
  const table: [string, () => Promise<string> | string, RegExp][] = [
    ['a private key', () => secret, /holds a private key/],
    ['a private key behind a public one', () => pem() + secret, /holds a private key/],
    [
      "cosign's private key",
      () => '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----',
      /private key/,
    ],
    ['an SSH private key', () => '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----', /private key/],
    ['an OpenPGP private key', async () => (await openPGP('alice')).privateKey, /private key/],
    [
      'an armored signature where a key is wanted: a detached .asc is no key (D8)',
      () => '-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----',
      /is a signature of OpenPGP/,
    ],
    ['an armored key that is cut', async () => (await openPGP('alice')).publicKey.slice(0, 200), /is cut/],
    ['a PEM block that is cut', () => pem().slice(0, 80), /cut or broken/],
    ['a certificate', () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', /is a certificate/],
    ['a page of HTML', () => '<!doctype html><title>Not found</title>', /holds no key/],
    ['nothing', () => '', /holds no key/],
    ['an OpenPGP key that is not armored', () => '\u0098\u0033', /holds no key|gpg --armor/],
    ['an SSH key whose type is another than it says', () => sshKey('x').replace('ssh-ed25519', 'ssh-rsa'), /line 1/],
    [
      'a short RSA key',
      () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      /1024 bits/,
    ],
    ['too much', () => `${pem()}${' '.repeat(maxKeyBytes)}`, /larger than/],
    ['too many keys', () => Array.from({ length: 65 }, pem).join(''), /65 keys/],
  ];
  for (const [name, text, message] of table)
    test(name, async () => {
      const given = await text();
      await assert.rejects(read(given), error => {
        assert(error instanceof StallingError);
        assert.match(error.message, message);
        assert.equal(error.reason, 'InvalidKey');
        for (const line of given.split('\n'))
          assert(line.length < 20 || line.startsWith('-----') || !error.message.includes(line));
        return true;
      });
    });
});
