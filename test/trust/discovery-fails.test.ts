/** A policy whose keys cannot be looked for is as good as its keys (F1), on a real API server and registry. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { discover } from '../../controller/trust/discovery.ts';
import { createImageVerifier } from '../../controller/trust/image-verifier.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { startRegistry, type RegistryServer } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { newImage } from './corpus/image.ts';
import { newKey } from './corpus/keys.ts';
import { Repository } from './corpus/repository.ts';
import { signImageWith } from './corpus/simple-signing.ts';
import { keyAuthority } from './policy-scene.ts';
import { TrustCluster } from './trust-cluster.ts';

let server: RegistryServer;
let cluster: TrustCluster;
before(async () => {
  server = await startRegistry();
  cluster = await TrustCluster.start();
});
after(async () => {
  await cluster?.stop();
  await server?.stop();
});

test('key discovery that fails fails no judgement: what a known key has signed is trusted (F1)', async t => {
  const registry = clientOf(server.host);
  const verifier = createImageVerifier({ registry, now: () => cluster.now, log: createLog('silent') });
  t.after(async () => {
    await verifier.close();
    await registry.close();
  });
  cluster.verifier = verifier;
  // The registry speaks plain http, so that nobody answers there by https.
  cluster.discover = discover;
  const { trust } = await cluster.run(t);
  const key = newKey();
  const image = await newImage(new Repository(server.host, 'os'));
  await signImageWith(image, key);
  await cluster.apply('os', {
    scope: { prefix: `${server.host}/os` },
    discovery: { enabled: true, interval: '24h', allowPrivateAddresses: true },
    authorities: [keyAuthority('release', key.pem)],
  });

  const { status } = await cluster.says('os', /^True KeysRead: 1 authority, 1 key$/, p =>
    Boolean(conditionOf(p.status?.conditions, 'KeysPending')),
  );
  const condition = conditionOf(status?.conditions, 'KeysPending');
  assert.deepEqual([condition?.status, condition?.reason], ['False', 'DiscoveryFailed']);
  assert.match(condition?.message ?? '', new RegExp(`no key found: https://${server.host}/os\\?ac-discovery=1: `));
  const judged = await trust.judgeImage({ image: image.reference });
  assert.deepEqual(
    [judged.decision, judged.signers.map(({ authority }) => authority)],
    ['Trusted', ['os/release']],
    judged.message,
  );

  const unsigned = await newImage(new Repository(server.host, 'os'));
  assert.equal((await trust.judgeImage({ image: unsigned.reference })).decision, 'Refused');
});
