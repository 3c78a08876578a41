/** Addons under TrustPolicies, on a real API server and registry: what is not signed is not downloaded, and what was made of it stays. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { type SystemAddon, type SystemAddonStatusVariant, systemaddons } from '../../controller/api/system-addon.ts';
import { parseReference } from '../../controller/registry/reference.ts';
import { until } from '../kube/until.ts';
import { newKey } from '../trust/corpus/keys.ts';
import { Repository } from '../trust/corpus/repository.ts';
import { payloadOf, pushLayers, signedLayer } from '../trust/corpus/simple-signing.ts';
import { keyAuthority, policyOf } from '../trust/policy-scene.ts';
import { type AddonCluster, messageOf, says, startAddonCluster } from './addon-cluster.ts';

const trusted = ({ status }: SystemAddon): string => {
  const { status: is, reason } = conditionOf(status?.conditions, 'ImageTrusted') ?? {};
  return `${is} ${reason}`;
};

const firstOf = ({ status }: SystemAddon): SystemAddonStatusVariant => status?.variants?.[0] ?? assert.fail();

describe('sources of addons under TrustPolicies', () => {
  let cluster: AddonCluster;
  before(async () => {
    cluster = await startAddonCluster();
  });
  after(() => cluster.stop());

  it('are judged at their digest before anything is read of them, and again when policies change', async () => {
    const key = newKey();
    const policy = policyOf('apps', { prefix: `${cluster.server.host}/apps`, authorities: [keyAuthority('release', key.pem)] });
    const running = await cluster.start({ policies: [policy] });
    const { image, digest } = await cluster.pushRootfs('apps/tool', { 'linux/amd64': { 'usr/bin/tool': 'one' } });
    const sign = async (of: string): Promise<void> => {
      const where = new Repository(cluster.server.host, 'apps/tool');
      await pushLayers(where, of, [signedLayer(key, payloadOf({ digest: of, repository: where }))]);
    };
    const other = { os: { id: 'debian' }, source: { files: [{ path: '/usr/bin/tool', content: 'by hand' }] } };
    await cluster.apply('tool', { variants: [{ os: { id: 'fedora' }, source: { image: { reference: image } } }, other] });
    const refused = await cluster.until('tool', 'refused', says('Untrusted'));
    assert.equal(trusted(refused), 'False Untrusted');
    assert.equal(refused.status?.ready, '1/2', 'what is made of files stands');
    assert.match(messageOf(refused), /^linux\/amd64 for fedora: spec\.variants\[0\]\.source\.image\.reference .* is not trusted/);
    const layers = cluster.server.requests.log.filter(
      ({ method, path }) => method === 'GET' && /\/apps\/tool\/blobs\//.test(path),
    );
    assert.deepEqual(layers, []);

    await sign(digest);
    await cluster.ask('tool', 'signed');
    const made = await cluster.until('tool', 'made', says('Succeeded'));
    assert.equal(trusted(made), 'True Trusted');
    const first = firstOf(made);
    assert.deepEqual(
      [first.trust?.decision, first.trust?.signers?.map(({ authority }) => authority)],
      ['Trusted', ['apps/release']],
    );

    // Another that nobody signed is not used, and the last good artifact stays.
    const moved = await cluster.pushRootfs('apps/tool', { 'linux/amd64': { 'usr/bin/tool': 'two' } });
    await cluster.ask('tool', 'moved');
    const stays = await cluster.until('tool', 'refused again', says('Untrusted'));
    assert.deepEqual(
      [firstOf(stays).image, firstOf(stays).reason, firstOf(stays).source],
      [first.image, 'Untrusted', first.source],
    );
    await sign(moved.digest);
    await cluster.ask('tool', 'signed as well');
    const next = await cluster.until('tool', 'made anew', says('Succeeded'));
    assert.equal(parseReference(firstOf(next).source ?? '').digest, moved.digest);

    const { metadata, spec } = policy;
    const revoked = [{ fingerprint: key.fingerprint }];
    await running.door.enforce({
      ...policy,
      metadata: { ...metadata, generation: 2, resourceVersion: '2' },
      spec: { ...spec, revoked },
    });
    const withdrawn = await cluster.until('tool', 'revoked', says('Revoked'));
    assert.equal(firstOf(withdrawn).image, firstOf(next).image);
    const told = (): string[] => running.events.map(({ type, reason }) => `${type} ${reason}`);
    await until('the revocation is told', () => told().length === 8);
    assert.deepEqual(told(), [
      'Warning ImageRefused',
      'Normal Built',
      'Normal ImageTrusted',
      'Normal Built',
      'Warning ImageRefused',
      'Normal ImageTrusted',
      'Normal Built',
      'Warning ImageRefused',
    ]);
    await cluster.admin.delete(systemaddons, 'tool');
  });
});
