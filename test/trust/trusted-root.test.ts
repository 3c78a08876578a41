import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import { type TrustedRoots, createTrustedRoots } from '../../controller/trust/trusted-root.ts';
import { copyOf, currentState, replaceState } from '../../controller/trust/tuf-cache.ts';
import { type Content, TUFRepository } from './tuf-repository.ts';

const hour = 3_600_000;

interface Scene {
  repository: TUFRepository;
  from: { url: string; root: string };
  clock: { now: number };
  warnings: object[];
  cacheDirectory: string;
  /** As after a restart. */
  roots: () => TrustedRoots;
}

async function sceneFor(t: TestContext, content: Content = { target: '{"first":1}' }): Promise<Scene> {
  const repository = await TUFRepository.start(content);
  t.after(() => repository.stop());
  const cacheDirectory = mkdtempSync(join(tmpdir(), 'trusted-root-'));
  t.after(() => rmSync(cacheDirectory, { recursive: true }));
  const clock = { now: Date.now() };
  const warnings: object[] = [];
  const roots = (): TrustedRoots =>
    createTrustedRoots({
      cacheDirectory,
      now: () => clock.now,
      log: { warn: fields => warnings.push(fields) },
      timeoutMs: 2_000,
      retries: 0,
    });
  return { repository, from: { url: repository.url, root: repository.root }, clock, warnings, cacheDirectory, roots };
}

const refused = (words: RegExp) => (error: unknown) =>
  error instanceof TransientError && error.reason === 'KeyUnreadable' && words.test(error.message);

void describe('trusted roots by TUF', () => {
  void test('one is fetched, kept for an hour, and then asked for again', async t => {
    const { repository, from, clock, roots } = await sceneFor(t);
    const reading = roots();
    assert.equal(await reading.lastFetched(from), undefined);
    assert.equal(await reading.read(from), '{"first":1}');
    assert.equal(await reading.lastFetched(from), clock.now);
    repository.publish({ target: '{"second":2}', version: 2 });
    const asked = repository.requests.length;
    assert.equal(await reading.read(from), '{"first":1}');
    assert.equal(repository.requests.length, asked);
    clock.now += hour;
    assert.equal(await reading.read(from), '{"second":2}');
  });

  void test('many readers at once ask once', async t => {
    const { repository, from, roots } = await sceneFor(t);
    const reading = roots();
    await Promise.all(Array.from({ length: 10 }, () => reading.read(from)));
    assert.equal(repository.requests.filter(path => path === '/timestamp.json').length, 1);
  });

  void test('while the repository cannot be reached the last good one is given, also after a restart, and said', async t => {
    const { repository, from, clock, warnings, roots } = await sceneFor(t);
    const reading = roots();
    await reading.read(from);
    const fetched = clock.now;
    repository.down = true;
    clock.now += hour;
    assert.equal(await reading.read(from), '{"first":1}');
    assert.equal(await roots().read(from), '{"first":1}');
    assert.equal(warnings.length, 2);
    assert.equal(await reading.lastFetched(from), fetched);
    repository.down = false;
    repository.publish({ target: '{"second":2}', version: 2 });
    clock.now += hour;
    assert.equal(await reading.read(from), '{"second":2}');
  });

  void test('not longer than its own metadata stands', async t => {
    const { repository, from, roots } = await sceneFor(t, { target: '{}', expires: new Date(Date.now() + 1_500) });
    assert.equal(await roots().read(from), '{}');
    repository.down = true;
    for (;;) {
      const result = await roots()
        .read(from)
        .catch((error: unknown) => error);
      if (result === '{}') continue;
      assert.ok(refused(/the last good one, whose metadata stands until 2[-0-9]+T.*, does not count/)(result), String(result));
      return;
    }
  });

  void test('nor in a process that runs, whatever the time until it is asked for again', async t => {
    const expires = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 60_000);
    const { repository, from, clock, roots } = await sceneFor(t, { target: '{"first":1}', expires });
    const reading = roots();
    await reading.read(from);
    repository.publish({ target: '{"second":2}', version: 2 });
    clock.now = expires.getTime() - 1;
    assert.equal(await reading.read(from), '{"first":1}');
    clock.now = expires.getTime();
    assert.equal(await reading.read(from), '{"second":2}');
  });

  void test('a clock that is set back makes none of them young', async t => {
    const { repository, from, clock, roots } = await sceneFor(t);
    const reading = roots();
    await reading.read(from);
    repository.publish({ target: '{"second":2}', version: 2 });
    clock.now -= 24 * hour;
    assert.equal(await reading.read(from), '{"second":2}');
  });

  void test('without an earlier one that is an error with the cause', async t => {
    const { repository, from, roots } = await sceneFor(t);
    repository.down = true;
    await assert.rejects(
      roots().read(from),
      (error: unknown) => error instanceof TransientError && /no trusted root from http/.test(error.message),
    );
  });

  for (const [name, change] of [
    ['a target that is not what the metadata says', (repository: TUFRepository) => repository.tamper('{"evil":1}')],
    ['metadata of an earlier version', (repository: TUFRepository) => repository.publish({ target: '{"evil":1}', version: 1 })],
    [
      'metadata that has expired',
      (repository: TUFRepository) => repository.publish({ target: '{"evil":1}', version: 9, expires: new Date(0) }),
    ],
  ] as const) {
    void test(`${name} is not taken`, async t => {
      const { repository, from, clock, warnings, roots } = await sceneFor(t, { target: '{"good":1}', version: 2 });
      const reading = roots();
      await reading.read(from);
      repository.publish({ target: '{"good":2}', version: 3 });
      change(repository);
      clock.now += hour;
      assert.equal(await reading.read(from), '{"good":1}');
      assert.equal(warnings.length, 1);
    });
  }

  void test('a repository of other keys is not taken, and another first root is another chain', async t => {
    const { repository, from, roots } = await sceneFor(t);
    const rogue = await TUFRepository.start({ target: '{"evil":1}' });
    t.after(() => rogue.stop());
    await assert.rejects(roots().read({ url: rogue.url, root: from.root }), TransientError);
    await assert.rejects(roots().read({ url: repository.url, root: rogue.root }), TransientError);
    assert.equal(await roots().read(from), '{"first":1}');
  });

  void test('a root that the one before has signed is followed', async t => {
    const { repository, from, clock, roots } = await sceneFor(t);
    const reading = roots();
    await reading.read(from);
    repository.rotate({ target: '{"rotated":1}', version: 2 });
    clock.now += hour;
    assert.equal(await reading.read(from), '{"rotated":1}');
    repository.down = true;
    assert.equal(await roots().read(from), '{"rotated":1}');
  });

  void test('one that was killed in the middle of a refresh goes on with the old', async t => {
    const { repository, from, cacheDirectory, roots } = await sceneFor(t);
    await roots().read(from);
    const [name = ''] = readdirSync(cacheDirectory);
    mkdirSync(join(cacheDirectory, name, 'state-killed'));
    repository.down = true;
    assert.equal(await roots().read(from), '{"first":1}');
    repository.down = false;
    repository.publish({ target: '{"second":2}', version: 2 });
    utimesSync(join(cacheDirectory, name, 'state-killed'), 0, 0);
    assert.equal(await roots().read(from), '{"second":2}');
    assert.ok(!readdirSync(join(cacheDirectory, name)).includes('state-killed'));
  });

  void test('several processes share a directory', async t => {
    const { repository, from, cacheDirectory, clock, warnings, roots } = await sceneFor(t);
    const several = Array.from({ length: 6 }, roots);
    for (const version of [2, 3, 4]) {
      const target = `{"version":${version}}`;
      repository.publish({ target, version });
      assert.deepEqual(
        await Promise.all(several.map(each => each.read(from))),
        several.map(() => target),
      );
      clock.now += hour;
    }
    assert.deepEqual(warnings, [], 'none had to go on with an old one');
    repository.down = true;
    assert.equal(await roots().read(from), '{"version":4}');
    const [name = ''] = readdirSync(cacheDirectory);
    assert.deepEqual(
      readdirSync(join(cacheDirectory, name)).filter(file => /-\d+-/.test(file)),
      [],
      'nothing half written is left',
    );
  });

  void test('what another process has refreshed meanwhile is not put back', async t => {
    const directory = mkdtempSync(join(tmpdir(), 'trusted-root-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const mine = await copyOf(directory, undefined);
    const theirs = await copyOf(directory, undefined);
    assert.equal(await replaceState(directory, undefined, theirs), true);
    assert.equal(await replaceState(directory, undefined, mine), false);
    assert.equal(await currentState(directory), theirs);
  });

  void test('a directory where others write is not taken, and nothing is asked', async t => {
    const { repository, from, cacheDirectory, roots } = await sceneFor(t);
    chmodSync(cacheDirectory, 0o707);
    await assert.rejects(
      roots().read(from),
      refused(/^everybody may write to .*; trusted roots are kept only where nobody else/),
    );
    rmSync(cacheDirectory, { recursive: true });
    writeFileSync(cacheDirectory, '');
    await assert.rejects(roots().read(from), refused(/cannot be made: EEXIST/));
    rmSync(cacheDirectory);
    const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'));
    t.after(() => rmSync(elsewhere, { recursive: true }));
    symlinkSync(elsewhere, cacheDirectory);
    await assert.rejects(roots().read(from), refused(/is not a directory/));
    rmSync(cacheDirectory);
    assert.deepEqual(repository.requests, []);
    assert.equal(await roots().read(from), '{"first":1}');
    assert.equal(statSync(cacheDirectory).mode & 0o777, 0o700);
    chmodSync(cacheDirectory, 0o770);
    assert.equal(await roots().read(from), '{"first":1}', 'a volume is given to the group of its pod');
  });

  void test('a directory of another user is not taken', async t => {
    const { from, cacheDirectory, roots } = await sceneFor(t);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(cacheDirectory, 1, 1);
    const reading = isRoot ? roots() : createTrustedRoots({ cacheDirectory: '/' });
    await assert.rejects(reading.read(from), /belongs to user \d+, and this process is user \d+; trusted roots are kept only/);
  });

  void test('what is no URL, or no root, is for a person to change', async t => {
    const { from, roots } = await sceneFor(t);
    for (const url of ['', 'ftp://x', 'file:///etc', 'https://user:secret@x/', 'x']) {
      await assert.rejects(
        roots().read({ ...from, url }),
        (error: unknown) => error instanceof StallingError && !error.message.includes('secret'),
      );
    }
    await assert.rejects(roots().read({ ...from, root: 'no JSON' }), StallingError);
  });
});
