/** Artifacts of addons are signed before they are given on, by the key that the addon names now: on a real API server and registry. */
import assert from 'node:assert/strict';
import { after, before, describe, it, test } from 'node:test';
import { lacks } from '../../controller/addon/artifact-signing.ts';
import { vouches, vouchingSource } from '../../controller/addon/known-origin.ts';
import { UnsignedArtifacts } from '../../controller/addon/unsigned-artifacts.ts';
import { conditionOf } from '../../controller/api/conditions.ts';
import { appliedMark } from '../../controller/api/applied-mark.ts';
import { secrets } from '../../controller/api/core.ts';
import { defaultNamespace, signsAnnotation, sourceLabel } from '../../controller/api/names.ts';
import { type SystemAddon, type SystemAddonStatusVariant, systemaddons } from '../../controller/api/system-addon.ts';
import { systemsources } from '../../controller/api/system-source.ts';
import { provenancePredicateType } from '../../controller/trust/provenance.ts';
import { keyAuthority, policyOf } from '../trust/policy-scene.ts';
import { StoredSignatures, type TestSigningKey, newSigningKey } from '../trust/signing-scene.ts';
import { type AddonCluster, messageOf, says, startAddonCluster } from './addon-cluster.ts';

const firstOf = ({ status }: SystemAddon): SystemAddonStatusVariant => status?.variants?.[0] ?? assert.fail();
const keysOf = (addon: SystemAddon): string[] => [...new Set(firstOf(addon).signatures?.map(({ key }) => key))];
const specOf = (content: string) => ({
  variants: [{ os: { id: 'fedora' }, source: { files: [{ path: '/usr/bin/tool', content }] } }],
  signing: { keySecretRef: { name: 'signer' }, provenance: true },
});
const digestIn = (image = ''): string => image.slice(image.indexOf('@') + 1);

describe('artifacts of an addon that names a key', () => {
  let cluster: AddonCluster;
  let three: TestSigningKey;
  before(async () => {
    three = await newSigningKey();
    cluster = await startAddonCluster();
  });
  after(() => cluster.stop());

  const keep = async (key: Pick<TestSigningKey, 'pem'> | string, signs = `${cluster.server.host}/addons`): Promise<void> => {
    const data = { 'cosign.key': Buffer.from(typeof key === 'string' ? key : key.pem).toString('base64') };
    const metadata = { name: 'signer', namespace: defaultNamespace, annotations: { [signsAnnotation]: signs } };
    await cluster.admin.apply(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data }, { fieldManager: 'test' });
  };
  const ask = async (value: string, reason: string): Promise<SystemAddon> => {
    await cluster.ask('tool', value);
    return cluster.until('tool', value, says(reason));
  };

  it('are made once it can be read, and are given on when they are signed in both forms, with a provenance', async () => {
    const running = await cluster.start();
    const [one, two] = [await newSigningKey(), await newSigningKey()];
    await cluster.apply('tool', specOf('one'));
    await cluster.until('tool', 'no Secret', says('SigningKeyNotFound'));
    await keep('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n');
    await ask('no password', 'SigningKeyInvalid');
    await keep(one, 'registry.example.com/other');
    const refused = await ask('not allowed', 'SigningKeyNotAllowed');
    assert.match(messageOf(refused), /to allow it: kubectl/);
    assert.equal(firstOf(refused).image, undefined);
    const pushed = () =>
      cluster.server.requests.log.filter(({ method, path }) => method === 'PUT' && path.includes('/addons/tool/'));
    assert.deepEqual(pushed(), [], 'nothing is made that could not be signed');

    await keep(one);
    const made = await ask('allowed', 'Succeeded');
    const { image = '', signatures, attestations } = firstOf(made);
    assert.deepEqual(signatures, [
      { key: one.fingerprint, form: 'Signature' },
      { key: one.fingerprint, form: 'Bundle' },
    ]);
    assert.deepEqual(attestations, [{ key: one.fingerprint, predicateType: provenancePredicateType }]);
    const stored = new StoredSignatures(cluster.server.host, 'addons/tool');
    assert.equal(await stored.taggedBy(digestIn(image), one, image), 1);

    // Another key in the same Secret signs what is there; nothing is made for that.
    const before = pushed().length;
    await keep(two);
    const again = await ask('another key', 'Succeeded');
    assert.deepEqual([firstOf(again).image, keysOf(again)], [image, [two.fingerprint]]);
    for (const key of [one, two]) assert.equal(await stored.taggedBy(digestIn(image), key, image), 1);
    assert.ok(pushed().length > before);
    assert.deepEqual(
      running.events.map(({ reason }) => reason),
      ['SigningKeyNotFound', 'SigningKeyInvalid', 'SigningKeyNotAllowed', 'Built', 'ArtifactSigned'],
    );

    // What is known to be there is not looked at again.
    cluster.server.requests.clear();
    await cluster.admin.mergePatch(systemaddons, 'tool', { spec: { interval: '11m' } }, { fieldManager: 'test' });
    await cluster.until('tool', 'looked at', ({ status, metadata }) => status?.observedGeneration === metadata.generation);
    assert.deepEqual(
      cluster.server.requests.log.filter(({ path }) => path.includes('.sig') || path.includes('/referrers/')),
      [],
    );

    // A key that is revoked signs nothing that is given on.
    const prefix = `${cluster.server.host}/addons`;
    const policy = policyOf('addons', {
      prefix,
      authorities: [keyAuthority('two', two.publicKey)],
      revoked: [{ fingerprint: two.fingerprint }],
    });
    await running.door.enforce(policy);
    const lost = await cluster.until('tool', 'revoked', says('Revoked'));
    assert.match(messageOf(lost), /the artifact .*@sha256:.* is not trusted/);
    assert.equal(conditionOf(lost.status?.conditions, 'ImageTrusted')?.status, 'False');
    await cluster.apply('tool', specOf('two'));
    const stays = await cluster.until('tool', 'the next is revoked too', says('Revoked'));
    assert.deepEqual([firstOf(stays).image, firstOf(stays).reason], [image, 'Revoked'], 'the last good artifact stays');

    // With a key that counts it is given on as it is.
    await keep(three);
    const { metadata, spec } = policy;
    cluster.server.requests.clear();
    await running.door.enforce({
      ...policy,
      metadata: { ...metadata, generation: 2, resourceVersion: '2' },
      spec: { ...spec, authorities: [keyAuthority('three', three.publicKey)] },
    });
    const next = await cluster.until('tool', 'signed by the next', says('Succeeded'));
    assert.notEqual(firstOf(next).image, image);
    assert.deepEqual(keysOf(next), [three.fingerprint]);
    assert.equal(running.events.filter(({ reason }) => reason === 'Built').length, 2);
    assert.equal(conditionOf(next.status?.conditions, 'ImageTrusted')?.reason, 'Trusted');
  });

  it('say the commit that a source vouches for, and no other', async () => {
    const revision = await cluster.commit({ 'tool.sh': 'of the repository' });
    await cluster.apply('tool', { ...specOf('three'), sourceRef: { name: 'fleet', path: '.', revision } });
    await cluster.admin.mergePatch(
      systemaddons,
      'tool',
      { metadata: { labels: { [sourceLabel]: 'fleet' } } },
      { fieldManager: 'test' },
    );
    const stored = new StoredSignatures(cluster.server.host, 'addons/tool');
    const statements = async (addon: SystemAddon): Promise<string> =>
      JSON.stringify(await stored.statementsBy(digestIn(firstOf(addon).image), three));
    const byHand = await ask('by hand', 'Succeeded');
    assert.match(await statements(byHand), /"declaredRevision":"main@sha1:/);
    assert.doesNotMatch(await statements(byHand), /gitCommit/);
    const { metadata } = byHand;
    const inventory = [{ kind: 'SystemAddon', name: 'tool', path: 'tool.yaml', applied: appliedMark(metadata) ?? '' }];
    await cluster.admin.applyStatus(
      systemsources,
      {
        apiVersion: 'scantling.dev/v1alpha1',
        kind: 'SystemSource',
        metadata: { name: 'fleet' },
        status: { lastAppliedRevision: revision, inventory },
      },
      { fieldManager: 'test' },
    );
    const vouched = await ask('by its source', 'Succeeded');
    assert.equal(firstOf(vouched).image, firstOf(byHand).image);
    assert.ok((await statements(vouched)).includes(`"gitCommit":"${revision.slice(-40)}"`));
  });
});

describe('the commit of an addon', () => {
  const revision = `main@sha1:${'a'.repeat(40)}`;
  const addon = {
    metadata: { name: 'tool', uid: '01234567-89ab', generation: 3, labels: { [sourceLabel]: 'fleet' } },
    spec: { sourceRef: { name: 'fleet', path: '.', revision } } as SystemAddon['spec'],
  };
  const source = (o: { applied?: string; last?: string; suspend?: boolean; kind?: string }) => ({
    spec: { url: 'https://git.example.com/fleet.git', suspend: o.suspend ?? false } as Parameters<typeof vouches>[0]['spec'],
    status: {
      lastAppliedRevision: o.last ?? revision,
      inventory: [{ kind: o.kind ?? 'SystemAddon', name: 'tool', ...(o.applied === undefined ? {} : { applied: o.applied }) }],
    } as NonNullable<Parameters<typeof vouches>[0]['status']>,
  });
  const known = { repository: 'https://git.example.com/fleet.git', revision };
  for (const [what, of, expected] of [
    ['as it was applied', { applied: '01234567.3' }, known],
    ['changed by hand since', { applied: '01234567.2' }, undefined],
    ['made anew by hand', { applied: '76543210.3' }, undefined],
    ['that is just being applied', { applied: '01234567.2', last: `main@sha1:${'b'.repeat(40)}` }, 'later'],
    ['of a source that is suspended', { last: `main@sha1:${'b'.repeat(40)}`, suspend: true }, undefined],
    ['of which only a definition has the name', { applied: '01234567.3', kind: 'SystemDefinition' }, undefined],
  ] as const)
    test(what, () => assert.deepEqual(vouches(source(of), addon), expected));

  test('is asked of the source that has applied it alone', () => {
    assert.equal(vouchingSource(addon), 'fleet');
    assert.equal(vouchingSource({ ...addon, metadata: { name: 'tool' } }), undefined);
    assert.equal(
      vouchingSource({ ...addon, spec: { ...addon.spec, sourceRef: { name: 'other', path: '.', revision } } }),
      undefined,
    );
  });
});

const both = (key: string) => ['Signature', 'Bundle'].map(form => ({ key, form }));
const attested = (key: string) => ({ key, predicateType: provenancePredicateType });

test('what of a present key is missing', () => {
  const [a, b] = [{ fingerprint: 'a' }, { fingerprint: 'b' }];
  assert.equal(lacks({}, [a], false), true);
  assert.equal(lacks({ signatures: both('a') }, [a], false), false);
  assert.equal(lacks({ signatures: both('a') }, [a, b], false), true);
  assert.equal(lacks({ signatures: both('a').slice(1) }, [a], false), true);
  assert.equal(lacks({ signatures: both('a') }, [a], true), true);
  assert.equal(lacks({ signatures: both('a'), attestations: [attested('b')] }, [a], true), true);
  assert.equal(lacks({ signatures: both('a'), attestations: [attested('a')] }, [a], true), false);
});

test('an artifact that is not given on is kept for its inputs, and a source is waited for once', () => {
  const kept = new UnsignedArtifacts();
  const artifact = { image: 'registry.example/a@sha256:1', inputs: 'sha256:1' };
  kept.note('a', artifact);
  assert.deepEqual(
    [kept.get('a', 'sha256:1'), kept.get('a', 'sha256:2'), kept.get('b', 'sha256:1')],
    [artifact, undefined, undefined],
  );
  kept.forget('a');
  assert.equal(kept.get('a', 'sha256:1'), undefined);
  assert.deepEqual(
    [0, 29_999, 30_000, 90_000].map(now => kept.waits('a', now)),
    [true, true, false, false],
  );
});
