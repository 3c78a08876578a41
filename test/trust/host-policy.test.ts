/** What hosts are told of policies, as bytes and by the rules of containers/image. test/trust/skopeo.test.ts asks the real thing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type HostTrust, hostTrustPaths } from '../../controller/api/host-trust.ts';
import { hostFiles, hostFilesOf, hostLimits } from '../../controller/trust/host-policy.ts';
import type { ScopedPolicy } from '../../controller/trust/rules.ts';
import { contentOf, hostAccepts, keyAuthorityOf, keyOf, keylessAuthorityOf, parsedPolicy, scopedPolicy } from './host-scene.ts';

const now = Date.parse('2026-06-01T00:00:00Z');
const os = 'registry.example.com/os';
const signedBy = (...keys: string[]) => ({ authorities: keys.map(key => keyAuthorityOf(key, [keyOf(key)])) });

const told = (...policies: ScopedPolicy[]) => hostFiles(policies, [], now);
const markerOf = (files: ReturnType<typeof told>) => JSON.parse(contentOf(files, hostTrustPaths.marker) ?? '') as HostTrust;
const acceptanceOf = (files: ReturnType<typeof told>) => markerOf(files).scopes.map(({ scope, accepts }) => [scope, accepts]);

test('without a policy hosts are told nothing', () => {
  assert.deepEqual(told(), { files: [], unsaid: [], unread: [] });
});

test('an image holds the policies of what its hosts pull: each that covers one of them, and root', () => {
  const root = scopedPolicy('root', '', signedBy('root'));
  const above = scopedPolicy('host', 'registry.example.com', signedBy('host'));
  const own = scopedPolicy('os', os, signedBy('os'));
  const apps = scopedPolicy('apps', 'quay.io/apps', signedBy('apps'));
  const others = [
    scopedPolicy('edge', `${os}/edge`, { ...signedBy('edge'), unread: [{ name: 'edge/x', message: 'Secret x does not exist' }] }),
    scopedPolicy('os-test', `${os}-test`, { authorities: [keyAuthorityOf('t', [keyOf('t')], { notAfter: now + 1 })] }),
  ];
  const of = (policies: ScopedPolicy[], ...images: string[]) => {
    const revoked = [{ fingerprint: 'edge', policy: 'edge' }];
    return hostFilesOf({ imagePolicies: () => ({ policies, revoked }) }, images, now);
  };
  const digest = `sha256:${'0'.repeat(64)}`;
  assert.deepEqual(of([root, above, own, apps, ...others], `${os}/worker@${digest}`), told(root, above, own));
  assert.deepEqual(of([root, own, apps, ...others], os, `Quay.io:443/apps/web:1`), told(root, own, apps));
  assert.equal(hostAccepts(of([own, apps], os), 'quay.io/apps/web', ['apps']), false, 'what is not written is refused');
  assert.equal(hostAccepts(of([root, apps], os), 'quay.io/apps/web', ['root']), true, "or goes by root's rule");
  assert.equal(hostAccepts(of([apps], os), os, ['apps']), false, 'as where no policy covers anything');
  assert.deepEqual(of([], os), told());
});

test('one key is written as every host reads it; what nothing covers is refused, what is on the disk is not', () => {
  const files = told(scopedPolicy('os', os, signedBy('a')));
  const { default: otherwise, transports } = parsedPolicy(files);
  assert.deepEqual(otherwise, [{ type: 'reject' }]);
  assert.deepEqual(transports['docker'], {
    [os]: [{ type: 'sigstoreSigned', keyData: btoa('a'), signedIdentity: { type: 'matchRepository' } }],
  });
  assert.deepEqual(transports['containers-storage'], { '': [{ type: 'insecureAcceptAnything' }] });
  assert.equal(
    contentOf(files, hostTrustPaths.lookups)?.split('\n').slice(1).join('\n'),
    'default-docker:\n  use-sigstore-attachments: true\n',
  );
  assert.deepEqual(
    files.files.map(({ path, mode }) => [path, mode]),
    [hostTrustPaths.policy, hostTrustPaths.lookups, hostTrustPaths.marker].map(path => [path, 0o644]),
  );
});

test('the order of policies and authorities says nothing', () => {
  const policies = [
    scopedPolicy('root', '', { ...signedBy('a', 'b'), attestations: [{ predicateType: 'x', commit: 'Any' }] }),
    scopedPolicy('os', os, { ...signedBy('c', 'd'), require: 2 }),
    scopedPolicy('edge', `${os}/edge`, signedBy('e')),
  ];
  const turned = policies.toReversed().map(p => ({ ...p, authorities: p.authorities.toReversed() }));
  assert.deepEqual(told(...turned), told(...policies));
});

test('keys of shorter prefixes and of root count, unless the governing policy is exclusive', () => {
  const above = [scopedPolicy('root', '', signedBy('a')), scopedPolicy('host', 'registry.example.com', signedBy('b'))];
  const open = told(...above, scopedPolicy('os', os, signedBy('c')));
  for (const key of ['a', 'b', 'c']) assert.equal(hostAccepts(open, `${os}/edge`, [key]), true, key);
  const closed = told(...above, scopedPolicy('os', os, { ...signedBy('c'), exclusive: true }));
  assert.deepEqual(
    ['a', 'b', 'c'].map(key => hostAccepts(closed, os, [key])),
    [false, false, true],
  );
  assert.equal(hostAccepts(closed, 'registry.example.com/os-test', ['c']), false);
  assert.equal(hostAccepts(closed, 'quay.io/x', ['a']), true);
});

test('two policies of one scope are both to be satisfied', () => {
  const files = told(scopedPolicy('one', os, signedBy('a')), scopedPolicy('two', os, signedBy('b')));
  assert.deepEqual(
    [hostAccepts(files, os, ['a']), hostAccepts(files, os, ['b']), hostAccepts(files, os, ['a', 'b'])],
    [false, false, true],
  );
  const skipped = told(scopedPolicy('one', os, signedBy('a')), scopedPolicy('two', os, { mode: 'Skip' }));
  assert.deepEqual([hostAccepts(skipped, os, []), hostAccepts(skipped, os, ['a'])], [false, true]);
});

test('Warn and Skip accept anything, and no signature is looked for on their account', () => {
  const files = told(
    scopedPolicy('os', os, { ...signedBy('a'), mode: 'Warn' }),
    scopedPolicy('lab', 'lab.example.com', { mode: 'Skip' }),
  );
  assert.deepEqual(acceptanceOf(files), [
    ['lab.example.com', 'Anything'],
    [os, 'Anything'],
  ]);
  assert.equal(hostAccepts(files, os, []), true);
  assert.equal(hostAccepts(files, 'quay.io/x', []), false);
  assert.equal(contentOf(files, hostTrustPaths.lookups), undefined);
  assert.deepEqual(
    files.unsaid.map(({ policy, why }) => `${policy}: ${why}`),
    ['lab: mode is Skip: nodes accept anything', 'os: mode is Warn: nodes accept anything'],
  );
});

test('revoked keys are left out, also where a time is given; with the last key gone all is refused', () => {
  const policy = scopedPolicy('os', os, signedBy('a', 'b'));
  const revoke = (...keys: string[]) => keys.map(fingerprint => ({ fingerprint, policy: 'p', since: now }));
  const one = hostFiles([policy], revoke('a'), now);
  assert.deepEqual([hostAccepts(one, os, ['a']), hostAccepts(one, os, ['b'])], [false, true]);
  assert.deepEqual(acceptanceOf(hostFiles([policy], revoke('a', 'b'), now)), [[os, 'Nothing']]);
  assert.equal(hostAccepts(hostFiles([policy], revoke('a', 'b'), now), os, ['a', 'b']), false);
  const all = scopedPolicy('os', os, { ...signedBy('a', 'b'), require: 'All' });
  assert.deepEqual(acceptanceOf(hostFiles([all], revoke('a'), now)), [[os, 'Nothing']]);
});

test('keys that are expired or not yet valid are left out, and it is known when that changes', () => {
  const old = keyAuthorityOf('old', [keyOf('old')], { notAfter: now });
  const present = keyAuthorityOf('present', [keyOf('present')], { notBefore: now, notAfter: now + 5 });
  const coming = keyAuthorityOf('coming', [keyOf('coming')], { notBefore: now + 3 });
  const at = (time: number) => hostFiles([scopedPolicy('os', os, { authorities: [old, present, coming] })], [], time);
  const accepted = (time: number) => ['old', 'present', 'coming'].filter(key => hostAccepts(at(time), os, [key]));
  assert.deepEqual(
    [now - 1, now, now + 1, now + 3, now + 5, now + 6].map(accepted),
    [['old'], ['old', 'present'], ['present'], ['present', 'coming'], ['present', 'coming'], ['coming']],
    'a key counts from its beginning to its end, both included, as for who judges',
  );
  assert.deepEqual(
    [now - 1, now, now + 1, now + 3, now + 5, now + 6].map(time => at(time).changesAt),
    [now, now + 1, now + 3, now + 6, now + 6, undefined],
  );
});

test('what hosts cannot check of an authority is said, and they judge by the others', () => {
  const keyless = keylessAuthorityOf('ci');
  const files = told(scopedPolicy('os', os, { authorities: [keyAuthorityOf('release', [keyOf('a')]), keyless] }));
  assert.deepEqual([hostAccepts(files, os, []), hostAccepts(files, os, ['a'])], [false, true]);
  assert.deepEqual(
    files.unsaid.map(({ policy, authority }) => `${policy}/${authority}`),
    ['os/ci'],
  );
  const alone = told(scopedPolicy('os', os, { authorities: [keyless] }));
  assert.deepEqual(acceptanceOf(alone), [[os, 'Anything']]);
  assert.match(alone.unsaid.map(({ why }) => why).join(' '), /has no authority that nodes can check/);
});

test('limits of an authority: by algorithm, by log', () => {
  for (const algorithm of ['ecdsa-p256', 'rsa-2048', 'rsa-4096'])
    assert.equal(hostLimits(keyAuthorityOf('k', [keyOf('a', algorithm)])), undefined);
  for (const algorithm of ['ecdsa-p384', 'ecdsa-p521', 'ed25519'])
    assert.match(hostLimits(keyAuthorityOf('k', [keyOf('a', algorithm)])) ?? '', new RegExp(`SHA-256 only.*${algorithm}`));
  assert.match(
    hostLimits(keyAuthorityOf('k', [keyOf('a')], { transparencyLog: 'Required' })) ?? '',
    /not that it is in the transparency log/,
  );
  assert.match(hostLimits(keylessAuthorityOf('ci')) ?? '', /cannot check identities/);
});

test('attestations are said of the policy that wants them', () => {
  const policy = scopedPolicy('os', os, {
    ...signedBy('a'),
    attestations: [{ predicateType: 'https://slsa.dev/provenance/v1', commit: 'Any' }],
  });
  assert.deepEqual(told(policy).unsaid, [{ policy: 'os', why: 'nodes do not check attestations' }]);
  assert.deepEqual(markerOf(told(policy)).scopes, [
    { scope: os, policies: ['os'], accepts: 'Signatures', limits: ['os: nodes do not check attestations'] },
  ]);
});

test('authorities that share a key count once where they are counted, and each by itself where all must have signed', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(name => keyOf(name));
  assert.ok(a && b && c);
  const shared = [keyAuthorityOf('x', [a]), keyAuthorityOf('y', [a, b]), keyAuthorityOf('z', [c])];
  const accepted = (require: number | 'All') => {
    const files = told(scopedPolicy('os', os, { authorities: shared, require }));
    return [['a'], ['a', 'b'], ['a', 'c'], ['b', 'c']].map(keys => hostAccepts(files, os, keys));
  };
  assert.deepEqual(accepted(2), [false, false, true, true]);
  assert.deepEqual(accepted('All'), [false, false, true, false]);
});

test('a number that takes too many requirements is lowered, and said', () => {
  const many = Array.from({ length: 20 }, (_, i) => `k${i}`);
  const files = told(scopedPolicy('os', os, { ...signedBy(...many), require: 10 }));
  assert.deepEqual(
    files.unsaid.map(({ why }) => why),
    ['nodes require 2 of the 10 authorities, as they cannot check more'],
  );
  assert.deepEqual([hostAccepts(files, os, ['k0']), hostAccepts(files, os, ['k0', 'k7'])], [false, true]);
  const all = told(scopedPolicy('os', os, { ...signedBy(...many), require: 'All' }));
  assert.deepEqual(all.unsaid, []);
  assert.deepEqual([hostAccepts(all, os, many.slice(1)), hostAccepts(all, os, many)], [false, true]);
});

test('of as many authorities as there can be any number is written down without delay', () => {
  const above = Array.from({ length: 96 }, (_, i) => `k${i}`);
  for (const require of [1, 2, 16, 31, 32, 'All'] as const) {
    const own = Array.from({ length: 32 }, (_, i) => `own${i}`);
    const policies = [scopedPolicy('os', os, { ...signedBy(...own), require }), scopedPolicy('root', '', signedBy(...above))];
    const requirements = parsedPolicy(told(...policies)).transports['docker']?.[os] ?? [];
    assert.ok(requirements.length >= 1 && requirements.length <= 64, `${require}: ${requirements.length}`);
  }
});

test('for any number of authorities hosts count as the controller does', () => {
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  const scene = fc.record({
    own: fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1 }),
    above: fc.uniqueArray(fc.constantFrom(...keys)),
    require: fc.oneof(fc.constant('Any' as const), fc.constant('All' as const), fc.integer({ min: 1, max: 6 })),
    exclusive: fc.boolean(),
    revoked: fc.uniqueArray(fc.constantFrom(...keys), { maxLength: 2 }),
    signed: fc.uniqueArray(fc.constantFrom(...keys)),
  });
  fc.assert(
    fc.property(scene, ({ own, above, require, exclusive, revoked, signed }) => {
      const files = hostFiles(
        [scopedPolicy('os', os, { ...signedBy(...own), require, exclusive }), scopedPolicy('root', '', signedBy(...above))],
        revoked.map(fingerprint => ({ fingerprint, policy: 'p' })),
        now,
      );
      const counted = new Set(require === 'All' || exclusive ? own : [...own, ...above]);
      const wanted = require === 'Any' ? 1 : require === 'All' ? own.length : require;
      const good = signed.filter(key => counted.has(key) && !revoked.includes(key));
      assert.equal(hostAccepts(files, `${os}/edge`, signed), good.length >= wanted);
    }),
  );
});
