/** What nodes are to run over their image: from profiles, wishes of nodes, and the addons that there are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AddonOffer } from '../../controller/addon/choice.ts';
import type { AddonOrigin } from '../../controller/api/addon-set.ts';
import type { VendorEntry } from '../../controller/api/vendor-profile.ts';
import { setDigest } from '../../controller/addon/set-digest.ts';
import { addonsStatus, recordedComparison, recordedSystems, recordedTrust } from '../../controller/rollout/addons-status.ts';
import { comparisonOf } from '../../controller/rollout/comparison.ts';
import { type SystemdVersions, systemdVersions } from '../../controller/rollout/image-systemd.ts';
import { wantedBy, type WantedRequest } from '../../controller/rollout/wanted.ts';

const hex = (c: string): string => `sha256:${c.repeat(64)}`;
const made = (name: string, c: string) => ({
  image: `registry.example/${name}@${hex(c)}`,
  digest: hex(c),
  size: 4096,
  services: [],
  requires: {},
});
const offer = (name: string, c: string, platforms = ['linux/amd64']): AddonOffer => ({
  name,
  variants: platforms.map(platform => ({ platform, os: { id: 'fedora', versionId: '42' }, made: made(name, c) })),
});
const os = { id: 'fedora', idLike: [], versionId: '42' };
const node = (name: string, addons?: string, arch = 'amd64') => ({
  name,
  labels: { 'kubernetes.io/arch': arch },
  ...(addons === undefined ? {} : { addons }),
});
const offers = new Map([offer('containerd', 'a'), offer('containerd-2', 'b'), offer('kubelet', 'c', [])].map(o => [o.name, o]));
const request = (over: Partial<WantedRequest>): WantedRequest => ({
  asked: [{ name: 'containerd', addon: 'containerd' }],
  mayAsk: false,
  nodes: [node('n')],
  offers,
  systemOf: () => ({ os, profile: [] }),
  ...over,
});
const identity = (name: string, c: string, from: AddonOrigin = 'pool') => {
  const { image, digest, size } = made(name, c);
  return { name, image, digest, size, from };
};

const comparedBy = (image: string, platform: string, allowReplace?: string[]): string => {
  const offers = new Map([['containerd', allowReplace ? { allowReplace } : {}]]);
  return comparisonOf({ digest: hex('e'), addons: [identity('containerd', 'a')] }, { image, platform }, offers).digest;
};

const asking = (...profile: VendorEntry[]): Partial<WantedRequest> => ({
  asked: [],
  mayAsk: true,
  systemOf: () => ({ os, profile }),
});

const target = (name: string, booted: string | undefined, systemd: number | undefined) => ({
  name,
  host: { canLock: true, reportedAt: 0, failures: [], ...(booted ? { booted } : {}), ...(systemd ? { systemd } : {}) },
});

describe('what a node is to run over its image', () => {
  it('is the profile of its pool, with what the node asks for over it', () => {
    const other = JSON.stringify([{ name: 'containerd', addon: 'containerd-2' }]);
    const none = JSON.stringify([{ name: 'containerd', addon: '' }]);
    const { wanted, sets } = wantedBy(request({ nodes: [node('a'), node('b'), node('c', other), node('d', none)] }));
    const first = [identity('containerd', 'a')];
    const second = [identity('containerd-2', 'b', 'node')];
    assert.deepEqual(wanted.get('a')?.addons, { digest: setDigest(first), addons: first });
    assert.deepEqual(wanted.get('b'), wanted.get('a'));
    assert.deepEqual(wanted.get('c')?.addons, { digest: setDigest(second), addons: second });
    assert.equal(wanted.has('d'), false);
    assert.deepEqual(
      sets.map(s => [...s.from]),
      [[['containerd', 'pool']], [['containerd-2', 'node']]],
    );
  });

  it('is nothing, and asks for no system, where nobody asks for addons', () => {
    const found = wantedBy(request({ asked: [], systemOf: () => assert.fail('the system is not needed') }));
    assert.deepEqual([found.wanted.size, found.sets], [0, []]);
    assert.equal(addonsStatus({ asked: [], image: 'i', systems: new Map() }, found, []), undefined);
  });

  const runtime = { name: 'containerd', addon: 'containerd' };

  it('is what the image asks for, below what the pool and the node ask for', () => {
    const none = JSON.stringify([{ name: 'containerd', addon: '' }]);
    const nodes = [node('a'), node('b', none)];
    const offers = new Map([offer('containerd', 'a'), offer('containerd-2', 'b')].map(o => [o.name, o]));
    const ofImage = wantedBy(request({ ...asking(runtime), nodes }));
    assert.deepEqual(ofImage.wanted.get('a')?.addons?.addons, [identity('containerd', 'a', 'vendor')]);
    assert.deepEqual([...(ofImage.sets[0]?.from ?? [])], [['containerd', 'vendor']]);
    assert.equal(ofImage.wanted.has('b'), false);
    const asked = [{ name: 'containerd', addon: 'containerd-2' }];
    const ofPool = wantedBy(request({ ...asking(runtime), asked, nodes: [node('a')], offers }));
    assert.deepEqual([...(ofPool.sets[0]?.from ?? [])], [['containerd-2', 'pool']]);
    const masked = wantedBy(request({ ...asking(runtime), asked: [{ name: 'containerd', addon: '' }] }));
    assert.deepEqual([masked.wanted.size, masked.sets.length], [0, 0]);
  });

  it('says of each node who asks for it there, also where another asks for the same set in another way', () => {
    const same = JSON.stringify([{ name: 'containerd', addon: 'containerd' }]);
    const { wanted } = wantedBy(request({ nodes: [node('a'), node('b', same)] }));
    const [a, b] = ['a', 'b'].map(name => wanted.get(name)?.addons);
    assert.deepEqual([a?.addons[0]?.from, b?.addons[0]?.from], ['pool', 'node']);
    assert.equal(a?.digest, b?.digest);
  });

  it('is nothing of an image that might ask and does not, which is kept', () => {
    const found = wantedBy(request(asking()));
    assert.equal(found.wanted.size, 0);
    const systems = new Map([['linux/amd64', { os, profile: [] }]]);
    const said = addonsStatus({ asked: [], image: 'i', systems }, found, []);
    assert.deepEqual(recordedSystems(said, 'i'), systems);
    assert.equal(said?.entries, undefined);
  });

  const needing: AddonOffer = {
    name: 'needing',
    variants: [
      {
        platform: 'linux/amd64',
        os: { id: 'rhel', versionId: '42' },
        made: { ...made('needing', 'd'), requires: { systemd: 259 } },
      },
    ],
  };
  const versions: [string, SystemdVersions, string | undefined][] = [
    ['is not known', {}, 'addon needing: .*version of systemd here is not known'],
    ['is probably new enough for ID_LIKE', { likelySystemd: 258 }, undefined],
    ['is too old for ID_LIKE', { systemd: 257, likelySystemd: 260 }, 'addon needing: .*systemd is 257 here'],
    ['is too old for the addon', { systemd: 258 }, 'addon needing: .*systemd 259 or newer \\(here is 258\\)'],
    ['is new enough', { systemd: 259 }, undefined],
  ];
  for (const [what, found, message] of versions)
    it(`${message === undefined ? 'is given' : 'is not given'} where the systemd of the image ${what}`, () => {
      const { wanted } = wantedBy(
        request({
          asked: [{ name: 'needing', addon: 'needing' }],
          offers: new Map([['needing', needing]]),
          systemOf: () => ({ os: { ...os, idLike: ['rhel'] }, profile: [] }),
          systemdOf: () => found,
        }),
      );
      const { hold, addons } = wanted.get('n') ?? {};
      assert.equal(addons?.addons.length, message === undefined ? 1 : undefined);
      if (message !== undefined) assert.match(hold?.message ?? '', new RegExp(message));
    });

  it('goes by the lowest systemd of nodes that run the image, and else of all of them', () => {
    const nodes = [node('a'), node('b'), node('c'), node('d'), node('other', undefined, 'arm64')];
    const targets = [
      target('a', 'new', 259),
      target('b', 'new', 258),
      target('c', 'old', 257),
      target('d', 'new', undefined),
      target('other', 'new', 250),
      target('stranger', 'new', 249),
    ];
    assert.deepEqual(systemdVersions(['new'], 'linux/amd64', nodes, targets), { systemd: 258, likelySystemd: 257 });
    assert.deepEqual(systemdVersions(['newer'], 'linux/amd64', nodes, targets), { likelySystemd: 257 });
    assert.deepEqual(systemdVersions(['new'], 'linux/riscv64', nodes, targets), {});
  });

  const both = {
    asked: [
      { name: 'containerd', addon: 'containerd' },
      { name: 'tools', addon: 'tools' },
    ],
    offers: new Map([offer('containerd', 'a'), offer('tools', 'e')].map(o => [o.name, o])),
  };

  it('tells the host what it has to look for', () => {
    const requires = { systemd: 252, addons: ['containerd'], kernelModules: ['overlay'], paths: ['/usr/bin/runc'] };
    const variants = [{ platform: 'linux/amd64', os: { id: '_any' }, made: { ...made('tools', 'e'), requires } }];
    const offers = new Map<string, AddonOffer>([...both.offers, ['tools', { name: 'tools', variants }]]);
    const [runtime, tools] = wantedBy(request({ ...both, offers })).wanted.get('n')?.addons?.addons ?? [];
    assert.equal(runtime?.requires, undefined);
    assert.deepEqual(tools?.requires, { kernelModules: ['overlay'], paths: ['/usr/bin/runc'] });
  });

  it('is held while files of its addons collide, or nobody knows whether they do', () => {
    const reason = 'Collision' as const;
    const problems = [{ name: 'tools', reason, message: 'hides or is hidden by /usr/bin/ctr (of containerd)' }];
    const colliding = wantedBy(request({ ...both, compared: () => ({ problems, digest: hex('e') }) }));
    assert.deepEqual(colliding.wanted.get('n'), {
      hold: {
        reason: 'Collision',
        message: 'addon tools: hides or is hidden by /usr/bin/ctr (of containerd)',
        addons: ['tools'],
      },
    });
    assert.deepEqual(colliding.sets, []);
    const hold = { reason: 'AddonsNotReady', message: 'is looked up' };
    const waiting = wantedBy(request({ ...both, compared: () => ({ hold }) }));
    assert.deepEqual(waiting.wanted.get('n'), { hold });
    const said = addonsStatus({ asked: both.asked, image: 'i', systems: new Map() }, waiting, []);
    assert.deepEqual(
      said?.sets?.map(({ nodes, note, compared }) => ({ nodes, note, compared })),
      [{ nodes: 1, note: 'is looked up', compared: undefined }],
    );
    assert.deepEqual(waiting.sets, []);
  });

  it('is not held while what nodes have already is looked up again, which no status says to be compared', () => {
    const found = wantedBy(request({ ...both, compared: () => undefined }));
    assert.equal(found.wanted.get('n')?.hold, undefined);
    assert.ok(found.wanted.get('n')?.addons);
    assert.equal(found.sets[0]?.compared, undefined);
  });

  it('is compared once: the status has the sets that were, and what was not compared of them', () => {
    const note = 'its files are not compared';
    const found = wantedBy(request({ ...both, compared: () => ({ problems: [], note, digest: hex('e') }) }));
    const said = addonsStatus({ asked: both.asked, image: 'i', systems: new Map() }, found, []);
    assert.deepEqual(recordedComparison(said, { digest: hex('e') }), { problems: [], note });
    assert.equal(recordedComparison(said, { digest: hex('f') }), undefined);
    assert.equal(recordedComparison(undefined, { digest: hex('e') }), undefined);
  });

  it('is compared again with another image, on another platform, and where its addons may replace other files', () => {
    const all = [
      comparedBy('a', 'linux/amd64'),
      comparedBy('b', 'linux/amd64'),
      comparedBy('a', 'linux/arm64'),
      comparedBy('a', 'linux/amd64', ['/usr/bin/*']),
    ];
    assert.equal(new Set(all).size, all.length);
    assert.equal(comparedBy('a', 'linux/amd64'), comparedBy('a', 'linux/amd64', []));
  });

  it('is held while nobody knows what the image asks for', () => {
    const hold = { reason: 'AddonsNotReady', message: 'is being read' };
    const { wanted } = wantedBy(request({ asked: [], mayAsk: true, systemOf: () => ({ hold }) }));
    assert.deepEqual(wanted.get('n'), { hold });
  });

  const held: [string, Partial<WantedRequest>, string, RegExp, boolean][] = [
    [
      'an addon that does not exist',
      { asked: [{ name: 'x', addon: 'x' }] },
      'AddonsNotReady',
      /there is no SystemAddon x/,
      false,
    ],
    [
      'an addon without variants',
      { asked: [{ name: 'kubelet', addon: 'kubelet' }] },
      'AddonsNotReady',
      /addon kubelet: .*fedora 42/,
      false,
    ],
    [
      'another platform',
      { nodes: [node('n', undefined, 'arm64')] },
      'AddonsNotReady',
      /linux\/arm64.*linux\/amd64 for fedora 42/,
      false,
    ],
    [
      'another system',
      { systemOf: () => ({ os: { ...os, versionId: '43' }, profile: [] }) },
      'AddonsNotReady',
      /fedora 43.*fedora 42/,
      false,
    ],
    ['a wish that is no JSON', { nodes: [node('n', 'containerd-2')] }, 'InvalidAddons', /JSON list/, true],
    [
      'a wish for a name that nothing has',
      { nodes: [node('n', '[{"name":"a","addon":"../b"}]')] },
      'InvalidAddons',
      /a names what no/,
      true,
    ],
    ['a node without a platform', { nodes: [{ name: 'n', labels: {} }] }, 'AddonsNotReady', /kubernetes\.io\/arch/, false],
  ];
  for (const [what, over, reason, message, stalled] of held)
    it(`holds a node for ${what}`, () => {
      const { wanted } = wantedBy(request(over));
      const { hold, addons } = wanted.get('n') ?? {};
      assert.equal(addons, undefined);
      assert.deepEqual([hold?.reason, hold?.stalled ?? false], [reason, stalled]);
      assert.match(hold?.message ?? '', message);
    });

  it('is said in the status, from which the next process knows the system', () => {
    const found = wantedBy(request({ nodes: [node('a'), node('b')] }));
    const system = { os: { ...os, idLike: ['rhel', 'centos'] }, profile: [{ name: 'kubelet', addon: 'kubelet-1-35' }] };
    const systems = new Map([['linux/amd64', system]]);
    const hold = { reason: 'AgentTooOld', message: 'waits' };
    const said = addonsStatus({ asked: request({}).asked, image: 'i', systems }, found, [{ hold, nodes: ['a'] }]);
    assert.deepEqual(said?.entries, [
      { name: 'kubelet', addon: 'kubelet-1-35', from: 'vendor' },
      { name: 'containerd', addon: 'containerd', from: 'pool' },
    ]);
    assert.deepEqual(
      said?.sets?.map(s => [s.nodes, s.addons.map(a => `${a.name} ${a.from}`)]),
      [[2, ['containerd pool']]],
    );
    assert.deepEqual(said?.problems, [{ ...hold, nodes: 1 }]);
    assert.deepEqual(recordedSystems(said, 'i'), systems);
    assert.equal(recordedSystems(said, 'j').size, 0);
  });

  it('is said with what trust says of each artifact, with what nodes have from before, and with the addons that are waited for', () => {
    const [image] = [made('containerd', 'a').image];
    const trust = {
      decision: 'Trusted' as const,
      reason: 'Trusted',
      message: 'by release',
      digest: hex('a'),
      basis: 'b',
      signers: [],
    };
    const told = { asked: request({}).asked, image: 'i', systems: new Map() };
    const first = addonsStatus({ ...told, trust: new Map([[image, trust]]) }, wantedBy(request({})), []);
    assert.deepEqual(first?.artifacts, [{ image, trust }]);
    assert.deepEqual(recordedTrust(first, image), trust);
    const old = first?.sets?.[0];
    assert.ok(old);
    const hold = { reason: 'AddonsNotReady', message: 'no variant', addons: ['kubelet', 'kubelet'] };
    const next = wantedBy(request({ asked: [{ name: 'containerd', addon: 'containerd-2' }] }));
    const after = addonsStatus({ ...told, last: first, had: new Set([old.set]) }, next, [{ hold, nodes: ['a', 'b'] }]);
    assert.deepEqual(
      after?.sets?.map(s => [s.nodes, s.addons.map(a => a.name)]),
      [
        [1, ['containerd-2']],
        [0, ['containerd']],
      ],
    );
    assert.deepEqual(
      after?.artifacts?.map(a => a.image),
      [made('containerd-2', 'b').image, image],
    );
    assert.deepEqual(after?.problems, [{ reason: 'AddonsNotReady', message: 'no variant', nodes: 2, addons: ['kubelet'] }]);
    const gone = addonsStatus({ ...told, asked: [], last: after }, { wanted: new Map(), sets: [] }, []);
    assert.equal(gone, undefined);
  });
});
