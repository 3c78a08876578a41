import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { writeTar } from '../../controller/definition/tar.ts';
import { sha256 } from '../../controller/registry/digest.ts';
import type { Layer } from '../../controller/trust/layer-stream.ts';
import { packageLimits, readPackages } from '../../controller/trust/package-database.ts';
import type { InstalledPackages, PackageLimits } from '../../controller/trust/package-database.ts';
import { rpmPackages } from '../../controller/trust/rpm-packages.ts';
import { SQLiteError } from '../../controller/trust/sqlite-table.ts';
import { rpmdb } from './rpm-database.ts';

const gzip = 'application/vnd.oci.image.layer.v1.tar+gzip';
const zstd = 'application/vnd.oci.image.layer.v1.tar+zstd';
const tar = 'application/vnd.oci.image.layer.v1.tar';

type Files = Record<string, string | Buffer | { link: string }>;

const archive = (files: Files): Buffer =>
  Buffer.from(
    writeTar(
      Object.entries(files).map(([path, content]) =>
        typeof content === 'string' || Buffer.isBuffer(content)
          ? { path, mode: 0o644, bytes: Buffer.from(content) }
          : { path, link: content.link },
      ),
    ),
  );

/** A header of another kind than writeTar makes: a second name of a file. */
function hardLink(path: string, target: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 0);
  header.write('0000644\0', 100);
  header.write('00000000000\0', 124);
  header.write('1', 156);
  header.write(target, 157);
  header.write('ustar\x0000', 257);
  header.write('        ', 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** Two archives as one: without the zeros that end the first. */
const joined = (first: Buffer, second: Buffer): Buffer => Buffer.concat([first.subarray(0, first.length - 1024), second]);

async function found(
  layers: readonly (readonly [string, Buffer])[],
  limits: PackageLimits = packageLimits,
): Promise<InstalledPackages & { opened: number }> {
  const blobs = new Map<string, Buffer>();
  let opened = 0;
  const described = layers.map(([mediaType, bytes]): Layer => {
    const blob = mediaType === gzip ? gzipSync(bytes) : mediaType === zstd ? zstdCompressSync(bytes) : bytes;
    blobs.set(sha256(blob), blob);
    return { mediaType, digest: sha256(blob), size: blob.length };
  });
  async function* open({ digest }: Layer): AsyncGenerator<Uint8Array> {
    opened++;
    const blob = blobs.get(digest) ?? Buffer.alloc(0);
    // Pieces that fit nothing.
    for (let at = 0; at < blob.length; at += 777) yield blob.subarray(at, at + 777);
  }
  const result = await readPackages(described, open, limits);
  return { ...result, opened };
}

const debian = 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n';
const status = [
  'Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.37-2+b5\nDescription: shell\n Version: 1 is not it',
  'Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1',
  'Package: libc6\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 2.41-12',
].join('\n\n');

test('dpkg: what is installed, and not what was', async () => {
  const { packages, distribution, notes } = await found([
    [gzip, archive({ 'usr/lib/os-release': debian, 'var/lib/dpkg/status': status })],
  ]);
  assert.deepEqual(packages, [
    { type: 'deb', name: 'bash', version: '5.2.37-2+b5', architecture: 'amd64' },
    { type: 'deb', name: 'libc6', version: '2.41-12', architecture: 'amd64' },
  ]);
  assert.deepEqual(distribution, { id: 'debian', version: '13' });
  assert.deepEqual(notes, []);
});

test('dpkg without dpkg: a file for each package', async () => {
  const { packages } = await found([
    [
      tar,
      archive({
        'etc/os-release': debian,
        'var/lib/dpkg/status.d/base': 'Package: base-files\nVersion: 13\nArchitecture: all\n',
        'var/lib/dpkg/status.d/base.md5sums': 'x',
        'var/lib/dpkg/status.d/tz': 'Package: tzdata\nVersion: 2026a\nArchitecture: all\n',
      }),
    ],
  ]);
  assert.deepEqual(
    packages.map(p => p.name),
    ['base-files', 'tzdata'],
  );
});

test('apk: the installed file', async () => {
  const installed = 'C:Q1x=\nP:musl\nV:1.2.5-r9\nA:x86_64\nS:1\nF:lib\nR:ld.so\n\nP:busybox\nV:1.37.0-r12\nA:x86_64\n\n';
  const { packages, distribution } = await found([
    [zstd, archive({ 'etc/os-release': "ID=alpine\nVERSION_ID='3.22.0'\n", 'lib/apk/db/installed': installed })],
  ]);
  assert.deepEqual(packages, [
    { type: 'apk', name: 'busybox', version: '1.37.0-r12', architecture: 'x86_64' },
    { type: 'apk', name: 'musl', version: '1.2.5-r9', architecture: 'x86_64' },
  ]);
  assert.deepEqual(distribution, { id: 'alpine', version: '3.22.0' });
});

const fedora = 'ID=fedora\nVERSION_ID=43\n';

test('rpm: the SQLite database, wherever it is, also behind another name', async () => {
  const database = rpmdb([
    { name: 'kernel', version: '6.17.1', release: '300.fc43', arch: 'x86_64', padding: 200_000 },
    { name: 'shadow-utils', version: '4.18', release: '1.fc43', epoch: 2, arch: 'x86_64' },
    { name: 'gpg-pubkey', version: 'a15b79cc', release: '63d04c2c', arch: '' },
  ]);
  const wanted = [
    { type: 'rpm', name: 'kernel', version: '6.17.1-300.fc43', architecture: 'x86_64' },
    { type: 'rpm', name: 'shadow-utils', version: '4.18-1.fc43', architecture: 'x86_64', epoch: '2' },
  ];
  for (const path of ['usr/lib/sysimage/rpm/rpmdb.sqlite', 'var/lib/rpm/rpmdb.sqlite', 'usr/share/rpm/rpmdb.sqlite']) {
    const plain = await found([[gzip, archive({ 'usr/lib/os-release': fedora, [path]: database })]]);
    assert.deepEqual(plain.packages, wanted, path);
    // As images that were made of an ostree commit have their files.
    const object = 'sysroot/ostree/repo/objects/ab/cdef.file';
    const linked = joined(
      archive({ 'usr/lib/os-release': fedora, [object]: database }),
      Buffer.concat([hardLink(path, object), Buffer.alloc(1024)]),
    );
    assert.deepEqual((await found([[gzip, linked]])).packages, wanted, path);
  }
});

test('rpm: what SQLite writes is read, whatever the sizes of pages and rows', async () => {
  const text = fc.stringMatching(/^[a-z][a-z0-9._+-]{0,40}$/);
  const rpm = fc.record({
    name: text.filter(name => name !== 'gpg-pubkey'),
    version: text,
    release: text,
    arch: fc.constantFrom('x86_64', 'noarch'),
    padding: fc.oneof(fc.nat(200), fc.nat(20_000), fc.constantFrom(470, 471, 472, 4050, 4051, 4052, 4053)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(rpm, { maxLength: 60 }), fc.constantFrom(512, 1024, 4096, 65536), async (packages, pageSize) => {
      assert.deepEqual(
        await rpmPackages(rpmdb(packages, pageSize), 1000),
        packages.map(({ name, version, release, arch }) => ({
          type: 'rpm',
          name,
          version: `${version}-${release}`,
          architecture: arch,
        })),
      );
    }),
    { numRuns: 40 },
  );
});

const outcome = async (file: Buffer): Promise<number | 'refused'> => {
  try {
    return (await rpmPackages(file, 1000)).length;
  } catch (error) {
    assert.ok(error instanceof SQLiteError, String(error));
    return 'refused';
  }
};

test('rpm: a damaged database is refused and never read for ever, and views are no tables', async () => {
  const good = rpmdb(
    Array.from({ length: 50 }, (_, i) => ({ name: `p${i}`, version: '1', release: '1', arch: 'noarch', padding: 900 })),
    512,
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), async changes => {
      const damaged = Buffer.from(good);
      for (const [at, byte] of changes) damaged[at] = byte;
      await outcome(damaged);
    }),
    { numRuns: 500 },
  );
  assert.equal(await outcome(good.subarray(0, good.length / 2)), 'refused');
  assert.equal(await outcome(Buffer.from('no database')), 'refused');
  const view = rpmdb([], 4096, db => {
    db.exec('DROP TABLE Packages');
    db.exec('CREATE VIEW Packages AS WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n, n FROM t');
  });
  assert.equal(await outcome(view), 'refused');
});

const namesIn = async (...layers: Buffer[]): Promise<string[]> =>
  (await found(layers.map(bytes => [gzip, bytes] as const))).packages.map(p => `${p.name} ${p.version}`);

test('the uppermost layer counts, and what a layer removes is not found below it', async () => {
  const below = archive({ 'usr/lib/os-release': debian, 'var/lib/dpkg/status': status });
  const newer = 'Package: bash\nStatus: install ok installed\nVersion: 6\nArchitecture: amd64\n';
  assert.deepEqual(await namesIn(below, archive({ 'var/lib/dpkg/status': newer })), ['bash 6']);
  assert.deepEqual(await namesIn(below, archive({ 'var/lib/dpkg/.wh.status': '' })), []);
  assert.deepEqual(await namesIn(below, archive({ 'var/lib/.wh.dpkg': '' })), []);
  assert.deepEqual(await namesIn(below, archive({ 'var/lib/dpkg/.wh..wh..opq': '' })), []);
  assert.deepEqual(await namesIn(below, archive({ 'var/lib/dpkg/.wh..wh..opq': '', 'var/lib/dpkg/status': newer })), ['bash 6']);
  assert.deepEqual(await namesIn(below, archive({ 'var/lib/.wh.apt': '' })), ['bash 5.2.37-2+b5', 'libc6 2.41-12']);
});

test('no layer is read that is not needed', async () => {
  const database = archive({ 'usr/lib/os-release': debian, 'var/lib/dpkg/status': status });
  const other = archive({ 'usr/bin/x': 'x' });
  const { opened } = await found([
    [gzip, other],
    [gzip, other],
    [gzip, database],
    [gzip, other],
  ]);
  assert.equal(opened, 2);
});

test('what cannot be read is said in words, and the rest is read', async () => {
  const good = archive({ 'var/lib/dpkg/status': status });
  const notes = async (layers: readonly (readonly [string, Buffer])[], limits?: PackageLimits): Promise<string> =>
    (await found(layers, limits)).notes.join('\n');
  assert.match(await notes([[tar, archive({ 'usr/bin/x': '' })]]), /no database of a known package manager/);
  assert.match(await notes([[tar, archive({ 'var/lib/rpm/Packages': 'x' })]]), /bdb or ndb/);
  assert.match(await notes([[tar, archive({ 'usr/lib/sysimage/rpm/Packages.db': 'x' })]]), /bdb or ndb/);
  assert.match(await notes([[tar, archive({ 'var/lib/rpm/rpmdb.sqlite': 'x' })]]), /not read: it is no database of SQLite/);
  assert.match(
    await notes([['application/vnd.oci.image.layer.v1.tar+encrypted', good]]),
    /of type .*encrypted, which is not read/,
  );
  assert.match(await notes([[tar, good.subarray(0, 700)]]), /not read to its end: it is cut off/);
  assert.match(await notes([[tar, Buffer.alloc(2048, 1)]]), /a header in it is damaged/);
  const limits = { ...packageLimits, textBytes: 10 };
  assert.match(await notes([[tar, good]], limits), /larger than 10 bytes/);
  assert.match(await notes([[tar, good]], { ...packageLimits, totalBytes: 100 }), /not read to its end/);
  const broken = await found([
    [tar, good],
    [gzip, Buffer.alloc(100)],
    [tar, Buffer.from('garbage')],
  ]);
  assert.equal(broken.packages.length, 2);
});

test('gzip that is none is a note', async () => {
  const blob = Buffer.from('no gzip at all');
  async function* open(): AsyncGenerator<Uint8Array> {
    yield blob;
  }
  const { notes } = await readPackages([{ mediaType: gzip, digest: sha256(blob), size: blob.length }], open);
  assert.match(notes.join(), /cannot be decompressed/);
});

async function* cut(): AsyncGenerator<Uint8Array> {
  yield gzipSync(Buffer.alloc(512)).subarray(0, 8);
  throw new Error('the registry is gone');
}

test('an error of the registry is none of the image', async () => {
  const layer = { digest: sha256(''), size: 1 };
  await assert.rejects(readPackages([{ ...layer, mediaType: tar }], cut), /the registry is gone/);
  // The decoder would say that what it got is cut off; the cause must come out all the same.
  await assert.rejects(readPackages([{ ...layer, mediaType: gzip }], cut), /the registry is gone/);
});
