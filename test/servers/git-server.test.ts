import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { git } from '../cluster/git-repository.ts';
import { type GitServer, startGitServer } from '../cluster/git-server.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';

describe('Git server', () => {
  let server: GitServer;
  const work = temporaryDirectory('git-test');
  before(async () => {
    server = await startGitServer();
  });
  after(async () => {
    await server.stop();
    removeDirectory(work);
  });

  it('makes the same commits of the same files, wherever and whenever', async () => {
    const oids = [];
    for (const name of ['one', 'two']) {
      const repository = await server.createRepository(name);
      await repository.commit(
        {
          'a/b.yaml': 'x: 1\n',
          'run.sh': { mode: '100755', content: '#!/bin/sh\n' },
          link: { mode: '120000', content: 'run.sh' },
        },
        'First',
      );
      oids.push(await repository.commit({ 'a/b.yaml': null, 'ü "c"': new Uint8Array([0, 1, 255]) }, 'Second'));
      assert.equal(await repository.head(), oids.at(-1));
      const entries = await repository.git('ls-tree', '-r', '-z', 'main');
      assert.deepEqual(
        entries.split('\0').map(entry => entry.replace(/ blob \w+\t/, ' ')),
        ['120000 link', '100755 run.sh', '100644 ü "c"', ''],
      );
    }
    assert.equal(oids[0], oids[1]);
    assert.equal(oids[0], '7f26e08e2c8558e0504cdcf56583881da55641ef');
  });

  it('rewrites history when told to', async () => {
    const repository = await server.createRepository('rewritten');
    const first = await repository.commit({ a: '1' }, 'First');
    await repository.commit({ a: '2' }, 'Second');
    const other = await repository.commit({ a: '3' }, 'Other second', { parent: first });
    assert.equal(await repository.git('rev-list', 'main'), `${other}\n${first}`);
    const root = await repository.commit({ b: '1' }, 'New root', { parent: null });
    assert.equal(await repository.git('rev-list', 'main'), root);
    await repository.reset('main', first);
    assert.equal(await repository.head(), first);
  });

  it('serves clones and takes pushes', async () => {
    const repository = await server.createRepository('pushed');
    await repository.commit({ a: '1' }, 'First');
    const clone = join(work, 'pushed');
    await git(work, ['clone', '--quiet', repository.url, clone]);
    assert.equal(readFileSync(join(clone, 'a'), 'utf8'), '1');
    writeFileSync(join(clone, 'a'), '2'.repeat(2_000_000));
    await git(clone, ['commit', '--quiet', '--all', '--message', 'Second']);
    await git(clone, ['push', '--quiet', 'origin', 'HEAD:main']);
    assert.equal(await repository.head(), await git(clone, ['rev-parse', 'HEAD']));
  });

  it('serves partial clones unless that is switched off, and counts the bytes', async () => {
    const repository = await server.createRepository('partial');
    const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919 * (i % 251)) & 0xff));
    await repository.commit({ small: '1', large: noise }, 'First');
    server.requests.clear();
    await git(work, ['clone', '--quiet', '--no-checkout', '--filter=blob:none', repository.url, 'partial']);
    assert.ok(server.requests.bytesOut < 5_000, `${server.requests.bytesOut} bytes`);
    server.settings.filter = false;
    server.requests.clear();
    await git(work, ['clone', '--quiet', '--no-checkout', '--filter=blob:none', repository.url, 'whole']);
    assert.ok(server.requests.bytesOut > 50_000, `${server.requests.bytesOut} bytes`);
    server.settings.filter = true;
  });

  it('lists thousands of tags, and only what protocol version 2 is asked for', async () => {
    const repository = await server.createRepository('tagged');
    const oid = await repository.commit({ a: '1' }, 'First');
    await repository.tag(
      Array.from({ length: 2_000 }, (_, i) => `v${i}`),
      oid,
    );
    await repository.annotatedTag('named', oid);
    const fetchMain = async () => {
      server.requests.clear();
      await git(repository.path, ['fetch', '--quiet', '--no-tags', repository.url, 'refs/heads/main']);
      return server.requests.bytesOut;
    };
    assert.ok((await fetchMain()) < 1_000);
    server.settings.protocolV2 = false;
    assert.ok((await fetchMain()) > 100_000);
    server.settings.protocolV2 = true;
  });

  it('asks for credentials and shows a certificate of its own authority', async () => {
    const secured = await startGitServer({ auth: { username: 'u', password: 'p' }, tls: true });
    try {
      const repository = await secured.createRepository('secured');
      const oid = await repository.commit({ a: '1' }, 'First');
      const ca = join(work, 'ca.crt');
      writeFileSync(ca, secured.certificateAuthority);
      await assert.rejects(git(work, ['ls-remote', repository.url]), /certificate/i);
      const trusting = ['-c', `http.sslCAInfo=${ca}`];
      await assert.rejects(git(work, [...trusting, 'ls-remote', repository.url]), /could not read Username/);
      const url = repository.url.replace('https://', 'https://u:p@');
      assert.match(await git(work, [...trusting, 'ls-remote', url]), new RegExp(oid));
      assert.equal(secured.requests.log.at(-1)?.authorized, true);
    } finally {
      await secured.stop();
    }
    assert.equal(existsSync(secured.directory), false);
  });

  it('fails on demand', async () => {
    const repository = await server.createRepository('failing');
    await repository.commit({ a: '1' }, 'First');
    server.requests.fail(({ path }) => path.endsWith('/git-upload-pack'), { cutAfterBytes: 20, times: 1 });
    await assert.rejects(git(work, ['clone', '--quiet', repository.url, 'failing']));
    server.requests.fail(() => true, { status: 503, times: 1 });
    await assert.rejects(git(work, ['clone', '--quiet', repository.url, 'failing']), /503/);
    await git(work, ['clone', '--quiet', repository.url, 'failing']);
  });
});
