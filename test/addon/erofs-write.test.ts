/** Images are what the kernel shows of them: mounted and compared file by file, and checked by the tools of erofs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { whyNoMount } from './erofs-mount.ts';
import { Scene, listing, listingOf, type Sketch } from './erofs-scene.ts';

const scene = new Scene();
after(() => scene.remove());

/** cap_net_bind_service=ep, as the kernel keeps it (struct vfs_cap_data). */
const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');

const names = (count: number, make: (i: number) => string): Record<string, Sketch> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [make(i), { content: String(i) }]));

const trees: Readonly<Record<string, Readonly<Record<string, Sketch>>>> = {
  'nothing at all': {},
  'an empty directory and an empty file': { usr: { directory: { share: { directory: {} }, empty: { content: '' } } } },
  'all modes, setuid and sticky': {
    usr: {
      directory: {
        su: { content: 'x', mode: 0o4755 },
        sg: { content: 'x', mode: 0o2711 },
        none: { content: 'x', mode: 0 },
        tmp: { directory: {}, mode: 0o1777 },
      },
    },
  },
  'sizes about those of blocks and of what fits behind an inode': {
    usr: {
      directory: Object.fromEntries(
        [1, 31, 32, 33, 2047, 2048, 2049, 4000, 4095, 4096, 4097, 6143, 6144, 6145, 8191, 8192, 8193, 1_048_577, 3_000_000].map(
          size => [`${size}`, { content: Buffer.alloc(size, `${size} `) }],
        ),
      ),
    },
  },
  'links, short and long': {
    usr: {
      directory: {
        a: { target: 'b' },
        away: { target: '/etc/passwd' },
        long: { target: 'x/'.repeat(1000) + 'end' },
        longest: { target: 'y'.repeat(4095) },
      },
    },
  },
  'several names of a file': {
    opt: { directory: { one: { content: 'same', id: 'a' }, d: { directory: { two: { content: 'same', id: 'a' } } } } },
    usr: { directory: { three: { content: 'same', id: 'a' }, other: { content: 'same' } } },
  },
  'names in the order of bytes': {
    usr: {
      directory: {
        '!': { content: '1' },
        '-': { content: '2' },
        '.a': { content: '3' },
        '..b': { content: '4' },
        Z: { content: '5' },
        a: { content: '6' },
        é: { content: '7' },
        '\u{ffee}': { content: '8' },
        '\u{1f600}': { content: '9' },
        ['n'.repeat(255)]: { directory: { inside: { content: '10' } } },
      },
    },
  },
  'a directory of several blocks': { usr: { directory: names(2_500, i => `file-${i}`) } },
  'a directory of long names': { usr: { directory: names(300, i => `${i}-${'long'.repeat(60)}`) } },
  'a deep path': { usr: { directory: nested(300) } },
};

function nested(depth: number): Record<string, Sketch> {
  let directory: Record<string, Sketch> = { bottom: { content: 'here' } };
  for (let i = 0; i < depth; i++) directory = { [`d${i}`]: { directory } };
  return directory;
}

describe('an image as the kernel shows it', { skip: whyNoMount() ?? false }, () => {
  for (const [what, sketch] of Object.entries(trees)) {
    test(what, () => {
      const { file, size } = scene.image(sketch);
      assert.equal(statSync(file).size, size);
      execFileSync('fsck.erofs', ['--extract', file]);
      assert.deepEqual(listing(scene.mount(file)), listingOf(sketch));
    });
  }

  test('capabilities', () => {
    const sketch = {
      usr: { directory: { bin: { content: 'x'.repeat(5_000), capability }, small: { content: 'y', capability } } },
    };
    const at = scene.mount(scene.image(sketch).file);
    assert.deepEqual(listing(at), listingOf(sketch));
    const archive = execFileSync('tar', ['--xattrs', '--xattrs-include=security.capability', '-C', at, '-cf', '-', '.']);
    const said = Buffer.concat([Buffer.from('SCHILY.xattr.security.capability='), capability]);
    const first = archive.indexOf(said);
    assert(first !== -1);
    assert.notEqual(archive.indexOf(said, first + 1), -1);
  });

  test('labels of SELinux, beside capabilities, of files, directories and links', () => {
    const sketch = {
      usr: {
        directory: {
          bin: { directory: { tool: { content: 'x', capability }, link: { target: 'tool' } } },
          lib64: { directory: { 'libtool.so': { content: 'x'.repeat(5_000) } } },
        },
      },
    };
    const at = scene.mount(scene.image(sketch).file);
    const said = execFileSync('find', [at, '-printf', '/%P %Z\\n'], { encoding: 'utf8' });
    const types = {
      '/': 'root_t',
      '/usr': 'usr_t',
      '/usr/bin': 'bin_t',
      '/usr/bin/link': 'bin_t',
      '/usr/bin/tool': 'bin_t',
      '/usr/lib64': 'lib_t',
      '/usr/lib64/libtool.so': 'lib_t',
    };
    assert.deepEqual(
      said.trim().split('\n').toSorted(),
      Object.entries(types).map(([path, type]) => `${path} system_u:object_r:${type}:s0`),
    );
    assert.deepEqual(listing(at), listingOf(sketch));
  });

  test('any tree', () => {
    fc.assert(
      fc.property(anyTree, sketch => {
        const { file } = scene.image(sketch);
        execFileSync('fsck.erofs', ['--extract', file]);
        assert.deepEqual(listing(scene.mount(file)), listingOf(sketch));
      }),
      { numRuns: 40 },
    );
  });

  test('a hundred thousand files', () => {
    const directories = Object.fromEntries(
      Array.from({ length: 100 }, (_, d) => [`d${d}`, { directory: names(1_000, i => `file-${i}`) }]),
    );
    const { file } = scene.image({ usr: { directory: directories } });
    const at = scene.mount(file);
    for (const d of [0, 57, 99]) {
      const directory = `${at}/usr/d${d}`;
      assert.equal(readdirSync(directory).length, 1_000);
      assert.equal(readFileSync(`${directory}/file-999`, 'utf8'), '999');
    }
  });
});

test('equal trees have equal bytes, however they came, and others another UUID', () => {
  fc.assert(
    fc.property(anyTree, fc.func(fc.nat()), (sketch, key) => {
      const [first, second] = [scene.image(sketch), scene.image(shuffled(sketch, key))];
      assert.equal(first.digest, second.digest);
      assert(readFileSync(first.file).equals(readFileSync(second.file)));
      const other = scene.image({ ...sketch, 'one more': { content: '' } });
      assert.notDeepEqual(uuid(other.file), uuid(first.file));
    }),
    { numRuns: 40 },
  );
  const same = { usr: { directory: { a: { content: 'x' }, b: { content: 'x' } } } };
  const linked = { usr: { directory: { a: { content: 'x', id: '1' }, b: { content: 'x', id: '1' } } } };
  assert.notEqual(scene.image(same).digest, scene.image(linked).digest);
});

function uuid(file: string): Buffer {
  return readFileSync(file).subarray(1024 + 48, 1024 + 64);
}

const name = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 }),
  )
  .filter(text => !/[/\0]/.test(text) && text !== '.' && text !== '..' && text !== '__proto__' && Buffer.byteLength(text) <= 255);
const mode = fc.integer({ min: 0, max: 0o7777 });
const { tree: anyTree } = fc.letrec<{ tree: Record<string, Sketch>; sketch: Sketch }>(tie => ({
  tree: fc.dictionary(name, tie('sketch'), { maxKeys: 12, noNullPrototype: true }),
  sketch: fc.oneof(
    { depthSize: 'medium' },
    fc.record({ content: fc.uint8Array({ maxLength: 9_000, size: 'max' }), mode }),
    fc.record({ content: fc.constant('linked'), mode: fc.constant(0o640), id: fc.constant('the one') }),
    fc.record({ target: fc.string({ minLength: 1, maxLength: 3_000, size: 'max' }).filter(text => !text.includes('\0')) }),
    fc.record({ directory: tie('tree'), mode }),
  ),
}));

/** The same tree, its names in another order. */
function shuffled(sketch: Readonly<Record<string, Sketch>>, key: (name: string) => number): Record<string, Sketch> {
  return Object.fromEntries(
    Object.entries(sketch)
      .map(([name, of]) => [name, 'directory' in of ? { ...of, directory: shuffled(of.directory, key) } : of] as const)
      .toSorted(([a], [b]) => key(a) - key(b)),
  );
}
