/** What becomes of an archive: where its parts stand, what of its texts is written anew, and what a person is told. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { join } from 'node:path/posix';
import { reasonOf } from '../../../controller/api/errors.ts';
import { manifestOf } from '../../../controller/addon/torcx/image-manifest.ts';
import { readArchive } from '../../../controller/addon/torcx/read-archive.ts';
import { translateText } from '../../../controller/addon/torcx/references.ts';
import { translateArchive, type TranslatedAddon } from '../../../controller/addon/torcx/translate.ts';
import { removeDirectory, temporaryDirectory } from '../../cluster/processes.ts';
import { all, manifest, rootfs, skipWithoutSquashfs as skip, squashfs, tgz, type Content, type TestContext } from './archives.ts';

interface Translated {
  addon: TranslatedAddon;
  /** As `contentsOf` says it. */
  files: Record<string, string>;
  warned: string[];
}

async function translate(t: TestContext, content: Content, pack = tgz): Promise<Translated> {
  const directory = temporaryDirectory('torcx-translate');
  t.after(() => removeDirectory(directory));
  const file = pack(t, rootfs(t, content));
  const archive = await readArchive(file, pack === tgz ? 'tgz' : 'squashfs', { directory });
  try {
    const addon = await translateArchive(archive.tree, {
      name: 'docker-17',
      image: 'docker',
      manifest: await manifestOf(archive.tree),
    });
    const files: Record<string, string> = {};
    for (const entry of addon.entries) {
      if (entry.kind === 'link') files[entry.path] = `-> ${entry.target}`;
      else if (entry.kind === 'directory') files[entry.path] = `/${entry.mode.toString(8)}`;
      else {
        const bytes = await all(entry.bytes());
        assert.equal(bytes.length, entry.size);
        files[entry.path] = `${entry.mode.toString(8)} ${bytes.toString('latin1')}`;
      }
    }
    return {
      addon,
      files,
      warned: addon.warnings.map(({ path, line, message }) => `${path}${line === undefined ? '' : `:${line}`}: ${message}`),
    };
  } finally {
    await archive.close();
  }
}

const place = 'usr/lib/torcx/docker-17';

/** As Container Linux packed docker. */
const docker: Content = {
  '.torcx/manifest.json': manifest({
    bin: ['/bin/docker', '/usr/sbin'],
    units: [
      '/lib/systemd/system/docker.service',
      '/lib/systemd/system/docker.socket',
      '/lib/systemd/system/sockets.target.wants/',
      '/lib/systemd/system/multi-user.target.wants',
    ],
    network: ['/lib/systemd/network/50-docker.network'],
    sysusers: ['/usr/lib/sysusers.d/docker.conf'],
    tmpfiles: ['/usr/lib/tmpfiles.d/docker.conf'],
    udev_rules: ['/lib/udev/rules.d/90-docker.rules'],
  }),
  'bin/docker': Buffer.from('\x7fELF\0docker'),
  'usr/sbin/dockerd': '#!/bin/sh\nPATH=/run/torcx/bin:$PATH\nexec /run/torcx/unpack/docker/libexec/dockerd "$@"\n',
  'libexec/dockerd': Buffer.from('\x7fELF\0dockerd'),
  'lib/systemd/system/docker.service': `[Unit]
Requires=docker.socket torcx.target
After=torcx.target
[Service]
EnvironmentFile=-/run/metadata/torcx
ExecStart=/usr/bin/env PATH=\${TORCX_BINDIR}:\${PATH} \${TORCX_UNPACKDIR}/docker/libexec/dockerd
`,
  'lib/systemd/system/docker.socket': '[Socket]\nListenStream=/run/docker.sock\n',
  'lib/systemd/system/sockets.target.wants/docker.socket': { link: '../docker.socket' },
  'lib/systemd/system/multi-user.target.wants/docker.service': { link: '/lib/systemd/system/docker.service' },
  'lib/systemd/network/50-docker.network': '[Match]\n',
  'usr/lib/sysusers.d/docker.conf': 'g docker -\n',
  'usr/lib/tmpfiles.d/docker.conf': 'd /var/lib/docker\n',
  'lib/udev/rules.d/90-docker.rules': 'SUBSYSTEM=="x"\n',
  'share/data': 'data',
  'share/link': { link: '../libexec/dockerd' },
  'share/unpacked': { link: '/run/torcx/unpack/docker/share/data' },
};

describe('an archive becomes the tree of an addon', { skip }, () => {
  for (const pack of [tgz, squashfs])
    test(`${pack.name}: everything stands where it is looked for`, async t => {
      const { files, addon, warned } = await translate(t, docker, pack);
      assert.equal(files['usr/bin/docker'], `-> ../lib/torcx/docker-17/bin/docker`);
      assert.equal(files['usr/bin/dockerd'], `-> ../lib/torcx/docker-17/usr/sbin/dockerd`);
      assert.equal(files[`${place}/bin/docker`], '755 \x7fELF\0docker');
      assert.equal(files['usr/lib/systemd/system/docker.socket'], '644 [Socket]\nListenStream=/run/docker.sock\n');
      assert.equal(files['usr/lib/systemd/network/50-docker.network'], '644 [Match]\n');
      assert.equal(files['usr/lib/sysusers.d/docker.conf'], '644 g docker -\n');
      assert.equal(files['usr/lib/tmpfiles.d/docker.conf'], '644 d /var/lib/docker\n');
      assert.equal(files['usr/lib/udev/rules.d/90-docker.rules'], '644 SUBSYSTEM=="x"\n');
      assert.equal(files['usr/lib/systemd/system/sockets.target.wants/docker.socket'], '-> ../docker.socket');
      assert.equal(files['usr/lib/systemd/system/multi-user.target.wants/docker.service'], '-> ../docker.service');
      assert.equal(files[`${place}/lib/systemd/system/docker.socket`], '-> ../../../../../systemd/system/docker.socket');
      assert.equal(files[`${place}/share/link`], '-> ../libexec/dockerd');
      assert.equal(files[`${place}/share/unpacked`], '-> data');
      assert.deepEqual(addon.services, ['docker.socket', 'docker.service']);
      assert.deepEqual(warned, []);
      // Every link leads to what is there.
      for (const [path, what] of Object.entries(files))
        if (what.startsWith('-> ')) assert(join(path, '..', what.slice(3)) in files, `${path} ${what}`);
    });

  test('what speaks of torcx speaks of the new places', async t => {
    const { files } = await translate(t, docker);
    assert.equal(
      files['usr/lib/systemd/system/docker.service'],
      `644 [Unit]
Requires=docker.socket
# After=torcx.target (there is no torcx)
[Service]
# EnvironmentFile=-/run/metadata/torcx (there is no torcx)
ExecStart=/usr/bin/env PATH=/usr/bin:\${PATH} /usr/lib/torcx/docker-17/libexec/dockerd
`,
    );
    assert.equal(
      files[`${place}/usr/sbin/dockerd`],
      '755 #!/bin/sh\nPATH=/usr/bin:$PATH\nexec /usr/lib/torcx/docker-17/libexec/dockerd "$@"\n',
    );
  });

  test('what cannot be written anew is named with path and line', async t => {
    const { warned } = await translate(t, {
      ...docker,
      'bin/docker': Buffer.from('\x7fELF\0looks in /run/torcx/unpack\0'),
      'share/script':
        '#!/bin/sh\n. /run/metadata/torcx\nls $TORCX_UNPACKDIR /run/torcx/unpack/other/x\n# /run/torcx is not used\ncat /var/lib/torcx/store\n',
      'share/large': Buffer.concat([Buffer.alloc(1_500_000), Buffer.from('/run/torcx/bin/docker')]),
    });
    assert.deepEqual(warned, [
      `/${place}/bin/docker: is no text, and has /run/torcx at byte 14: it looks for something of torcx, which is not there`,
      `/${place}/share/large: is no text, and has /run/torcx at byte 1500000: it looks for something of torcx, which is not there`,
      `/${place}/share/script:2: /run/metadata/torcx, torcx's seal, is not there; what a node has merged is in /run/scantling/seal.json`,
      `/${place}/share/script:3: $TORCX_UNPACKDIR has no value: it came from torcx's seal`,
      `/${place}/share/script:3: /run/torcx/unpack/other/x is in the place of another image, or of all; this one is in /${place}`,
      `/${place}/share/script:5: /var/lib/torcx/store is not there: there is no torcx`,
    ]);
  });

  test('what torcx passed over is named', async t => {
    const { files, warned, addon } = await translate(t, {
      '.torcx/manifest.json': manifest({
        bin: ['/a/tool', '/b/tool', '/none'],
        units: ['/units/app.service', '/units/app.service.d'],
        hooks: [],
      }),
      'a/tool': 'a',
      'b/tool': 'b',
      'units/app.service': '[Service]\n',
      'units/app.service.d/10.conf': '[Service]\n',
      'units/app.service.d/more/10.conf': '[Service]\n',
    });
    assert.equal(files['usr/bin/tool'], '-> ../lib/torcx/docker-17/a/tool');
    assert.equal(files['usr/lib/systemd/system/app.service.d/10.conf'], '644 [Service]\n');
    assert.deepEqual(addon.services, []);
    for (const says of [
      /value\.hooks is no list/,
      /app\.service\.d\/more: is a directory/,
      /\/b\/tool: has the name of another/,
      /"\/none", which is not/,
      /name them in spec\.services/,
    ])
      assert(
        warned.some(line => says.test(line)),
        `${says} of ${warned.join('\n')}`,
      );
  });

  const refused: Record<string, [Content, string, RegExp]> = {
    'no manifest': [{ 'bin/tool': '' }, 'NoManifest', /no file \/\.torcx\/manifest\.json/],
    'a directory around it': [{ 'docker/.torcx/manifest.json': manifest({}) }, 'NoManifest', /directory around/],
    'a manifest that is a link': [{ '.torcx/manifest.json': { link: '../m' }, m: manifest({}) }, 'NoManifest', /no file/],
    'a manifest of another kind': [
      { '.torcx/manifest.json': manifest({}, 'profile-manifest-v0') },
      'InvalidManifest',
      /kind "profile-manifest-v0"/,
    ],
    'a manifest of another version': [
      { '.torcx/manifest.json': manifest({}, 'image-manifest-v1') },
      'InvalidManifest',
      /only image-manifest-v0/,
    ],
    'a manifest that is no JSON': [{ '.torcx/manifest.json': '{' }, 'InvalidManifest', /no JSON/],
    'a list that is none': [{ '.torcx/manifest.json': manifest({ bin: '/bin/x' }) }, 'InvalidManifest', /value\.bin is no list/],
    'a relative path': [{ '.torcx/manifest.json': manifest({ bin: ['bin/x'] }) }, 'InvalidManifest', /"bin\/x" is not absolute/],
    'a path that climbs': [
      { '.torcx/manifest.json': manifest({ units: ['/../../etc/passwd'] }) },
      'InvalidManifest',
      /"\.\." in it/,
    ],
    'a unit that is not there': [
      { '.torcx/manifest.json': manifest({ units: ['/lib/x.service'] }) },
      'InvalidManifest',
      /value\.units lists "\/lib\/x\.service"/,
    ],
    'a link out, upwards': [
      { '.torcx/manifest.json': manifest({}), 'lib/x': { link: '../../etc/passwd' } },
      'UnsafeArchive',
      /"\/lib\/x" is a link to "\.\.\/\.\.\/etc\/passwd", which climbs/,
    ],
    'a link out through another': [
      { '.torcx/manifest.json': manifest({}), 'a/b/up': { link: '../..' }, 'a/b/x': { link: 'up/..' } },
      'UnsafeArchive',
      /"\/a\/b\/x" .* climbs/,
    ],
    'a link out, absolute': [
      { '.torcx/manifest.json': manifest({}), 'lib/x': { link: '/etc/passwd' } },
      'UnsafeArchive',
      /"\/etc\/passwd", outside/,
    ],
    'a link that goes round': [
      { '.torcx/manifest.json': manifest({}), a: { link: 'b' }, b: { link: 'a' } },
      'UnsafeArchive',
      /circle/,
    ],
    'a link out of the unpacked image': [
      { '.torcx/manifest.json': manifest({}), x: { link: '/run/torcx/unpack/docker/../../y' } },
      'UnsafeArchive',
      /outside/,
    ],
  };
  for (const [name, [content, reason, says]] of Object.entries(refused))
    test(`refused: ${name}`, async t => {
      await assert.rejects(translate(t, content, squashfs), (error: Error) => {
        assert.equal(reasonOf(error), reason, error.message);
        assert.match(error.message, says);
        return true;
      });
    });
});

describe('texts that speak of torcx', () => {
  const places = { image: 'docker', unpacked: '/usr/lib/torcx/docker', bin: '/usr/bin' };
  const table: [string, string, string, number][] = [
    ['the directory itself', 'cd /run/torcx/unpack/docker', 'cd /usr/lib/torcx/docker', 0],
    ['another image whose name begins alike', '/run/torcx/unpack/docker-compose/x', '/run/torcx/unpack/docker-compose/x', 1],
    ['a variable in braces', '${TORCX_UNPACKDIR}/docker/lib', '/usr/lib/torcx/docker/lib', 0],
    ['a longer variable', '$TORCX_BINDIRS', '$TORCX_BINDIRS', 1],
    ['in a list of directories', 'PATH=/run/torcx/bin:/bin', 'PATH=/usr/bin:/bin', 0],
    ['another unit beside torcx.target', 'After=a.service torcx.target b.service', 'After=a.service b.service', 0],
    ['a unit with a longer name', 'After=not-torcx.target.wants', 'After=not-torcx.target.wants', 0],
    ['an assertion', 'AssertPathExists=/run/metadata/torcx', 'AssertPathExists=/run/metadata/torcx', 1],
    ['a comment', '# see /run/torcx', '# see /run/torcx', 0],
  ];
  for (const [name, text, wanted, warnings] of table)
    test(name, () => {
      const translated = translateText(text, places, true);
      assert.equal(translated.text, wanted);
      assert.equal(translated.warnings.length, warnings, JSON.stringify(translated.warnings));
    });
});
