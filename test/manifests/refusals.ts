/** The least that each kind of the API takes, and changes to it that the API server refuses. */
import { addonRefusals } from './addon-refusals.ts';
import { policyRefusals } from './policy-refusals.ts';

const digest = `sha256:${'a'.repeat(64)}`;

/** The least that each kind takes. */
export const least = {
  systemsources: { kind: 'SystemSource', spec: { url: 'https://git.example.com/fleet.git' } },
  systemdefinitions: {
    kind: 'SystemDefinition',
    spec: { base: { image: 'registry.example.com/base:1' }, output: { repository: 'registry.example.com/worker' } },
  },
  imagebuilds: {
    kind: 'ImageBuild',
    spec: {
      definitionRef: { name: 'worker' },
      context: digest,
      base: `registry.example.com/base@${digest}`,
      output: { repository: 'registry.example.com/worker' },
      builderVersion: '1',
    },
  },
  systempools: {
    kind: 'SystemPool',
    spec: { nodeSelector: { matchLabels: { a: 'b' } }, system: { definitionRef: { name: 'worker' } } },
  },
  nodetargets: {
    kind: 'NodeTarget',
    spec: {
      poolRef: { name: 'workers' },
      image: `registry.example.com/worker@${digest}`,
      digests: [digest],
      state: 'Staged',
      since: '2026-01-01T00:00:00Z',
    },
  },
  systemaddons: {
    kind: 'SystemAddon',
    spec: {
      variants: [{ source: { files: [{ path: '/usr/bin/tool', content: 'x' }] } }],
      output: { repository: 'registry.example.com/tool' },
    },
  },
  trustpolicies: { kind: 'TrustPolicy', spec: { scope: { prefix: 'registry.example.com/os' }, mode: 'Skip' } },
} as const satisfies Record<string, { kind: string; spec: object }>;
export type Plural = keyof typeof least;

const addon = { name: 'kubelet', image: `registry.example.com/kubelet@${digest}`, digest, size: 4096 };

/** Changes that a kind refuses, and what it says. */
export const refusals: readonly { plural: Plural; what: string; changes: object; says: RegExp }[] = [
  ...addonRefusals,
  ...policyRefusals,
  {
    plural: 'systemsources',
    what: 'plain http without consent',
    changes: { url: 'http://git.example.com/fleet.git' },
    says: /an http:\/\/ URL needs allowInsecure/,
  },
  {
    plural: 'systemsources',
    what: 'credentials in the URL',
    changes: { url: 'https://me:secret@git.example.com/fleet.git' },
    says: /spec\.url: .*: must be a URL .* without credentials, which belong into secretRef/,
  },
  {
    plural: 'systemsources',
    what: 'a URL of SSH',
    changes: { url: 'git@github.com:acme/fleet.git' },
    says: /^(?!.*allowInsecure).*spec\.url: .*: must be a URL that begins with https:\/\/ or http:\/\/ \(Git over SSH is not supported\)/,
  },
  {
    plural: 'systemsources',
    what: 'two refs',
    changes: { ref: { branch: 'main', tag: 'v1' } },
    says: /exactly one of branch, tag, commit is required/,
  },
  {
    plural: 'systemsources',
    what: 'no ref in ref',
    changes: { ref: {} },
    says: /exactly one of branch, tag, commit is required/,
  },
  { plural: 'systemsources', what: 'an absolute path', changes: { path: '/etc' }, says: /may not leave it/ },
  { plural: 'systemsources', what: 'a path that climbs', changes: { path: 'a/../../b' }, says: /may not leave it/ },
  {
    plural: 'systemsources',
    what: 'a share above 100 %',
    changes: { maxRemovals: '101%' },
    says: /maxRemovals is a number or a percentage/,
  },
  {
    plural: 'systemsources',
    what: 'a negative number',
    changes: { maxRemovals: -1 },
    says: /maxRemovals is a number or a percentage/,
  },
  {
    plural: 'systemsources',
    what: 'an interval without a unit',
    changes: { interval: '30' },
    says: /spec\.interval: .*: must be a duration, as 90s or 1h30m/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a profile of addons without what merges them',
    changes: { addons: { profile: [{ name: 'runtime', addon: 'containerd' }] } },
    says: /profile needs support/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a file with content and from',
    changes: { sourceRef: { name: 's' }, files: [{ path: '/etc/a', content: 'a', from: 'a' }] },
    says: /exactly one of content, from is required/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a file with neither',
    changes: { files: [{ path: '/etc/a' }] },
    says: /exactly one of content, from is required/,
  },
  {
    plural: 'systemdefinitions',
    what: '"from" without a source',
    changes: { files: [{ path: '/etc/a', from: 'a' }] },
    says: /so it needs sourceRef/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a tree without a source',
    changes: { trees: [{ from: 'a', to: '/etc' }] },
    says: /so it needs sourceRef/,
  },
  {
    plural: 'systemdefinitions',
    what: 'packages beside a Containerfile',
    changes: { packages: { manager: 'dnf', install: ['vim'] }, containerfile: { inline: 'RUN true' } },
    says: /packages and containerfile exclude each other/,
  },
  {
    plural: 'systemdefinitions',
    what: 'packages that name none',
    changes: { packages: { manager: 'dnf' } },
    says: /name at least one package/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a package that is a flag',
    changes: { packages: { manager: 'dnf', install: ['--nogpgcheck'] } },
    says: /spec\.packages\.install\[0\]: .*: must be one package/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a masked unit with contents',
    changes: { units: [{ name: 'a.service', mask: true, contents: '[Unit]' }] },
    says: /a masked unit can have neither/,
  },
  {
    plural: 'systemdefinitions',
    what: 'an unknown unit type',
    changes: { units: [{ name: 'a.txt' }] },
    says: /spec\.units\[0\]\.name: .*: must be the name of a unit with its type, as sshd\.service/,
  },
  {
    plural: 'systemdefinitions',
    what: 'two files of one path',
    changes: {
      files: [
        { path: '/etc/a', content: 'a' },
        { path: '/etc/a', content: 'b' },
      ],
    },
    says: /Duplicate value/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a base without a registry',
    changes: { base: { image: 'fedora-bootc:43' } },
    says: /spec\.base\.image: .*: must be an image with its registry host, as registry\.example\.com/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a base without tag and digest',
    changes: { base: { image: 'registry.example.com:5000/team/base' } },
    says: /spec\.base\.image: .*: needs a tag or a digest, .* as registry\.example\.com\/team\/base:1$/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a base by another digest than sha256',
    changes: { base: { image: `registry.example.com/base@sha512:${'a'.repeat(128)}` } },
    says: /spec\.base\.image: .*: must be an image with its registry host/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a base looked up too often',
    changes: { base: { image: 'registry.example.com/base:1', interval: '9s' } },
    says: /spec\.base\.interval: .*: must be a duration of at least 10s, as 90s or 1h30m$/,
  },
  {
    plural: 'systemdefinitions',
    what: 'an interval that is no duration',
    changes: { base: { image: 'registry.example.com/base:1', interval: 'often' } },
    says: /spec\.base\.interval: .*: must be a duration of at least 10s, as 90s or 1h30m$/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a base by image and definition',
    changes: { base: { image: 'registry.example.com/base:1', definitionRef: { name: 'a' } } },
    says: /exactly one of image, definitionRef is required/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a platform that is none',
    changes: { platforms: ['amd64'] },
    says: /spec\.platforms\[0\]: .*: must be a platform, as linux\/amd64/,
  },
  {
    plural: 'systemdefinitions',
    what: 'a workload image without a registry',
    changes: { workloads: [{ name: 'w', containers: [{ name: 'c', image: 'postgres:18' }] }] },
    says: /spec\.workloads\[0\]\.containers\[0\]\.image: .*: must be an image with its registry host/,
  },
  {
    plural: 'systemdefinitions',
    what: 'an output with a tag',
    changes: { output: { repository: 'registry.example.com:5000/worker:1' } },
    says: /spec\.output\.repository: .*: must be a repository, without tag or digest: Scantling tags what it pushes$/,
  },
  {
    plural: 'systemdefinitions',
    what: 'an output with a digest',
    changes: { output: { repository: `registry.example.com/worker@${digest}` } },
    says: /spec\.output\.repository: .*: must be a repository, without tag or digest: Scantling tags what it pushes$/,
  },
  {
    plural: 'systemdefinitions',
    what: 'an output without a registry',
    changes: { output: { repository: 'worker' } },
    says: /spec\.output\.repository: .*: must be a repository with its registry host, in lower case, as registry/,
  },
  {
    plural: 'imagebuilds',
    what: 'a base by tag',
    changes: { base: 'registry.example.com/base:1' },
    says: /spec\.base: .*: must be an image by digest/,
  },
  {
    plural: 'systempools',
    what: 'a selector of every node',
    changes: { nodeSelector: {} },
    says: /an empty selector would select every node/,
  },
  {
    plural: 'systempools',
    what: 'In without values',
    changes: { nodeSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
    says: /In and NotIn need values/,
  },
  {
    plural: 'systempools',
    what: 'Exists with values',
    changes: { nodeSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
    says: /Exists and DoesNotExist take none/,
  },
  {
    plural: 'systempools',
    what: 'a definition and an image',
    changes: { system: { definitionRef: { name: 'a' }, image: 'registry.example.com/worker:1' } },
    says: /exactly one of definitionRef, image is required/,
  },
  { plural: 'systempools', what: 'no system', changes: { system: {} }, says: /exactly one of definitionRef, image is required/ },
  {
    plural: 'systempools',
    what: 'a budget in words',
    changes: { rollout: { maxUnavailable: 'half' } },
    says: /maxUnavailable is a number or a percentage/,
  },
  {
    plural: 'systempools',
    what: 'no staging at all',
    changes: { rollout: { maxStaging: 0 } },
    says: /greater than or equal to 1/,
  },
  {
    plural: 'nodetargets',
    what: 'a go without an approval',
    changes: { state: 'Booted' },
    says: /state Booted needs an approval/,
  },
  {
    plural: 'nodetargets',
    what: 'an image by tag',
    changes: { image: 'registry.example.com/worker:1' },
    says: /spec\.image: .*: must be an image by digest/,
  },
  { plural: 'nodetargets', what: 'no digests', changes: { digests: [] }, says: /at least 1 items/ },
  {
    plural: 'nodetargets',
    what: 'addons without the digest of their set',
    changes: { addons: [addon] },
    says: /addons and addonSet go together/,
  },
  {
    plural: 'nodetargets',
    what: 'the digest of a set without addons',
    changes: { addonSet: digest },
    says: /addons and addonSet go together/,
  },
  {
    plural: 'nodetargets',
    what: 'one addon twice',
    changes: { addonSet: digest, addons: [addon, addon] },
    says: /Duplicate value/,
  },
  {
    plural: 'nodetargets',
    what: 'an addon by tag',
    changes: { addonSet: digest, addons: [{ ...addon, image: 'registry.example.com/kubelet:1' }] },
    says: /must be an artifact by digest/,
  },
  {
    plural: 'nodetargets',
    what: 'a service that is no unit',
    changes: { addonSet: digest, addons: [{ ...addon, services: ['kubelet.service; reboot'] }] },
    says: /must be the name of a unit/,
  },
  {
    plural: 'systempools',
    what: 'an addon of a name that no extension has',
    changes: { addons: [{ name: 'Kubelet', addon: 'kubelet' }] },
    says: /lower case letters, digits and dashes/,
  },
  {
    plural: 'systempools',
    what: 'an entry that says neither which addon nor none',
    changes: { addons: [{ name: 'kubelet' }] },
    says: /addon: Required value/,
  },
  {
    plural: 'systempools',
    what: 'an addon that cannot exist',
    changes: { addons: [{ name: 'kubelet', addon: 'kubelet:1' }] },
    says: /must be the name of a SystemAddon, or '' to run nothing/,
  },
];
