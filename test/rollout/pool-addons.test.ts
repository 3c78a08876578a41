/** A pool with addons on a real API server: held until each has a variant, given only to agents that can merge them, and taken in the turns of the pool. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodes } from '../../controller/api/core.ts';
import { type NodeTarget, nodetargets } from '../../controller/api/node-target.ts';
import { type SystemAddonSpec, type SystemAddonStatus, systemaddons } from '../../controller/api/system-addon.ts';
import { WaitingError } from '../../controller/api/errors.ts';
import { isLiveApproval } from '../../controller/api/approval.ts';
import { systemdefinitions } from '../../controller/api/system-definition.ts';
import { systempools } from '../../controller/api/system-pool.ts';
import { findObject } from '../../controller/kube/find-object.ts';
import { targetDigestOf } from '../../controller/rollout/digest.ts';
import { addonImage } from './machine.ts';
import { type Cluster, until } from './cluster.ts';
import { PoolScene } from './pool-scene.ts';

const fieldManager = 'test';
const os = { id: 'fedora', versionId: '42' };

describe('SystemPool with addons', () => {
  let scene: PoolScene;
  let cluster: Cluster;
  let agents = new AbortController();
  const running: Promise<void>[] = [];
  before(async () => {
    scene = await PoolScene.start();
    cluster = scene.cluster;
  });
  after(() => scene.stop());
  afterEach(async () => {
    agents.abort();
    await Promise.all(running);
    agents = new AbortController();
    await scene.clear();
  });

  /** An agent that can merge addons, or one of before. */
  const runAgent = (name: string, canMerge: boolean): void => {
    cluster.idle.add(name);
    const { signal } = agents;
    const agent = async (): Promise<void> => {
      for (let boots = 0; !signal.aborted; await sleep(50)) {
        const target = await findObject(cluster.admin, nodetargets, name);
        if (!target) continue;
        const host = hostOf(target, canMerge);
        if (host.reboots && !isLiveApproval(target.spec.approval)) await setBootID(name, `boot-${++boots}`);
        const bootID = (await cluster.node(name)).status?.nodeInfo?.bootID ?? '';
        const { approval } = target.spec;
        const verdict = { type: 'Succeeded', digest: host.booted, approval, bootID, time: new Date().toISOString() };
        const status = {
          host: { ...host.said, bootID, reportedAt: new Date().toISOString() },
          ...(host.reboots ? { verdict } : {}),
        };
        const options = { fieldManager: 'agent', subresource: 'status' as const };
        await cluster.admin.mergePatch(nodetargets, name, { status }, options);
      }
    };
    running.push(agent());
  };
  const setBootID = async (name: string, bootID: string): Promise<void> => {
    const { nodeInfo } = (await cluster.node(name)).status ?? {};
    const status = { nodeInfo: { ...nodeInfo, bootID } };
    await cluster.admin.mergePatch(nodes, name, { status }, { fieldManager, subresource: 'status' });
  };
  const publishAddon = async (n: number, o: { making?: true; apply?: SystemAddonSpec['apply'] } = {}): Promise<void> => {
    const source = { image: { reference: 'registry.example/kubelet:1' } };
    const spec = {
      variants: [{ platform: 'linux/amd64' as const, os, source }],
      output: { repository: 'registry.example/addons/kubelet' },
      ...(o.apply ? { apply: o.apply } : {}),
    };
    const kind = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemAddon', metadata: { name: 'kubelet' } } as const;
    await cluster.admin.apply(systemaddons, { ...kind, spec }, { fieldManager });
    const since = { lastTransitionTime: new Date().toISOString() };
    const making = { type: 'Reconciling', status: 'True', reason: 'Building', message: 'making another', ...since };
    const digest = `sha256:${String(n).repeat(64)}`;
    const variants = [{ platform: 'linux/amd64', os, image: addonImage(n), digest, size: 4096 }];
    const status = { variants, conditions: o.making ? [making] : [] };
    await cluster.admin.applyStatus(systemaddons, { ...kind, status: status as SystemAddonStatus }, { fieldManager });
  };

  it('waits for its addon, goes on by itself, and names the nodes that wait for a newer agent', async () => {
    const names = await scene.fleet('edge', 2);
    const [able = '', old = ''] = names;
    for (const name of names)
      await cluster.admin.mergePatch(nodes, name, { metadata: { labels: { 'kubernetes.io/arch': 'amd64' } } }, { fieldManager });
    const addons = [{ name: 'kubelet', addon: 'kubelet' }];
    await cluster.admin.mergePatch(systempools, 'edge', { spec: { addons } }, { fieldManager });
    runAgent(able, true);
    runAgent(old, false);
    await cluster.startController();
    await until(async () => {
      const { reason, message } = await cluster.ready('edge');
      assert.equal(reason, 'AddonsNotReady', message);
      assert.match(message, /there is no SystemAddon kubelet/);
    });
    assert.equal(await findObject(cluster.admin, nodetargets, able), undefined);

    await publishAddon(1);
    await until(async () => {
      const { spec, status } = await cluster.target(able);
      assert.equal(spec.addons?.[0]?.image, addonImage(1));
      assert.equal(status?.host?.addons?.set, spec.addonSet);
      assert.ok(spec.approval?.endsWith(targetDigestOf({ image: spec.image, addons: { digest: spec.addonSet ?? '' } })));
      assert.equal((await cluster.node(able)).spec?.unschedulable, undefined);
    });
    await until(async () => {
      const { reason, message } = await cluster.ready('edge');
      assert.equal(reason, 'AgentTooOld', message);
      assert.match(message, new RegExp(`${old}: waits for an agent that can merge addons`));
    });
    const target = await cluster.target(old);
    assert.deepEqual([target.spec.addons, target.spec.state], [undefined, 'Staged']);
    const { status } = await cluster.pool('edge');
    assert.deepEqual(status?.addons?.systems, [{ platform: 'linux/amd64', id: 'fedora', versionId: '42' }]);
    assert.deepEqual(
      status?.addons?.sets?.map(s => [s.nodes, s.addons[0]?.from]),
      [[2, 'pool']],
    );
    assert.deepEqual(
      status?.addons?.problems?.map(p => [p.reason, p.nodes]),
      [['AgentTooOld', 1]],
    );

    // Another build of the addon moves the node again, with the image that it has.
    await publishAddon(2);
    await until(async () => {
      const { spec, status } = await cluster.target(able);
      assert.equal(spec.addons?.[0]?.image, addonImage(2));
      assert.equal(status?.host?.addons?.set, spec.addonSet);
      assert.equal((await cluster.node(able)).spec?.unschedulable, undefined);
    });

    // While one of the set is being made, the node stays with what it has, and then moves once.
    await publishAddon(3, { making: true });
    await until(async () => {
      const { reason, message } = await cluster.ready('edge');
      assert.equal(reason, 'AddonsNotReady', message);
      assert.match(message, /SystemAddon kubelet is being made anew; nodes wait for it until/);
    });
    assert.equal((await cluster.target(able)).spec.addons?.[0]?.image, addonImage(2));
    await publishAddon(4);
    await until(async () => assert.equal((await cluster.target(able)).spec.addons?.[0]?.image, addonImage(4)));
  });

  it('holds an addon that hides files of the image, until it may, and says that of a look-up that failed no more than that', async () => {
    const [name = ''] = await scene.fleet('edge', 1);
    await cluster.admin.mergePatch(nodes, name, { metadata: { labels: { 'kubernetes.io/arch': 'amd64' } } }, { fieldManager });
    const addons = [{ name: 'kubelet', addon: 'kubelet' }];
    await cluster.admin.mergePatch(systempools, 'edge', { spec: { addons } }, { fieldManager });
    await publishAddon(1);
    const problem = { name: 'kubelet', reason: 'Collision' as const, message: 'hides or is hidden by /usr/bin/kubelet' };
    let isDown = true;
    cluster.compareAddons = ({ addons: [addon], system }) => {
      if (isDown) throw new WaitingError('RegistryUnavailable', 'no answer', 1);
      assert.equal(system?.platform, 'linux/amd64');
      return { problems: addon?.allowReplace?.includes('/usr/bin/*') ? [] : [problem] };
    };
    runAgent(name, true);
    await cluster.startController();
    await until(async () => {
      const { reason, message } = await cluster.ready('edge');
      assert.deepEqual([reason, /cannot be looked up: RegistryUnavailable/.test(message)], ['AddonsNotReady', true], message);
      assert.match((await cluster.pool('edge')).status?.addons?.sets?.[0]?.note ?? '', /cannot be looked up/);
    });
    await cluster.stopController();
    isDown = false;
    await cluster.startController();
    await until(async () => {
      const { reason, message } = await cluster.ready('edge');
      assert.deepEqual(
        [reason, /kubelet: hides or is hidden by \/usr\/bin\/kubelet/.test(message)],
        ['Collision', true],
        message,
      );
    });
    assert.equal(await findObject(cluster.admin, nodetargets, name), undefined);
    const allowed = { spec: { allowReplace: ['/usr/bin/*'] } };
    await cluster.admin.mergePatch(systemaddons, 'kubelet', allowed, { fieldManager });
    await until(async () => {
      const { spec, status } = await cluster.target(name);
      assert.equal(spec.addons?.[0]?.image, addonImage(1));
      assert.equal(status?.host?.addons?.set, spec.addonSet);
    });
    await until(async () => assert.match((await cluster.pool('edge')).status?.addons?.sets?.[0]?.compared ?? '', /^sha256:/));
    cluster.compareAddons = () => ({ problems: [] });
  });

  it('changes an addon without a reboot where it says so, with a cordon or without one', async () => {
    const [name = ''] = await scene.fleet('edge', 1);
    await cluster.admin.mergePatch(nodes, name, { metadata: { labels: { 'kubernetes.io/arch': 'amd64' } } }, { fieldManager });
    await cluster.admin.mergePatch(
      systempools,
      'edge',
      { spec: { addons: [{ name: 'kubelet', addon: 'kubelet' }] } },
      { fieldManager },
    );
    await publishAddon(1, { apply: { mode: 'Live', drain: false } });
    runAgent(name, true);
    await cluster.startController();
    const runs = (n: number) =>
      until(async () => {
        const { spec, status } = await cluster.target(name);
        assert.equal(spec.addons?.[0]?.image, addonImage(n));
        assert.deepEqual([status?.host?.addons?.set, status?.verdict?.approval], [spec.addonSet, spec.approval]);
        assert.equal((await cluster.node(name)).spec?.unschedulable, undefined);
      });
    // The image is another too: a reboot.
    await runs(1);
    assert.equal(isLiveApproval((await cluster.target(name)).spec.approval), false);
    const { bootID } = (await cluster.node(name)).status?.nodeInfo ?? {};
    let cordons = 0;
    const watch = new AbortController();
    const watching = (async () => {
      while (!watch.signal.aborted) {
        if ((await cluster.node(name)).spec?.unschedulable) cordons++;
        await sleep(5);
      }
    })();
    await publishAddon(2, { apply: { mode: 'Live', drain: false } });
    await runs(2);
    watch.abort();
    await watching;
    const { spec } = await cluster.target(name);
    assert.deepEqual([isLiveApproval(spec.approval), spec.apply, cordons], [true, { mode: 'Live', drain: false }, 0]);
    await publishAddon(3, { apply: { mode: 'Live' } });
    await runs(3);
    const drained = await cluster.target(name);
    assert.deepEqual([isLiveApproval(drained.spec.approval), drained.spec.apply], [true, { mode: 'Live', drain: true }]);
    assert.equal((await cluster.node(name)).status?.nodeInfo?.bootID, bootID);
    // Whoever wants a reboot has one.
    await publishAddon(4, { apply: { mode: 'Reboot' } });
    await runs(4);
    assert.notEqual((await cluster.node(name)).status?.nodeInfo?.bootID, bootID);
    await assert.rejects(publishAddon(5, { apply: { mode: 'Reboot', drain: true } }), /drain is said of mode Live/);
  });

  it('gives what the image asks for, until the pool masks it', async () => {
    const [name = ''] = await scene.fleet('edge', 1);
    await cluster.admin.mergePatch(nodes, name, { metadata: { labels: { 'kubernetes.io/arch': 'amd64' } } }, { fieldManager });
    await cluster.admin.mergePatch(systemdefinitions, 'edge', { spec: { addons: { support: true } } }, { fieldManager });
    await publishAddon(1);
    const profile = [{ name: 'node-agent', addon: 'kubelet' }];
    cluster.readSystem = () => ({ os: { ...os, idLike: [] }, profile });
    runAgent(name, true);
    await cluster.startController();
    await until(async () => {
      const { spec, status } = await cluster.target(name);
      assert.equal(spec.addons?.[0]?.image, addonImage(1));
      assert.equal(status?.host?.addons?.set, spec.addonSet);
    });
    const { status } = await cluster.pool('edge');
    assert.deepEqual(status?.addons?.entries, [{ name: 'node-agent', addon: 'kubelet', from: 'vendor' }]);
    assert.deepEqual(status?.addons?.systems?.[0]?.profile, profile);
    // The next process knows it without asking for it again.
    await cluster.stopController();
    cluster.readSystem = () => assert.fail('the image was read again');
    const addons = [{ name: 'node-agent', addon: '' }];
    await cluster.admin.mergePatch(systempools, 'edge', { spec: { addons } }, { fieldManager });
    await cluster.startController();
    await until(async () => {
      const { spec, status } = await cluster.target(name);
      assert.deepEqual([spec.addons, spec.addonSet], [undefined, undefined]);
      assert.equal(status?.host?.addons?.state, 'None');
    });
  });
});

type Said = NonNullable<NonNullable<NodeTarget['status']>['host']>;

interface Host {
  booted: string;
  reboots: boolean;
  said: object;
}

/** What a host is after its agent has looked at its target once. */
function hostOf(target: NodeTarget, canMerge: boolean): Host {
  const { spec, status = {} } = target;
  const wanted = spec.digests[1] ?? '';
  const set = canMerge ? spec.addonSet : undefined;
  const { host = {}, verdict } = status;
  const [ran, had] = [host.booted?.digest ?? nothing, host.addons?.set];
  const isThere = ran === wanted && had === set;
  const isApproved = spec.state === 'Booted' && verdict?.approval !== spec.approval;
  const reboots = isApproved && !isThere && isReady(host, wanted, canMerge ? { set } : undefined);
  const booted = reboots ? wanted : ran;
  const merged = reboots ? set : had;
  const said = {
    phase: isThere || reboots ? 'Idle' : 'Staged',
    capabilities: ['LockedStaging'],
    booted: { digest: booted },
    staged: booted === wanted ? null : { digest: wanted, locked: true },
  };
  return { booted, reboots, said: canMerge ? { ...said, ...addonsOf(target, set, merged) } : said };
}

/** `addons`: for an agent that can merge them. */
function isReady(host: Said, image: string, addons: { set: string | undefined } | undefined): boolean {
  if (host.phase !== 'Staged') return false;
  return !addons || (host.prepared?.image === image && host.prepared.set === addons.set);
}

const nothing = `sha256:${'0'.repeat(64)}`;

/** What an agent that can merge addons says besides. */
function addonsOf({ spec, status }: NodeTarget, set: string | undefined, merged: string | undefined): object {
  const wanted = spec.digests[1] ?? '';
  const now = (spec.addons ?? []).map(({ name, digest }) => ({ name, digest, state: 'Merged' }));
  const entries = merged === spec.addonSet ? now : status?.host?.addons?.entries;
  return {
    capabilities: ['LockedStaging', 'Addons', 'LiveAddons'],
    prepared: { image: wanted, set: set ?? null },
    addons: {
      state: merged === undefined ? 'None' : 'Merged',
      set: merged ?? null,
      entries: merged === undefined ? null : entries,
    },
  };
}
