import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import type { SystemSourceSpecLimits } from '../../controller/api/system-source.ts';
import { ByteCache } from '../../controller/source/byte-cache.ts';
import type { Credentials } from '../../controller/source/credentials.ts';
import { GitHttp } from '../../controller/source/git-http.ts';
import { type Cached, type FetchContext, Repository } from '../../controller/source/repository.ts';
import { type SourceTree, createRepositoryTree } from '../../controller/source/repository-tree.ts';
import type { GitRepository } from '../cluster/git-repository.ts';
import { type GitServer, startGitServer } from '../cluster/git-server.ts';

const limits: SystemSourceSpecLimits = { packBytes: 128 * 1024 * 1024, objects: 100_000, fileBytes: 16 * 1024 * 1024 };
const opened: Repository[] = [];

function open(url: string, credentials: Credentials = {}): Repository {
  const http = new GitHttp({ url, credentials, userAgent: 'scantling/test', now: Date.now });
  const repository = new Repository({ key: url, http, cache: new ByteCache<Cached>(1024 * 1024), now: Date.now });
  opened.push(repository);
  return repository;
}

function context(commit: string, changes: Partial<SystemSourceSpecLimits> = {}): FetchContext {
  return { commit, limits: { ...limits, ...changes }, signal: AbortSignal.timeout(20_000) };
}

function treeOf(repository: Repository, commit: string, changes: Partial<SystemSourceSpecLimits> = {}): SourceTree {
  const c = { ...context(commit, changes), held: {} };
  return createRepositoryTree({
    limits: c.limits,
    commit: () => repository.commit(c),
    objects: oids => repository.objects(oids, c),
  });
}

async function content(tree: SourceTree, path: string): Promise<string | undefined> {
  const entry = await tree.entry(path);
  if (!entry) return undefined;
  const bytes = (await tree.read([entry])).get(entry.oid);
  return bytes && Buffer.from(bytes).toString('utf8');
}

const stalling = (reason: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StallingError, String(error));
  assert.equal(error.reason, reason);
  assert.match(error.message, message);
  return true;
};

const transient = (reason: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof TransientError, String(error));
  assert.equal(error.reason, reason);
  assert.match(error.message, message);
  return true;
};

after(async () => {
  for (const repository of opened) await repository.close();
});

for (const kind of ['v2-filter', 'v1-shallow'] as const) {
  describe(`a repository over ${kind}`, () => {
    let server: GitServer;
    let git: GitRepository;
    let first: string;
    before(async () => {
      server = await startGitServer(kind === 'v2-filter' ? {} : { protocolV2: false });
      git = await server.createRepository('systems');
      first = await git.commit(
        {
          'systems/edge/edge.yaml': 'one',
          'systems/edge/files/motd': 'hello\n',
          'systems/edge/files/run': { mode: '100755', content: '#!/bin/sh\n' },
          'systems/edge/files/link': { mode: '120000', content: 'motd' },
          'systems/submodule': { mode: '160000', content: '1'.repeat(40) },
          'systems/pointer': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n',
          '.github/workflows/ci.yaml': 'ci',
          'other/large': 'x'.repeat(100_000),
        },
        'first',
      );
    });
    after(() => server.stop());

    it('says which transport it uses, and why a lesser one', async () => {
      const { transport, transportReason } = await open(git.url).transport(context(first));
      assert.equal(transport, kind);
      assert.equal(transportReason, kind === 'v2-filter' ? undefined : 'the server does not speak protocol version 2');
    });

    it('resolves full ref names only and peels annotated tags', async () => {
      const repository = open(git.url);
      await git.tag(['main', 'light'], first);
      await git.annotatedTag('v1', first);
      const other = await git.commit({ x: 'x' }, 'other', { branch: 'main-2' });
      assert.equal((await repository.resolve('refs/heads/main', 0, context(first))).oid, first);
      assert.equal((await repository.resolve('refs/tags/light', 0, context(first))).oid, first);
      assert.equal((await repository.resolve('refs/tags/v1', 0, context(first))).oid, first);
      assert.equal((await repository.resolve('refs/heads/main-2', 0, context(first))).oid, other);
      await assert.rejects(
        repository.resolve('refs/heads/mai', 0, context(first)),
        stalling('RefNotFound', /^the repository has no refs\/heads\/mai; push it, or correct spec\.ref$/),
      );
    });

    it('lists a directory with modes and reads files', async () => {
      const tree = treeOf(open(git.url), first);
      const list = await tree.list('systems/edge');
      assert.deepEqual(
        list.map(e => [e.path, e.mode]),
        [
          ['systems/edge/edge.yaml', 'file'],
          ['systems/edge/files/link', 'symlink'],
          ['systems/edge/files/motd', 'file'],
          ['systems/edge/files/run', 'executable'],
        ],
      );
      const bytes = await tree.read(list);
      assert.equal(bytes.size, 4);
      assert.equal(await content(tree, 'systems/edge/edge.yaml'), 'one');
      assert.equal((await tree.entry('./systems//edge'))?.mode, 'directory');
      assert.equal((await tree.entry('.'))?.path, '');
      assert.equal(await tree.entry('systems/edge/files/motd/below'), undefined);
      assert.equal(await tree.entry('../systems'), undefined);
      await assert.rejects(tree.list('nowhere'), stalling('PathNotFound', /nowhere is not a directory/));
    });

    it('refuses submodules and Git LFS pointers by path, unless they are skipped', async () => {
      const tree = treeOf(open(git.url), first);
      await assert.rejects(tree.list('systems'), stalling('UnsupportedGitFeature', /^systems\/submodule is a submodule/));
      await assert.rejects(
        tree.entry('systems/submodule/x'),
        stalling('UnsupportedGitFeature', /^systems\/submodule is a submodule/),
      );
      await assert.rejects(
        content(tree, 'systems/pointer'),
        stalling('UnsupportedGitFeature', /^systems\/pointer is a Git LFS pointer/),
      );
      const skipped = await tree.list('systems', item => item.path === 'systems/submodule');
      assert.equal(skipped.length, 5);
    });

    it('knows whether a commit descends from another', async () => {
      const second = await git.commit({ a: '2' }, 'second', { branch: 'history', parent: first });
      const third = await git.commit({ a: '3' }, 'third', { branch: 'history' });
      const rewritten = await git.commit({ a: '4' }, 'rewritten', { branch: 'rewritten', parent: first });
      const unrelated = await git.commit({ a: '5' }, 'unrelated', { branch: 'unrelated', parent: null });
      const merge = await git.git('commit-tree', `${third}^{tree}`, '-p', rewritten, '-p', third, '-m', 'merge');
      await git.reset('merge', merge);
      const repository = open(git.url);
      const descends = (tip: string, ancestor: string) => repository.descends(ancestor, context(tip));
      assert.equal(await descends(third, second), true);
      assert.equal(await descends(third, first), true);
      assert.equal(await descends(merge, third), true);
      assert.equal(await descends(rewritten, third), false);
      assert.equal(await descends(unrelated, third), false);
      assert.equal(await descends(first, third), false);
      assert.equal(await descends(third, 'f'.repeat(40)), false, 'a commit that the server lost');
    });

    it('names the cap that a commit passes', async () => {
      const big = await git.commit({ 'd/big': 'y'.repeat(5000), 'd/random': randomText(400_000) }, 'big', { branch: 'big' });
      const bytes = treeOf(open(git.url), big, { fileBytes: 4000 });
      await assert.rejects(content(bytes, 'd/big'), stalling('LimitExceeded', /^spec\.limits\.fileBytes is 4000/));
      const pack = treeOf(open(git.url), big, { packBytes: 100_000 });
      await assert.rejects(content(pack, 'd/random'), stalling('LimitExceeded', /^spec\.limits\.packBytes is 100000/));
      const objects = treeOf(open(git.url), big, { objects: 2 });
      await assert.rejects(content(objects, 'd/big'), stalling('LimitExceeded', /^spec\.limits\.objects is 2/));
    });
  });
}

describe('the partial transport', () => {
  let server: GitServer;
  before(async () => {
    server = await startGitServer();
  });
  after(() => server.stop());

  it('polls a repository of 20,000 tags in one request of less than 1 KB', async () => {
    const git = await server.createRepository('tags');
    const oid = await git.commit({ a: 'a' }, 'one');
    await git.tag(
      Array.from({ length: 20_000 }, (_, i) => `v${i}`),
      oid,
    );
    const repository = open(git.url);
    await repository.resolve('refs/heads/main', 0, context(oid));
    server.requests.clear();
    assert.equal((await repository.resolve('refs/heads/main', 0, context(oid))).oid, oid);
    assert.equal(server.requests.count, 1);
    assert.ok(
      server.requests.bytesIn + server.requests.bytesOut < 600,
      `${server.requests.bytesIn} + ${server.requests.bytesOut}`,
    );
  });

  it('fetches what a commit changed and nothing of what lies beside it', async () => {
    const git = await server.createRepository('monorepo');
    const files: Record<string, string> = {};
    for (let i = 0; i < 300; i++) files[`systems/s${i}/system.yaml`] = `system ${i}\n`;
    for (let i = 0; i < 300; i++) files[`foreign/f${i}/data`] = randomText(2000);
    const one = await git.commit(files, 'one');
    const repository = open(git.url);
    const list = await treeOf(repository, one).list('systems');
    assert.equal(list.length, 300);
    await treeOf(repository, one).read(list);
    const two = await git.commit({ 'systems/s7/system.yaml': 'changed\n' }, 'two');
    server.requests.clear();
    const tree = treeOf(repository, two);
    await tree.read(await tree.list('systems'));
    assert.ok(server.requests.bytesOut < 12_000, `${server.requests.bytesOut} bytes`);
    assert.ok(server.requests.count <= 5, `${server.requests.count} requests`);
  });

  it('takes the answer of a fresh poll for all that follow the same ref', async () => {
    const git = await server.createRepository('shared');
    const oid = await git.commit({ a: 'a' }, 'one');
    const repository = open(git.url);
    await repository.resolve('refs/heads/main', 0, context(oid));
    server.requests.clear();
    for (let i = 0; i < 10; i++) assert.equal((await repository.resolve('refs/heads/main', 60_000, context(oid))).oid, oid);
    assert.equal(server.requests.count, 0);
  });

  it('of the lesser kind fetches a commit once for all that is read of it, however large', async () => {
    const plain = await startGitServer({ protocolV2: false });
    try {
      const git = await plain.createRepository('plain');
      const oid = await git.commit({ 'a/b/c': 'content', 'a/d': 'more', large: randomText(1_000_000) }, 'one');
      const repository = open(git.url);
      const tree = treeOf(repository, oid);
      await tree.read(await tree.list('a'));
      assert.equal(plain.requests.log.filter(e => e.method === 'POST').length, 1);
    } finally {
      await plain.stop();
    }
  });

  it('uses the whole shallow pack where the server offers no filter', async () => {
    const plain = await startGitServer({ filter: false });
    try {
      const git = await plain.createRepository('plain');
      const oid = await git.commit({ 'a/b': 'content' }, 'one');
      const repository = open(git.url);
      const { transport, transportReason } = await repository.transport(context(oid));
      assert.equal(transport, 'v1-shallow');
      assert.match(transportReason ?? '', /does not offer filter/);
      assert.equal(await content(treeOf(repository, oid), 'a/b'), 'content');
    } finally {
      await plain.stop();
    }
  });
});

describe('a Git server that wants credentials', () => {
  it('gets Basic and Bearer, and a refusal names the reason without them', async () => {
    for (const auth of [{ username: 'robot', password: 's3cret-pass' }, { bearer: 's3cret-token' }]) {
      const server = await startGitServer({ auth });
      try {
        const git = await server.createRepository('private');
        const oid = await git.commit({ a: 'a' }, 'one');
        const authorization =
          'bearer' in auth
            ? `Bearer ${auth.bearer}`
            : `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
        assert.equal((await open(git.url, { authorization }).resolve('refs/heads/main', 0, context(oid))).oid, oid);
        await assert.rejects(
          open(git.url).resolve('refs/heads/main', 0, context(oid)),
          transient('AuthenticationFailed', /answered 401: it wants credentials; name a Secret in spec\.secretRef/),
        );
        await assert.rejects(
          open(git.url, { authorization: 'Bearer wr0ng' }).resolve('refs/heads/main', 0, context(oid)),
          error => {
            assert.match(String(error), /the credentials of spec\.secretRef are refused/);
            assert.doesNotMatch(String(error), /wr0ng/);
            return true;
          },
        );
      } finally {
        await server.stop();
      }
    }
  });

  it('is trusted through its own authority only', async () => {
    const server = await startGitServer({ tls: true });
    try {
      const git = await server.createRepository('secure');
      const oid = await git.commit({ a: 'a' }, 'one');
      const ours = open(git.url, { ca: server.certificateAuthority });
      const theirs = open(git.url);
      const [good, bad] = await Promise.allSettled([
        ours.resolve('refs/heads/main', 0, context(oid)),
        theirs.resolve('refs/heads/main', 0, context(oid)),
      ]);
      assert.equal(good.status, 'fulfilled');
      assert.equal(bad.status, 'rejected');
      assert.throws(
        () => {
          throw bad.reason;
        },
        transient('GitServerUnavailable', /certificate/),
      );
    } finally {
      await server.stop();
    }
  });
});

describe('a Git server that fails', () => {
  let server: GitServer;
  let git: GitRepository;
  let oid: string;
  before(async () => {
    server = await startGitServer();
    git = await server.createRepository('faulty');
    oid = await git.commit({ 'a/b': randomText(3000) }, 'one');
  });
  after(() => server.stop());

  it('is retried no sooner than it asks', async () => {
    for (const status of [429, 403, 503]) {
      server.requests.fail(() => true, { status, retryAfter: 7, times: 1 });
      await assert.rejects(open(git.url).resolve('refs/heads/main', 0, context(oid)), error => {
        assert.ok(error instanceof TransientError);
        assert.equal(error.reason, 'GitServerUnavailable');
        assert.equal(error.retryAfterMs, 7000);
        return true;
      });
    }
  });

  for (const [status, reason] of [
    [404, 'RepositoryNotFound'],
    [401, 'AuthenticationFailed'],
    [403, 'AuthenticationFailed'],
    [500, 'GitServerUnavailable'],
    [418, 'GitOperationFailed'],
  ] as const) {
    it(`gives ${reason} for ${status}, and works again after`, async () => {
      server.requests.fail(() => true, { status, times: 1 });
      const repository = open(git.url);
      await assert.rejects(repository.resolve('refs/heads/main', 0, context(oid)), transient(reason, new RegExp(String(status))));
      assert.equal((await repository.resolve('refs/heads/main', 0, context(oid))).oid, oid);
    });
  }

  it('cannot redirect to another host, and on its own host is followed', async () => {
    const away = server.requests.fail(() => true, {
      status: 302,
      headers: { location: 'https://evil.example/faulty.git/info/refs?service=git-upload-pack' },
    });
    await assert.rejects(
      open(git.url).resolve('refs/heads/main', 0, context(oid)),
      stalling('InsecureRedirect', /redirects to https:\/\/evil\.example/),
    );
    away();
    const moved = `${server.url}/moved.git`;
    server.requests.fail(e => e.path.startsWith('/moved.git'), {
      status: 301,
      headers: { location: `${git.url}/info/refs?service=git-upload-pack` },
    });
    assert.equal((await open(moved).resolve('refs/heads/main', 0, context(oid))).oid, oid);
  });

  it('that cuts or damages a pack is retried, and nothing damaged is used', async () => {
    for (const fault of [{ cutAfterBytes: 500 }, { corrupt: (chunk: Buffer) => flipLate(chunk) }]) {
      const repository = open(git.url);
      const end = server.requests.fail(e => e.method === 'POST', fault);
      await assert.rejects(content(treeOf(repository, oid), 'a/b'), error => error instanceof TransientError);
      end();
      assert.equal((await content(treeOf(repository, oid), 'a/b'))?.length, 3000);
    }
  });

  it('that hangs is given up after the timeout', async () => {
    server.requests.fail(() => true, { delayMs: 3000, times: 1 });
    const wire = { signal: AbortSignal.timeout(50) };
    await assert.rejects(
      open(git.url).resolve('refs/heads/main', 0, wire),
      transient('GitServerUnavailable', /no complete answer within spec\.timeout/),
    );
  });

  it('that is not there is unavailable', async () => {
    await assert.rejects(
      open('http://127.0.0.1:1/x.git').resolve('refs/heads/main', 0, context(oid)),
      transient('GitServerUnavailable', /^http:\/\/127\.0\.0\.1:1\/x\.git: /),
    );
  });
});

/** Text that hardly compresses, the same every time. */
function randomText(length: number): string {
  let [state, out] = [12345, ''];
  while (out.length < length) {
    state = (state * 1103515245 + 12345) % 2147483648;
    out += state.toString(36);
  }
  return out.slice(0, length);
}

/** One bit changed near the end of a chunk that is long enough to be a pack. */
function flipLate(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk);
  const at = Math.max(0, copy.length - 60);
  if (copy.length > 100) copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
