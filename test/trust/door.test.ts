/** The door of trust: when it looks signatures up, when what was recorded stands, and when it says nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import { publicKeysOf } from '../../controller/trust/fingerprint.ts';
import { type Judgement, recordOf } from '../../controller/trust/judgement.ts';
import { projectPolicy } from '../../controller/trust/projection.ts';
import { DoorScene, digest, image, pem, signed } from './door-scene.ts';
import { type GivenSpec, keyAuthority, newPublicKey, policyOf } from './policy-scene.ts';

const minute = 60_000;

test('without a policy nothing is configured and nothing is looked up', async () => {
  const scene = new DoorScene();
  const judged = await scene.trust.judgeImage({ image });
  assert.deepEqual([judged.decision, judged.reason, judged.policy], ['NotConfigured', 'NotConfigured', undefined]);
  assert.equal(scene.looked.length, 0);
});

test('nothing is said before the policies are listed, and before each is read as it stands', async () => {
  const scene = new DoorScene();
  scene.store.synced = false;
  await assert.rejects(scene.trust.judgeImage({ image }), { reason: 'TrustNotLoaded' });
  assert.throws(() => scene.trust.gitRules('git.example.com/os'), { reason: 'TrustNotLoaded' });
  assert.throws(() => scene.trust.imagePolicies(), { reason: 'TrustNotLoaded' });
  assert.equal(scene.trust.basis('Image', 'registry.example.com/os'), undefined);
  scene.store.synced = true;
  await scene.apply('os', signed);
  assert.equal((await scene.trust.judgeImage({ image })).decision, 'Trusted');
  scene.declare('new', { prefix: 'registry.example.com', mode: 'Skip' });
  await assert.rejects(scene.trust.judgeImage({ image }), { reason: 'TrustNotLoaded' });
  await scene.apply('new', { prefix: 'registry.example.com', mode: 'Skip' });
  assert.equal((await scene.trust.judgeImage({ image })).decision, 'Trusted');
  scene.declare('os', signed, 2);
  await assert.rejects(scene.trust.judgeImage({ image }), { reason: 'TrustNotLoaded' });
});

test('another policy under the same name is not the one that was read', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  scene.store.set({ ...projectPolicy(policyOf('os', { mode: 'Skip' }, 'another')) });
  await assert.rejects(scene.trust.judgeImage({ image }), { reason: 'TrustNotLoaded' });
});

test('what no policy covers is refused, and what Skip covers is not looked at', async () => {
  const scene = new DoorScene();
  await scene.apply('os', { ...signed, prefix: 'registry.example.com/apps' });
  assert.deepEqual(pick(await scene.trust.judgeImage({ image })), ['Refused', 'NoPolicy']);
  await scene.apply('root', { mode: 'Skip' });
  assert.deepEqual(pick(await scene.trust.judgeImage({ image })), ['Skipped', 'Skipped']);
  assert.equal(scene.looked.length, 0);
});

test('of two that govern, one that skips takes nothing from the other', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  await scene.apply('lax', { prefix: 'registry.example.com/os', mode: 'Skip' });
  await scene.trust.judgeImage({ image });
  assert.deepEqual(
    scene.looked[0]?.rules.governing.map(({ policy }) => policy),
    ['os'],
  );
});

test('what was judged good stands without a look while its basis does', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  const recorded = recordOf(await scene.trust.judgeImage({ image }));
  const again = await scene.trust.judgeImage({ image, recorded });
  assert.deepEqual(recordOf(again), recorded);
  assert.equal(scene.looked.length, 1);
  // As after a restart: it is in a status, and nothing else is known.
  const restarted = new DoorScene();
  await restarted.apply('os', signed);
  await restarted.trust.judgeImage({ image, recorded });
  assert.equal(restarted.looked.length, 0);
  const other = `registry.example.com/os/edge@sha256:${'b'.repeat(64)}`;
  await scene.trust.judgeImage({ image: other, recorded });
  assert.equal(scene.looked.length, 2);
});

test('W5: another key, another policy, or a revocation anywhere judges again what was good, and says so at once', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  let recorded = recordOf(await scene.trust.judgeImage({ image }));
  const changed: (() => Promise<void>)[] = [
    () => scene.apply('os', { ...signed, authorities: [keyAuthority('release', newPublicKey())] }),
    () => scene.apply('os', signed, { generation: 2 }),
    () => scene.apply('list', { prefix: 'other.example.com', revoked: [{ fingerprint: 'c'.repeat(64) }] }),
    () => scene.apply('root', { authorities: [keyAuthority('any', newPublicKey())] }),
  ];
  for (const change of changed) {
    const [looks, told] = [scene.looked.length, scene.changes];
    await change();
    assert.ok(scene.changes > told);
    recorded = recordOf(await scene.trust.judgeImage({ image, recorded }));
    assert.equal(scene.looked.length, looks + 1);
  }
});

test('a revocation by which nobody who counts is left is said without a look, and stands as what was looked up does', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  const [{ fingerprint } = { fingerprint: '' }] = publicKeysOf(pem);
  const trusted = recordOf(await scene.trust.judgeImage({ image }));
  const recorded = { ...trusted, signers: trusted.signers.map(signer => ({ ...signer, key: fingerprint })) };
  assert.equal(scene.trust.withdrawn({ image, recorded }), undefined);
  await scene.apply('list', { prefix: 'other.example.com', revoked: [{ fingerprint }] });
  const { looked } = scene;
  const judgement = scene.trust.withdrawn({ image, recorded });
  assert.deepEqual([judgement?.decision, judgement?.reason, looked.length], ['Refused', 'Revoked', 1]);
  assert.equal(judgement?.basis, scene.trust.basis('Image', 'registry.example.com/os/edge'));
});

test('a policy of other names changes nothing for this one', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  const recorded = recordOf(await scene.trust.judgeImage({ image }));
  await scene.apply('apps', { ...signed, prefix: 'registry.example.com/apps' });
  await scene.trust.judgeImage({ image, recorded });
  assert.equal(scene.looked.length, 1);
});

test('what was judged good until a time is judged again from then on, and whoever uses it is told', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  scene.answer = { signers: [{ authority: 'os/release', form: 'Signature' }], until: new Date(scene.now + minute).toISOString() };
  const recorded = recordOf(await scene.trust.judgeImage({ image }));
  const restarted = new DoorScene();
  await restarted.apply('os', signed);
  const told = restarted.changes;
  await restarted.trust.judgeImage({ image, recorded });
  restarted.advance(minute + 1_000);
  assert.equal(restarted.changes, told + 1);
  await restarted.trust.judgeImage({ image, recorded });
  assert.equal(restarted.looked.length, 1);
});

test('what is refused may be signed at any time: it is looked at again, with growing patience, and whoever waits is told', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  scene.answer = { decision: 'Refused', reason: 'Untrusted' };
  const recorded = recordOf(await scene.trust.judgeImage({ image }));
  const looks = (): number => scene.looked.length;
  for (const wait of [1, 2, 4, 8, 15, 15]) {
    const before = looks();
    const told = scene.changes;
    scene.advance(wait * minute - 2_000);
    await scene.trust.judgeImage({ image, recorded });
    assert.equal(looks(), before, `after nearly ${wait} minutes`);
    scene.advance(30_000);
    assert.ok(scene.changes > told);
    await scene.trust.judgeImage({ image, recorded });
    assert.equal(looks(), before + 1, `after ${wait} minutes`);
  }
  scene.answer = { decision: 'Trusted', reason: 'Trusted' };
  scene.advance(15 * minute + 1_000);
  assert.equal((await scene.trust.judgeImage({ image, recorded })).decision, 'Trusted');
  const restarted = new DoorScene();
  await restarted.apply('os', signed);
  await restarted.trust.judgeImage({ image, recorded });
  assert.equal(restarted.looked.length, 1, 'a restart looks at once');
});

test('a look-up that fails is no judgement, whatever was recorded', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  scene.answer = new TransientError('SignatureLookupFailed', 'the registry answered 503');
  for (const decision of ['Trusted', 'Refused', 'NotConfigured'] as const) {
    const recorded = { decision, reason: 'x', message: 'x', digest, basis: 'of another time', signers: [] };
    await assert.rejects(scene.trust.judgeImage({ image, recorded }), { reason: 'SignatureLookupFailed' });
  }
});

test('T14: while an authority cannot be read for now, nothing is refused for lack of it, and nothing accepted', async () => {
  const scene = new DoorScene();
  const authorities = [
    ...(signed.authorities ?? []),
    { name: 'secret', key: { secretRef: { name: 'keys' }, transparencyLog: 'Ignored' as const } },
  ];
  await scene.apply('os', { ...signed, authorities }, { sources: { secret: failing } });
  scene.answer = { decision: 'Refused', reason: 'Untrusted' };
  await assert.rejects(scene.trust.judgeImage({ image }), { reason: 'KeyUnreadable', message: /authority secret: try later/ });
  scene.answer = { decision: 'Trusted', reason: 'Trusted' };
  assert.equal((await scene.trust.judgeImage({ image })).decision, 'Trusted');
  await scene.apply('os', { ...signed, authorities });
  scene.answer = { decision: 'Refused', reason: 'Untrusted' };
  assert.equal(
    (await scene.trust.judgeImage({ image })).decision,
    'Refused',
    'a Secret that is certainly not there is no reason to wait',
  );
});

test('what is read of a Secret stays while it cannot be read, and not when the policy is another', async () => {
  const scene = new DoorScene();
  const spec: GivenSpec = {
    ...signed,
    authorities: [{ name: 'secret', key: { secretRef: { name: 'keys' }, transparencyLog: 'Ignored' } }],
  };
  await scene.apply('os', spec, { sources: { secret } });
  const [basis, told] = [scene.trust.basis('Image', 'registry.example.com/os'), scene.changes];
  await scene.apply('os', spec, { sources: { secret: failing } });
  assert.equal(scene.trust.basis('Image', 'registry.example.com/os'), basis);
  assert.equal(scene.changes, told);
  await scene.apply('os', spec, { sources: { secret: failing }, generation: 2 });
  assert.equal(scene.trust.imagePolicies().policies[0]?.authorities.length, 0);
});

test('lastUsed is shown seldom, and of what was recorded too', async () => {
  const scene = new DoorScene();
  await scene.apply('os', signed);
  assert.equal(scene.uses.shown('os/release', undefined), undefined);
  const recorded = recordOf(await scene.trust.judgeImage({ image }));
  const first = scene.uses.shown('os/release', undefined);
  assert.equal(first, '2026-06-01T00:00:00Z');
  scene.now += 5 * minute;
  await scene.trust.judgeImage({ image, recorded });
  assert.equal(scene.uses.shown('os/release', first), first);
  scene.now += 5 * minute;
  await scene.trust.judgeImage({ image, recorded });
  assert.equal(scene.uses.shown('os/release', first), '2026-06-01T00:10:00Z');
});

test('keys that begin or cease to count wake whoever judges by them, once each', async () => {
  const scene = new DoorScene();
  const at = (ms: number): string => new Date(scene.now + ms).toISOString();
  await scene.apply('os', {
    ...signed,
    authorities: [
      keyAuthority('release', pem, { notBefore: at(-minute), notAfter: at(minute) }),
      keyAuthority('next', newPublicKey(), { notBefore: at(2 * minute) }),
    ],
  });
  const told = scene.changes;
  // The end is included, and what changes within a second is told together.
  scene.advance(minute + 1_000);
  assert.equal(scene.changes, told + 1);
  scene.advance(minute);
  assert.equal(scene.changes, told + 2);
  scene.advance(100 * minute);
  assert.equal(scene.changes, told + 2);
});

test('a judgement needs a digest', async () => {
  const scene = new DoorScene();
  await assert.rejects(scene.trust.judgeImage({ image: 'registry.example.com/os/edge:1' }), /no digest/);
});

async function failing(): Promise<undefined> {
  throw new TransientError('ServiceUnavailable', 'try later');
}

async function secret(): Promise<Record<string, Buffer>> {
  return { 'cosign.pub': Buffer.from(pem) };
}

function pick({ decision, reason }: Judgement): [string, string] {
  return [decision, reason];
}
