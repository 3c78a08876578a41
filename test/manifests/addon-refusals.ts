/** Changes to the least SystemAddon that the API server refuses, because no host could merge what they say, and what it answers. */

const plural = 'systemaddons' as const;
const files = [{ path: '/usr/bin/tool', content: 'x' }];
const image = { reference: 'registry.example.com/runtime:1' };

const variant = (variant: object) => ({ variants: [{ source: { files }, ...variant }] });
const source = (source: object) => ({ variants: [{ source }] });
const fedora = { platform: 'linux/amd64', os: { id: 'fedora', versionId: '42' }, source: { files } };

export const addonRefusals: readonly { plural: typeof plural; what: string; changes: object; says: RegExp }[] = [
  { plural, what: 'no variant', changes: { variants: [] }, says: /should have at least 1 items/ },
  {
    plural,
    what: 'two variants for the same nodes',
    changes: { variants: [fedora, { source: { image } }, fedora] },
    says: /two variants are for the same platform and the same os, so neither could be chosen/,
  },
  {
    plural,
    what: 'two variants for all nodes, one by its defaults',
    changes: { variants: [{ source: { files } }, { platform: 'linux/amd64', os: { id: '_any' }, source: { image } }] },
    says: /two variants are for the same platform and the same os/,
  },
  {
    plural,
    what: 'a source of nothing',
    changes: source({}),
    says: /either image, or packages, files, trees and units are required/,
  },
  {
    plural,
    what: 'a source of both',
    changes: source({ image, files }),
    says: /either image, or packages, files, trees and units are required/,
  },
  {
    plural,
    what: 'an image for any platform',
    changes: variant({ platform: '_any', source: { image } }),
    says: /an image is of one platform/,
  },
  {
    plural,
    what: 'a platform without hosts',
    changes: variant({ platform: 'linux/s390x' }),
    says: /Unsupported value: "linux\/s390x"/,
  },
  {
    plural,
    what: 'a version of any system',
    changes: variant({ os: { versionId: '42' } }),
    says: /id _any is for every system, so versionId and sysextLevel need another id/,
  },
  {
    plural,
    what: 'a version and a level',
    changes: variant({ os: { id: 'fedora', versionId: '42', sysextLevel: '1' } }),
    says: /at most one of versionId, sysextLevel can be given/,
  },
  {
    plural,
    what: 'the name of a system for its id',
    changes: variant({ os: { id: 'Fedora Linux' } }),
    says: /must be the ID of a system/,
  },
  {
    plural,
    what: 'a version with a quotation mark',
    changes: variant({ os: { id: 'fedora', versionId: '"42"' } }),
    says: /must be a VERSION_ID/,
  },
  {
    plural,
    what: 'a level of several words',
    changes: variant({ os: { id: 'a', sysextLevel: '1 2' } }),
    says: /must be a SYSEXT_LEVEL/,
  },
  {
    plural,
    what: 'an image without tag',
    changes: source({ image: { reference: 'registry.example.com/a' } }),
    says: /needs a tag or a digest/,
  },
  {
    plural,
    what: 'a relative directory of an image',
    changes: source({ image: { ...image, path: 'rootfs' } }),
    says: /must be an absolute path, as \/rootfs/,
  },
  {
    plural,
    what: 'a directory that climbs',
    changes: source({ image: { ...image, path: '/a/../b' } }),
    says: /without \. and \.\./,
  },
  {
    plural,
    what: 'a file in /etc',
    changes: source({ files: [{ path: '/etc/motd', content: 'x' }] }),
    says: /must be an absolute path below \/usr or \/opt/,
  },
  {
    plural,
    what: 'a file in /usr2',
    changes: source({ files: [{ path: '/usr2/motd', content: 'x' }] }),
    says: /must be an absolute path below \/usr or \/opt/,
  },
  {
    plural,
    what: 'a file of a repository without one',
    changes: source({ files: [{ path: '/usr/bin/a', from: 'a' }] }),
    says: /it needs sourceRef/,
  },
  {
    plural,
    what: 'a tree of a repository without one',
    changes: source({ trees: [{ from: 'a', to: '/usr' }] }),
    says: /it needs sourceRef/,
  },
  {
    plural,
    what: 'two contents of a file',
    changes: source({ files: [{ path: '/usr/bin/a', from: 'a', content: 'a' }] }),
    says: /exactly one of content, from is required/,
  },
  {
    plural,
    what: 'a unit of nothing',
    changes: source({ units: [{ name: 'a.service' }] }),
    says: /contents, dropIns or both are required/,
  },
  { plural, what: 'a service that is no unit', changes: { services: ['kubelet'] }, says: /must be the name of a unit/ },
  { plural, what: 'a service twice', changes: { services: ['a.service', 'a.service'] }, says: /Duplicate value/ },
  {
    plural,
    what: 'a systemd that merges nothing',
    changes: { requires: { systemd: 251 } },
    says: /should be greater than or equal to 252/,
  },
  {
    plural,
    what: 'a requirement that is no addon',
    changes: { requires: { addons: ['a/b'] } },
    says: /must be the name of a SystemAddon/,
  },
  {
    plural,
    what: 'a requirement that is no module',
    changes: { requires: { kernelModules: ['a b'] } },
    says: /must be the name of a kernel module/,
  },
  {
    plural,
    what: 'a requirement that is no path',
    changes: { requires: { paths: ['usr/bin'] } },
    says: /must be an absolute path/,
  },
  {
    plural,
    what: 'an output with a tag',
    changes: { output: { repository: 'registry.example.com/a:1' } },
    says: /without tag or digest/,
  },
];
