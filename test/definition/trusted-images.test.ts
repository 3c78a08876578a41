/** Bases and workloads under TrustPolicies, on a real API server and registry: what is not signed is not built on. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { requestedAt } from '../../controller/api/names.ts';
import { type SystemDefinition, systemdefinitions } from '../../controller/api/system-definition.ts';
import { trustpolicies } from '../../controller/api/trust-policy.ts';
import { type BaseImage, pushBaseImage } from '../cluster/base-image.ts';
import { newKey, type TestKey } from '../trust/corpus/keys.ts';
import { Repository } from '../trust/corpus/repository.ts';
import { payloadOf, pushLayers, signedLayer } from '../trust/corpus/simple-signing.ts';
import { type Fleet, startFleet } from './fleet-fixture.ts';

const fieldManager = 'test';
const apiVersion = 'scantling.dev/v1alpha1';

const trusted = ({ status }: SystemDefinition): string => {
  const { status: is, reason } = conditionOf(status?.conditions, 'ImageTrusted') ?? {};
  return `${is} ${reason}`;
};

const says = ({ status }: SystemDefinition): string => conditionOf(status?.conditions, 'Ready')?.message ?? '';

describe('images of definitions under TrustPolicies', () => {
  let fleet: Fleet;
  const key = newKey();
  before(async () => {
    fleet = await startFleet();
    await fleet.startController({ policies: true });
  });
  after(() => fleet.stop());

  const push = (repository: string, release: string): Promise<BaseImage> =>
    pushBaseImage({ registry: fleet.server.host, repository, tag: 'stable', release });
  const sign = ({ digest }: BaseImage, repository: string, by: TestKey = key): Promise<unknown> => {
    const where = new Repository(fleet.server.host, repository);
    return pushLayers(where, digest, [signedLayer(by, payloadOf({ digest, repository: where }))]);
  };
  const policy = (name: string, spec: object): Promise<unknown> =>
    fleet.admin.apply(trustpolicies, { apiVersion, kind: 'TrustPolicy', metadata: { name }, spec }, { fieldManager });
  const signedBy = (by: TestKey, more: object = {}): object => ({
    scope: { prefix: `${fleet.server.host}/trusted` },
    authorities: [{ name: 'release', key: { data: by.pem } }],
    ...more,
  });
  const define = (name: string, image: string, more: object = {}): Promise<void> =>
    fleet.apply(name, { base: { image, interval: '10s' }, output: { repository: `${fleet.server.host}/out/${name}` }, ...more });
  const ask = (name: string, value: string): Promise<unknown> =>
    fleet.admin.mergePatch(systemdefinitions, name, { metadata: { annotations: { [requestedAt]: value } } }, { fieldManager });

  it('says that nothing is configured, and asks the registry nothing for it', async () => {
    const base = await push('trusted/free', 'one');
    await define('free', base.image);
    const { status } = await fleet.until('free', d => d.status?.latestBuild !== undefined);
    assert.equal(status?.base?.trust?.decision, 'NotConfigured');
    assert.equal(trusted({ status } as SystemDefinition), 'Unknown NotConfigured');
    const paths = fleet.server.requests.log.map(({ path }) => path);
    assert.deepEqual(
      paths.filter(path => /sha256-|referrers/.test(path)),
      [],
    );
  });

  it('renders nothing on a base that nobody signed, and begins when it is signed', async () => {
    await policy('trusted', signedBy(key));
    const base = await push('trusted/first', 'one');
    await define('first', base.image);
    const refused = await fleet.until('first', d => trusted(d) === 'False Untrusted');
    assert.equal(refused.status?.latestBuild, undefined);
    assert.equal(refused.status?.contextDigest, undefined);
    assert.equal(conditionOf(refused.status?.conditions, 'Stalled')?.reason, 'Untrusted');
    assert.match(
      conditionOf(refused.status?.conditions, 'Ready')?.message ?? '',
      /spec\.base\.image .* is not trusted: TrustPolicy trusted/,
    );
    await sign(base, 'trusted/first');
    await ask('first', 'signed');
    const accepted = await fleet.until('first', d => d.status?.latestBuild !== undefined);
    assert.equal(trusted(accepted), 'True Trusted');
    assert.deepEqual(
      accepted.status?.base?.trust?.signers?.map(s => s.authority),
      ['trusted/release'],
    );
  });

  it('stays on the last good base when the tag moves to one that nobody signed, and says what there is and why', async () => {
    const good = await push('trusted/moving', 'one');
    await sign(good, 'trusted/moving');
    await define('moving', good.image);
    const { status: was } = await fleet.until('moving', d => d.status?.latestBuild !== undefined);
    const next = await push('trusted/moving', 'two');
    await ask('moving', 'moved');
    const { status } = await fleet.until('moving', d => d.status?.base?.available === next.digest);
    assert.equal(status?.base?.digest, good.digest);
    assert.equal(status.base.trust?.decision, 'Trusted');
    assert.equal(status.latestBuild, was?.latestBuild, 'nothing is built');
    const { status: is, reason, message } = conditionOf(status.conditions, 'ImageTrusted') ?? assert.fail();
    assert.equal(`${is} ${reason}`, 'False Untrusted');
    assert.ok(message.includes(next.digest) && message.includes(`${good.digest} stays in use`), message);
    await sign(next, 'trusted/moving');
    await ask('moving', 'signed');
    const taken = await fleet.until('moving', d => d.status?.base?.digest === next.digest);
    assert.equal(trusted(taken), 'True Trusted');
  });

  it('refuses what no policy covers once there is one, and says how to let it through', async () => {
    const base = await push('elsewhere/base', 'one');
    await define('uncovered', base.image);
    const { status } = await fleet.until('uncovered', d => trusted(d) === 'False NoPolicy');
    assert.match(
      conditionOf(status?.conditions, 'ImageTrusted')?.message ?? '',
      /no TrustPolicy covers .*elsewhere\/base.*scope\.root and mode Skip/,
    );
  });

  it('judges the images of workloads at their digests', async () => {
    const base = await push('trusted/pods', 'one');
    await sign(base, 'trusted/pods');
    const app = await push('trusted/app', 'one');
    const pinned = await push('trusted/pinned', 'one');
    const containers = [
      { name: 'app', image: app.image },
      { name: 'pinned', image: `${pinned.image}@${pinned.digest}` },
    ];
    await define('pods', base.image, { workloads: [{ name: 'pod', containers }] });
    const refused = await fleet.until('pods', d => trusted(d) === 'False Untrusted');
    assert.match(conditionOf(refused.status?.conditions, 'ImageTrusted')?.message ?? '', /spec\.workloads: /);
    await sign(app, 'trusted/app');
    await sign(pinned, 'trusted/pinned');
    await ask('pods', 'signed');
    const { status } = await fleet.until('pods', d => trusted(d) === 'True Trusted');
    assert.deepEqual(
      status?.workloadImages?.map(({ digest, trust }) => [digest, trust?.decision]),
      [
        [app.digest, 'Trusted'],
        [pinned.digest, 'Trusted'],
      ],
    );
  });

  it('judges the images that the steps are made of, as the base, and again when policies change', async () => {
    const base = await push('trusted/steps', 'one');
    await sign(base, 'trusted/steps');
    const stages = (by: TestKey): Promise<unknown> =>
      policy('stages', {
        scope: { prefix: `${fleet.server.host}/stages` },
        authorities: [{ name: 'vendor', key: { data: by.pem } }],
      });
    const vendor = newKey();
    await stages(vendor);
    const [tools, other] = [await push('stages/tools', 'one'), await push('stages/other', 'one')];
    const lines = [
      `FROM ${tools.image.replace(/:stable$/, '')}@${tools.digest} AS tools`,
      'FROM base',
      'COPY --from=tools /usr/lib/os-release /usr/lib/tools',
      `COPY --from=${other.image.replace(/:stable$/, '')}@${other.digest} / /`,
    ];
    await define('steps', base.image, { containerfile: { inline: lines.join('\n') } });
    const refused = await fleet.until('steps', d => trusted(d) === 'False Untrusted');
    assert.equal(refused.status?.latestBuild, undefined);
    assert.match(says(refused), /^spec\.containerfile\.inline line 1: \S+\/stages\/tools@\S+ is not trusted: TrustPolicy stages/);
    await sign(tools, 'stages/tools', vendor);
    await ask('steps', 'one signed');
    const second = await fleet.until('steps', d => says(d).includes('inline line 4'));
    assert.equal(second.status?.latestBuild, undefined);
    await sign(other, 'stages/other', vendor);
    await ask('steps', 'both signed');
    const { status } = await fleet.until('steps', d => trusted(d) === 'True Trusted');
    assert.ok(status?.latestBuild !== undefined);

    await stages(newKey());
    const revoked = await fleet.until('steps', d => trusted(d) === 'False Untrusted');
    assert.match(says(revoked), /inline line 1: .*stages\/tools/);
    await stages(vendor);
    const again = await fleet.until('steps', d => trusted(d) === 'True Trusted');
    assert.equal(again.status?.latestBuild, status.latestBuild);
  });

  it('takes no failed look-up for an absence: the condition is Unknown, and all stays as it is', async () => {
    const good = await push('trusted/down', 'one');
    await sign(good, 'trusted/down');
    await define('down', good.image);
    const { status: was } = await fleet.until('down', d => d.status?.latestBuild !== undefined);
    const next = await push('trusted/down', 'two');
    await sign(next, 'trusted/down');
    const mend = fleet.server.requests.fail(({ path }) => path.includes('/trusted/down/manifests/sha256-'), { status: 503 });
    await ask('down', 'moved');
    const { status } = await fleet.until('down', d => d.status?.base?.available === next.digest);
    assert.equal(trusted({ status } as SystemDefinition), 'Unknown SignatureLookupFailed');
    assert.deepEqual([status?.base?.digest, status?.latestBuild], [good.digest, was?.latestBuild]);
    mend();
    await ask('down', 'up');
    const taken = await fleet.until('down', d => d.status?.base?.digest === next.digest);
    assert.equal(trusted(taken), 'True Trusted');
  });

  it('W5: judges what is in use again at once when a key is revoked, and builds nothing on it any more', async () => {
    await policy('trusted', signedBy(key, { revoked: [{ fingerprint: key.fingerprint }] }));
    const { status } = await fleet.until('moving', d => trusted(d) === 'False Revoked');
    assert.equal(conditionOf(status?.conditions, 'Ready')?.reason, 'Revoked');
  });
});
