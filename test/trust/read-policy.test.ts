import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import type { TrustPolicySpecAuthority } from '../../controller/api/trust-policy.ts';
import { generateKey } from 'openpgp';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import { readPolicy } from '../../controller/trust/read-policy.ts';
import type { Sources } from '../../controller/trust/sources.ts';
import { keyAuthority, newPublicKey, noSources, policyOf } from './policy-scene.ts';

const pem = newPublicKey();
const [key] = publicKeysOf(pem);
const root = JSON.stringify({ mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1' });
const holding = (contents: Record<string, string>) => async () =>
  Object.fromEntries(Object.entries(contents).map(([name, text]) => [name, Buffer.from(text)]));

async function newOpenPGPKey(name: string): Promise<{ armored: string; fingerprint: string }> {
  const { publicKey } = await generateKey({ type: 'ecc', userIDs: [{ name, email: `${name}@example.com` }], format: 'object' });
  return { armored: publicKey.armor(), fingerprint: publicKey.getFingerprint() };
}

async function readOne(authority: TrustPolicySpecAuthority, sources: Partial<Sources> = {}) {
  const subjects = ['Image' as const, 'Git' as const];
  const { authorities } = await readPolicy(policyOf('os', { subjects, authorities: [authority] }), { ...noSources, ...sources });
  const [read] = authorities;
  assert.ok(read);
  return read;
}

test('a key in the policy is read with its fingerprint and validity', async () => {
  const validity = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2027-01-01T00:00:00Z' };
  const times = { notBefore: Date.parse(validity.notBefore), notAfter: Date.parse(validity.notAfter) };
  assert.deepEqual(await readOne(keyAuthority('release', pem, validity)), {
    name: 'release',
    kind: 'key',
    authority: { policy: 'os', name: 'release', kind: 'key', keys: [key], ...times, transparencyLog: 'Ignored' },
    keys: [{ fingerprint: key?.fingerprint, algorithm: 'ecdsa-p256', ...times }],
  });
});

test('a time that cannot be read never means that there is none', async () => {
  const unclear = ['31.12.2020', '2020-01-01T00:00:00,5Z', '2020-01-01', '2020-02-31T00:00:00Z', '2020-01-01T25:00:00Z', ''];
  for (const field of ['notBefore', 'notAfter']) {
    for (const text of unclear) {
      const { authority, failure } = await readOne(keyAuthority('release', pem, { [field]: text }));
      assert.equal(authority, undefined, `${field} ${text}`);
      assert.equal(failure?.reason, 'InvalidKey');
      assert.match(failure.message, new RegExp(`^${field} is ".*", not a time as `));
    }
  }
  const fingerprint = 'a'.repeat(64);
  const sinceOf = async (since: string) =>
    (await readPolicy(policyOf('os', { revoked: [{ fingerprint, since }] }), noSources)).revoked;
  for (const text of unclear) assert.deepEqual(await sinceOf(text), [{ fingerprint, policy: 'os' }], 'nothing stays good');
  const from = '2026-03-01T01:00:00.5+01:00';
  assert.deepEqual(await sinceOf(from), [{ fingerprint, policy: 'os', since: Date.parse('2026-03-01T00:00:00.500Z') }]);
});

test('a key in a Secret is read by name, under cosign.pub or the key that is named', async () => {
  const asked: string[] = [];
  const secret = async (name: string) => {
    asked.push(name);
    return { 'cosign.pub': Buffer.from(pem), other: Buffer.from(newPublicKey()) };
  };
  const byDefault = await readOne({ name: 'a', key: { secretRef: { name: 'keys' }, transparencyLog: 'Ignored' } }, { secret });
  const named = await readOne(
    { name: 'a', key: { secretRef: { name: 'keys', key: 'other' }, transparencyLog: 'Ignored' } },
    { secret },
  );
  assert.deepEqual(asked, ['keys', 'keys']);
  assert.equal(byDefault.keys[0]?.fingerprint, key?.fingerprint);
  assert.notEqual(named.keys[0]?.fingerprint, key?.fingerprint);
});

test('T14: an authority whose material is missing, wrong or cannot be read does not count, and says which', async () => {
  const inSecret: TrustPolicySpecAuthority = { name: 'a', key: { secretRef: { name: 'keys' }, transparencyLog: 'Ignored' } };
  const privateKey = String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const identities = [{ issuer: 'https://issuer.example.com', subject: 'a@example.com' }];
  const table: [TrustPolicySpecAuthority, Partial<Sources>, string, RegExp][] = [
    [inSecret, {}, 'SecretNotFound', /^Secret keys is not there$/],
    [inSecret, { secret: holding({}) }, 'SecretNotFound', /^Secret keys has no key cosign.pub$/],
    [inSecret, { secret: holding({ 'cosign.pub': 'no key' }) }, 'InvalidKey', /^holds no key in PEM/],
    [inSecret, { secret: holding({ 'cosign.pub': privateKey }) }, 'InvalidKey', /^holds a private key/],
    [
      inSecret,
      { secret: async () => ({ 'cosign.pub': Buffer.from([0xff, 0xfe]) }) },
      'InvalidKey',
      /key cosign.pub, is not text$/,
    ],
    [
      inSecret,
      {
        secret: async () => {
          throw new TransientError('ConnectionFailed', 'the API server did not answer');
        },
      },
      'KeyUnreadable',
      /did not answer/,
    ],
    [keyAuthority('a', privateKey), {}, 'InvalidKey', /^holds a private key/],
    [
      { name: 'a', openPGP: { secretRef: { name: 'keys' } } },
      { secret: holding({ 'a.txt': '' }) },
      'SecretNotFound',
      /ends in .asc/,
    ],
    [
      { name: 'a', openPGP: { data: '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n-----END PGP PRIVATE KEY BLOCK-----' } },
      {},
      'InvalidKey',
      /private key/,
    ],
    [{ name: 'a', ssh: { secretRef: { name: 'keys' } } }, { secret: holding({}) }, 'SecretNotFound', /no key allowed_signers/],
    [{ name: 'a', ssh: { allowedSigners: '-----BEGIN OPENSSH PRIVATE KEY-----' } }, {}, 'InvalidKey', /private key/],
    [{ name: 'a', keyless: { identities, trustedRoot: { data: 'no json' } } }, {}, 'InvalidKey', /trusted root cannot be used: /],
    [{ name: 'a', keyless: { identities, trustedRoot: { data: '[]' } } }, {}, 'InvalidKey', /trusted root cannot be used: /],
    [
      { name: 'a', keyless: { identities, trustedRoot: { configMapRef: { name: 'root' } } } },
      {},
      'SecretNotFound',
      /^ConfigMap root is not there/,
    ],
    [
      { name: 'a', keyless: { identities: [{ issuer: 'i', subjectPattern: '(' }], trustedRoot: { data: root } } },
      {},
      'InvalidKey',
      /the pattern "\(" has a \( without/,
    ],
    [
      { name: 'a', keyless: { identities, trustedRoot: { public: true } } },
      {
        trustedRoot: async () => {
          throw new TransientError('TrustedRootUnavailable', 'no answer');
        },
      },
      'KeyUnreadable',
      /no answer/,
    ],
  ];
  for (const [authority, sources, reason, words] of table) {
    const read = await readOne(authority, sources);
    assert.equal(read.authority, undefined, String(words));
    assert.deepEqual(read.keys, []);
    assert.equal(read.failure?.reason, reason, String(words));
    assert.match(read.failure?.message ?? '', words);
    assert.equal(read.failure?.retry, reason === 'KeyUnreadable');
  }
});

test('one authority that cannot be read takes nothing from the others', async () => {
  const gone: TrustPolicySpecAuthority = { name: 'gone', key: { secretRef: { name: 'keys' }, transparencyLog: 'Ignored' } };
  const { authorities } = await readPolicy(policyOf('os', { authorities: [gone, keyAuthority('release', pem)] }), noSources);
  assert.deepEqual(
    authorities.map(({ name, authority }) => [name, authority !== undefined]),
    [
      ['gone', false],
      ['release', true],
    ],
  );
});

test('T14: where fingerprints are named, the keys must be exactly these', async () => {
  const [first, second] = await Promise.all([newOpenPGPKey('a'), newOpenPGPKey('b')]);
  const fingerprints = [first.fingerprint, second.fingerprint];
  const pinned = (wanted: string[], data = `${first.armored}${second.armored}`) =>
    readOne({ name: 'a', openPGP: { data, fingerprints: wanted } });
  assert.deepEqual(
    (await pinned(fingerprints.toReversed())).keys.map(({ fingerprint }) => fingerprint),
    fingerprints,
  );
  assert.equal(
    (await pinned([first.fingerprint])).failure?.message.endsWith(`${second.fingerprint} is there and not named`),
    true,
  );
  const absent = '3'.repeat(40);
  assert.equal((await pinned([...fingerprints, absent])).failure?.message.endsWith(`${absent} is named and not there`), true);
});

test('trusted roots come from the policy, a ConfigMap, one TUF repository of your own, or the public one', async () => {
  const identities = [{ issuer: 'https://issuer.example.com', subject: 'a@example.com' }];
  const asked: unknown[] = [];
  const sources: Partial<Sources> = {
    configMap: holding({ 'trusted_root.json': root, 'root.json': '{"signed":{}}' }),
    trustedRoot: async from => {
      asked.push(from);
      return root;
    },
  };
  const tuf = { url: 'https://tuf.example.com', rootConfigMapRef: { name: 'tuf' } };
  for (const trustedRoot of [{ data: root }, { configMapRef: { name: 'root' } }, { tuf }, { public: true }]) {
    const read = await readOne({ name: 'ci', keyless: { identities, trustedRoot } }, sources);
    assert.deepEqual(read.authority, { policy: 'os', name: 'ci', kind: 'keyless', identities, trustedRoot: root });
  }
  assert.deepEqual(asked, [{ url: 'https://tuf.example.com', root: '{"signed":{}}' }, { public: true }]);
});

test('a policy in a file may leave out what the API server fills in', async () => {
  const { metadata, apiVersion, kind } = policyOf('os', {});
  const spec = { scope: { root: true }, authorities: [{ name: 'a', key: { data: pem } }] };
  const read = await readPolicy(JSON.parse(JSON.stringify({ apiVersion, kind, metadata, spec })), noSources);
  const { subjects, mode, require, exclusive } = read;
  assert.deepEqual(
    { subjects, mode, require, exclusive },
    { subjects: ['Image'], mode: 'Enforce', require: 'Any', exclusive: false },
  );
  assert.deepEqual(read.authorities[0]?.authority, {
    policy: 'os',
    name: 'a',
    kind: 'key',
    keys: [key],
    transparencyLog: 'Ignored',
  });
});
