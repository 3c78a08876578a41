/** Which system is in an image of a real registry. */
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { readImageSystem } from '../../controller/addon/image-system.ts';
import { formatVendorProfile, type VendorEntry, vendorProfileMark } from '../../controller/api/vendor-profile.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { mediaTypes } from '../../controller/registry/media-types.ts';
import type { Registry } from '../../controller/registry/registry.ts';
import { type RegistryServer, startRegistry } from '../cluster/registry.ts';
import { clientOf } from '../registry/image-fixture.ts';
import { member, tar } from './layer-fixture.ts';

const platform = 'linux/amd64';
const fedora = 'ID=fedora\nVERSION_ID=42\n';
const release = member('./usr/lib/os-release', fedora);

const profileOf = (...entries: VendorEntry[]): Buffer => member('usr/share/scantling/profile.json', formatVendorProfile(entries));

describe('the system in an image', () => {
  let server: RegistryServer;
  let registry: Registry;
  before(async () => {
    server = await startRegistry();
    registry = clientOf(server.host);
  });
  after(async () => {
    await registry.close();
    await server.stop();
  });

  /** Lowest layer first, each compressed. */
  const push = (...layers: Buffer[][]): Promise<string> => pushWith({}, ...layers);
  const pushWith = async (annotations: Record<string, string>, ...layers: Buffer[][]): Promise<string> => {
    const repository = `${server.host}/os/edge`;
    const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } }));
    await registry.pushBlob(repository, config);
    const described = [];
    for (const members of layers) {
      const bytes = gzipSync(tar(...members));
      await registry.pushBlob(repository, bytes);
      described.push({ mediaType: mediaTypes.layerGzip, digest: sha256(bytes), size: bytes.length });
    }
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, digest: sha256(config), size: config.length },
      layers: described,
      annotations,
    };
    const digest = await registry.pushManifest(repository, {
      mediaType: mediaTypes.manifest,
      bytes: Buffer.from(JSON.stringify(manifest)),
    });
    return `${repository}@${digest}`;
  };
  const other = [member('./usr/bin/x', 'x'.repeat(100_000))];

  const good: [string, Buffer[][], string | undefined][] = [
    ['of its lowest layer', [[release], other], '42'],
    [
      'of the uppermost layer that says it',
      [[release], [member('usr/lib/os-release', 'ID=fedora\nVERSION_ID=43\n')], other],
      '43',
    ],
    [
      'that ostree has by another name',
      [
        [
          member('sysroot/ostree/repo/objects/aa/b.file', fedora),
          member('usr/lib/os-release', '', { type: '1', link: 'sysroot/ostree/repo/objects/aa/b.file' }),
        ],
      ],
      '42',
    ],
  ];
  for (const [what, layers, versionId] of good)
    it(`is what the file says ${what}`, async () => {
      const image = await push(...layers);
      assert.deepEqual(await readImageSystem(registry, { image, platform }), {
        os: { id: 'fedora', idLike: [], versionId },
        profile: [],
      });
    });

  const marked = { [vendorProfileMark]: '1' };
  const runtime = { name: 'runtime', addon: 'containerd-2' };
  const none = { name: 'runtime', addon: '' };
  const asking: [string, Buffer[][], VendorEntry[]][] = [
    ['above its system', [[release], [profileOf(runtime)], other], [runtime]],
    ['of one layer with its system', [[profileOf(runtime), release]], [runtime]],
    ['below its system, the uppermost', [[profileOf(runtime)], [profileOf(none)], [release]], [none]],
    ['that is empty', [[release, profileOf(runtime)], [profileOf()]], []],
  ];
  for (const [what, layers, profile] of asking)
    it(`has the profile ${what}`, async () => {
      const image = await pushWith(marked, ...layers);
      const found = await readImageSystem(registry, { image, platform });
      assert.deepEqual([found.os.versionId, found.profile], ['42', profile]);
    });

  it('has no profile where the image is not marked to have one', async () => {
    const image = await push([release], [profileOf(runtime)]);
    assert.deepEqual((await readImageSystem(registry, { image, platform })).profile, []);
  });

  const badProfiles: [string, Buffer[][], RegExp][] = [
    ['that is not there', [[release]], /has no \/usr\/share\/scantling\/profile\.json/],
    [
      'that was taken away',
      [[release, profileOf(runtime)], [member('usr/share/.wh.scantling')]],
      /has no \/usr\/share\/scantling/,
    ],
    [
      'of a later version',
      [[release, member('usr/share/scantling/profile.json', '{"kind":"AddonProfile","version":2}')]],
      /"version":1/,
    ],
  ];
  for (const [what, layers, message] of badProfiles)
    it(`is refused of an image with the mark of a profile ${what}`, async () => {
      const image = await pushWith(marked, ...layers);
      await assert.rejects(readImageSystem(registry, { image, platform }), { reason: 'ImageUnsupported', message });
    });

  const bad: [string, Buffer[][], RegExp][] = [
    ['without the file', [other], /has no \/usr\/lib\/os-release for linux\/amd64/],
    ['from which the file was taken', [[release], [member('usr/lib/.wh.os-release')]], /has no \/usr\/lib\/os-release/],
    ['whose file cannot be read', [[member('usr/lib/os-release', 'ID="fedora\n')]], /os-release of .*line 1/],
  ];
  for (const [what, layers, message] of bad)
    it(`is refused of an image ${what}`, async () => {
      const image = await push(...layers);
      await assert.rejects(readImageSystem(registry, { image, platform }), { reason: 'ImageUnsupported', message });
    });

  it('is refused for a platform that the image is not for', async () => {
    const image = await push([release]);
    await assert.rejects(readImageSystem(registry, { image, platform: 'linux/arm64' }), { reason: 'PlatformUnsupported' });
  });
});
