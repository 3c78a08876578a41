/** `scantling addon import` with archives of mksquashfs and tar, and a real registry. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { createRegistry } from '../../controller/registry/client.ts';
import {
  manifest,
  rootfs,
  skipWithoutSquashfs as skip,
  squashfs,
  tgz,
  type Content,
  type TestContext,
} from '../addon/torcx/archives.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { startRegistry } from '../cluster/registry.ts';
import { run } from './addon-run.ts';

const content: Content = {
  '.torcx/manifest.json': manifest({ bin: ['/bin/docker'], units: ['/units/docker.service', '/units/multi-user.target.wants'] }),
  'bin/docker': '#!/bin/sh\nexec /run/torcx/unpack/docker/lib/docker "$@"\n',
  'lib/docker': Buffer.from('\x7fELF\0 TORCX /run/torcx/unpack'),
  'lib/none': { directory: true },
  'units/docker.service': '[Service]\nExecStart=/run/torcx/bin/docker\n',
  'units/multi-user.target.wants/docker.service': { link: '../docker.service' },
  [`share/${'long/'.repeat(30)}${'ü'.repeat(60)}`]: 'long',
};
const place = 'usr/lib/torcx/docker-17-03';

function scratch(t: TestContext): string {
  const directory = temporaryDirectory('addon-import');
  t.after(() => removeDirectory(directory));
  return directory;
}

/** The archive under the name that torcx gives it. */
function named(t: TestContext, made: string, name: string): string {
  const file = join(scratch(t), name);
  copyFileSync(made, file);
  return file;
}

/** Every file, link and directory below, as text. */
function listing(root: string, path = ''): string[] {
  return readdirSync(join(root, path)).flatMap(name => {
    const at = path === '' ? name : `${path}/${name}`;
    const stat = lstatSync(join(root, at));
    if (stat.isDirectory()) return [`${at}/`, ...listing(root, at)];
    return [
      stat.isSymbolicLink()
        ? `${at} -> ${readlinkSync(join(root, at))}`
        : `${at} ${(stat.mode & 0o7777).toString(8)} ${readFileSync(join(root, at), 'latin1')}`,
    ];
  });
}

const json = (
  out: string,
): {
  image: { digest: string; reference?: string; layer: { digest: string } };
  warnings: { path: string }[];
  addon: { spec: object };
} => JSON.parse(out) as ReturnType<typeof json>;

describe('addon import', { skip }, () => {
  test('an OCI layout and a SystemAddon, equal whichever format the archive has', async t => {
    const root = rootfs(t, content);
    const [a, b] = [join(scratch(t), 'a'), join(scratch(t), 'b')];
    const first = await run([
      'addon',
      'import',
      named(t, squashfs(t, root), 'docker:17.03.torcx.squashfs'),
      '-o',
      a,
      '--os',
      'fedora:42',
    ]);
    assert.equal(first.code, 0, first.said);
    assert.match(
      first.out,
      /^SystemAddon docker-17-03, of docker:17\.03 \(squashfs\)\n5 files and 4 links, \d+ bytes: digest sha256:/,
    );
    assert.match(first.out, /\nLook at:\n {2}\/usr\/lib\/torcx\/docker-17-03\/lib\/docker: is no text/);
    const second = await run(['addon', 'import', named(t, tgz(t, root), 'docker:17.03.torcx.tgz'), '-o', b, '--os', 'fedora:42']);
    assert.equal(second.code, 0, second.said);
    assert.deepEqual(listing(join(a, 'image')), listing(join(b, 'image')));

    const yaml = readFileSync(join(a, 'systemaddon.yaml'), 'utf8');
    const index = JSON.parse(readFileSync(join(a, 'image/index.json'), 'utf8')) as { manifests: { digest: string }[] };
    const digest = index.manifests[0]?.digest ?? '';
    assert.match(yaml, /^# Push image\/ first/);
    assert.deepEqual(parse(yaml), {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'SystemAddon',
      metadata: { name: 'docker-17-03' },
      spec: {
        variants: [
          {
            platform: 'linux/amd64',
            os: { id: 'fedora', versionId: '42' },
            source: { image: { reference: `registry.example.com/addons/docker-17-03@${digest}` } },
          },
        ],
        services: ['docker.service'],
        output: { repository: 'registry.example.com/addons/docker-17-03' },
      },
    });

    // As tar unpacks the layer, it is what --tree writes.
    const blob = (of: string): string => join(a, 'image/blobs/sha256', of.slice('sha256:'.length));
    const { layers } = JSON.parse(readFileSync(blob(digest), 'utf8')) as { layers: { digest: string }[] };
    const unpacked = scratch(t);
    execFileSync('tar', ['-C', unpacked, '-xpf', blob(layers[0]?.digest ?? '')]);
    const c = join(scratch(t), 'c');
    const tree = await run(['addon', 'import', named(t, tgz(t, root), 'docker:17.03.torcx.tgz'), '-o', c, '--tree']);
    assert.equal(tree.code, 0, tree.said);
    assert.deepEqual(listing(join(c, 'tree')), listing(unpacked));
    const files = listing(unpacked);
    assert(files.includes(`${place}/bin/docker 755 #!/bin/sh\nexec /${place}/lib/docker "$@"\n`));
    assert(files.includes('usr/bin/docker -> ../lib/torcx/docker-17-03/bin/docker'));
    assert(files.includes('usr/lib/systemd/system/docker.service 644 [Service]\nExecStart=/usr/bin/docker\n'));
    assert(files.includes(`${place}/lib/none/`));
  });

  test('pushed, it is what the SystemAddon names', async t => {
    const registry = await startRegistry();
    t.after(() => registry.stop());
    const repository = `${registry.host}/addons/docker`;
    const archive = named(t, squashfs(t, rootfs(t, content)), 'docker:17.03.torcx.squashfs');
    const { code, out, said } = await run([
      'addon',
      'import',
      archive,
      '--push',
      repository,
      '--insecure-registries',
      registry.host,
      '--platform',
      'linux/arm64',
      '--format',
      'json',
    ]);
    assert.equal(code, 0, said);
    const { image, warnings, addon } = json(out);
    assert.equal(image.reference, `${repository}@${image.digest}`);
    assert.deepEqual(
      warnings.map(w => w.path),
      [`/${place}/lib/docker`],
    );
    assert.deepEqual(addon.spec, {
      variants: [{ platform: 'linux/arm64', os: { id: '_any' }, source: { image: { reference: image.reference } } }],
      services: ['docker.service'],
      output: { repository },
    });
    const client = createRegistry({ insecureHosts: new Set([registry.host]), userAgent: 'test' });
    t.after(() => client.close());
    assert.equal((await client.resolve(`${repository}:17.03`)).digest, image.digest);
    assert((await client.hasBlob(repository, image.layer.digest)) !== undefined);
  });

  const refusals: [string, (t: TestContext) => string, string[], number, RegExp][] = [
    [
      'a name that says nothing',
      t => named(t, squashfs(t, rootfs(t, content)), 'docker.img'),
      [],
      1,
      /docker\.img: it is no profile of torcx, and not named/,
    ],
    [
      'a name with two colons',
      t => named(t, squashfs(t, rootfs(t, content)), 'a:b:c.torcx.squashfs'),
      [],
      1,
      /more than one colon/,
    ],
    [
      'a name that is too long',
      t => named(t, squashfs(t, rootfs(t, content)), `${'a'.repeat(64)}.torcx.squashfs`),
      [],
      1,
      /64 characters, and may have 63/,
    ],
    [
      'a name that no addon can have',
      t => named(t, squashfs(t, rootfs(t, content)), 'My_Docker.torcx.squashfs'),
      [],
      1,
      /"My_Docker" can be no name of an addon/,
    ],
    [
      'the wrong format',
      t => named(t, squashfs(t, rootfs(t, content)), 'docker.torcx.tgz'),
      [],
      1,
      /no gzipped archive, though its name/,
    ],
    [
      'no manifest',
      t => named(t, tgz(t, rootfs(t, { 'bin/x': '' })), 'docker.torcx.tgz'),
      [],
      1,
      /no file \/\.torcx\/manifest\.json/,
    ],
    ['no such file', () => '/none/docker.torcx.tgz', [], 1, /ENOENT/],
    [
      'a system that is none',
      t => named(t, squashfs(t, rootfs(t, content)), 'docker.torcx.squashfs'),
      ['--os', '_any:42'],
      2,
      /--os is ID/,
    ],
    [
      'a platform that is none',
      t => named(t, squashfs(t, rootfs(t, content)), 'docker.torcx.squashfs'),
      ['--platform', 'amd64'],
      2,
      /--platform is/,
    ],
    [
      'a repository that is none',
      t => named(t, squashfs(t, rootfs(t, content)), 'docker.torcx.squashfs'),
      ['--push', 'docker'],
      2,
      /--push is a repository/,
    ],
  ];
  for (const [name, make, flags, code, says] of refusals)
    test(`refused: ${name}`, async t => {
      const ran = await run(['addon', 'import', make(t), ...flags]);
      assert.equal(ran.code, code, ran.said);
      assert.match(ran.said, says);
      assert.equal(ran.out, '');
    });

  test('with --name a file may have any name', async t => {
    const archive = named(t, squashfs(t, rootfs(t, content)), 'whatever');
    const { code, out, said } = await run(['addon', 'import', archive, '--name', 'runtime']);
    assert.equal(code, 0, said);
    assert.match(out, /^SystemAddon runtime, of whatever:com\.coreos\.cl/);
  });

  test('nothing is written into a directory that holds something', async t => {
    const directory = scratch(t);
    mkdirSync(join(directory, 'mine'));
    const archive = named(t, squashfs(t, rootfs(t, content)), 'docker.torcx.squashfs');
    const { code, said } = await run(['addon', 'import', archive, '-o', directory]);
    assert.equal(code, 2);
    assert.match(said, /is not empty/);
  });
});

test('a profile becomes entries of a pool', async t => {
  const file = join(scratch(t), 'edge.json');
  const images = [
    { name: 'docker', reference: '17.03', remote: 'com.example' },
    { name: 'flannel', reference: '' },
  ];
  writeFileSync(file, JSON.stringify({ kind: 'profile-manifest-v1', value: { images } }));
  const { code, out, said } = await run(['addon', 'import', file]);
  assert.equal(code, 0, said);
  const entries = [
    { name: 'docker', addon: 'docker-17-03' },
    { name: 'flannel', addon: '' },
  ];
  assert.deepEqual(parse(out), { spec: { addons: entries } });
  assert.match(said, /^SystemAddon docker-17-03 is needed: .*docker:17\.03\.torcx\.squashfs[^]*remote "com\.example"/);
  const asJson = await run(['addon', 'import', file, '--format', 'json']);
  const { kind, version, addons } = JSON.parse(asJson.out) as { kind: string; version: number; addons: object };
  assert.deepEqual({ kind, version, addons }, { kind: 'ProfileImport', version: 1, addons: entries });
  const directory = join(scratch(t), 'out');
  await run(['addon', 'import', file, '-o', directory]);
  assert.deepEqual(parse(readFileSync(join(directory, 'systempool.yaml'), 'utf8')), { spec: { addons: entries } });
});
