import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { deflateSync } from 'node:zlib';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import type { SystemSourceSpecLimits } from '../../controller/api/system-source.ts';
import { objectId, parseCommit, parseTree } from '../../controller/source/git-object.ts';
import { openPack } from '../../controller/source/pack.ts';

const limits: SystemSourceSpecLimits = { packBytes: 1024 * 1024, objects: 100, fileBytes: 64 * 1024 };
const types = { commit: 1, tree: 2, blob: 3, tag: 4, ofs: 6, ref: 7 };

/** One object of a pack; `size` is what its header says. */
function entry(type: keyof typeof types, content: Uint8Array, o: { size?: number; base?: Buffer } = {}): Buffer {
  const size = o.size ?? content.length;
  const header = [(types[type] << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    header[header.length - 1] = (header.at(-1) ?? 0) | 0x80;
    header.push(rest & 0x7f);
  }
  return Buffer.concat([Buffer.from(header), o.base ?? Buffer.alloc(0), deflateSync(content)]);
}

function pack(entries: readonly Buffer[], count = entries.length): Buffer {
  const header = Buffer.alloc(12);
  header.write('PACK');
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(count, 8);
  const body = Buffer.concat([header, ...entries]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

/** A delta that inserts `text`, and claims sizes. */
function delta(baseSize: number, resultSize: number, text: string): Buffer {
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 0x7f) | 0x80, ...varint(Math.floor(n / 128))]);
  return Buffer.from([...varint(baseSize), ...varint(resultSize), text.length, ...Buffer.from(text)]);
}

const blob = Buffer.from('hello\n');
const blobId = objectId({ type: 'blob', bytes: blob });

const refused = (reason: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StallingError || error instanceof TransientError, String(error));
  assert.equal(error.reason, reason);
  assert.match(error.message, message);
  return true;
};

describe('openPack', () => {
  it('reads objects, deltas too, by the id of their bytes', async () => {
    assert.equal(blobId, 'ce013625030ba8dba906f756967f9e9ca394464a', 'what git hash-object says');
    const other = Buffer.from('other');
    const opened = await openPack(
      pack([entry('blob', blob), entry('ref', delta(blob.length, other.length, 'other'), { base: Buffer.from(blobId, 'hex') })]),
      limits,
    );
    assert.equal(Buffer.from(opened.read(blobId).bytes).toString(), 'hello\n');
    const otherId = objectId({ type: 'blob', bytes: other });
    assert.equal(Buffer.from(opened.read(otherId).bytes).toString(), 'other');
    assert.throws(() => opened.read('0'.repeat(40)), refused('InvalidGitObject', /the server did not send it/));
  });

  it('opens an empty pack', async () => {
    assert.equal((await openPack(pack([]), limits)).size, 32);
  });

  const table: Record<string, [Buffer, string, RegExp]> = {
    'no pack': [Buffer.from('<html>not a pack at all, really'), 'InvalidGitObject', /no pack of version 2/],
    'a pack that is cut': [pack([entry('blob', blob)]).subarray(0, 18), 'InvalidGitObject', /\(pack\)/],
    'fewer objects than it says': [pack([entry('blob', blob)], 2), 'InvalidGitObject', /\(pack\)/],
    'more bytes than objects': [pack([entry('blob', blob), entry('blob', blob)], 1), 'InvalidGitObject', /beyond its objects/],
    'an unknown type': [pack([Buffer.concat([Buffer.from([0x50]), deflateSync(blob)])]), 'InvalidGitObject', /unknown type 5/],
    'an object longer than it says': [
      pack([entry('blob', Buffer.alloc(50_000), { size: 10 })]),
      'InvalidGitObject',
      /cannot be inflated to 10 bytes/,
    ],
    'an object shorter than it says': [pack([entry('blob', blob, { size: 60 })]), 'InvalidGitObject', /6 bytes long and says 60/],
    'a file beyond the cap': [
      pack([entry('blob', Buffer.alloc(100_000))]),
      'LimitExceeded',
      /spec\.limits\.fileBytes is 65536: an object has 100000 bytes/,
    ],
    'a file that claims to be endless': [
      pack([entry('blob', blob, { size: 2 ** 50 })]),
      'LimitExceeded',
      /spec\.limits\.fileBytes/,
    ],
    'a delta to more than the cap': [
      pack([entry('blob', blob), entry('ref', delta(6, 2 ** 30, 'x'), { base: Buffer.from(blobId, 'hex') })]),
      'LimitExceeded',
      /an object has 1073741824 bytes/,
    ],
    'a delta to less than it says': [
      pack([entry('blob', blob), entry('ref', delta(6, 500, 'x'), { base: Buffer.from(blobId, 'hex') })]),
      'InvalidGitObject',
      /a delta makes less than it says/,
    ],
    'a delta without its base': [
      pack([entry('ref', delta(6, 1, 'x'), { base: Buffer.alloc(20, 7) })]),
      'InvalidGitObject',
      /1 objects of the pack cannot be resolved/,
    ],
  };
  for (const [name, [bytes, reason, message]] of Object.entries(table)) {
    it(`refuses ${name}`, () => assert.rejects(openPack(bytes, limits), refused(reason, message)));
  }

  it('refuses a pack that inflates far beyond its size', async () => {
    const zeros = entry('blob', Buffer.alloc(64 * 1024));
    await assert.rejects(
      openPack(pack(Array.from({ length: 90 }, () => zeros)), { ...limits, packBytes: 300_000 }),
      refused('LimitExceeded', /spec\.limits\.packBytes is 300000: the pack inflates to over 16 times that/),
    );
  });
});

const item = (mode: string, name: string): Buffer => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.alloc(20, 1)]);

const tree = (...entries: readonly [mode: string, name: string][]) =>
  parseTree('x', Buffer.concat(entries.map(([mode, name]) => item(mode, name))));

describe('a tree', () => {
  for (const name of ['..', '.', '', '.git', '.GIT', 'a/b', 'a\\b']) {
    it(`with an entry named ${JSON.stringify(name)} is refused`, () => {
      assert.throws(() => parseTree('x', item('100644', name)), refused('InvalidGitObject', /forbidden name/));
    });
  }
  it('that is cut, or has an unknown mode, is refused', () => {
    assert.throws(() => parseTree('x', item('100644', 'a').subarray(0, 20)), refused('InvalidGitObject', /cut short/));
    assert.throws(() => parseTree('x', item('170000', 'a')), refused('InvalidGitObject', /unknown mode/));
  });
  it('with a name twice is refused, whatever the two are and wherever they stand', () => {
    const twice = refused('InvalidGitObject', /the name "a" twice/);
    assert.throws(() => tree(['40000', 'a'], ['40000', 'a']), twice);
    assert.throws(() => tree(['100644', 'a'], ['40000', 'a']), twice);
    assert.throws(() => tree(['100644', 'a'], ['100644', 'a.b'], ['40000', 'a']), twice);
    assert.throws(() => tree(['40000', 'a'], ['100644', 'a']), twice);
  });
  it("is in Git's order, which is by bytes, of directories as if they ended in a slash", () => {
    const order = refused('InvalidGitObject', /out of Git's order/);
    assert.throws(() => tree(['100644', 'b'], ['100644', 'a']), order);
    assert.throws(() => tree(['40000', 'a'], ['100644', 'a.b']), order);
    assert.throws(() => tree(['100644', '\u{1F600}'], ['100644', '\uFFFC']), order);
    assert.equal(tree(['100644', 'a.b'], ['40000', 'a'], ['100644', 'a0'], ['160000', 'ab'], ['100644', 'ab.c']).length, 5);
  });
  it('of a repository of SHA-256 has longer ids', () => {
    const long = Buffer.concat([Buffer.from('100644 a\0'), Buffer.alloc(32, 1)]);
    assert.equal(parseTree('0'.repeat(64), long)[0]?.oid, '01'.repeat(32));
  });
});

it('a commit without a tree is refused, and its parents are those of the header only', () => {
  const [a, b] = ['a'.repeat(40), 'b'.repeat(40)];
  assert.throws(() => parseCommit('x', Buffer.from(`parent ${a}\n\n`)), refused('InvalidGitObject', /names no tree/));
  const text = `tree ${a}\nparent ${b}\nauthor x\n\ntree ${b}\nparent ${a}\n`;
  assert.deepEqual(parseCommit('x', Buffer.from(text)), { tree: a, parents: [b] });
});
