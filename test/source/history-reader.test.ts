/** How much one look at history asks of a server, and holds of what it sends. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { type TestContext, after, before, describe, it } from 'node:test';
import { StallingError, TransientError } from '../../controller/api/errors.ts';
import type { SystemSource } from '../../controller/api/system-source.ts';
import { ByteCache } from '../../controller/source/byte-cache.ts';
import { GitHttp } from '../../controller/source/git-http.ts';
import { parseCommit } from '../../controller/source/git-object.ts';
import { createHistoryReader } from '../../controller/source/history-reader.ts';
import { type Cached, Repository } from '../../controller/source/repository.ts';
import { judgeSource } from '../../controller/source/verify.ts';
import { type GitRepository, git as runGit } from '../cluster/git-repository.ts';
import { type GitServer, startGitServer } from '../cluster/git-server.ts';
import { rules } from '../trust/commits/object-store.ts';

const limits = { packBytes: 128 * 1024 * 1024, objects: 100_000, fileBytes: 16 * 1024 * 1024 };
let server: GitServer;
before(async () => {
  server = await startGitServer();
});
after(() => server.stop());

/** A line of so many commits, each with that message. */
async function line(name: string, commits: number, message: string): Promise<GitRepository> {
  const git = await server.createRepository(name);
  const one = (i: number): string =>
    `commit refs/heads/main\ncommitter Test <test@example.com> ${1_767_225_600 + i} +0000\ndata ${message.length}\n${message}\n`;
  await runGit(git.path, ['fast-import', '--quiet'], Array.from({ length: commits }, (_, i) => one(i)).join(''));
  return git;
}

function open(t: TestContext, url: string): Repository {
  const http = new GitHttp({ url, credentials: {}, userAgent: 'scantling/test', now: Date.now });
  const repository = new Repository({ key: url, http, cache: new ByteCache<Cached>(1024 * 1024), now: Date.now });
  t.after(() => repository.close());
  return repository;
}

/** Follows first parents to the root. Returns how many commits there are. */
async function walk(repository: Repository, tip: string, changes: Partial<typeof limits> = {}): Promise<number> {
  const context = () => ({ commit: tip, limits: { ...limits, ...changes }, signal: AbortSignal.timeout(60_000) });
  const read = createHistoryReader(repository, context);
  let commits = 0;
  for (let oid: string | undefined = tip; oid !== undefined; commits++) {
    const { bytes } = await read(oid);
    [oid] = parseCommit(oid, bytes).parents;
  }
  return commits;
}

/** In front of the server: sends one generation, however many are asked for. */
async function startMiser(t: TestContext, delayMs = 0): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const miser = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString('latin1');
      const miserly = body.replace(/[0-9a-f]{4}deepen \d+\n/, '000ddeepen 1\n');
      if (miserly !== body) asked++;
      await setTimeout(delayMs);
      const headers = Object.entries(request.headers).filter(([name]) => /^(git-protocol|content-type|accept)$/.test(name));
      const answer = await fetch(new URL(request.url ?? '/', server.url), {
        method: request.method ?? 'GET',
        headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
        ...(body === '' ? {} : { body: Buffer.from(miserly, 'latin1') }),
      });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    })();
  });
  await new Promise<void>(resolve => miser.listen(0, '127.0.0.1', resolve));
  t.after(() => miser.close());
  return { url: `http://127.0.0.1:${(miser.address() as AddressInfo).port}`, asked: () => asked };
}

describe('reading history', () => {
  it('takes few requests of a server that sends what it is asked for', async t => {
    const git = await line('long', 3_000, 'long');
    const before = server.requests.count;
    assert.equal(await walk(open(t, git.url), (await git.head()) ?? ''), 3_000);
    assert.ok(server.requests.count - before < 20, String(server.requests.count - before));
  });

  it('gives up on a server that sends one commit for each request', async t => {
    const git = await line('miserly', 100, 'one at a time');
    const miser = await startMiser(t);
    const walking = walk(open(t, `${miser.url}${new URL(git.url).pathname}`), (await git.head()) ?? '');
    await assert.rejects(walking, (error: unknown) => {
      assert.ok(error instanceof TransientError, String(error));
      assert.match(error.message, /^the Git server has not sent the history that verifying needs in 64 requests/);
      return true;
    });
    assert.ok(miser.asked() <= 66, String(miser.asked()));
  });

  it('gives all of it one deadline, beside that of each request', async t => {
    const git = await line('slow', 100, 'slowly');
    const [tip, root] = [(await git.head()) ?? '', await git.git('rev-list', '--max-parents=0', 'main')];
    const miser = await startMiser(t, 200);
    const url = `${miser.url}${new URL(git.url).pathname}`;
    const source = {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'SystemSource',
      metadata: { name: 'slow' },
      spec: { url, ref: { branch: 'main' }, timeout: '1s', limits } as SystemSource['spec'],
      status: { lastVerifiedRevision: `main@sha1:${root}` },
    } as const;
    const judging = judgeSource(
      source,
      { rules: rules([], { mode: 'Warn' }), mode: 'Ancestry', basis: 'sha256:1' },
      {
        repository: open(t, url),
        context: () => ({ commit: tip, limits, signal: AbortSignal.timeout(1_000) }),
        rewound: false,
        now: Date.now,
        trust: { judged: () => undefined, unjudged: () => undefined },
      },
    );
    await assert.rejects(judging, (error: unknown) => {
      assert.ok(error instanceof TransientError, String(error));
      assert.equal(error.reason, 'GitServerUnavailable');
      assert.match(error.message, /^verifying took longer than 4 times spec\.timeout/);
      return true;
    });
    assert.ok(miser.asked() < 64, String(miser.asked()));
  });

  it('bounds what history inflates to over all requests, and not for each alone', async t => {
    // 100 bytes each as a pack has them, 100 KB as they are: no request brings more than a pack may be.
    const git = await line('inflating', 100, 'x'.repeat(100_000));
    const walking = walk(open(t, git.url), (await git.head()) ?? '', { packBytes: 450_000 });
    await assert.rejects(walking, (error: unknown) => {
      assert.ok(error instanceof StallingError, String(error));
      assert.equal(error.reason, 'LimitExceeded');
      assert.match(error.message, /the history that has to be verified inflates to over 16 times that/);
      return true;
    });
  });
});
