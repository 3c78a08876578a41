/** `scantling verify commit` on real repositories, signed by git itself. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { run } from './trust-run.ts';

describe('verify commit', () => {
  let directory: string;
  let repository: string;
  let policy: string;
  let url: string;
  const git = async (...args: string[]): Promise<string> =>
    (
      await promisify(execFile)('git', ['-C', repository, ...args], { env: { PATH: process.env['PATH'], HOME: directory } })
    ).stdout.trim();
  const commit = async (name: string, ...more: string[]): Promise<string> => {
    writeFileSync(join(repository, name), `${name}\n`);
    await git('add', name);
    await git('commit', '-q', '-m', name, ...more);
    return git('rev-parse', 'HEAD');
  };
  before(async () => {
    directory = temporaryDirectory('verify-commit');
    repository = join(directory, 'systems');
    mkdirSync(repository);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'alice@example.com', '-f', join(directory, 'id')]);
    writeFileSync(
      join(directory, '.gitconfig'),
      `[user]\n name = Alice\n email = alice@example.com\n signingkey = ${join(directory, 'id.pub')}\n[gpg]\n format = ssh\n[init]\n defaultBranch = main\n`,
    );
    await git('init', '-q');
    url = 'https://git.example.com/acme/systems.git';
    await git('remote', 'add', 'origin', url);
    policy = join(directory, 'policies.yaml');
    const added = await run(['trust', 'add', join(directory, 'id.pub'), '--prefix', 'git.example.com/acme', '--file', policy], {
      answers: ['yes'],
    });
    assert.equal(added.code, 0, added.said);
  });
  after(() => removeDirectory(directory));
  const verify = (revision: string, ...more: string[]) =>
    run(['verify', 'commit', revision, '--repository', repository, '--policy', policy, ...more]);

  test('signed: exit code 0, and by whom', async () => {
    const id = await commit('signed', '-S');
    const { code, out, said } = await verify('HEAD');
    assert.equal(code, 0, said + out);
    assert.match(out, new RegExp(`^Trusted: ${id} of git\\.example\\.com/acme/systems\n`));
    assert.match(out, /Signed by:\n {2}git-example-com-acme-git\/ssh-[0-9a-f]{8} {2}SSH {2}SHA256:/);
  });

  test('not signed: exit code 1, and why', async () => {
    await commit('unsigned');
    const { code, out } = await verify('HEAD', '-o', 'json');
    assert.equal(code, 1);
    const { decision, candidates } = JSON.parse(out) as { decision: string; candidates: { reason: string }[] };
    assert.deepEqual([decision, candidates.map(c => c.reason)], ['Refused', ['Unsigned']]);
  });

  test('a signed commit vouches for itself alone; with Ancestry every commit has to be signed', async () => {
    const start = await commit('start', '-S');
    await commit('middle');
    await commit('end', '-S');
    assert.equal((await verify('HEAD')).code, 0);
    const whole = await verify('HEAD', '--mode', 'Ancestry', '--from', start);
    assert.equal(whole.code, 1);
    assert.equal((await verify('HEAD', '--mode', 'Ancestry', '--from', 'HEAD~1')).code, 0);
  });

  test('a signed tag', async () => {
    await commit('tagged');
    await git('tag', '-s', '-m', 'one', 'v1');
    await git('tag', 'light');
    assert.equal((await verify('v1', '--mode', 'Tag')).code, 0);
    assert.equal((await verify('v1')).code, 1, 'its commit is not signed');
    assert.equal((await verify('light', '--mode', 'Tag')).code, 1);
    assert.equal((await verify('HEAD', '--mode', 'Tag')).code, 2);
  });

  test('policies are chosen by the URL that the repository came from', async () => {
    await commit('elsewhere', '-S');
    const other = await verify('HEAD', '--url', 'ssh://git@git.example.com/acme-evil/systems.git');
    assert.equal(other.code, 1);
    assert.match(other.out, /no TrustPolicy covers git\.example\.com\/acme-evil\/systems/);
    assert.equal((await verify('HEAD', '--url', 'git@git.example.com:acme/systems.git')).code, 0);
  });

  test('an object that is replaced locally is judged as it is', async () => {
    const good = await commit('good', '-S');
    const bad = await commit('bad');
    await git('replace', bad, good);
    assert.equal((await verify('HEAD')).code, 1);
    await git('replace', '-d', bad);
  });

  test('a working copy that others made runs nothing', async () => {
    const ran = join(directory, 'ran');
    const missing = await commit('missing', '-S');
    await commit('on-top', '-S');
    const touch = join(directory, 'touch');
    writeFileSync(touch, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
    const object = join(repository, '.git', 'objects', missing.slice(0, 2), missing.slice(2));
    const kept = readFileSync(object);
    rmSync(object);
    const config = join(repository, '.git', 'config');
    const before = readFileSync(config);
    const settings = {
      'core.repositoryformatversion': '1',
      'extensions.partialClone': 'origin',
      'remote.origin.promisor': 'true',
    };
    const commands = {
      'core.fsmonitor': touch,
      'core.sshCommand': touch,
      'credential.helper': touch,
      'core.hooksPath': directory,
    };
    for (const [key, value] of Object.entries({ ...settings, ...commands, 'protocol.allow': 'always' }))
      await git('config', key, value);
    const urls = [`ext::${touch}`, 'ssh://git@git.example.com/acme/systems', repository];
    for (const remote of urls) {
      await git('config', 'remote.origin.url', remote);
      await git('config', 'remote.origin.uploadpack', touch);
      const { code, said } = await verify('HEAD', '--url', url, '--mode', 'Ancestry', '--from', 'HEAD~1');
      assert.notEqual(code, 0, said);
      assert.equal(existsSync(ran), false, remote);
    }
    writeFileSync(config, before);
    writeFileSync(object, kept);
    assert.equal((await verify('HEAD')).code, 0);
  });

  test('authorities are limited to their paths by what a commit changes', async () => {
    const text = stringify({
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: 'docs' },
      spec: {
        scope: { root: true },
        subjects: ['Git'],
        authorities: [
          {
            name: 'a',
            paths: ['docs/**'],
            ssh: { allowedSigners: `alice@example.com ${execFileSync('cat', [join(directory, 'id.pub')]).toString()}` },
          },
        ],
      },
    });
    const file = join(directory, 'paths.yaml');
    writeFileSync(file, text);
    const start = await commit('before', '-S');
    mkdirSync(join(repository, 'docs'), { recursive: true });
    await commit('docs/page.md', '-S');
    const of = (...more: string[]) =>
      run(['verify', 'commit', 'HEAD', '--repository', repository, '--policy', file, '--mode', 'Ancestry', ...more]);
    const inside = await of('--from', start);
    assert.equal(inside.code, 0, inside.out);
    await commit('system.yaml', '-S');
    const outside = await of('--from', 'HEAD~1');
    assert.equal(outside.code, 1);
    assert.match(outside.out, /OutsidePaths/);
    const literal = { cwd: repository, env: { PATH: process.env['PATH'], HOME: directory } };
    const tree = execFileSync('git', ['cat-file', 'tree', 'HEAD^{tree}'], literal);
    const again = Buffer.concat([Buffer.from('100644 zz\0'), tree.subarray(-20)]);
    const twice = Buffer.concat([tree, again, again]);
    const args = ['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'];
    const oid = execFileSync('git', args, { ...literal, input: twice })
      .toString()
      .trim();
    await git('update-ref', 'HEAD', await git('commit-tree', '-S', '-p', 'HEAD', '-m', 'twice', oid));
    const malformed = await of('--from', 'HEAD~1');
    assert.equal(malformed.code, 3, malformed.out);
    assert.match(malformed.said, /its tree has the name "zz" twice/);
    await git('reset', '-q', '--hard', 'HEAD~1');
  });

  test('what cannot be meant is exit code 2', async () => {
    for (const args of [['no-such-branch'], ['HEAD', '--mode', 'All'], ['HEAD', '--from', 'HEAD'], ['-x']])
      assert.equal((await verify(args[0] ?? '', ...args.slice(1))).code, 2, args.join(' '));
    const nowhere = await run(['verify', 'commit', 'HEAD', '--repository', directory, '--policy', policy]);
    assert.equal(nowhere.code, 2);
  });
});
