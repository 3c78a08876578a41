import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { setDigest, sha256 } from '../../controller/addon/set-digest.ts';
import { type ResolvedAddon, isAddonName } from '../../controller/api/addon-set.ts';
import { barringDigests, isTarget, targetDigest } from '../../controller/api/target-digest.ts';

const [a, b, c] = ['a', 'b', 'c'].map(digit => `sha256:${digit.repeat(64)}`) as [string, string, string];

const digest = fc.stringMatching(/^sha256:[0-9a-f]{64}$/);
const addon: fc.Arbitrary<ResolvedAddon> = fc.record({
  name: fc.stringMatching(/^[a-z0-9]{1,8}$/),
  image: digest.map(d => `registry.example.com/addons@${d}`),
  digest,
  size: fc.nat(),
  services: fc.array(fc.string(), { maxLength: 3 }),
  from: fc.constantFrom('vendor', 'pool', 'node'),
});
const addons = fc.uniqueArray(addon, { selector: ({ name }) => name, maxLength: 6 });

test('The digest of a set is that of its canonical JSON, sorted by name', () => {
  const text =
    `[{"digest":"${b}","image":"r/kubelet@${a}","name":"kubelet"},` +
    `{"digest":"${a}","image":"r/runtime@${b}","name":"runtime"}]`;
  const set = [
    { name: 'runtime', image: `r/runtime@${b}`, digest: a },
    { name: 'kubelet', image: `r/kubelet@${a}`, digest: b },
  ];
  assert.equal(setDigest(set), `sha256:${createHash('sha256').update(text).digest('hex')}`);
});

test('An empty set has no digest', () => {
  assert.equal(setDigest([]), undefined);
});

test('A set with a name twice is refused', () => {
  const one = { name: 'kubelet', image: `r/kubelet@${a}`, digest: b };
  assert.throws(() => setDigest([one, { ...one, digest: c }]), /kubelet is in the set of addons twice/);
});

test('Order, size, services and origin change nothing in the digest; name, image and digest do', () => {
  fc.assert(
    fc.property(addons, set => {
      const other = set
        .toReversed()
        .map(({ name, image, digest }) => ({ name, image, digest, size: 1, services: ['x'], from: 'node' }));
      assert.equal(setDigest(other), setDigest(set));
    }),
  );
  fc.assert(
    fc.property(addons, addon, (set, more) => {
      const [first, ...rest] = set.filter(({ name }) => name !== more.name);
      if (!first) return;
      const before = setDigest([first, ...rest]);
      assert.notEqual(setDigest(rest), before);
      assert.notEqual(setDigest([first, ...rest, more]), before);
      assert.notEqual(setDigest([{ ...first, name: more.name }, ...rest]), before);
      if (more.digest !== first.digest) assert.notEqual(setDigest([{ ...first, digest: more.digest }, ...rest]), before);
      if (more.image !== first.image) assert.notEqual(setDigest([{ ...first, image: more.image }, ...rest]), before);
    }),
  );
});

test('A target without a set is named by its image, and one with a set by both', () => {
  assert.equal(targetDigest(a, undefined, sha256), a);
  assert.equal(targetDigest(a, b, sha256), sha256(`${a}\n${b}\n`));
  assert.notEqual(targetDigest(a, b, sha256), targetDigest(b, a, sha256));
});

test('A node runs its target when image and set are both right', () => {
  const table: [Parameters<typeof isTarget>[0], Parameters<typeof isTarget>[1], boolean][] = [
    [{ digests: [a, b] }, { digest: a }, true],
    [{ digests: [a, b] }, { digest: b }, true],
    [{ digests: [a] }, { digest: c }, false],
    [{ digests: [a] }, {}, false],
    [{ digests: [a] }, { digest: a, set: c }, false],
    [{ digests: [a], set: c }, { digest: a }, false],
    [{ digests: [a], set: c }, { digest: a, set: b }, false],
    [{ digests: [a], set: c }, { digest: a, set: c }, true],
    [{ digests: [a], set: c }, { digest: b, set: c }, false],
  ];
  for (const [target, running, expected] of table)
    assert.equal(isTarget(target, running), expected, JSON.stringify([target, running]));
});

test('The failure of an image bars it with any set, and the failure of a set only that pair', () => {
  fc.assert(
    fc.property(
      digest,
      digest,
      fc.option(digest, { nil: undefined }),
      fc.option(digest, { nil: undefined }),
      (image, other, set, otherSet) => {
        const barring = barringDigests({ digests: [image], set }, sha256);
        assert.ok(barring.includes(image));
        assert.ok(barring.includes(targetDigest(image, set, sha256)));
        if (otherSet !== undefined && otherSet !== set) assert.ok(!barring.includes(targetDigest(image, otherSet, sha256)));
        if (other !== image) assert.ok(!barring.includes(targetDigest(other, set, sha256)));
      },
    ),
  );
  assert.deepEqual(barringDigests({ digests: [a, b] }, sha256), [a, b]);
  const pair = { digests: [a, b], set: c };
  assert.deepEqual(barringDigests(pair, sha256), [a, b, targetDigest(a, c, sha256), targetDigest(b, c, sha256)]);
});

test('The name of an addon is one that systemd and a directory can have', () => {
  for (const name of ['kubelet', 'a', '0', 'kubelet-1-34', 'x'.repeat(63)]) assert.ok(isAddonName(name), name);
  for (const name of ['', '-a', 'a-', 'A', 'a.b', 'a/b', '..', 'a_b', 'a\n', 'x'.repeat(64)]) assert.ok(!isAddonName(name), name);
});
