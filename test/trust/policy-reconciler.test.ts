/** TrustPolicies on a real API server: what their status says, and what those who judge are told. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { defaultNamespace } from '../../controller/api/names.ts';
import { type TrustPolicySpecAuthority, trustpolicies } from '../../controller/api/trust-policy.ts';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import { until } from '../kube/until.ts';
import { keyAuthority, newPublicKey } from './policy-scene.ts';
import { TrustCluster } from './trust-cluster.ts';

const fingerprintOf = (pem: string): string => publicKeysOf(pem)[0]?.fingerprint ?? '';
const inSecret = (name: string): TrustPolicySpecAuthority => ({
  name: 'release',
  key: { secretRef: { name }, transparencyLog: 'Ignored' },
});
const os = { scope: { prefix: 'registry.example.com/os' } };
const image = 'registry.example.com/os/edge';
const day = 86_400_000;

let cluster: TrustCluster;
before(async () => {
  cluster = await TrustCluster.start();
});
after(() => cluster?.stop());
afterEach(async () => {
  for (const { metadata } of (await cluster.admin.list(trustpolicies)).items) await cluster.delete(metadata.name);
});

describe('a TrustPolicy', () => {
  test('says what its keys are, until when they count and what nodes cannot check', async t => {
    const { trust } = await cluster.run(t);
    const [p256, p384] = [newPublicKey(), generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey];
    const pem = String(p384.export({ type: 'spki', format: 'pem' }));
    const validity = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2027-01-01T00:00:00Z' };
    await cluster.apply('keys', { ...os, authorities: [keyAuthority('release', p256, validity), keyAuthority('wide', pem)] });
    const { status, metadata } = await cluster.says('keys', /^True KeysRead: 2 authorities, 2 keys$/);
    assert.equal(status?.scope, 'registry.example.com/os');
    assert.match(status.basis ?? '', /^sha256:[0-9a-f]{64}$/);
    const [release, wide] = status.authorities ?? [];
    assert.deepEqual(release, {
      name: 'release',
      kind: 'key',
      keys: [{ fingerprint: fingerprintOf(p256), algorithm: 'ecdsa-p256', ...validity }],
    });
    assert.deepEqual(wide?.keys, [{ fingerprint: fingerprintOf(pem), algorithm: 'ecdsa-p384' }]);
    assert.match(wide.node ?? '', /SHA-256/);
    const { governing, configured } = rulesOf(trust.imagePolicies());
    assert.deepEqual([configured, governing], [true, ['keys']]);
    assert.equal(trust.basis('Image', image), trust.basis('Image', `${image}/below`));
    const [event] = await eventually(() => cluster.eventsOf('keys'), 1);
    assert.deepEqual(
      [event?.reason, event?.type, event?.action, event?.regarding.uid],
      ['KeysRead', 'Normal', 'Read', metadata.uid],
    );
  });

  test('W2: has all keys of a Secret, and a changed Secret is another basis that those who judge are told of', async t => {
    const { trust, changes, wake } = await cluster.run(t);
    const [first, second, third] = [newPublicKey(), newPublicKey(), newPublicKey()];
    await cluster.secret('two', { 'cosign.pub': `${first}${second}` });
    await cluster.apply('secret', { ...os, authorities: [inSecret('two')] });
    const { status } = await cluster.says('secret', /^True KeysRead: 1 authority, 2 keys$/);
    assert.deepEqual(
      status?.authorities?.[0]?.keys?.map(key => key.fingerprint),
      [first, second].map(fingerprintOf),
    );
    const [basis, told] = [trust.basis('Image', image), changes()];
    assert.ok(basis);
    await cluster.secret('two', { 'cosign.pub': third });
    // A Secret wakes nobody; in production the policy is read again each minute.
    wake('secret');
    await until('another basis', () => trust.basis('Image', image) !== basis);
    assert.ok(changes() > told);
    const changed = await cluster.says('secret', /1 authority, 1 key$/);
    assert.deepEqual(
      changed.status?.authorities?.[0]?.keys?.map(key => key.fingerprint),
      [fingerprintOf(third)],
    );
    assert.notEqual(changed.status?.basis, status?.basis);
  });

  test('T14: a Secret that is missing or holds no key keeps its authority from counting, without a word of what is in it', async t => {
    const { trust, wake } = await cluster.run(t);
    await cluster.apply('closed', { ...os, authorities: [inSecret('later')] });
    const missing = await cluster.says('closed', /^False SecretNotFound: authority release: Secret later is not there$/);
    assert.equal(missing.status?.authorities?.[0]?.message, 'Secret later is not there');
    assert.ok(conditionOf(missing.status?.conditions, 'Reconciling'));
    assert.deepEqual(trust.imagePolicies().policies[0]?.authorities, []);

    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await cluster.secret('later', { 'cosign.pub': pem });
    wake('closed');
    const wrong = await cluster.says('closed', /^False InvalidKey: authority release: holds a private key/);
    assert.ok(conditionOf(wrong.status?.conditions, 'Stalled'));
    assert.ok(!JSON.stringify(wrong).includes(pem.split('\n')[1] ?? pem));
    assert.deepEqual(trust.imagePolicies().policies[0]?.authorities, []);

    await cluster.secret('later', { 'cosign.pub': newPublicKey() });
    wake('closed');
    await cluster.says('closed', /^True KeysRead/);
    await cluster.admin.delete(secrets, 'later', { namespace: defaultNamespace });
    wake('closed');
    await cluster.says('closed', /^False SecretNotFound/);
    assert.deepEqual(trust.imagePolicies().policies[0]?.authorities, []);
  });

  test('keeps what it has read while the API server does not answer for its Secret, and says so', async t => {
    const { trust, wake } = await cluster.run(t);
    await cluster.secret('shaky', { 'cosign.pub': newPublicKey() });
    await cluster.apply('shaky', { ...os, authorities: [inSecret('shaky')] });
    await cluster.says('shaky', /^True KeysRead/);
    const basis = trust.basis('Image', image);
    const fault = cluster.proxy.fail(call => call.path.includes('/secrets/shaky'), { status: 500 });
    wake('shaky');
    const failing = await cluster.says('shaky', /^False KeyUnreadable: authority release: /);
    assert.equal(failing.status?.authorities?.[0]?.keys?.length, 1);
    assert.equal(trust.basis('Image', image), basis);
    assert.equal(trust.imagePolicies().policies[0]?.authorities.length, 1);
    fault.remove();
    await cluster.says('shaky', /^True KeysRead/);
  });

  test('of equal scope and a common subject stalls, both do, each naming the other, and what they cover must satisfy both', async t => {
    const { trust } = await cluster.run(t);
    await cluster.apply('one', { ...os, authorities: [keyAuthority('a', newPublicKey())] });
    await cluster.says('one', /^True KeysRead/);
    await cluster.apply('two', { ...os, authorities: [keyAuthority('b', newPublicKey())] });
    await cluster.says('one', /^False ScopeConflict: TrustPolicy two has the same scope, registry.example.com\/os;/);
    const two = await cluster.says('two', /^False ScopeConflict: TrustPolicy one has the same scope/);
    assert.ok(conditionOf(two.status?.conditions, 'Stalled'));
    assert.deepEqual(rulesOf(trust.imagePolicies()).governing, ['one', 'two']);
    await cluster.delete('two');
    await cluster.says('one', /^True KeysRead/);
    assert.deepEqual(rulesOf(trust.imagePolicies()).governing, ['one']);
  });

  test('T13: shows a key as revoked that another policy revokes, and says when nothing is left that counts', async t => {
    const { trust, changes } = await cluster.run(t);
    const pem = newPublicKey();
    await cluster.apply('signed', { ...os, authorities: [keyAuthority('release', pem)] });
    await cluster.says('signed', /^True KeysRead/);
    const [basis, told] = [trust.basis('Image', image), changes()];
    await cluster.apply('revoked', {
      scope: { prefix: 'other.example.com' },
      revoked: [{ fingerprint: fingerprintOf(pem), reason: 'lost' }],
    });
    const { status } = await cluster.says('signed', /^False Revoked: no authority counts: release is revoked$/);
    assert.equal(status?.authorities?.[0]?.keys?.[0]?.revoked, true);
    assert.notEqual(trust.basis('Image', image), basis);
    assert.ok(changes() > told);
    await cluster.says('revoked', /^True KeysRead: 1 key revoked, covers nothing$/);
    assert.deepEqual(rulesOf(trust.imagePolicies()).governing, ['signed']);
    await cluster.delete('revoked');
    await cluster.says('signed', /^True KeysRead/);
    assert.equal(trust.basis('Image', image), basis);
  });

  test('W7: says when a key does not count yet and when it has expired, and those who judge are told when that changes', async t => {
    const { changes, wake } = await cluster.run(t);
    const began = cluster.now;
    const at = (days: number): string => new Date(began + days * day).toISOString().replace('.000Z', 'Z');
    await cluster.apply('dated', {
      ...os,
      authorities: [keyAuthority('release', newPublicKey(), { notBefore: at(1), notAfter: at(2) })],
    });
    await cluster.says('dated', /^False Expired: no authority counts: release does not count before /);
    const told = changes();
    cluster.advance(day + 1_000);
    assert.equal(changes(), told + 1);
    await cluster.says('dated', /^True KeysRead/);
    cluster.advance(day);
    assert.equal(changes(), told + 2);
    await cluster.says('dated', /^False Expired: no authority counts: release has expired$/);
    cluster.advance(day);
    assert.equal(changes(), told + 2);
    wake('dated');
  });

  test('that does not enforce says so in a condition of its own and in an event', async t => {
    await cluster.run(t);
    for (const [mode, words] of [
      ['Warn', /what is not trusted of registry.example.com\/os is let through/],
      ['Skip', /nothing of registry.example.com\/os is verified/],
    ] as const) {
      await cluster.apply('lax', { ...os, mode, authorities: [keyAuthority('release', newPublicKey())] });
      const { status } = await cluster.says('lax', /^True KeysRead/);
      const condition = conditionOf(status?.conditions, 'NotEnforced');
      assert.deepEqual([condition?.status, condition?.reason], ['True', mode]);
      assert.match(condition?.message ?? '', words);
      await until(`an event ${mode}`, async () =>
        (await cluster.eventsOf('lax')).some(({ reason, type }) => reason === mode && type === 'Warning'),
      );
    }
    await cluster.apply('lax', { ...os, mode: 'Enforce', authorities: [keyAuthority('release', newPublicKey())] });
    await cluster.says('lax', /^True KeysRead/, ({ status }) => !conditionOf(status?.conditions, 'NotEnforced'));
  });

  test('costs no write when nothing is new', async t => {
    const { passes, wake } = await cluster.run(t);
    await cluster.secret('quiet', { 'cosign.pub': newPublicKey() });
    await cluster.apply('quiet', { ...os, authorities: [inSecret('quiet')] });
    const { metadata } = await cluster.says('quiet', /^True KeysRead/);
    const before = passes.get('quiet') ?? 0;
    wake('quiet');
    await until('another pass', () => (passes.get('quiet') ?? 0) > before);
    wake('quiet');
    await until('one more', () => (passes.get('quiet') ?? 0) > before + 1);
    assert.equal((await cluster.get('quiet')).metadata.resourceVersion, metadata.resourceVersion);
  });

  test('is read by every controller of several, and one of them says what was read', async t => {
    const { trust } = await cluster.run(t, { speaks: false });
    await cluster.apply('shared', { ...os, authorities: [keyAuthority('release', newPublicKey())] });
    await until('it is read', () => trust.basis('Image', image) !== undefined && rulesOf(trust.imagePolicies()).configured);
    assert.equal((await cluster.get('shared')).status?.authorities, undefined);
    await cluster.run(t);
    await cluster.says('shared', /^True KeysRead/);
  });

  test('that is being deleted stands until it is gone, also for who starts meanwhile', async t => {
    await cluster.apply('going', { ...os, authorities: [keyAuthority('release', newPublicKey())] });
    const finalizers = (names: string[]) =>
      cluster.admin.mergePatch(trustpolicies, 'going', { metadata: { finalizers: names } }, { fieldManager: 'test' });
    await finalizers(['example.com/kept']);
    await cluster.delete('going');
    const { trust } = await cluster.run(t);
    await cluster.says('going', /^True KeysRead/);
    assert.deepEqual(rulesOf(trust.imagePolicies()).governing, ['going']);
    await finalizers([]);
    await until('it is gone', () => !rulesOf(trust.imagePolicies()).configured);
  });

  test('cannot lose its last authority while it goes on to be one', async () => {
    const revoked = [{ fingerprint: 'a'.repeat(64) }];
    await cluster.apply('last', { ...os, authorities: [keyAuthority('release', newPublicKey())], revoked });
    await assert.rejects(cluster.apply('last', { ...os, revoked }), /the last authority cannot be taken away/);
    await cluster.apply('last', { ...os, mode: 'Skip', revoked });
  });
});

describe('discovery', () => {
  const key = {
    kind: 'key' as const,
    fingerprint: 'c'.repeat(64),
    algorithm: 'ecdsa-p256',
    identities: [],
    subkeys: [],
    text: 'a key',
    location: 'https://registry.example.com/key.pem',
  };
  const asking = { ...os, discovery: { enabled: true, interval: '24h', allowPrivateAddresses: false } };

  test('T4, T8: what is found waits for a person in the status, and is trusted by nobody', async t => {
    const { trust } = await cluster.run(t);
    cluster.discovery = { found: [key], attempts: [], complete: true };
    await cluster.apply('asking', asking);
    const { status } = await cluster.says(
      'asking',
      /^True KeysRead: no authority$/,
      p => (p.status?.pendingKeys?.length ?? 0) === 1,
    );
    assert.equal(status?.pendingKeys?.[0]?.fingerprint, key.fingerprint);
    const condition = conditionOf(status.conditions, 'KeysPending');
    assert.deepEqual([condition?.status, condition?.reason], ['True', 'KeyPending']);
    assert.deepEqual(trust.imagePolicies().policies[0]?.authorities, []);
    await until('an event', async () => (await cluster.eventsOf('asking')).some(({ reason }) => reason === 'KeyPending'));
  });

  test('W4: a key that is revoked does not come back', async t => {
    await cluster.run(t);
    cluster.discovery = { found: [key], attempts: [], complete: true };
    await cluster.apply('asking', asking);
    await cluster.says('asking', /./, p => (p.status?.pendingKeys?.length ?? 0) === 1);
    await cluster.apply('masks', { scope: { prefix: 'other.example.com' }, revoked: [{ fingerprint: key.fingerprint }] });
    await cluster.says('asking', /./, p => p.status?.pendingKeys === undefined);
    const asked = cluster.asked.length;
    await cluster.admin.mergePatch(
      trustpolicies,
      'asking',
      { metadata: { annotations: { 'reconcile.scantling.dev/requestedAt': '1' } } },
      { fieldManager: 'test' },
    );
    await until('it is asked again', () => cluster.asked.length > asked);
    await cluster.says('asking', /./, p => p.status?.lastHandledReconcileAt === '1');
    assert.equal((await cluster.get('asking')).status?.pendingKeys, undefined);
  });

  test('that finds nothing says what it tried, and that is gone with it', async t => {
    await cluster.run(t);
    cluster.discovery = { found: [], attempts: ['https://registry.example.com/os: answered 404'], complete: true };
    await cluster.apply('asking', asking);
    const { status } = await cluster.says('asking', /./, p => conditionOf(p.status?.conditions, 'KeysPending') !== undefined);
    const condition = conditionOf(status?.conditions, 'KeysPending');
    assert.deepEqual([condition?.status, condition?.reason], ['False', 'DiscoveryFailed']);
    assert.match(condition?.message ?? '', /answered 404/);
    await cluster.apply('asking', { ...os, authorities: [keyAuthority('a', newPublicKey())] });
    await cluster.says('asking', /^True KeysRead/, p => !conditionOf(p.status?.conditions, 'KeysPending'));
  });
});

describe('the door', () => {
  test('opens when all policies are read: with none nothing is configured, with one that is not read nothing is said', async t => {
    const { trust } = await cluster.run(t);
    const digest = `sha256:${'a'.repeat(64)}`;
    const judged = await trust.judgeImage({ image: `${image}@${digest}` });
    assert.deepEqual([judged.decision, judged.digest], ['NotConfigured', digest]);
    await cluster.apply('elsewhere', { scope: { prefix: 'quay.io' }, authorities: [keyAuthority('a', newPublicKey())] });
    await cluster.says('elsewhere', /^True/);
    const refused = await trust.judgeImage({ image: `${image}@${digest}` });
    assert.deepEqual([refused.decision, refused.reason], ['Refused', 'NoPolicy']);
    assert.equal(refused.message, `no TrustPolicy covers ${image}; add one, or one with scope.root and mode Skip`);
    assert.equal(trust.gitRules('git.example.com/os').configured, false);
  });
});

/** What governs the image, by the policies that hosts are told. */
function rulesOf({ policies }: { policies: readonly { policy: string; scope: string }[] }): {
  configured: boolean;
  governing: string[];
} {
  return {
    configured: policies.length > 0,
    governing: policies
      .filter(({ scope }) => scope === os.scope.prefix)
      .map(({ policy }) => policy)
      .toSorted(),
  };
}

async function eventually<T>(read: () => Promise<T[]>, least: number): Promise<T[]> {
  let found: T[] = [];
  await until(`${least} or more`, async () => {
    found = await read();
    return found.length >= least;
  });
  return found;
}
