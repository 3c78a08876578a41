/** Which policies speak of an image, and how many of whom must have signed; and what rkt got wrong (W1 to W7 of its list) as far as it is of images. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrustPolicy } from '../../controller/api/trust-policy.ts';
import { startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { type Arranged, createJudge, day, type ImageCase, type Laboratory, noon, testCases } from './corpus/cases.ts';
import { newImage, type TestImage } from './corpus/image.ts';
import { newKey, type TestKey } from './corpus/keys.ts';
import { keyed, policyOf } from './corpus/policies.ts';
import { Repository } from './corpus/repository.ts';
import { signImageWith } from './corpus/simple-signing.ts';

/** An image signed by these keys, and policies made for the name of its repository, which is `host/os/case-<n>`. */
function under(
  make: (name: string, lab: Laboratory, image: TestImage) => TrustPolicy[],
  by: (lab: Laboratory) => readonly TestKey[] = ({ key }) => [key],
): (lab: Laboratory) => Promise<Arranged> {
  return async lab => {
    const image = await newImage(lab.repository());
    const keys = by(lab);
    if (keys.length > 0) await signImageWith(image, ...keys);
    return { image, policies: make(image.repository.name, lab, image) };
  };
}

const parent = (name: string): string => name.slice(0, name.lastIndexOf('/'));
const second = newKey();
const third = newKey();
const bothKeys = ({ key }: Laboratory): TestKey[] => [key, second];

const prefixes: readonly ImageCase[] = [
  { name: 'no policy', arrange: under(() => []), refused: [] },
  { name: 'the name itself', arrange: under((name, { key }) => [policyOf(name, [keyed(key)])]), trusted: ['images/release'] },
  {
    name: 'the name above it',
    arrange: under((name, { key }) => [policyOf(parent(name), [keyed(key)])]),
    trusted: ['images/release'],
  },
  {
    name: 'the host',
    arrange: under((name, { key }) => [policyOf(name.split('/')[0], [keyed(key)])]),
    trusted: ['images/release'],
  },
  { name: 'root', arrange: under((_, { key }) => [policyOf(undefined, [keyed(key)])]), trusted: ['root/release'] },
  {
    name: 'a name that begins like it (W1)',
    arrange: under((name, { key }) => [policyOf(name.slice(0, -1), [keyed(key)])]),
    reason: 'NoPolicy',
  },
  {
    name: 'a name beside it',
    arrange: under((name, { key }) => [policyOf(`${parent(name)}/other`, [keyed(key)])]),
    reason: 'NoPolicy',
  },
  { name: 'a name below it', arrange: under((name, { key }) => [policyOf(`${name}/part`, [keyed(key)])]), reason: 'NoPolicy' },
  {
    name: 'the same host without its port',
    arrange: under((name, { key }) => [policyOf(name.replace(/:\d+/, ''), [keyed(key)])]),
    reason: 'NoPolicy',
  },
  {
    name: 'the key is trusted for a name beside it (W1)',
    arrange: under((name, { key, stranger }) => [
      policyOf(`${name}x`, [keyed(key)], { name: 'beside' }),
      policyOf(name, [keyed(stranger)]),
    ]),
    refused: ['UnknownKey'],
  },
  {
    name: 'a key of the name above counts too',
    arrange: under((name, { key, stranger }) => [
      policyOf(name, [keyed(stranger)]),
      policyOf(parent(name), [keyed(key)], { name: 'above' }),
    ]),
    trusted: ['above/release'],
  },
  {
    name: 'a root key counts too',
    arrange: under((name, { key, stranger }) => [policyOf(name, [keyed(stranger)]), policyOf(undefined, [keyed(key)])]),
    trusted: ['root/release'],
  },
  {
    name: 'a root key does not count where the policy is exclusive (W7)',
    arrange: under((name, { key, stranger }) => [
      policyOf(name, [keyed(stranger)], { exclusive: true }),
      policyOf(undefined, [keyed(key)]),
    ]),
    refused: ['UnknownKey'],
  },
  {
    name: 'a key of the name below does not count',
    arrange: under((name, { key, stranger }) => [
      policyOf(name, [keyed(stranger)]),
      policyOf(`${name}/part`, [keyed(key)], { name: 'below' }),
    ]),
    refused: ['UnknownKey'],
  },
  {
    name: 'two policies of one scope: one of them satisfied',
    arrange: under((name, { key, stranger }) => [
      policyOf(name, [keyed(key)], { name: 'a' }),
      policyOf(name, [keyed(stranger)], { name: 'b' }),
    ]),
    refused: [],
  },
  {
    name: 'two policies of one scope: both satisfied',
    arrange: under(
      (name, { key }) => [policyOf(name, [keyed(key)], { name: 'a' }), policyOf(name, [keyed(second)], { name: 'b' })],
      bothKeys,
    ),
    trusted: ['a/release', 'b/release'],
  },
  {
    name: 'two policies of one scope: one of them only warns',
    arrange: under((name, { key, stranger }) => [
      policyOf(name, [keyed(key)], { name: 'a', mode: 'Warn' }),
      policyOf(name, [keyed(stranger)], { name: 'b' }),
    ]),
    refused: [],
  },
  {
    name: 'a policy for commits says nothing of images',
    arrange: under((name, { key }) => [
      policyOf(name, [keyed(key)], { name: 'git', subjects: ['Git'] }),
      policyOf('registry.example.com', [keyed(key)]),
    ]),
    reason: 'NoPolicy',
  },
];

const three = ({ key }: Laboratory, names: readonly string[] = ['one', 'two', 'three']): ReturnType<typeof keyed>[] =>
  [key, second, third].map((each, n) => keyed(each, { name: names[n] ?? '' }));

const thresholds: readonly ImageCase[] = [
  {
    name: 'two of three',
    arrange: under((name, lab) => [policyOf(name, three(lab), { require: 2 })], bothKeys),
    trusted: ['images/one', 'images/two'],
  },
  {
    name: 'one of three, two are asked for',
    arrange: under((name, lab) => [policyOf(name, three(lab), { require: 2 })]),
    says: /there is one/,
  },
  {
    name: 'one key signed twice (W7)',
    arrange: under(
      (name, lab) => [policyOf(name, three(lab), { require: 2 })],
      ({ key }) => [key, key],
    ),
    says: /there is one/,
  },
  {
    name: 'one key in two authorities',
    arrange: under((name, { key }) => [
      policyOf(name, [keyed(key, { name: 'one' }), keyed(key, { name: 'two' })], { require: 2 }),
    ]),
    says: /there is one/,
  },
  {
    name: 'two authorities that share one of their keys',
    arrange: under((name, { key }) => [
      policyOf(name, [keyed([key, second], { name: 'one' }), keyed([key, third], { name: 'two' })], { require: 2 }),
    ]),
    says: /there is one/,
  },
  {
    name: 'two keys of one authority are one',
    arrange: under(
      (name, { key }) => [policyOf(name, [keyed([key, second], { name: 'one' }), keyed(third, { name: 'two' })], { require: 2 })],
      bothKeys,
    ),
    says: /there is one/,
  },
  {
    name: 'all, and all have signed',
    arrange: under(
      (name, lab) => [policyOf(name, three(lab), { require: 'All' })],
      ({ key }) => [key, second, third],
    ),
    trusted: ['images/one', 'images/three', 'images/two'],
  },
  {
    name: 'all, and one has not',
    arrange: under((name, lab) => [policyOf(name, three(lab), { require: 'All' })], bothKeys),
    says: /three/,
  },
  {
    name: 'all of the policy, and a root key instead of one of them',
    arrange: under(
      (name, { key }) => [
        policyOf(name, [keyed(key, { name: 'one' }), keyed(third, { name: 'two' })], { require: 'All' }),
        policyOf(undefined, [keyed(second)]),
      ],
      bothKeys,
    ),
    says: /two/,
  },
  {
    name: 'a root key is one of two',
    arrange: under(
      (name, { key }) => [policyOf(name, [keyed(key)], { require: 2 }), policyOf(undefined, [keyed(second)])],
      bothKeys,
    ),
    trusted: ['images/release', 'root/release'],
  },
  {
    name: 'every key of a file counts, not only its first (W2)',
    arrange: under((name, { key, stranger }) => [policyOf(name, [keyed([stranger, third, key])])]),
    trusted: ['images/release'],
  },
  {
    name: 'a revoked key is none of two',
    arrange: under(
      (name, lab) => [policyOf(name, three(lab), { require: 2, revoked: [{ fingerprint: second.fingerprint }] })],
      bothKeys,
    ),
    refused: ['Revoked'],
    reason: 'Revoked',
  },
];

// Without any policy everything works; that is no refusal, and stands below.
testCases('names', prefixes.slice(1), ['distribution']);
testCases('how many must have signed', thresholds, ['distribution']);

test('the modes and the absence of policies are said', async t => {
  const server = await startRegistry();
  const registry = clientOf(server.host);
  const judge = createJudge(registry);
  t.after(async () => {
    await judge.close();
    await registry.close();
    await server.stop();
  });
  const key = newKey();
  const image = await newImage(new Repository(server.host, 'os/unsigned'));
  const { name } = image.repository;
  const decide = async (...policies: TrustPolicy[]): Promise<string> => (await judge.judge({ image, policies })).decision;

  assert.equal(await decide(), 'NotConfigured');
  assert.equal(await decide(policyOf(name, [keyed(key)], { mode: 'Warn' })), 'Warned');
  assert.equal(await decide(policyOf(name, [], { mode: 'Skip' })), 'Skipped');
  assert.equal(await decide(policyOf(name, [keyed(key)])), 'Refused');
  assert.equal(
    await decide(policyOf(name, [keyed(key)]), policyOf(undefined, [], { mode: 'Skip' })),
    'Refused',
    'the longer scope governs',
  );
  assert.equal(
    await decide(policyOf(undefined, [keyed(key)]), policyOf(name, [], { mode: 'Skip' })),
    'Skipped',
    'the longer scope governs',
  );
  assert.equal(
    await decide(policyOf(name, [keyed(key)], { name: 'a', mode: 'Warn' }), policyOf(name, [keyed(key)], { name: 'b' })),
    'Refused',
    'of two the stricter',
  );
});

test('a key that is removed or revoked counts no more for an image that was accepted by it (W4, W5)', async t => {
  const server = await startRegistry();
  const registry = clientOf(server.host);
  const judge = createJudge(registry);
  t.after(async () => {
    await judge.close();
    await registry.close();
    await server.stop();
  });
  const [key, other] = [newKey(), newKey()];
  const image = await newImage(new Repository(server.host, 'os/accepted'));
  await signImageWith(image, key);
  const { name } = image.repository;
  const before = await judge.judge({ image, policies: [policyOf(name, [keyed(key)])] });
  const removed = await judge.judge({ image, policies: [policyOf(name, [keyed(other)])] });
  const incident = policyOf('registry.example.com', [], { name: 'incident', revoked: [{ fingerprint: key.fingerprint }] });
  const revoked = await judge.judge({ image, policies: [policyOf(name, [keyed(key)]), incident] });
  // The key is put back beside the word that revokes it: that word wins.
  const back = await judge.judge({
    image,
    policies: [policyOf(name, [keyed([other, key])]), incident, policyOf(undefined, [keyed(key)])],
  });

  assert.equal(before.decision, 'Trusted');
  assert.deepEqual([removed.decision, revoked.decision, back.decision], ['Refused', 'Refused', 'Refused']);
  assert.equal(new Set([before, removed, revoked, back].map(({ basis }) => basis)).size, 4, 'each rests on something else');
});

test('a key expires while its image is in use (W7)', async t => {
  const server = await startRegistry();
  const registry = clientOf(server.host);
  const judge = createJudge(registry);
  t.after(async () => {
    await judge.close();
    await registry.close();
    await server.stop();
  });
  const key = newKey();
  const image = await newImage(new Repository(server.host, 'os/expiring'));
  await signImageWith(image, key);
  const policies = [policyOf(image.repository.name, [keyed(key, { notAfter: new Date(noon + day).toISOString() })])];
  const now = await judge.judge({ image, policies });
  const later = await judge.judge({ image, policies, now: noon + day + 1 });

  assert.equal(now.decision, 'Trusted');
  assert.ok(now.until !== undefined && Math.abs(Date.parse(now.until) - (noon + day)) <= 1000, 'it says until when');
  assert.equal(later.decision, 'Refused');
});
