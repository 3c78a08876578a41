import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers, nameOfImage, nameOfRepository, scopeOf } from '../../controller/trust/scope.ts';

const digest = `sha256:${'a'.repeat(64)}`;

test('W1: a scope covers whole path segments and never what only begins like it', () => {
  const table: [string, string, boolean][] = [
    ['example.com/foo', 'example.com/foo', true],
    ['example.com/foo', 'example.com/foo/bar', true],
    ['example.com/foo', 'example.com/foobar', false],
    ['example.com/foo', 'example.com/foo-bar', false],
    ['example.com/foo', 'example.com/foo.bar', false],
    ['example.com/foo', 'example.com', false],
    ['example.com/foo', 'example.com/fo', false],
    ['example.com', 'example.com/foo', true],
    ['example.com', 'example.com.evil.net/foo', false],
    ['example.com', 'example.com:5000/foo', false],
    ['example.com:5000', 'example.com:5000/foo', true],
    ['example.com:500', 'example.com:5000/foo', false],
    ['', 'example.com/foo', true],
  ];
  for (const [scope, name, covered] of table) assert.equal(covers(scope, name), covered, `${scope || '(root)'} and ${name}`);
});

test('T15: a scope covers every name below it and never its parent', () => {
  const segment = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  fc.assert(
    fc.property(
      fc.array(segment, { minLength: 1, maxLength: 5 }),
      fc.array(segment, { minLength: 1, maxLength: 3 }),
      (path, below) => {
        const scope = ['example.com', ...path].join('/');
        assert.ok(covers(scope, [scope, ...below].join('/')));
        assert.ok(!covers(scope, ['example.com', ...path.slice(0, -1)].join('/')));
        assert.ok(!covers(scope, `${scope}${below.join('')}`));
      },
    ),
  );
});

test('an image has one name, however it is written', () => {
  const table = [
    ['registry.example.com/os/edge', 'registry.example.com/os/edge'],
    ['registry.example.com/os/edge:1.4', 'registry.example.com/os/edge'],
    [`registry.example.com/os/edge@${digest}`, 'registry.example.com/os/edge'],
    [`registry.example.com/os/edge:1.4@${digest}`, 'registry.example.com/os/edge'],
    ['Registry.Example.COM/os/edge', 'registry.example.com/os/edge'],
    ['registry.example.com:443/os/edge', 'registry.example.com/os/edge'],
    ['registry.example.com:5000/os/edge', 'registry.example.com:5000/os/edge'],
    ['docker.io/debian', 'docker.io/library/debian'],
    ['index.docker.io/library/debian', 'docker.io/library/debian'],
    ['registry-1.docker.io/library/debian', 'docker.io/library/debian'],
    ['DOCKER.IO/debian', 'docker.io/library/debian'],
    ['Index.Docker.io/debian', 'docker.io/library/debian'],
  ] as const;
  for (const [reference, name] of table) assert.equal(nameOfImage(reference), name);
  assert.throws(() => nameOfImage('edge'), { reason: 'InvalidImage' });
  // Fetched from port 443, and by its letters outside of the policy.
  assert.throws(() => nameOfImage('registry.example.com:0443/os/edge'), { reason: 'InvalidImage' });
});

test('a repository has one name, however its URL is written', () => {
  const name = 'git.example.com/acme/os';
  const same = [
    'https://git.example.com/acme/os',
    'https://git.example.com/acme/os.git',
    'https://git.example.com/acme/os/',
    'https://git.example.com/acme/os.git/',
    'https://git.example.com:443/acme/os.git',
    'http://git.example.com:80/acme/os.git',
    'https://user@git.example.com/acme/os.git',
    'https://user:secret@git.example.com/acme/os.git',
    'https://GIT.Example.com/acme/os.git',
    'https://git.example.com./acme/os.git',
    'https://git.example.com//acme///os.git',
    'https://git.example.com/acme/x/../os.git',
    'https://git.example.com/acme/%6fs.git',
    'https://git.example.com/acme/os.git?service=git-upload-pack#main',
    'ssh://git@git.example.com/acme/os.git',
    'ssh://git@git.example.com:22/acme/os.git',
    'git@git.example.com:acme/os.git',
    'git.example.com:acme/os.git',
    'git@git.example.com:/acme/os.git',
  ];
  for (const url of same) assert.equal(nameOfRepository(url), name, url);
  assert.equal(nameOfRepository('https://git.example.com:8443/acme/os.git'), 'git.example.com:8443/acme/os');
  assert.equal(nameOfRepository('http://127.0.0.1:3000/os.git'), '127.0.0.1:3000/os');
  assert.equal(nameOfRepository('ssh://git@git.example.com:2222/acme/os'), 'git.example.com:2222/acme/os');
  assert.equal(nameOfRepository('https://git.example.com'), 'git.example.com');
  assert.equal(nameOfRepository('https://git.example.com/acme/digit'), 'git.example.com/acme/digit');
});

test('a path that servers may read in two ways is refused', () => {
  for (const path of ['sandbox/..%2fprod/os.git', 'a%2Fb', 'a%5cb', 'a/b%00', 'a%0ab', 'a\\b', '%ff%2fb'])
    assert.throws(() => nameOfRepository(`ssh://git.example.com/acme/${path}`), { reason: 'InvalidURL' }, path);
  // These a URL itself resolves, and is fetched from there.
  assert.equal(nameOfRepository('https://git.example.com/acme/sandbox/%2e%2e/os.git'), 'git.example.com/acme/os');
  assert.equal(nameOfRepository('https://git.example.com/acme/%ff.git'), 'git.example.com/acme/%ff');
});

test('what is no URL of a repository is refused, without what may be its password', () => {
  for (const url of ['', 'nonsense', '/srv/git/os.git', 'file:///srv/git/os.git', 'https://']) {
    assert.throws(() => nameOfRepository(url), { reason: 'InvalidURL' }, url);
  }
  assert.throws(
    () => nameOfRepository('https://user:s3cret@'),
    (error: Error) => !error.message.includes('s3cret'),
  );
});

test('a prefix is compared as names are written', () => {
  assert.equal(scopeOf({ prefix: 'registry.example.com:443/os' }), 'registry.example.com/os');
  assert.equal(scopeOf({ prefix: 'index.docker.io/library' }), 'docker.io/library');
  assert.equal(scopeOf({ prefix: 'git.example.com/Acme' }), 'git.example.com/Acme');
  assert.equal(scopeOf({ root: true }), '');
});
