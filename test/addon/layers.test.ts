/** What layers are together: whiteouts, links, and members that are made to lead somewhere. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { Workplace, member, tar } from './layer-fixture.ts';

const place = new Workplace();
after(() => place.remove());

const directory = (path: string): Buffer => member(`${path}/`, '', { type: '5', mode: 0o755 });
const link = (path: string, to: string): Buffer => member(path, '', { type: '2', link: to, mode: 0o777 });
const name = (path: string, of: string): Buffer => member(path, '', { type: '1', link: of });

interface Case {
  layers: readonly Buffer[];
  lines: readonly string[];
  refused?: readonly string[];
  path?: string;
  ignore?: readonly string[];
  overBase?: boolean;
}

const cases: Readonly<Record<string, Case>> = {
  'files of several layers': {
    layers: [tar(member('usr/a', '1'), member('usr/b', '1')), tar(member('usr/b', '2'), member('./usr/c', '2'))],
    lines: ['/usr/', '/usr/a 1', '/usr/b 2', '/usr/c 2'],
  },
  'a whiteout hides what is below, and only that': {
    layers: [
      tar(member('usr/a', '1'), member('usr/d/x', '1')),
      tar(member('usr/.wh.a'), member('usr/.wh.d'), member('usr/.wh.never')),
    ],
    lines: ['/usr/'],
  },
  'a whiteout leaves what its own layer has, before and after it': {
    layers: [
      tar(member('usr/a', '1'), member('usr/d/x', '1'), member('usr/e/x', '1')),
      tar(
        member('usr/a', '2'),
        member('usr/.wh.a'),
        member('usr/.wh.d'),
        directory('usr/d'),
        member('usr/d/y', '2'),
        member('usr/e/y', '2'),
        member('usr/.wh.e'),
      ),
    ],
    lines: ['/usr/', '/usr/a 2', '/usr/d/', '/usr/d/y 2', '/usr/e/', '/usr/e/y 2'],
  },
  'an opaque directory shows nothing from below': {
    layers: [
      tar(member('usr/d/x', '1'), member('usr/d/sub/z', '1'), member('usr/o', '1')),
      tar(member('usr/d/y', '2'), member('usr/d/sub/w', '2'), member('usr/d/.wh..wh..opq')),
    ],
    lines: ['/usr/', '/usr/d/', '/usr/d/sub/', '/usr/d/sub/w 2', '/usr/d/y 2', '/usr/o 1'],
  },
  'above a base, what takes something of it away is refused': {
    overBase: true,
    ignore: ['/var', '/tmp'],
    layers: [
      tar(member('usr/a', '1'), member('usr/d/x', '1'), member('usr/bin/.wh.base'), member('var/cache/.wh.x'), member('.wh.tmp')),
      tar(member('usr/.wh.a'), member('usr/d/.wh..wh..opq'), member('usr/e/.wh..wh..opq'), member('usr/.wh..wh.plnk')),
    ],
    lines: ['/usr/', '/usr/d/'],
    refused: [
      '/usr/bin/base is taken away from the base, which an addon cannot do, as hosts keep theirs; keep it, or leave out the place (ignore)',
      '/usr/e is put in the place of the directory of the base, with all that is in that, which an addon cannot do, as hosts keep theirs; keep it, or leave out the place (ignore)',
    ],
  },
  'marks of old builders are nothing': {
    layers: [tar(member('usr/.wh..wh.plnk'), member('usr/a', '1'))],
    lines: ['/usr/', '/usr/a 1'],
  },
  'a file in place of a directory, and a directory in place of a file': {
    layers: [
      tar(member('usr/a/x', '1'), member('usr/b', '1')),
      tar(member('usr/a', '2'), directory('usr/b'), member('usr/b/x', '2')),
    ],
    lines: ['/usr/', '/usr/a 2', '/usr/b/', '/usr/b/x 2'],
  },
  'the later of two members of one name counts': {
    layers: [tar(member('usr/a', 'first'), member('usr/a', 'second'), directory('usr'), directory('usr'))],
    lines: ['/usr/', '/usr/a second'],
  },
  'links say what they say': {
    layers: [tar(link('usr/a', '/etc/passwd'), link('usr/b', './c'), link('usr/d', '../../../x/'))],
    lines: ['/usr/', '/usr/a -> /etc/passwd', '/usr/b -> ./c', '/usr/d -> ../../../x/'],
  },
  'another name of a file, of a lower layer too': {
    layers: [tar(member('usr/a', '1'), name('usr/b', 'usr/a')), tar(name('usr/c', '/usr/a'), member('usr/a', '2'))],
    lines: ['/usr/', '/usr/a 2', '/usr/b 1', '/usr/c 1'],
  },
  'another name of nothing, of a directory, of what is left out': {
    layers: [
      tar(
        member('etc/p', 'secret'),
        directory('usr/d'),
        name('usr/a', 'usr/none'),
        name('usr/b', 'usr/d'),
        name('usr/c', 'etc/p'),
        name('usr/e', 'usr/../etc/p'),
      ),
    ],
    lines: ['/etc/', '/etc/p left out', '/usr/', '/usr/c left out', '/usr/d/'],
    refused: [
      '/usr/a is another name of "/usr/none", which is not in the layers up to there, or left out',
      '/usr/b is another name of "/usr/d", which is not in the layers up to there, or left out',
      '/usr/e is another name of "/usr/../etc/p", which is not in the layers up to there, or left out',
    ],
  },
  'members that go through links, of this layer or of one below': {
    layers: [
      tar(link('usr/l', '/etc'), member('usr/l/x', '1')),
      tar(link('usr/m', '..'), member('usr/l/y', '2'), member('usr/m/etc/z', '2')),
    ],
    lines: ['/usr/', '/usr/l -> /etc', '/usr/m -> ..'],
    refused: [
      '/usr/l/x goes through "/usr/l", which is a symbolic link; name the place itself',
      '/usr/l/y goes through "/usr/l", which is a symbolic link; name the place itself',
      '/usr/m/etc/z goes through "/usr/m", which is a symbolic link; name the place itself',
    ],
  },
  'another name by way of a link': {
    layers: [tar(member('opt/x', '1'), link('usr/l', '../opt'), name('usr/a', 'usr/l/x'))],
    lines: ['/opt/', '/opt/x 1', '/usr/', '/usr/l -> ../opt'],
    refused: ['/usr/a is another name of "/usr/l/x", which is not in the layers up to there, or left out'],
  },
  'a member below a file': {
    layers: [tar(member('usr/a', '1'), member('usr/a/b', '1'))],
    lines: ['/usr/', '/usr/a 1'],
    refused: ['/usr/a/b goes through "/usr/a", which is no directory; name the place itself'],
  },
  'a whiteout by way of a link hides nothing': {
    layers: [tar(member('opt/x', '1'), link('usr/l', '../opt')), tar(member('usr/l/.wh.x'))],
    lines: ['/opt/', '/opt/x 1', '/usr/', '/usr/l -> ../opt'],
  },
  'paths that lead out': {
    layers: [tar(member('../a', '1'), member('usr/../../b', '1'), member('/usr//./c', '1'), member('usr/..', '1'))],
    lines: ['/usr/', '/usr/c 1'],
    refused: ['/../a leads out of the image', '/usr/../../b leads out of the image', '/usr/.. leads out of the image'],
  },
  'names that are none': {
    layers: [
      tar(
        member('usr/x', '1', { pax: { path: Buffer.from([0x75, 0x73, 0x72, 0x2f, 0xff]) } }),
        member(`usr/${'n'.repeat(256)}`, '1'),
        link('usr/l', ''),
        link('usr/m', 'm'.repeat(4096)),
      ),
    ],
    lines: [],
    refused: [
      '/usr/\ufffd is no name in UTF-8',
      `/usr/${'n'.repeat(256)} has a name of more than 255 bytes`,
      '/usr/l is a link to nothing that has a name in UTF-8',
      '/usr/m is a link to a path of more than 4095 bytes',
    ],
  },
  'devices and pipes are known for what they are': {
    layers: [tar(member('usr/c', '', { type: '3' }), member('usr/b', '', { type: '4' }), member('usr/p', '', { type: '6' }))],
    lines: ['/usr/', '/usr/b is a block device', '/usr/c is a character device', '/usr/p is a named pipe'],
  },
  'types that nobody writes, and sparse files': {
    layers: [
      tar(
        member('usr/s', '1', { type: 'S' }),
        member('usr/p', '1', { pax: { 'GNU.sparse.major': '1' } }),
        member('usr/v', '1', { type: 'V' }),
        member('g', '13 comment=x\n', { type: 'g' }),
      ),
    ],
    lines: [],
    refused: [
      '/usr/s has the type "S", which archives of layers do not have',
      '/usr/p is a sparse file of GNU tar, which is not read; write the archive without them',
      '/usr/v has the type "V", which archives of layers do not have',
    ],
  },
  'what is left out, with all below it': {
    layers: [
      tar(
        member('var/log/x', '1'),
        member('usr/share/doc/a', '1'),
        member('usr/share/documents', '1'),
        member('usr/lib/os-release', '1'),
      ),
    ],
    lines: ['/usr/', '/usr/share/', '/usr/share/documents 1'],
    ignore: ['/var', '/usr/share/doc/', '/usr/lib/os-release'],
  },
  'a directory of the image as the root': {
    layers: [
      tar(member('srv/out/usr/a', '1'), member('usr/b', 'not this'), member('srv/out/etc/c', '1')),
      tar(member('srv/out/usr/.wh.a'), member('srv/out/opt/d', '2')),
    ],
    lines: ['/opt/', '/opt/d 2', '/usr/'],
    path: '/srv/out',
    ignore: ['/etc'],
  },
  'long names and links by pax': {
    layers: [tar(member(`usr/${'a'.repeat(120)}/${'b'.repeat(120)}`, '1'), link('usr/l', 'x/'.repeat(100)))],
    lines: ['/usr/', `/usr/${'a'.repeat(120)}/`, `/usr/${'a'.repeat(120)}/${'b'.repeat(120)} 1`, `/usr/l -> ${'x/'.repeat(100)}`],
  },
};

describe('layers together', () => {
  for (const [what, { layers, lines, refused = [], ...o }] of Object.entries(cases)) {
    test(what, async () => {
      const got = await place.merged(layers, o);
      assert.deepEqual(got.refused, refused);
      assert.deepEqual(got.lines, lines);
    });
  }
});

describe('layers that are refused as a whole', () => {
  const limits = { members: 4, nameBytes: 100, unpackedBytes: 200 * 1024 * 1024, ratio: 2 };
  const zeros = Buffer.alloc(70 * 1024 * 1024);
  const whole: Readonly<
    Record<string, { archives: readonly Buffer[]; as?: 'gzip' | 'zstd'; path?: string; reason: string; says: RegExp }>
  > = {
    'more members than are read': {
      archives: [tar(...['a', 'b', 'c', 'd', 'e'].map(at => member(at, '')))],
      reason: 'AddonTooLarge',
      says: /more than 4 members/,
    },
    'members in more directories than are made': {
      archives: [tar(member('a/b/c/d/e', ''))],
      reason: 'AddonTooLarge',
      says: /more than 4 files and directories/,
    },
    'more of names than is read': {
      archives: [tar(member('n'.repeat(60), ''), member('m'.repeat(60), ''))],
      reason: 'AddonTooLarge',
      says: /100 bytes of names/,
    },
    'a layer that is made to cost, gzip': {
      archives: [tar(member('usr/zeros', zeros))],
      as: 'gzip',
      reason: 'InvalidLayer',
      says: /larger than 67108864 bytes/,
    },
    'a layer that is made to cost, zstd': {
      archives: [tar(member('usr/zeros', zeros))],
      as: 'zstd',
      reason: 'InvalidLayer',
      says: /larger than 67108864 bytes/,
    },
    'an archive that is cut off': {
      archives: [tar(member('usr/a', 'x'.repeat(600))).subarray(0, 900)],
      reason: 'InvalidLayer',
      says: /cut off/,
    },
    'no archive': { archives: [Buffer.alloc(2_000, 'no')], reason: 'InvalidLayer', says: /damaged/ },
    'a path that is not in it': {
      archives: [tar(member('usr/a', ''))],
      path: '/srv',
      reason: 'InvalidLayer',
      says: /no directory "\/srv"; correct source.image.path/,
    },
    'a path that leads out': {
      archives: [tar(member('usr/a', ''))],
      path: '/usr/..',
      reason: 'InvalidLayer',
      says: /no directory/,
    },
  };
  for (const [what, { archives, as, path, reason, says }] of Object.entries(whole)) {
    test(what, async () => {
      const reading = place.merged(archives, { limits, ...(as ? { as } : {}), ...(path === undefined ? {} : { path }) });
      await assert.rejects(reading, { name: 'StallingError', reason, message: says });
    });
  }

  test('a type that cannot be read', async () => {
    const layer = { ...place.layer(tar(member('usr/a', ''))), mediaType: 'application/vnd.example.layer' };
    await assert.rejects(place.mergedFiles([layer]), { reason: 'InvalidLayer', message: /"application\/vnd.example.layer"/ });
  });

  test('bytes that are not what they are said to be compressed by', async () => {
    const layer = { ...place.layer(tar(member('usr/a', ''))), mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' };
    await assert.rejects(place.mergedFiles([layer]), { reason: 'InvalidLayer', message: /cannot be decompressed/ });
  });

  test('a file that is gone is no invalid layer', async () => {
    const layer = { ...place.layer(tar(member('usr/a', ''))), file: place.path('gone') };
    await assert.rejects(place.mergedFiles([layer]), { code: 'ENOENT' });
  });
});

test('layers are the same however they are compressed', async () => {
  const archive = tar(member('usr/a', 'x'.repeat(10_000)));
  for (const as of ['tar', 'gzip', 'zstd'] as const)
    assert.deepEqual((await place.merged([archive], { as })).lines, ['/usr/', `/usr/a ${'x'.repeat(10_000)}`]);
});

test('any members make a tree, or are refused, and nothing is outside of it', async () => {
  const segment = fc.constantFrom('usr', 'a', 'b', '..', '.', '', '.wh.a', '.wh..wh..opq', '.wh.', '__proto__');
  const path = fc.array(segment, { maxLength: 5 }).map(parts => parts.join('/'));
  const any = fc
    .record({ path, type: fc.constantFrom('0', '1', '2', '5', '3'), link: path })
    .map(({ path, type, link }) => member(path, type === '0' ? 'x' : '', { type, link }));
  const layers = fc.array(
    fc.array(any, { maxLength: 8 }).map(members => tar(...members)),
    { maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(layers, async archives => {
      const { lines } = await place.merged(archives);
      for (const line of lines) assert(!/(^|\/)\.\.?(\/|$)/.test(line.split(' ')[0] ?? ''), line);
      assert.equal(new Set(lines.map(line => line.split(' ')[0])).size, lines.length);
    }),
    { numRuns: 150 },
  );
});
