import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ReadPolicy } from '../../controller/trust/read-policy.ts';
import { conflictsOf, revocationsOf, rulesFor, scopedPolicies } from '../../controller/trust/select-rules.ts';
import { covers } from '../../controller/trust/scope.ts';
import { type GivenSpec, keyAuthority, newPublicKey, policyOf, readAll } from './policy-scene.ts';

const pems = { a: newPublicKey(), b: newPublicKey(), c: newPublicKey() };
const signedBy = (name: keyof typeof pems) => [keyAuthority(name, pems[name])];
const name = 'registry.example.com/os/edge';

async function rules(specs: Record<string, GivenSpec>, of = name, subject: 'Image' | 'Git' = 'Image') {
  return rulesFor(await readAll(Object.entries(specs).map(([policy, spec]) => policyOf(policy, spec))), subject, of);
}

const counted = ({ governing }: Awaited<ReturnType<typeof rules>>) =>
  governing.map(g => [g.policy, g.authorities.map(a => `${a.policy}/${a.name}`)]);

test('without a policy nothing is configured; with one, what none covers is governed by none', async () => {
  assert.equal((await rules({})).configured, false);
  const other = await rules({ one: { prefix: 'registry.example.com/apps', authorities: signedBy('a') } });
  assert.deepEqual([other.configured, other.governing], [true, []]);
  const git = await rules({ one: { prefix: 'registry.example.com/os', authorities: signedBy('a') } }, name, 'Git');
  assert.deepEqual([git.configured, git.governing], [false, []]);
});

test('T15: an image may be signed by any key of its prefix, of all ancestors and of root; never by one of a prefix beside or below', async () => {
  const policies = {
    root: { authorities: signedBy('a') },
    host: { prefix: 'registry.example.com', authorities: signedBy('b') },
    os: { prefix: 'registry.example.com/os', authorities: signedBy('c') },
    apps: { prefix: 'registry.example.com/apps', authorities: signedBy('a') },
  };
  assert.deepEqual(counted(await rules(policies)), [['os', ['os/c', 'host/b', 'root/a']]]);
  assert.deepEqual(counted(await rules(policies, 'registry.example.com/os')), [['os', ['os/c', 'host/b', 'root/a']]]);
  assert.deepEqual(counted(await rules(policies, 'registry.example.com/os-test')), [['host', ['host/b', 'root/a']]]);
  assert.deepEqual(counted(await rules(policies, 'quay.io/x')), [['root', ['root/a']]]);
});

test('W7: an exclusive policy lets no key of an ancestor or of root satisfy it', async () => {
  const policies = {
    root: { authorities: signedBy('a') },
    os: { prefix: 'registry.example.com/os', authorities: signedBy('c'), exclusive: true },
  };
  assert.deepEqual(counted(await rules(policies)), [['os', ['os/c']]]);
});

test('exclusive of an ancestor says nothing of what a longer prefix governs', async () => {
  const policies = {
    root: { authorities: signedBy('a') },
    host: { prefix: 'registry.example.com', authorities: signedBy('b'), exclusive: true },
    os: { prefix: 'registry.example.com/os', authorities: signedBy('c') },
  };
  assert.deepEqual(counted(await rules(policies)), [['os', ['os/c', 'host/b', 'root/a']]]);
});

test('T1, T2: the policy with the longest prefix governs: its mode and its requirement', async () => {
  const { governing } = await rules({
    root: { mode: 'Skip' },
    host: { prefix: 'registry.example.com', authorities: signedBy('b'), mode: 'Warn', require: 'All' },
  });
  assert.deepEqual(
    governing.map(({ policy, mode, require }) => [policy, mode, require]),
    [['host', 'Warn', 'All']],
  );
});

test('two policies of equal scope both govern, each with its own authorities, and are in conflict', async () => {
  const specs = {
    root: { authorities: signedBy('a') },
    one: { prefix: 'registry.example.com/os', authorities: signedBy('b') },
    two: { prefix: 'registry.example.com:443/os', authorities: signedBy('c'), exclusive: true },
    git: { prefix: 'registry.example.com/os', subjects: ['Git' as const], mode: 'Skip' as const },
  };
  assert.deepEqual(counted(await rules(specs)), [
    ['one', ['one/b', 'root/a']],
    ['two', ['two/c']],
  ]);
  const read = await readAll(Object.entries(specs).map(([policy, spec]) => policyOf(policy, spec)));
  const conflicts = Object.fromEntries(read.map(p => [p.policy, conflictsOf(read, p).map(({ policy }) => policy)]));
  assert.deepEqual(conflicts, { root: [], one: ['two'], two: ['one'], git: [] });
});

test('T13: what is revoked anywhere is revoked everywhere, and the strictest word stands', async () => {
  const fingerprint = 'f'.repeat(64);
  const other = 'e'.repeat(64);
  const read = await readAll([
    policyOf('one', { prefix: 'a.example.com', mode: 'Skip', revoked: [{ fingerprint, since: '2026-02-01T00:00:00Z' }] }),
    policyOf('two', {
      prefix: 'b.example.com',
      mode: 'Skip',
      revoked: [{ fingerprint, since: '2026-01-01T00:00:00Z' }, { fingerprint: other }],
    }),
    policyOf('three', {
      prefix: 'c.example.com',
      mode: 'Skip',
      revoked: [{ fingerprint: other, since: '2026-01-01T00:00:00Z' }],
    }),
  ]);
  const expected = [
    { fingerprint: other, policy: 'two' },
    { fingerprint, policy: 'two', since: Date.parse('2026-01-01T00:00:00Z') },
  ];
  assert.deepEqual(revocationsOf(read), expected);
  assert.deepEqual(revocationsOf(read.toReversed()), expected);
  assert.deepEqual(rulesFor(read, 'Git', 'git.example.com/os').revoked, expected);
});

test('a policy that only revokes covers nothing, so that a revocation never refuses or allows what no policy is about', async () => {
  const revoked = [{ fingerprint: 'f'.repeat(64) }];
  const alone = await rules({ list: { revoked } });
  assert.deepEqual([alone.configured, alone.governing, alone.revoked.length], [false, [], 1]);
  const waiting = await rules({
    list: {
      revoked,
      prefix: 'registry.example.com/os',
      discovery: { enabled: true, interval: '24h', allowPrivateAddresses: false },
    },
  });
  assert.deepEqual(counted(waiting), [['list', []]]);
  const skipping = await rules({ list: { revoked, mode: 'Skip' } });
  assert.deepEqual(counted(skipping), [['list', []]]);
});

test('authorities count for the subject they sign', async () => {
  const ssh = {
    name: 'people',
    ssh: { allowedSigners: 'a@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl' },
  };
  const specs = { both: { subjects: ['Image' as const, 'Git' as const], authorities: [...signedBy('a'), ssh] } };
  assert.deepEqual(counted(await rules(specs)), [['both', ['both/a']]]);
  assert.deepEqual(counted(await rules(specs, 'git.example.com/os', 'Git')), [['both', ['both/people']]]);
});

test('T14: an authority that cannot be read does not count, and is named with why', async () => {
  const specs = {
    os: {
      prefix: 'registry.example.com/os',
      authorities: [
        ...signedBy('a'),
        { name: 'gone', key: { secretRef: { name: 'keys' }, transparencyLog: 'Ignored' as const } },
      ],
    },
  };
  const { governing } = await rules(specs);
  assert.deepEqual(counted({ governing } as Awaited<ReturnType<typeof rules>>), [['os', ['os/a']]]);
  assert.deepEqual(governing[0]?.unread, [{ name: 'os/gone', message: 'Secret keys is not there' }]);
});

test('hosts are told the policies of images, the longest scopes first', async () => {
  const read = await readAll([
    policyOf('root', { authorities: signedBy('a') }),
    policyOf('git', { subjects: ['Git'], mode: 'Skip' }),
    policyOf('list', { revoked: [{ fingerprint: 'f'.repeat(64) }] }),
    policyOf('os', { prefix: 'registry.example.com/os', authorities: signedBy('c') }),
  ]);
  assert.deepEqual(
    scopedPolicies(read).map(({ policy, scope }) => [policy, scope]),
    [
      ['os', 'registry.example.com/os'],
      ['root', ''],
    ],
  );
});

const scopes = ['', 'a.example', 'a.example/x', 'a.example/x/y', 'a.example/xy', 'b.example'];
const names = ['a.example/x', 'a.example/x/y/z', 'a.example/xy', 'b.example/q', 'c.example/q'];
const manyPolicies = fc.uniqueArray(
  fc.record({
    policy: fc.constantFrom('p', 'q', 'r', 's', 't'),
    scope: fc.constantFrom(...scopes),
    exclusive: fc.boolean(),
    subjects: fc.constantFrom<ReadPolicy['subjects']>(['Image'], ['Git'], ['Image', 'Git']),
    revoked: fc.boolean(),
    generation: fc.integer({ min: 1, max: 3 }),
  }),
  { selector: ({ policy }) => policy, maxLength: 5 },
);

function asRead(given: {
  policy: string;
  scope: string;
  exclusive: boolean;
  subjects: ReadPolicy['subjects'];
  revoked: boolean;
  generation: number;
}): ReadPolicy {
  const { policy, revoked } = given;
  const key = { fingerprint: policy.repeat(64), algorithm: 'ed25519', pem: policy };
  return {
    ...given,
    uid: policy,
    mode: 'Enforce',
    require: 'Any',
    attestations: [],
    authorities: [
      {
        name: 'k',
        kind: 'key',
        keys: [key],
        authority: { policy, name: 'k', kind: 'key', keys: [key], transparencyLog: 'Ignored' },
      },
    ],
    revoked: revoked ? [{ fingerprint: 'f'.repeat(64), policy }] : [],
    revokesOnly: false,
  };
}

test('for any policies: who governs covers, nobody longer does, and only authorities of covering policies count', () => {
  fc.assert(
    fc.property(manyPolicies, fc.constantFrom(...names), (given, name) => {
      const read = given.map(asRead);
      const { governing, configured } = rulesFor(read, 'Image', name);
      const covering = read.filter(p => p.subjects.includes('Image') && covers(p.scope, name));
      const longest = Math.max(-1, ...covering.map(p => p.scope.length));
      assert.deepEqual(
        new Set(governing.map(g => g.policy)),
        new Set(covering.filter(p => p.scope.length === longest).map(p => p.policy)),
      );
      assert.equal(
        configured,
        read.some(p => p.subjects.includes('Image')),
      );
      const allowed = new Set(covering.map(p => p.policy));
      for (const { policy, authorities, exclusive } of governing) {
        for (const authority of authorities) assert.ok(allowed.has(authority.policy));
        if (exclusive) assert.ok(authorities.every(authority => authority.policy === policy));
      }
    }),
  );
});

test('for any policies: the order says nothing, and equal policies are an equal basis', () => {
  fc.assert(
    fc.property(manyPolicies, fc.constantFrom(...names), (given, name) => {
      const read = given.map(asRead);
      assert.deepEqual(rulesFor(read, 'Image', name), rulesFor(read.toReversed(), 'Image', name));
    }),
  );
});

test('for any policies: what a judgement depends on changes its basis, and what it does not depend on leaves it', () => {
  fc.assert(
    fc.property(manyPolicies, fc.constantFrom(...names), fc.nat(), (given, name, at) => {
      const read = given.map(asRead);
      const changed = read[at % Math.max(1, read.length)];
      if (!changed) return;
      const { basis } = rulesFor(read, 'Image', name);
      const after = (other: Partial<ReadPolicy>) =>
        rulesFor(
          read.map(p => (p === changed ? { ...p, ...other } : p)),
          'Image',
          name,
        ).basis;
      const counts = changed.subjects.includes('Image') && covers(changed.scope, name);
      assert.equal(after({ generation: 9 }) !== basis, counts);
      assert.equal(after({ uid: 'another' }) !== basis, counts);
      assert.equal(
        after({ authorities: changed.authorities.map(({ name, kind }) => ({ name, kind, keys: [] })) }) !== basis,
        counts,
      );
      assert.notEqual(after({ revoked: [{ fingerprint: 'd'.repeat(64), policy: 'any' }] }), basis);
    }),
  );
});
