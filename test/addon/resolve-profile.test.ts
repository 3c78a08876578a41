import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SystemAddon, SystemAddonStatusVariant } from '../../controller/api/system-addon.ts';
import { type AddonOffer, offerOf } from '../../controller/addon/choice.ts';
import type { ListedFile } from '../../controller/addon/collisions.ts';
import { type ProfileLayer, profileOf } from '../../controller/addon/profile.ts';
import { type ProfileHost, type ResolveRequest, resolveProfile } from '../../controller/addon/resolve-profile.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const image = (name: string): string => `registry.example.com/addons/${name}@${digest('a')}`;
const host: ProfileHost = { os: { id: 'fedora', idLike: [], versionId: '42' }, platform: 'linux/amd64', systemd: 257 };
const any = { platform: '_any', os: { id: '_any' } } as const;
const fedora = { platform: 'linux/amd64', os: { id: 'fedora', versionId: '42' } } as const;

type Variant = Pick<SystemAddonStatusVariant, 'platform' | 'os'> & Partial<SystemAddonStatusVariant>;

/** The addon with these variants, all of them made unless they say otherwise. */
function addon(
  name: string,
  status: readonly Variant[] = [any],
  spec: readonly Pick<Variant, 'platform' | 'os'>[] = status,
): SystemAddon {
  return {
    apiVersion: 'scantling.dev/v1alpha1',
    kind: 'SystemAddon',
    metadata: { name },
    spec: {
      suspend: false,
      variants: spec.map(({ platform, os }) => ({ platform, os, source: {} })),
      allowSetuid: false,
      output: { repository: `registry.example.com/addons/${name}` },
      interval: '10m',
      history: { successful: 5, prune: 'None', gracePeriod: '24h' },
    },
    status: { variants: status.map(variant => ({ image: image(name), digest: digest('b'), size: 4096, ...variant })) },
  };
}

function layer(from: ProfileLayer['from'], entries: Record<string, string>): ProfileLayer {
  return { from, entries: Object.entries(entries).map(([name, addon]) => ({ name, addon })) };
}

function offers(...addons: readonly SystemAddon[]): Map<string, AddonOffer> {
  return new Map(addons.map(addon => [addon.metadata.name, offerOf(addon)]));
}

/** `name Reason: message` of each problem. */
function problemsOf(
  layers: readonly ProfileLayer[],
  addons: readonly SystemAddon[],
  more: Partial<ResolveRequest> = {},
): string[] {
  const resolution = resolveProfile({ profile: profileOf(layers), addons: offers(...addons), host, ...more });
  return 'problems' in resolution ? resolution.problems.map(({ name, reason, message }) => `${name} ${reason}: ${message}`) : [];
}

function file(path: string, digest: string): ListedFile {
  return { path, type: 'file', mode: 0o755, digest };
}

test('A profile is resolved to images, each after what it requires, and says who asked for it', () => {
  const kubelet = addon('kubelet', [{ ...any, services: ['kubelet.service'], requires: { addons: ['crio'] } }]);
  const crio = addon('crio', [{ ...any, image: image('any') }, fedora]);
  const layers = [
    layer('vendor', { runtime: 'containerd', shell: 'bash' }),
    layer('pool', { kubelet: 'kubelet', runtime: 'crio' }),
    layer('node', { shell: '' }),
  ];
  assert.deepEqual(resolveProfile({ profile: profileOf(layers), addons: offers(kubelet, crio), host }), {
    addons: [
      { name: 'crio', image: image('crio'), digest: digest('b'), size: 4096, from: 'pool' },
      { name: 'kubelet', image: image('kubelet'), digest: digest('b'), size: 4096, services: ['kubelet.service'], from: 'pool' },
    ],
  });
});

test('An empty profile is an empty set', () => {
  assert.deepEqual(resolveProfile({ profile: profileOf([]), addons: new Map(), host }), { addons: [] });
});

test('The last good image is taken where the present one could not be made', () => {
  const stale = addon('tool', [{ ...any, reason: 'ImageNotFound', message: 'the image is not in its registry' }]);
  const resolution = resolveProfile({ profile: profileOf([layer('pool', { tool: 'tool' })]), addons: offers(stale), host });
  assert.ok('addons' in resolution);
  assert.equal(resolution.addons[0]?.image, image('tool'));
});

describe('what is in the way is said', () => {
  const pool = (...names: string[]): ProfileLayer[] => [layer('pool', Object.fromEntries(names.map(name => [name, name])))];

  const table: Record<string, { problems: string[]; says: string[] }> = {
    'an addon that does not exist': {
      problems: problemsOf([layer('vendor', { runtime: 'crio' }), layer('node', { runtime: 'containerd' })], []),
      says: [
        "containerd UnknownAddon: there is no SystemAddon containerd, which the node's profile names for runtime, in place of crio (vendor)",
      ],
    },
    'no variant for the node': {
      problems: problemsOf(pool('driver'), [addon('driver', [{ ...fedora, platform: 'linux/arm64' }])]),
      says: [
        'driver NoVariant: none of its variants is for this node: this is linux/amd64 with fedora 42, and there are linux/arm64 for fedora 42',
      ],
    },
    'an image that is not made yet': {
      problems: problemsOf(pool('tool'), [addon('tool', [], [any])]),
      says: ['tool AddonNotReady: its variant any platform for any system has no image yet: it is being made'],
    },
    'an image that could not be made': {
      problems: problemsOf(pool('tool'), [
        {
          ...addon('tool'),
          status: { variants: [{ ...any, reason: 'ContentRefused', message: '/etc/motd is outside of /usr' }] },
        },
      ]),
      says: ['tool AddonNotReady: its variant any platform for any system has no image yet: /etc/motd is outside of /usr'],
    },
    'a variant that the spec has no more': {
      problems: problemsOf(pool('tool'), [addon('tool', [any], [{ platform: 'linux/arm64', os: { id: '_any' } }])]),
      says: [
        'tool NoVariant: none of its variants is for this node: this is linux/amd64 with fedora 42, and there are linux/arm64 for any system',
      ],
    },
    'one addon under two names': {
      problems: problemsOf([layer('pool', { runtime: 'crio', engine: 'crio' })], [addon('crio')]),
      says: ['crio SameAddon: the profile has crio twice, as runtime and as engine; take one away'],
    },
    'a required addon that is not in the profile': {
      problems: problemsOf(pool('kubelet'), [addon('kubelet', [{ ...any, requires: { addons: ['crio'] } }]), addon('crio')]),
      says: ['kubelet RequirementMissing: requires crio, which is not in the profile'],
    },
    'a required addon that is taken away': {
      problems: problemsOf(
        [layer('vendor', { runtime: 'crio' }), layer('pool', { kubelet: 'kubelet' }), layer('node', { runtime: '' })],
        [addon('kubelet', [{ ...any, requires: { addons: ['crio'] } }]), addon('crio')],
      ),
      says: ["kubelet Masked: requires crio, which the node's profile takes away as runtime"],
    },
    'a required addon that is in the way itself': {
      problems: problemsOf(pool('kubelet', 'crio'), [addon('kubelet', [{ ...any, requires: { addons: ['crio'] } }])]),
      says: ["crio UnknownAddon: there is no SystemAddon crio, which the pool's profile names for crio"],
    },
    'a node that lacks what is required': {
      problems: problemsOf(
        pool('tool'),
        [addon('tool', [{ ...any, requires: { systemd: 258, kernelModules: ['overlay', 'zfs'] } }])],
        {
          host: { ...host, kernelModules: new Map([['zfs', false]]) },
        },
      ),
      says: [
        'tool RequirementMissing: requires what the node does not have: systemd 258 or newer (here is 257), kernel module zfs',
      ],
    },
    'a circle': {
      problems: problemsOf(pool('a', 'b'), [
        addon('a', [{ ...any, requires: { addons: ['b'] } }]),
        addon('b', [{ ...any, requires: { addons: ['a'] } }]),
      ]),
      says: ['a RequiresCycle: they require each other in a circle: a → b → a'],
    },
    'everything at once': {
      problems: problemsOf(pool('gone', 'driver', 'kubelet'), [
        addon('driver', [{ ...fedora, os: { id: 'debian', versionId: '13' } }]),
        addon('kubelet', [{ ...any, requires: { addons: ['crio'], systemd: 300 } }]),
      ]),
      says: [
        "gone UnknownAddon: there is no SystemAddon gone, which the pool's profile names for gone",
        'driver NoVariant: none of its variants is for this node: this is linux/amd64 with fedora 42, and there are linux/amd64 for debian 13',
        'kubelet RequirementMissing: requires crio, which is not in the profile',
        'kubelet RequirementMissing: requires what the node does not have: systemd 300 or newer (here is 257)',
      ],
    },
    'more addons than a node gets': {
      problems: problemsOf(pool(...Array.from({ length: 66 }, (_, i) => `a${i}`)), []),
      says: ['a64 TooManyAddons: the profile has 66 addons, and a node gets at most 64'],
    },
  };
  for (const [what, { problems, says }] of Object.entries(table)) test(what, () => assert.deepEqual(problems, says));

  test('files of the same path', () => {
    const many = Array.from({ length: 30 }, (_, i) => `/usr/share/${i}`);
    const addons = [
      addon('a', [{ ...any, digest: digest('1') }]),
      addon('b', [{ ...any, digest: digest('2') }]),
      addon('unlisted'),
    ];
    const problems = problemsOf(pool('a', 'b', 'unlisted'), addons, {
      contents: new Map([
        [digest('1'), [file('/usr/bin/x', '1'), ...many.map(path => file(path, '1'))]],
        [digest('2'), [file('/usr/bin/y', '2'), ...many.map(path => file(path, '2'))]],
      ]),
      base: [file('/usr/bin/x', '0')],
    });
    assert.equal(problems.length, 2);
    assert.equal(
      problems[0],
      'a Collision: hides or is hidden by /usr/bin/x (of the system); leave out of the addon what the system has, or name it in spec.allowReplace',
    );
    assert.match(problems[1] ?? '', /^b Collision: hides or is hidden by \/usr\/share\/0 \(of a\), .* and 20 more$/);
  });
});
