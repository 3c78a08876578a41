/** What a system has at some paths, by the lists of its layers: whiteouts, links, other names, and the same as when its layers are merged whole. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import type { ListedFile } from '../../controller/addon/collisions.ts';
import { LayerLister, LayerListError, listText, parseLayerList } from '../../controller/addon/layer-list.ts';
import { SystemFiles } from '../../controller/addon/system-files.ts';
import { walk } from '../../controller/addon/tree.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import { tarMembers } from '../../controller/trust/tar-members.ts';
import { Workplace, member, tar } from './layer-fixture.ts';

const place = new Workplace();
after(() => place.remove());

const directory = (path: string): Buffer => member(`${path}/`, '', { type: '5', mode: 0o755 });
const link = (path: string, to: string): Buffer => member(path, '', { type: '2', link: to, mode: 0o777 });
const name = (path: string, of: string): Buffer => member(path, '', { type: '1', link: of });
const object = 'sysroot/ostree/repo/objects/ab/cd.file';

async function listOf(archive: Buffer): Promise<string> {
  const lister = new LayerLister();
  for await (const of of tarMembers(Readable.from([archive]))) {
    const pieces: Uint8Array[] = [];
    if (lister.wants(of)) for await (const piece of of.bytes()) pieces.push(piece);
    lister.put(of, lister.wants(of) ? sha256(Buffer.concat(pieces)) : undefined);
  }
  return [...listText(lister.lines())].join('');
}

const linesOf = (list: string): AsyncIterable<string> => Readable.from(list.split('\n').slice(0, -1));

async function filesOf(layers: readonly Buffer[], wanted: readonly string[]): Promise<string[]> {
  const files = new SystemFiles(new Set(wanted));
  for (const layer of layers) {
    files.nextLayer();
    for await (const line of parseLayerList(linesOf(await listOf(layer)))) files.put(line);
  }
  return files
    .files()
    .map(lineOf)
    .toSorted((a, b) => (a < b ? -1 : 1));
}

function lineOf({ path, type, target, mode, digest }: ListedFile): string {
  if (type === 'directory') return `${path}/`;
  if (type === 'symlink') return `${path} -> ${target}`;
  return digest === undefined ? `${path} unknown` : `${path} ${mode?.toString(8)} ${digest.slice(7, 15)}`;
}

const digestOf = (content: string): string => sha256(Buffer.from(content)).slice(7, 15);

const cases: Readonly<Record<string, { layers: readonly Buffer[]; wanted: readonly string[]; lines: readonly string[] }>> = {
  'only what is asked for': {
    layers: [tar(member('usr/bin/a', '1'), member('usr/bin/b', '1'), member('etc/a', '1'))],
    wanted: ['/usr/bin', '/usr/bin/a', '/usr/bin/c', '/etc/a'],
    lines: ['/usr/bin/', `/usr/bin/a 644 ${digestOf('1')}`],
  },
  'by way of links of lower layers, or of its own': {
    layers: [
      tar(link('lib64', 'usr/lib64'), directory('usr/lib64'), link('usr/sbin', 'bin')),
      tar(member('lib64/x', '1'), member('usr/sbin/y', '1'), link('usr/lib/l', '/usr/libexec'), member('usr/lib/l/z', '1')),
    ],
    wanted: ['/usr/lib64/x', '/usr/bin/y', '/usr/sbin/y', '/usr/sbin', '/usr/libexec/z'],
    lines: [
      `/usr/bin/y 644 ${digestOf('1')}`,
      `/usr/lib64/x 644 ${digestOf('1')}`,
      `/usr/libexec/z 644 ${digestOf('1')}`,
      '/usr/sbin -> bin',
    ],
  },
  'a directory in the place of a link': {
    layers: [tar(link('usr/sbin', 'bin')), tar(directory('usr/sbin'), member('usr/sbin/y', '1'))],
    wanted: ['/usr/bin/y', '/usr/sbin/y', '/usr/sbin'],
    lines: ['/usr/sbin/', `/usr/sbin/y 644 ${digestOf('1')}`],
  },
  'links that lead in a circle': {
    layers: [tar(link('usr/a', 'b'), link('usr/b', 'a')), tar(member('usr/a/x', '1'))],
    wanted: ['/usr/a', '/usr/a/x'],
    lines: ['/usr/a -> b', `/usr/a/x 644 ${digestOf('1')}`],
  },
  'other names of what ostree keeps, and of links there': {
    layers: [
      tar(
        member(object, '1', { mode: 0o755 }),
        name('usr/bin/a', object),
        link(`${object}2`, 'a'),
        name('usr/bin/sh', `${object}2`),
        name('usr/bin/b', 'usr/bin/a'),
      ),
    ],
    wanted: ['/usr/bin/a', '/usr/bin/b', '/usr/bin/sh'],
    lines: [`/usr/bin/a 755 ${digestOf('1')}`, `/usr/bin/b 755 ${digestOf('1')}`, '/usr/bin/sh -> a'],
  },
  'other names of what is elsewhere are there, and not known': {
    layers: [
      tar(member('usr/bin/a', '1'), member('var/x', '1')),
      tar(name('usr/bin/b', 'usr/bin/a'), name('usr/bin/c', 'var/x')),
    ],
    wanted: ['/usr/bin/a', '/usr/bin/b', '/usr/bin/c'],
    lines: [`/usr/bin/a 644 ${digestOf('1')}`, `/usr/bin/b 644 ${digestOf('1')}`, '/usr/bin/c unknown'],
  },
  'a layer that hides all of /usr': {
    layers: [
      tar(member('usr/bin/a', '1'), link('lib', 'usr/lib')),
      tar(member('.wh.usr'), member('.wh.lib'), member('lib/x', '1')),
    ],
    wanted: ['/usr/bin/a', '/usr/lib/x', '/lib'],
    lines: ['/lib/'],
  },
};

describe('files of a system', () => {
  for (const [what, { layers, wanted, lines }] of Object.entries(cases))
    test(what, async () => assert.deepEqual(await filesOf(layers, wanted), lines));

  test('are what the layers are, laid over each other', async () => {
    const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }).map(names => `usr/${names.join('/')}`);
    const anyMember = fc.record({ at: path, kind: fc.constantFrom('1', '2', 'directory', 'link', 'hidden', 'opaque') });
    const layers = fc.array(fc.array(anyMember, { maxLength: 6 }).filter(isPlain), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(layers, async members => {
        const archives = members.map(of => tar(...of.map(memberOf)));
        const { root, refused } = await place.merged(archives);
        // What goes through links or files is refused there, and means different things to unpackers.
        fc.pre(refused.length === 0);
        const all = [...walk(root)].map(({ path, node }): ListedFile => {
          if (node.kind === 'directory') return { path, type: 'directory' };
          if (node.kind === 'symlink') return { path, type: 'symlink', target: node.target };
          const digest = node.kind === 'file' ? node.content?.digest : undefined;
          return { path, type: 'file', mode: 0o644, ...(digest === undefined ? {} : { digest }) };
        });
        const names = ['a', 'b', 'c'];
        const every = [
          '/usr',
          ...names.flatMap(a => [
            `/usr/${a}`,
            ...names.flatMap(b => [`/usr/${a}/${b}`, ...names.map(c => `/usr/${a}/${b}/${c}`)]),
          ]),
        ];
        assert.deepEqual(
          await filesOf(archives, every),
          all.map(lineOf).toSorted((a, b) => (a < b ? -1 : 1)),
        );
      }),
    );
  });
});

interface Member {
  at: string;
  kind: string;
}

function memberOf({ at, kind }: Member): Buffer {
  if (kind === 'directory') return directory(at);
  if (kind === 'link') return link(at, 'x');
  if (kind === 'hidden') return member(at.replace(/([^/]+)$/, '.wh.$1'));
  return kind === 'opaque' ? member(`${at}/.wh..wh..opq`) : member(at, kind);
}

/** Whether no member of a layer is in the place of another of its own, or below what is no directory: archives of layers have none. */
function isPlain(members: readonly Member[]): boolean {
  const leaves = members.filter(({ kind }) => kind !== 'opaque' && kind !== 'hidden');
  return leaves.every(
    ({ at, kind }) =>
      leaves.filter(other => other.at === at).length === 1 &&
      (kind === 'directory' ||
        members.every(other => !other.at.startsWith(`${at}/`) && !(other.kind === 'opaque' && other.at === at))),
  );
}

test('A part of a list is none', async () => {
  const list = await listOf(tar(member('usr/bin/a', '1'), member('usr/bin/b', '1')));
  const parts = [list.slice(0, list.indexOf('\n') + 1), list.slice(0, -20), '', `${list}{"hides":"/usr"}\n`];
  for (const part of parts)
    await assert.rejects(async () => {
      for await (const line of parseLayerList(linesOf(part))) assert.ok(line);
    }, LayerListError);
});

test('all that a list holds is counted: directories that nothing describes, and texts as they are in memory', () => {
  const lister = new LayerLister();
  const of = { type: '2', size: 0, mode: 0o777, owner: { uid: 0, gid: 0 }, hasAttributes: false, isSparse: false, offset: 0 };
  lister.put({ ...of, path: `usr/${'a/'.repeat(1_000)}x`, link: 'y', target: 'y' });
  assert.deepEqual([lister.size, lister.nameBytes], [1_002, 1_007_011]);
  lister.put({ ...of, path: 'usr/.wh.ж', link: '', target: '' });
  assert.deepEqual([lister.size, lister.nameBytes], [1_003, 1_007_023]);
  lister.put({ ...of, path: 'etc/x', link: 'y', target: 'y' });
  assert.deepEqual([lister.size, lister.nameBytes], [1_003, 1_007_023]);
});
