/** Images from layers and from files in memory, made in the thread: what is in them, what is refused, and what ends it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { after, describe, test } from 'node:test';
import type { AddonFile } from '../../controller/api/addon-artifact.ts';
import { TransientError } from '../../controller/api/errors.ts';
import { parseFileList } from '../../controller/addon/file-list.ts';
import {
  makeAddonImage,
  type AddonEntry,
  type AddonImage,
  type AddonImageRequest,
  type MakeOptions,
} from '../../controller/addon/make-image.ts';
import { ContentRefusedError } from '../../controller/addon/refusal-list.ts';
import { whyNoMount } from './erofs-mount.ts';
import { Scene, listing } from './erofs-scene.ts';
import { Workplace, member, tar } from './layer-fixture.ts';

const place = new Workplace();
const scene = new Scene();
after(() => {
  scene.remove();
  place.remove();
});

/** cap_net_bind_service=ep, as the kernel keeps it (struct vfs_cap_data). */
const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');

function made(request: Partial<AddonImageRequest>, o?: MakeOptions): Promise<AddonImage> {
  const directory = place.path('made');
  mkdirSync(directory);
  const source = { kind: 'entries' as const, entries: [{ path: '/usr/bin/x', mode: 0o755, bytes: Buffer.from('x') }] };
  return makeAddonImage(
    {
      name: 'example',
      match: { id: 'debian', versionId: '12' },
      architecture: 'x86-64',
      allowSetuid: false,
      source,
      directory,
      ...request,
    },
    o,
  );
}

const layersOf = (...archives: Buffer[]) => ({
  kind: 'layers' as const,
  layers: archives.map(archive => place.layer(archive, 'gzip')),
});

async function listOf({ list }: AddonImage): Promise<AddonFile[]> {
  const files: AddonFile[] = [];
  for await (const file of parseFileList(createReadStream(list.file))) files.push(file);
  return files;
}

const fileWith = (content: string) => ({ size: content.length, digest: sha256(Buffer.from(content)) });
function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The extension-release in the image. */
async function said(request: Partial<AddonImageRequest>): Promise<string> {
  const text = readFileSync((await made(request)).file).toString('latin1');
  return /ID=[^\0]*/.exec(text)?.[0] ?? '';
}

const only = (...members: Buffer[]): Buffer => tar(member('usr/ok', 'x'), ...members);

async function refusalOf(making: Promise<AddonImage>): Promise<ContentRefusedError> {
  const error: unknown = await making.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert(error instanceof ContentRefusedError, String(error));
  return error;
}

test('an image of layers has their files and says which hosts it is for', { skip: whyNoMount() ?? false }, async () => {
  const lower = tar(member('usr/bin/tool', 'old', { mode: 0o755 }), member('usr/bin/gone', 'x'));
  const upper = tar(
    member('usr/bin/tool', 'new', { mode: 0o755 }),
    member('usr/bin/.wh.gone'),
    member('usr/bin/same', '', { type: '1', link: 'usr/bin/tool' }),
    member('usr/bin/link', '', { type: '2', link: '/usr/bin/tool' }),
  );
  const image = await made({ source: layersOf(lower, upper) });
  const bytes = readFileSync(image.file);
  assert.deepEqual(image.image, { digest: sha256(bytes), size: bytes.length });
  const lists = readFileSync(image.list.file);
  assert.deepEqual([image.list.digest, image.list.size], [sha256(lists), lists.length]);
  const release = 'ID=debian\nVERSION_ID=12\nARCHITECTURE=x86-64\n';
  const at = scene.mount(image.file);
  assert.deepEqual(
    listing(at).map(line => line.split(' ')[0]),
    [
      '/',
      '/usr/',
      '/usr/bin/',
      '/usr/bin/link',
      '/usr/bin/same',
      '/usr/bin/tool',
      '/usr/lib/',
      '/usr/lib/extension-release.d/',
      '/usr/lib/extension-release.d/extension-release.example',
    ],
  );
  assert.equal(readFileSync(`${at}/usr/bin/same`, 'utf8'), 'new');
  assert.equal(readFileSync(`${at}/usr/lib/extension-release.d/extension-release.example`, 'utf8'), release);
  assert.deepEqual(await listOf(image), [
    { path: '/usr', type: 'directory', mode: 0o755 },
    { path: '/usr/bin', type: 'directory', mode: 0o755 },
    { path: '/usr/bin/link', type: 'symlink', mode: 0o777, target: '/usr/bin/tool' },
    { path: '/usr/bin/same', type: 'file', mode: 0o755, ...fileWith('new') },
    { path: '/usr/bin/tool', type: 'file', mode: 0o755, ...fileWith('new') },
    { path: '/usr/lib', type: 'directory', mode: 0o755 },
    { path: '/usr/lib/extension-release.d', type: 'directory', mode: 0o755 },
    { path: '/usr/lib/extension-release.d/extension-release.example', type: 'file', mode: 0o644, ...fileWith(release) },
  ]);
});

test('the same files give the same bytes, however they came', async () => {
  const entries: AddonEntry[] = [
    { path: '/usr/bin/a', mode: 0o755, bytes: Buffer.from('a') },
    { path: '/usr/bin/b', target: 'a' },
    { path: '/usr/share/x', mode: 0o700, directory: true },
  ];
  const asEntries = await made({ source: { kind: 'entries', entries } });
  const reversed = await made({ source: { kind: 'entries', entries: entries.toReversed() } });
  const asLayers = await made({
    source: layersOf(
      tar(member('usr/share/x/', '', { type: '5', mode: 0o700 }), member('usr/bin/b', '', { type: '2', link: 'a' })),
      tar(member('usr/bin/a', 'a', { mode: 0o755 })),
    ),
  });
  assert.deepEqual([reversed.image, asLayers.image], [asEntries.image, asEntries.image]);
  assert.equal(reversed.list.digest, asEntries.list.digest);
  assert(readFileSync(asEntries.file).equals(readFileSync(asLayers.file)));
  assert.notEqual((await made({ source: { kind: 'entries', entries }, name: 'other' })).image.digest, asEntries.image.digest);
});

test('nothing but the image and its list is left', async () => {
  const directory = place.path('left');
  mkdirSync(directory);
  await made({ directory });
  assert.deepEqual(readdirSync(directory).toSorted(), ['files.json', 'image.raw']);
  await assert.rejects(made({ directory }), /EEXIST/);
});

test('setuid and capabilities are kept where they are allowed', { skip: whyNoMount() ?? false }, async () => {
  const archive = tar(
    member('usr/bin/su', 'x', { mode: 0o4755 }),
    member('usr/bin/ping', 'x', { mode: 0o755, pax: { 'SCHILY.xattr.security.capability': capability } }),
    member('usr/bin/other', 'x', { mode: 0o755, pax: { 'SCHILY.xattr.user.note': 'x' } }),
  );
  const image = await made({ source: layersOf(archive), allowSetuid: true });
  const at = scene.mount(image.file);
  assert.match(listing(at).find(line => line.startsWith('/usr/bin/su')) ?? '', / 4755 /);
  assert(readFileSync(image.file).includes(Buffer.concat([Buffer.from('capability'), capability])));
});

describe('hosts that an image is for', () => {
  for (const [match, text] of [
    [{ id: '_any' }, 'ID=_any\nARCHITECTURE=x86-64\n'],
    [{ id: 'fedora', sysextLevel: '1.0' }, 'ID=fedora\nSYSEXT_LEVEL=1.0\nARCHITECTURE=x86-64\n'],
    [{ id: 'arch' }, 'ID=arch\nARCHITECTURE=x86-64\n'],
  ] as const)
    test(JSON.stringify(match), async () => assert.equal(await said({ match }), text));

  test('what the source says besides stays', async () => {
    const file = member(
      'usr/lib/extension-release.d/extension-release.example',
      '# ours\nID="debian"\nEXTENSION_RELOAD_MANAGER=1\n',
    );
    assert.equal(
      await said({ source: layersOf(tar(file)) }),
      'ID=debian\nVERSION_ID=12\nARCHITECTURE=x86-64\nEXTENSION_RELOAD_MANAGER=1\n',
    );
  });

  for (const [what, request] of Object.entries<Partial<AddonImageRequest>>({
    'a name': { name: '../x' },
    'an ID': { match: { id: 'x\nID=_any' } },
    'a version': { match: { id: 'x', versionId: '1 2' } },
    'a version and a level': { match: { id: 'x', versionId: '1', sysextLevel: '1' } },
    'a version of any host': { match: { id: '_any', versionId: '1' } },
  }))
    test(`what cannot be said: ${what}`, async () => {
      await assert.rejects(made(request), { name: 'StallingError', reason: 'InvalidMatch' });
    });
});

describe('what an addon must not have', () => {
  const release = 'usr/lib/extension-release.d/extension-release.example';
  const table: Readonly<Record<string, { archive: Buffer; refused: readonly string[]; says: RegExp }>> = {
    'files elsewhere': {
      archive: only(
        member('etc/passwd', 'x'),
        member('bin', '', { type: '2', link: 'usr/bin' }),
        member('var/log/', '', { type: '5' }),
        member('usrx', 'x'),
      ),
      refused: ['/bin', '/etc/passwd', '/usrx', '/var/log'],
      says: /"\/bin" is outside of \/usr and \/opt, .* leave it out \(ignore\); "\/etc\/passwd"/,
    },
    'an os-release': {
      archive: only(member('usr/lib/os-release', 'ID=x'), member('etc/os-release', 'ID=x')),
      refused: ['/etc/os-release', '/usr/lib/os-release'],
      says: /system of its own/,
    },
    'setuid and setgid': {
      archive: only(
        member('usr/su', 'x', { mode: 0o4755 }),
        member('usr/both', 'x', { mode: 0o6755 }),
        member('usr/d/', '', { type: '5', mode: 0o2755 }),
      ),
      refused: ['/usr/both', '/usr/d', '/usr/su'],
      says: /"\/usr\/both" is setuid and setgid; .*\(allowSetuid\)/,
    },
    capabilities: {
      archive: only(member('usr/ping', 'x', { pax: { 'SCHILY.xattr.security.capability': capability } })),
      refused: ['/usr/ping'],
      says: /has file capabilities/,
    },
    devices: {
      archive: only(member('usr/dev', '', { type: '3' }), member('opt/pipe', '', { type: '6' })),
      refused: ['/opt/pipe', '/usr/dev'],
      says: /"\/opt\/pipe" is a named pipe, .*"\/usr\/dev" is a character device/,
    },
    'another name of what is left out': {
      archive: only(member('etc/x', 'x'), member('usr/x', '', { type: '1', link: 'etc/x' })),
      refused: ['/etc/x', '/usr/x'],
      says: /"\/usr\/x" is another name of a file that is left out/,
    },
    'a link in the place of /usr': {
      archive: tar(member('usr', '', { type: '2', link: 'opt' })),
      refused: ['/usr'],
      says: /"\/usr" is no directory/,
    },
    'a link in the place of /usr/lib': {
      archive: only(member('usr/lib', '', { type: '2', link: 'lib64' })),
      refused: ['/usr/lib'],
      says: /"\/usr\/lib" is no directory/,
    },
    'what would hide a directory of the host': {
      archive: only(
        member('usr/lib64', '', { type: '2', link: 'lib' }),
        member('usr/sbin', 'x'),
        member('usr/share/', '', { type: '5', mode: 0o755 }),
        member('usr/share/tool', '', { type: '2', link: '/opt/tool' }),
      ),
      refused: ['/usr/lib64', '/usr/sbin'],
      says: /"\/usr\/lib64" is no directory, and hosts have one there, which it would hide with all that is in it; leave it out/,
    },
    'no file at all': {
      archive: tar(member('usr/lib/', '', { type: '5', mode: 0o755 })),
      refused: ['/'],
      says: /no file at all/,
    },
    'what is for other hosts': {
      archive: only(member(release, "ID='fedora'\nVERSION_ID=12\nSYSEXT_LEVEL=1\nARCHITECTURE=arm64\n")),
      refused: [`/${release}`, `/${release}`, `/${release}`],
      says: /says ID='fedora', and the variant is for ID=debian; .* says SYSEXT_LEVEL=1, and the variant has no SYSEXT_LEVEL; .* ARCHITECTURE=x86-64/,
    },
    'a release that is none': {
      archive: only(member(release, '', { type: '2', link: 'x' })),
      refused: [`/${release}`],
      says: /is no file that hosts read/,
    },
    'what leads out': { archive: only(member('usr/../../x', 'x')), refused: ['/usr/../../x'], says: /leads out of the image/ },
  };
  for (const [what, { archive, refused, says }] of Object.entries(table)) {
    test(what, async () => {
      const error = await refusalOf(made({ source: layersOf(archive) }));
      assert.deepEqual(
        error.refusals.map(({ path }) => path),
        refused,
      );
      assert.deepEqual([error.reason, error.more], ['ContentRefused', 0]);
      assert.match(error.message, says);
    });
  }

  test('setuid of anybody but root, allowed or not: it would be that of root', async () => {
    const archive = only(
      member('usr/sudo', 'x', { mode: 0o4755 }),
      member('usr/uu', 'x', { mode: 0o4755, uid: 10 }),
      member('usr/wall', 'x', { mode: 0o2755, gid: 5 }),
      member('usr/mail/', '', { type: '5', mode: 0o2775, gid: 8 }),
      member('usr/plain', 'x', { mode: 0o755, uid: 1000, gid: 1000 }),
    );
    const { refusals, message } = await refusalOf(made({ source: layersOf(archive), allowSetuid: true }));
    assert.deepEqual(
      refusals.map(({ path }) => path),
      ['/usr/mail', '/usr/uu', '/usr/wall'],
    );
    assert.match(message, /"\/usr\/mail" would give the rights of root in place of those of group 8.*of user 10.*of group 5/);
  });

  test('directories of every host that would shut others out, or let them in', async () => {
    const directories = {
      usr: 0o700,
      'usr/bin': 0o750,
      'usr/lib': 0o777,
      'usr/share': 0o755,
      'usr/lib/private': 0o700,
      opt: 0o700,
      'opt/x': 0o700,
    };
    const archive = only(...Object.entries(directories).map(([path, mode]) => member(`${path}/`, '', { type: '5', mode })));
    const { refusals } = await refusalOf(made({ source: layersOf(archive) }));
    assert.deepEqual(
      refusals.map(({ path, why }) => `${path} ${why.slice(0, 17)}`),
      ['/opt has the mode 0700', '/usr has the mode 0700', '/usr/bin has the mode 0750', '/usr/lib has the mode 0777'],
    );
  });

  test('a path that nobody reads to its end', async () => {
    const deep = Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(120, '"')).join('/');
    const { message } = await refusalOf(made({ source: layersOf(only(member(`etc/${deep}`, 'x'), member('etc/short', 'x'))) }));
    assert(message.length < 2_000);
    assert.match(message, /^an addon cannot have these files: "\/etc\/0\\"/);
  });

  test('all of it at once, and the message stays one that people read', async () => {
    const many = Array.from({ length: 250 }, (_, i) => member(`etc/${i}-${'long'.repeat(50)}`, 'x'));
    const error = await refusalOf(made({ source: layersOf(only(...many)) }));
    assert.deepEqual([error.refusals.length, error.more], [100, 150]);
    assert(error.message.length < 16_000, `${error.message.length} letters`);
    assert.match(error.message, /; and 2\d\d more$/);
  });
});

describe('bounds', () => {
  const three = layersOf(tar(member('usr/a', 'aaa'), member('usr/b', 'bbb')));
  test('of files', async () => {
    await assert.rejects(made({ source: three, limits: { entries: 2 } }), {
      reason: 'AddonTooLarge',
      message: /more than 2 files/,
    });
  });
  test('of contents', async () => {
    await assert.rejects(made({ source: three, limits: { contentBytes: 5 } }), {
      reason: 'AddonTooLarge',
      message: /more than 5 bytes together/,
    });
  });
});

describe('what ends it', () => {
  const large = layersOf(tar(...Array.from({ length: 20_000 }, (_, i) => member(`usr/${i}`, `${i}`))));

  test('a signal, at once and in the middle', async () => {
    await assert.rejects(made({}, { signal: AbortSignal.abort(new Error('not now')) }), /not now/);
    const controller = new AbortController();
    const progress = (): void => controller.abort(new Error('no longer'));
    await assert.rejects(made({ source: large }, { signal: controller.signal, progress }), /no longer/);
  });

  test('what it does is told', async () => {
    const told: string[] = [];
    await made({ source: large }, { progress: doing => void told.push(doing) });
    assert.deepEqual(told, ['reading layer 1 of 1', 'writing the image']);
  });

  test('memory that does not suffice: it would not the next time', async () => {
    const greedy = new URL('data:text/javascript,const all = []; for (;;) all.push(Array.from({ length: 10_000 }, () => ({})));');
    await assert.rejects(made({}, { entry: greedy }), { name: 'StallingError', reason: 'AddonTooLarge' });
  });

  test('a thread that cannot start, and a directory that is gone', async () => {
    const missing = made({}, { entry: pathToFileURL('/nowhere/image-worker.mjs') });
    await assert.rejects(missing, error => error instanceof TransientError && /ImageFailed/.test(error.reason));
    const directory = place.path('gone');
    assert(!existsSync(directory));
    await assert.rejects(made({ directory }), {
      name: 'TransientError',
      reason: 'ImageFailed',
      message: /ENOENT.*it is tried again/,
    });
  });
});
