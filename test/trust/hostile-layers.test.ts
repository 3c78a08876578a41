/** Layers that are made to cost: what is read of them and kept is counted, what is beyond is said, and nothing of it is an error. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../controller/registry/digest.ts';
import { packageLimits, readPackages } from '../../controller/trust/package-database.ts';
import type { InstalledPackages, PackageLimits } from '../../controller/trust/package-database.ts';
import { rpmPackages } from '../../controller/trust/rpm-packages.ts';
import { rpmdb } from './rpm-database.ts';

const mediaType = 'application/vnd.oci.image.layer.v1.tar';
const end = Buffer.alloc(1024);
const release = member('etc/os-release', 'ID=debian\n');

interface Header {
  type?: string;
  link?: string;
  /** Other than there is. */
  size?: number;
}

function member(path: string, content: string | Buffer, { type = '0', link = '', size }: Header = {}): Buffer {
  const header = Buffer.alloc(512);
  const bytes = Buffer.from(content);
  header.write(path, 0);
  header.write('0000644\0', 100);
  header.write(`${(size ?? bytes.length).toString(8).padStart(11, '0')}\0`, 124);
  header.write(type, 156);
  header.write(link, 157);
  header.write('ustar\x0000', 257);
  header.write('        ', 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

const statusOf = (name: string, padding = 0): string =>
  `Package: ${name}\nVersion: 1\nArchitecture: all\nX: ${'x'.repeat(padding)}\n`;

const statusFile = (name: string, padding = 0): Buffer => member(`var/lib/dpkg/status.d/${name}`, statusOf(name, padding));

/** What comes of layers, from the lowest to the uppermost, each given piece by piece; and which were opened. */
async function read(
  layers: readonly Iterable<Buffer>[],
  limits: Partial<PackageLimits> = {},
): Promise<InstalledPackages & { opened: number[]; said: string; names: string[] }> {
  const opened: number[] = [];
  const described = layers.map((_, i) => ({ mediaType, digest: sha256(String(i)), size: 1 }));
  const result = await readPackages(
    described,
    async function* open({ digest: wanted }) {
      const i = described.findIndex(({ digest }) => digest === wanted);
      opened.push(i);
      yield* layers[i] ?? [];
    },
    { ...packageLimits, ...limits },
  );
  return { ...result, opened, said: result.notes.join('\n'), names: result.packages.map(({ name }) => name) };
}

test('files of a database are read as long as there is room for all of them together', async () => {
  const { names, said } = await read([[statusFile('a', 300), statusFile('b', 300), statusFile('c', 300), release, end]], {
    textBytes: 800,
  });
  assert.deepEqual(names, ['a', 'b']);
  assert.match(said, /status\.d\/c was not read: with what was read before it, it is more than 800 bytes/);
});

test('what is as large as a controller is passed over', async () => {
  const zeros = Buffer.alloc(1024 * 1024);
  function* layer(): Generator<Buffer> {
    yield statusFile('good');
    for (let file = 0; file < 8; file++) {
      yield member(`var/lib/dpkg/status.d/${file}`, '', { size: 64 * zeros.length });
      for (let piece = 0; piece < 64; piece++) yield zeros;
    }
    yield member('var/lib/rpm/rpmdb.sqlite', '', { size: 129 * zeros.length });
    for (let piece = 0; piece < 129; piece++) yield zeros;
    yield statusFile('last');
    yield release;
    yield end;
  }
  const { names, notes, distribution } = await read([layer()]);
  assert.deepEqual(names, ['good', 'last']);
  assert.equal(notes.filter(note => note.endsWith('it is larger than 33554432 bytes')).length, 8);
  assert.equal(notes.filter(note => note.endsWith('it is larger than 134217728 bytes')).length, 1);
  assert.deepEqual(distribution, { id: 'debian' });
});

test('files are read up to a number of them, and nothing below', async () => {
  assert.ok(packageLimits.files <= 20_000 && packageLimits.packages <= 20_000);
  const layer = [...Array.from({ length: 60 }, (_, i) => statusFile(`p${i}`)), end];
  const { names, said, opened } = await read([[statusFile('below'), release, end], layer], { files: 50 });
  assert.equal(names.length, 50);
  assert.match(said, /more than 50 files are of databases/);
  assert.deepEqual(opened, [1]);
});

test('removals are no matter in any number, but for those of databases', async () => {
  const status = member('var/lib/dpkg/status', `Status: install ok installed\n${statusOf('kept')}`);
  const some = Buffer.concat(Array.from({ length: 500 }, (_, i) => member(`usr/share/.wh.${i}`, '')));
  const other = [...Array.from({ length: 40 }, () => some), member('.wh.', ''), end];
  const { names, notes } = await read([[status, release, end], other], { files: 3 });
  assert.deepEqual([names, notes], [['kept'], []]);

  const gone = [...Array.from({ length: 60 }, (_, i) => member(`var/lib/dpkg/status.d/.wh.p${i}`, '')), end];
  const all = await read([[statusFile('p1'), statusFile('q'), release, end], gone]);
  assert.deepEqual(all.names, ['q']);
  const few = await read([[statusFile('p1'), statusFile('q'), release, end], gone], { files: 50 });
  assert.deepEqual([few.names, few.opened], [[], [1]]);
  assert.match(few.said, /more than 50 files are of databases/);
});

test('many names of one file are one file, and what comes behind it is read', async () => {
  const others = Array.from({ length: 500 }, (_, i) =>
    member(`var/lib/dpkg/status.d/${i}`, '', { type: '1', link: i % 2 ? 'data' : './data' }),
  );
  const status = member('var/lib/dpkg/status', `Status: install ok installed\n${statusOf('two')}`);
  const layer = [member('data', statusOf('one')), status, ...others, release, end];
  const { names, notes } = await read([layer], { textBytes: 1000 });
  assert.deepEqual(names, ['one', 'two']);
  assert.deepEqual(notes, []);
});

test('packages are kept by number and by letters', async () => {
  const many = Array.from({ length: 30 }, (_, i) => `${statusOf(`p${i}`)}\n`).join('');
  const layer = [member('var/lib/dpkg/status', many), release, end];
  for (const limits of [{ packages: 10 }, { letters: 60 }]) {
    const { packages, said } = await read([layer], limits);
    assert.equal(packages.length, 10);
    assert.match(said, /more packages than are listed/);
  }
  assert.deepEqual((await read([layer], { packages: 30 })).notes, []);
  const long = await read([[member('var/lib/dpkg/status', statusOf('n'.repeat(100_000))), release, end]]);
  assert.deepEqual(
    long.names.map(name => name.length),
    [256],
  );
});

test('an archive that ends before a file begins says nothing of that file', async () => {
  const { packages, said } = await read([[member('var/lib/dpkg/status', '', { size: 10_000 })]]);
  assert.deepEqual(packages, []);
  assert.match(said, /not read to its end: it is cut off/);
});

test('a name that nothing could unpack ends its layer', async () => {
  const long = member('././@LongLink', `${'d/'.repeat(3000)}x\0`, { type: 'L' });
  const { said } = await read([[long, member('x', ''), statusFile('behind'), end]]);
  assert.match(said, /a name in it is too long/);
});

/** As rpm stores it: so many entries of each tag, all at the beginning of one text. */
function header(entries: number, text: Buffer): Buffer {
  const lengths = Buffer.alloc(8);
  const index = Buffer.alloc(16 * entries);
  lengths.writeUInt32BE(entries, 0);
  lengths.writeUInt32BE(text.length, 4);
  const tags = [1000, 1001, 1002, 5000];
  for (let i = 0; i < entries; i++)
    [tags[i] ?? 5000 + (i % 60_000), 6, 0, 1].forEach((value, n) => index.writeUInt32BE(value, 16 * i + 4 * n));
  return Buffer.concat([lengths, index, text]);
}

test('rpm: of a header only what is asked for is read, and only its beginning', async () => {
  const blob = header(60_000, Buffer.alloc(4 * 1024 * 1024, 'n'));
  const database = rpmdb([], 4096, db => void db.prepare("INSERT INTO 'Packages' (blob) VALUES (?)").run(blob));
  const [made, ...others] = await rpmPackages(database, 10);
  assert.deepEqual(others, []);
  assert.deepEqual([made?.name.length, made?.version.length], [256, 256]);
});

test('rpm: cells that share their bytes, rows without an end and schemas of that kind are refused', async () => {
  const packages = Array.from({ length: 3 }, (_, i) => ({ name: `p${i}`, version: '1', release: '1', arch: 'noarch' }));
  const database = rpmdb(packages, 65536);
  const leaf = [1, 2, 3, 4].map(page => page * 65536).find(at => database[at] === 13 && database.readUInt16BE(at + 3) === 3);
  assert.ok(leaf !== undefined);
  const cell = database.readUInt16BE(leaf + 8);
  const count = 20_000;
  database.writeUInt16BE(count, leaf + 3);
  for (let i = 0; i < count; i++) database.writeUInt16BE(cell, leaf + 8 + 2 * i);
  await assert.rejects(rpmPackages(database, 1_000_000), /page \d+ is damaged/);

  const huge = rpmdb(
    [],
    4096,
    db => void db.prepare("INSERT INTO 'Packages' (blob) VALUES (?)").run(Buffer.alloc(17 * 1024 * 1024)),
  );
  await assert.rejects(rpmPackages(huge, 10), /a row is too large/);

  const wide = rpmdb([], 4096, db => {
    db.exec('DROP TABLE Packages');
    db.exec(`CREATE TABLE a (${Array.from({ length: 1900 }, (_, i) => `${'c'.repeat(40)}${i}`).join(',')})`);
    db.exec('CREATE TABLE Packages (hnum INTEGER, blob BLOB)');
  });
  await assert.rejects(rpmPackages(wide, 10), /a row is too large/);
});
