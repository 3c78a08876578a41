/** Images are made anew when what they tell their hosts of trust is another, and not when it cannot be known. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { conditionOf } from '../../controller/api/conditions.ts';
import { requestedAt } from '../../controller/api/names.ts';
import { systemaddons } from '../../controller/api/system-addon.ts';
import type { SystemDefinition, SystemDefinitionSpec } from '../../controller/api/system-definition.ts';
import { keyAuthorityOf, keyOf, scopedPolicy } from '../trust/host-scene.ts';
import { hostFiles, hostFilesOf } from '../../controller/trust/host-policy.ts';
import { type Fleet, says, startFleet } from './fleet-fixture.ts';

const told = (scope: string) => hostFiles([scopedPolicy('lab', scope, { mode: 'Skip' })], [], 0);
const nothing = hostFiles([], [], 0);
const keys = (...names: string[]) => ({ authorities: names.map(name => keyAuthorityOf(name, [keyOf(name)])) });
const seen = ({ status }: SystemDefinition) => status?.lastHandledReconcileAt === 'now';
const unread = { ...told('unread.example.com'), unread: [{ name: 'release/key', message: 'Secret release-key does not exist' }] };

describe('a definition', () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await startFleet();
    await fleet.startController();
  });
  after(() => fleet.stop());

  const apply = (name: string, annotations?: Record<string, string>, more: Partial<SystemDefinitionSpec> = {}) => {
    const spec = {
      ...more,
      base: { image: fleet.base.image },
      output: { repository: `${fleet.server.host}/out/${name}` },
      files: [{ path: '/etc/motd', content: 'hello\n' }],
    };
    return fleet.apply(name, spec, annotations);
  };
  const layersOf = async (name: string, context: string): Promise<string[]> => {
    const { json } = await fleet.registry.manifest(`${fleet.server.host}/out/${name}@${context}`);
    return (json as { layers: { digest: string }[] }).layers.map(({ digest }) => digest);
  };

  it('is rendered again when policies change, and finds its former build when they are as before', async () => {
    await apply('following');
    const first = (await fleet.until('following', says('BuildPending'))).status;
    assert.equal(first?.hostTrust, undefined);

    fleet.tellHosts(told('lab.example.com'));
    const second = (await fleet.until('following', ({ status }) => status?.latestBuild !== first?.latestBuild)).status;
    assert.match(second?.hostTrust ?? '', /^sha256:/);
    const [before, after] = [
      await layersOf('following', first?.contextDigest ?? ''),
      await layersOf('following', second?.contextDigest ?? ''),
    ];
    assert.equal(after.length, before.length + 1, 'with a layer of its own');

    // What cannot be read is no reason to make anything anew.
    fleet.tellHosts(unread);
    await apply('fresh');
    const waiting = (await fleet.until('fresh', says('PolicyUnread'))).status;
    assert.equal(
      conditionOf(waiting?.conditions, 'Ready')?.message,
      'what hosts are to accept is not known until authority release/key of the TrustPolicies can be read: Secret release-key does not exist',
    );
    assert.equal(waiting?.latestBuild, undefined);
    const still = (await fleet.definition('following')).status;
    assert.deepEqual([still?.latestBuild, still?.hostTrust], [second?.latestBuild, second?.hostTrust]);

    fleet.tellHosts(nothing);
    const third = (await fleet.until('following', ({ status }) => status?.hostTrust === undefined)).status;
    assert.deepEqual([third?.latestBuild, third?.contextDigest], [first?.latestBuild, first?.contextDigest]);
    await fleet.until('fresh', says('BuildPending'));
    assert.equal((await fleet.builds('following')).length, 2);
  });

  it('is rendered again for a key of its own images alone', async () => {
    const own = `${fleet.server.host}/out`;
    const policies = [
      scopedPolicy('root', '', { mode: 'Skip' }),
      scopedPolicy('own', own, keys('a', 'b')),
      scopedPolicy('others', 'registry.example.com/others', keys('c', 'd')),
    ];
    const asked: (readonly string[])[] = [];
    const revoked = (...fingerprints: string[]) => {
      const revocations = fingerprints.map(fingerprint => ({ fingerprint, policy: 'own' }));
      fleet.tellHosts(images => {
        asked.push(images);
        return hostFilesOf({ imagePolicies: () => ({ policies, revoked: revocations }) }, images, 0);
      });
    };
    revoked();
    await apply('keyed');
    const first = (await fleet.until('keyed', says('BuildPending'))).status;
    // Other definitions ask too.
    const ofKeyed = asked.filter(images => images.some(image => image.startsWith(`${own}/keyed`)));
    assert.deepEqual(ofKeyed.at(-1), [`${own}/keyed`, fleet.base.image]);

    revoked('c');
    await apply('keyed', { [requestedAt]: 'now' });
    const same = (await fleet.until('keyed', ({ status }) => status?.lastHandledReconcileAt === 'now')).status;
    assert.deepEqual([same?.hostTrust, same?.latestBuild], [first?.hostTrust, first?.latestBuild]);

    revoked('c', 'b');
    const second = (await fleet.until('keyed', ({ status }) => status?.latestBuild !== first?.latestBuild)).status;
    assert.notEqual(second?.hostTrust, first?.hostTrust);
    assert.equal((await fleet.builds('keyed')).length, 2);
  });

  it('tells hosts that merge addons who may sign these, whichever there are', async () => {
    const policies = [
      scopedPolicy('root', '', { mode: 'Skip' }),
      scopedPolicy('tools', 'registry.example.com/tools', keys('a')),
      scopedPolicy('others', 'registry.example.com/others', keys('b')),
    ];
    fleet.tellHosts(images => hostFilesOf({ imagePolicies: () => ({ policies, revoked: [] }) }, images, 0));
    const addon = (name: string, repository: string) => {
      const variants = [{ source: { files: [{ path: '/usr/bin/tool', content: '' }] } }];
      const object = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemAddon', metadata: { name } };
      return fleet.admin.apply(systemaddons, { ...object, spec: { variants, output: { repository } } }, { fieldManager: 'test' });
    };
    await apply('plain');
    await apply('merging', undefined, { addons: { support: true } });
    const before = (await fleet.until('merging', says('BuildPending'))).status;
    const plain = (await fleet.until('plain', says('BuildPending'))).status;
    await addon('tool', 'registry.example.com/tools/tool');
    const after = (await fleet.until('merging', ({ status }) => status?.hostTrust !== before?.hostTrust)).status;
    assert.notEqual(after?.latestBuild, before?.latestBuild);
    // Another one below the same policy changes nothing.
    await addon('second', 'registry.example.com/tools/second');
    for (const name of ['plain', 'merging'])
      await apply(name, { [requestedAt]: 'now' }, name === 'merging' ? { addons: { support: true } } : {});
    assert.equal((await fleet.until('merging', seen)).status?.hostTrust, after?.hostTrust);
    assert.equal((await fleet.until('plain', seen)).status?.hostTrust, plain?.hostTrust);
  });
});
