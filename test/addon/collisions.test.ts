import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type AddonContent, type Collision, type ListedFile, findCollisions } from '../../controller/addon/collisions.ts';

const directory = (path: string): ListedFile => ({ path, type: 'directory', mode: 0o755 });
const file = (path: string, digest = 'sha256:1', mode = 0o644): ListedFile => ({ path, type: 'file', mode, digest });
const link = (path: string, target: string): ListedFile => ({ path, type: 'symlink', mode: 0o777, target });
const a = (...files: ListedFile[]): AddonContent => ({ name: 'a', files });
const b = (...files: ListedFile[]): AddonContent => ({ name: 'b', files });

function pathsOf(addons: readonly AddonContent[]): string[] {
  const { found } = findCollisions(addons, [], 10);
  return found.map(({ path }) => path).toSorted();
}

describe('files collide', () => {
  const table: Record<string, { addons: AddonContent[]; base?: ListedFile[]; found: Collision[] }> = {
    'not at different paths': { addons: [a(file('/usr/bin/a')), b(file('/usr/bin/b'))], base: [file('/usr/bin/c')], found: [] },
    'not when they are directories': {
      addons: [
        a(directory('/usr'), directory('/usr/bin')),
        b(directory('/usr'), { path: '/usr/bin', type: 'directory', mode: 0o700 }),
      ],
      base: [directory('/usr')],
      found: [],
    },
    'not when they are the same': {
      addons: [
        a(file('/usr/share/licence'), link('/usr/bin/sh', 'bash')),
        b(file('/usr/share/licence'), link('/usr/bin/sh', 'bash')),
      ],
      found: [],
    },
    'with another content': {
      addons: [a(file('/usr/bin/x', 'sha256:1')), b(file('/usr/bin/x', 'sha256:2'))],
      found: [{ path: '/usr/bin/x', name: 'b', with: 'a' }],
    },
    'with another mode': {
      addons: [a(file('/usr/bin/x')), b(file('/usr/bin/x', 'sha256:1', 0o4755))],
      found: [{ path: '/usr/bin/x', name: 'b', with: 'a' }],
    },
    'with a link that leads elsewhere': {
      addons: [a(link('/usr/lib64', 'lib')), b(link('/usr/lib64', '../lib'))],
      found: [{ path: '/usr/lib64', name: 'b', with: 'a' }],
    },
    'a directory with a link, which it would hide': {
      addons: [a(directory('/usr/lib64'))],
      base: [link('/usr/lib64', 'lib')],
      found: [{ path: '/usr/lib64', name: 'a', breaks: { by: 'directory', of: 'symlink' } }],
    },
    'worst where a directory of the system is hidden, which is named first': {
      addons: [a(file('/usr/bin/x'), file('/usr/lib/x'))],
      base: [file('/usr/bin/x', 'sha256:9'), directory('/usr/lib/x')],
      found: [
        { path: '/usr/lib/x', name: 'a', breaks: { by: 'file', of: 'directory' } },
        { path: '/usr/bin/x', name: 'a' },
      ],
    },
    'not with a system where /opt leads elsewhere, which is what is merged over': {
      addons: [a(directory('/opt'), file('/opt/x'))],
      base: [link('/opt', 'var/opt')],
      found: [],
    },
    'not where the addon may replace files, but then with other addons, and where a directory is concerned': {
      addons: [
        { ...a(file('/usr/bin/x'), directory('/usr/lib64')), mayReplace: () => true },
        { ...b(file('/usr/bin/x', 'sha256:2')), mayReplace: () => true },
      ],
      base: [file('/usr/bin/x', 'sha256:9'), link('/usr/lib64', 'lib')],
      found: [
        { path: '/usr/lib64', name: 'a', breaks: { by: 'directory', of: 'symlink' } },
        { path: '/usr/bin/x', name: 'b', with: 'a' },
      ],
    },
    'with the system': {
      addons: [a(file('/usr/bin/x')), b(file('/usr/bin/y'))],
      base: [file('/usr/bin/x', 'sha256:9'), file('/usr/bin/y', 'sha256:9')],
      found: [
        { path: '/usr/bin/x', name: 'a' },
        { path: '/usr/bin/y', name: 'b' },
      ],
    },
    'with a system of which only the names are known': {
      addons: [a(file('/usr/bin/x'), directory('/usr/lib/x'))],
      base: [
        { path: '/usr/bin/x', type: 'file' },
        { path: '/usr/lib/x', type: 'directory' },
      ],
      found: [{ path: '/usr/bin/x', name: 'a' }],
    },
    'not with themselves': { addons: [a(file('/usr/bin/x', 'sha256:1'), file('/usr/bin/x', 'sha256:2'))], found: [] },
  };
  for (const [what, { addons, base = [], found }] of Object.entries(table)) {
    test(what, () => {
      const got = findCollisions(addons, base, 100);
      assert.deepEqual([got.found, got.total], [found, found.length]);
    });
  }
});

test('No more collisions are named than asked for, and all are counted', () => {
  const many = Array.from({ length: 1000 }, (_, i) => file(`/usr/lib/${i}`));
  const others = many.map(({ path }) => file(path, 'sha256:2'));
  const { found, total } = findCollisions([a(...many), b(...others)], [], 3);
  assert.deepEqual(
    found.map(({ path }) => path),
    ['/usr/lib/0', '/usr/lib/1', '/usr/lib/2'],
  );
  assert.equal(total, 1000);
});

test('Two addons collide or not whichever comes first, at the same paths', () => {
  const path = fc.constantFrom('/usr', '/usr/a', '/usr/b', '/usr/c');
  const anyFile: fc.Arbitrary<ListedFile> = fc.oneof(
    path.map(directory),
    fc
      .tuple(path, fc.constantFrom('sha256:1', 'sha256:2'), fc.constantFrom(0o644, 0o755))
      .map(([path, digest, mode]) => file(path, digest, mode)),
    fc.tuple(path, fc.constantFrom('x', 'y')).map(([path, target]) => link(path, target)),
  );
  const files = fc.uniqueArray(anyFile, { selector: ({ path }) => path });
  fc.assert(
    fc.property(files, files, (of, other) => {
      assert.deepEqual(pathsOf([a(...of), b(...other)]), pathsOf([b(...other), a(...of)]));
      assert.deepEqual(findCollisions([a(...of), b(...of)], of, 10).total, 0);
    }),
  );
});
