/** A trusted root that nothing vouches for any more, in a controller that has read it before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import type { TrustPolicySpecAuthority } from '../../controller/api/trust-policy.ts';
import { DoorScene, image } from './door-scene.ts';
import type { GivenSpec } from './policy-scene.ts';

const root = JSON.stringify({ mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1' });
const identities = [{ issuer: 'https://issuer.example.com', subject: 'ci@example.com' }];
const tuf = { url: 'https://tuf.example.com', rootConfigMapRef: { name: 'tuf' } };
const ci: TrustPolicySpecAuthority = { name: 'ci', keyless: { identities, trustedRoot: { tuf } } };
const spec: GivenSpec = { prefix: 'registry.example.com/os', authorities: [ci] };
const configMap = async () => ({ 'root.json': Buffer.from('{}') });
const sources = { configMap, trustedRoot: async () => root };
const failing = async (): Promise<never> => {
  throw new TransientError('KeyUnreadable', 'no trusted root from https://tuf.example.com: the last good one does not count');
};

const away = async (): Promise<never> => {
  throw new TransientError('Unavailable', 'try later');
};

test('counts no longer, and nothing is refused for lack of it: it is waited for', async () => {
  const scene = new DoorScene();
  await scene.apply('os', spec, { sources });
  assert.equal((await scene.trust.judgeImage({ image })).decision, 'Trusted');
  const [basis, told] = [scene.trust.basis('Image', 'registry.example.com/os'), scene.changes];

  await scene.apply('os', spec, { sources: { configMap, trustedRoot: failing } });
  assert.notEqual(scene.trust.basis('Image', 'registry.example.com/os'), basis);
  assert.equal(scene.changes, told + 1, 'whoever goes by it is told');
  scene.answer = { decision: 'Refused', reason: 'Untrusted' };
  const says = /authority ci: no trusted root from .*: the last good one does not count/;
  await assert.rejects(scene.trust.judgeImage({ image }), { reason: 'KeyUnreadable', message: says });

  scene.answer = { decision: 'Trusted', reason: 'Trusted' };
  await scene.apply('os', spec, { sources });
  assert.equal(scene.trust.basis('Image', 'registry.example.com/os'), basis);
});

test('an API server that does not answer ends no root', async () => {
  const scene = new DoorScene();
  await scene.apply('os', spec, { sources });
  const basis = scene.trust.basis('Image', 'registry.example.com/os');
  await scene.apply('os', spec, { sources: { configMap: away, trustedRoot: failing } });
  assert.equal(scene.trust.basis('Image', 'registry.example.com/os'), basis);
});
