import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type GitObject, objectId } from '../../controller/source/git-object.ts';
import { diffTrees } from '../../controller/source/tree-diff.ts';

type Files = Readonly<Record<string, string>>;

/** Trees of files by their paths, kept by id; content is not needed, only its id. */
class Trees {
  readonly objects = new Map<string, GitObject>();
  read = 0;

  of(files: Files): string {
    const entries = new Map<string, string>();
    const directories = new Map<string, Record<string, string>>();
    for (const [path, content] of Object.entries(files)) {
      const [name = '', ...rest] = path.split('/');
      if (rest.length === 0) entries.set(name, `100644 ${objectId({ type: 'blob', bytes: Buffer.from(content) })}`);
      else directories.set(name, { ...directories.get(name), [rest.join('/')]: content });
    }
    for (const [name, below] of directories) entries.set(name, `40000 ${this.of(below)}`);
    const bytes = Buffer.concat(
      [...entries].toSorted(asGitSorts).map(([name, entry]) => {
        const [mode = '', oid = ''] = entry.split(' ');
        return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')]);
      }),
    );
    const oid = objectId({ type: 'tree', bytes });
    this.objects.set(oid, { type: 'tree', bytes });
    return oid;
  }

  diff(before: Files | undefined, after: Files, mostTrees = 1000): Promise<string[]> {
    const objects = async (oids: readonly string[]) => {
      this.read += oids.length;
      return new Map(oids.flatMap(oid => (this.objects.has(oid) ? [[oid, this.objects.get(oid) as GitObject]] : [])));
    };
    return diffTrees(before && this.of(before), this.of(after), { objects, mostTrees });
  }
}

test('names what is added, changed and removed, and reads no directory that is the same', async () => {
  const trees = new Trees();
  const before = { 'a/same/x': '1', 'a/y': '1', 'b/gone': '1', c: '1', 'was/file': '1' };
  const after = { 'a/same/x': '1', 'a/y': '2', 'b2/new': '1', c: '1', was: '1' };
  assert.deepEqual(await trees.diff(before, after), ['a/y', 'b/gone', 'b2/new', 'was', 'was/file']);
  // Both roots, a on both sides, b, b2 and was.
  assert.equal(trees.read, 7);
  assert.deepEqual(await trees.diff(undefined, after), Object.keys(after).toSorted());
  assert.deepEqual(await trees.diff(after, after), []);
});

test('is bounded, and takes what cannot be read for no answer', async () => {
  const trees = new Trees();
  const deep = { 'a/b/c/d/e': '1' };
  await assert.rejects(trees.diff(undefined, deep, 3), { reason: 'LimitExceeded' });
  trees.of(deep);
  const [first = ''] = trees.objects.keys();
  const lost = { objects: () => Promise.resolve(new Map<string, GitObject>()), mostTrees: 10 };
  await assert.rejects(diffTrees(undefined, first, lost), { reason: 'InvalidGitObject' });
});

test('is what comparing all paths would say', async () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map(names => names.join('/'));
  const files = fc.dictionary(path, fc.constantFrom('1', '2'), { maxKeys: 12, noNullPrototype: true }).map(withoutClashes);
  await fc.assert(
    fc.asyncProperty(files, files, async (before, after) => {
      const expected = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(path => before[path] !== after[path]);
      assert.deepEqual(await new Trees().diff(before, after), expected.toSorted());
    }),
  );
});

/** Of a directory as if its name ended in a slash. */
function asGitSorts([a, of]: readonly [string, string], [b, than]: readonly [string, string]): number {
  return sortedAs(a, of).compare(sortedAs(b, than));
}

function sortedAs(name: string, entry: string): Buffer {
  return Buffer.from(entry.startsWith('40000 ') ? `${name}/` : name);
}

/** Without files that are directories of others. */
function withoutClashes(files: Files): Files {
  const paths = Object.keys(files);
  return Object.fromEntries(Object.entries(files).filter(([path]) => !paths.some(other => other.startsWith(`${path}/`))));
}
