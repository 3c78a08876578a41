/** Copies of one OpenPGP key: an older one takes nothing away of what its owner has said since. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as openpgp from 'openpgp';
import type { GitAuthority } from '../../../controller/trust/rules.ts';
import { ObjectStore, now, rules, start } from './object-store.ts';
import { withSignature } from './with-signature.ts';

const store = new ObjectStore();
const made = new Date((start - 86_400) * 1000);
let commit: string;
let bySubkey: string;
/** Armored. */
let [older, revoked, shortened, withSubkey, subkeyRevoked] = ['', '', '', '', ''];

async function signedBy(signingKeys: openpgp.PrivateKey): Promise<string> {
  const bytes = store.bytes();
  const message = await openpgp.createMessage({ binary: bytes, format: 'binary' });
  const date = new Date((start + 60) * 1000);
  const signature = await openpgp.sign({ message, signingKeys, detached: true, format: 'armored', date });
  return store.add('commit', withSignature(bytes, Buffer.from(signature.replaceAll('\r', ''))));
}

before(async () => {
  const userIDs = [{ name: 'Alice', email: 'alice@example.com' }];
  const generated = { type: 'ecc', curve: 'ed25519Legacy', userIDs, date: made, format: 'object' } as const;
  const { privateKey, publicKey } = await openpgp.generateKey({ ...generated, subkeys: [] });
  older = publicKey.armor();
  const when = new Date((start + 3_600) * 1000);
  const { publicKey: gone } = await openpgp.revokeKey({ key: privateKey, date: when, format: 'object' });
  revoked = gone.armor();
  const { publicKey: short } = await openpgp.reformatKey({
    privateKey,
    userIDs,
    keyExpirationTime: 10 * 86_400,
    date: when,
    format: 'object',
  });
  shortened = short.armor();
  commit = await signedBy(privateKey);
  const two = await openpgp.generateKey({ ...generated, subkeys: [{ sign: true }] });
  bySubkey = await signedBy(two.privateKey);
  withSubkey = two.publicKey.armor();
  const [subkey] = two.privateKey.subkeys;
  const goneToo = await subkey?.revoke(two.privateKey.keyPacket as openpgp.SecretKeyPacket, undefined, when);
  two.publicKey.subkeys[0]?.revocationSignatures.push(...(goneToo?.revocationSignatures ?? []));
  subkeyRevoked = two.publicKey.armor();
});

const authority = (name: string, ...keys: string[]): GitAuthority => ({ policy: 'p', name, kind: 'openPGP', keys });
const verdict = async (oid: string, ...authorities: GitAuthority[]): Promise<string> => {
  const { decision, reason } = await store.verify({ rules: rules(authorities), commit: oid, now });
  return `${decision} ${reason}`;
};

describe('copies of an OpenPGP key', () => {
  test('one is as good as it is', async () => {
    assert.equal(await verdict(commit, authority('a', older)), 'Trusted Trusted');
    assert.equal(await verdict(bySubkey, authority('a', withSubkey)), 'Trusted Trusted');
    assert.equal(await verdict(bySubkey, authority('a', subkeyRevoked)), 'Refused Revoked');
    assert.equal(await verdict(commit, authority('a', revoked)), 'Refused Revoked');
  });

  test("a revocation counts in either order, and in other authorities' copies", async () => {
    for (const keys of [[older, revoked], [revoked, older], [`${older}\n${revoked}`], [`${revoked}\n${older}`]])
      assert.equal(await verdict(commit, authority('a', ...keys)), 'Refused Revoked');
    for (const keys of [
      [withSubkey, subkeyRevoked],
      [subkeyRevoked, withSubkey],
    ])
      assert.equal(await verdict(bySubkey, authority('a', ...keys)), 'Refused Revoked');
    assert.equal(await verdict(commit, authority('a', older), authority('b', revoked)), 'Refused Revoked');
    assert.equal(await verdict(commit, authority('b', revoked), authority('a', older)), 'Refused Revoked');
  });

  test('the newest end of it counts in either order', async () => {
    assert.equal(await verdict(commit, authority('a', shortened)), 'Refused Untrusted');
    for (const keys of [
      [older, shortened],
      [shortened, older],
    ])
      assert.equal(await verdict(commit, authority('a', ...keys)), 'Refused Untrusted');
  });
});
