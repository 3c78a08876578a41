/** Policies on a real API server of which one has a trusted root that does not come. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TransientError } from '../../controller/api/errors.ts';
import type { TrustPolicySpecAuthority } from '../../controller/api/trust-policy.ts';
import type { Judgement } from '../../controller/trust/judgement.ts';
import { keyAuthority, newPublicKey } from './policy-scene.ts';
import { TrustCluster } from './trust-cluster.ts';

const identities = [{ issuer: 'https://issuer.example.com', subject: 'ci@example.com' }];
const ci: TrustPolicySpecAuthority = { name: 'ci', keyless: { identities, trustedRoot: { public: true } } };
const digest = `sha256:${'1'.repeat(64)}`;

let cluster: TrustCluster;
before(async () => {
  cluster = await TrustCluster.start();
});
after(() => cluster?.stop());

test('a trusted root that is long in coming holds up nobody but its own policy', async t => {
  const coming = Promise.withResolvers<string>();
  cluster.roots = { read: () => coming.promise, lastFetched: async () => undefined };
  const refused = { decision: 'Refused', reason: 'Untrusted', message: '', digest, signers: [], candidates: [] } as const;
  cluster.verifier = { verify: async ({ rules }) => ({ ...refused, basis: rules.basis }) };
  await cluster.apply('late', { scope: { prefix: 'registry.example.com/late' }, authorities: [ci] });
  const own = [keyAuthority('release', newPublicKey())];
  await cluster.apply('os', { scope: { prefix: 'registry.example.com/os' }, authorities: own });

  const { trust } = await cluster.run(t);
  const judge = (name: string): Promise<Judgement> => trust.judgeImage({ image: `registry.example.com/${name}@${digest}` });
  await cluster.says('late', /^False KeyUnreadable: authority ci: its trusted root is still to come from the public repository/);
  await cluster.says('os', /^True KeysRead/);
  assert.equal((await judge('os/edge')).decision, 'Refused', 'others judge');
  await assert.rejects(
    judge('late/edge'),
    (error: unknown) => error instanceof TransientError && error.reason === 'KeyUnreadable',
    'it is neither accepted nor refused',
  );

  coming.resolve('{}');
  await cluster.says('late', /^True KeysRead/);
  assert.equal((await judge('late/edge')).decision, 'Refused');
});
