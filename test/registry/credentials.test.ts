import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialsFor, mergeCredentials, parseDockerConfig } from '../../controller/registry/credentials.ts';

const entry = (name: string): object => ({ auth: Buffer.from(`${name}:secret:${name}`).toString('base64') });
const config = parseDockerConfig(
  JSON.stringify({
    auths: {
      'quay.io': entry('host'),
      'https://quay.io/team/': entry('team'),
      'quay.io/team/os': { username: 'os', password: 'p' },
      'https://index.docker.io/v1/': entry('hub'),
      '*.example.com': entry('wild'),
      'token.example.org': { auth: '', identitytoken: 'refresh' },
      'empty.example.org': {},
      'Other.example.org:443': entry('other'),
    },
  }),
);
const userOf = (repository: string): string | undefined => credentialsFor(config, repository)?.username;

test('the longest repository prefix decides', () => {
  assert.equal(userOf('quay.io/other'), 'host');
  assert.equal(userOf('quay.io/team/app'), 'team');
  assert.equal(userOf('quay.io/team/os'), 'os');
  assert.equal(userOf('quay.io/team/os/sub'), 'os');
  assert.equal(userOf('quay.io/teams/os'), 'host', 'a prefix ends at a slash');
  assert.equal(userOf('quay.io:444/team/os'), undefined, 'another port is another registry');
  assert.equal(credentialsFor(undefined, 'quay.io/x'), undefined);
});

test('keys are read as docker, kubelet and podman write them', () => {
  assert.equal(userOf('docker.io/library/debian'), 'hub');
  assert.equal(userOf('a.example.com/x'), 'wild');
  assert.equal(userOf('a.b.example.com/x'), undefined, 'a star stands for one label');
  assert.equal(userOf('example.com/x'), undefined);
  assert.equal(credentialsFor(config, 'quay.io/other')?.password, 'secret:host', 'only the first colon ends the name');
  assert.equal(credentialsFor(config, 'token.example.org/x')?.identityToken, 'refresh');
  assert.equal(credentialsFor(config, 'empty.example.org/x'), undefined);
  assert.equal(userOf('other.example.org/x'), 'other', "a host in capitals, with https's own port");
});

test('text that is no JSON is refused without quoting it', () => {
  assert.throws(
    () => parseDockerConfig('{"auths": hunter2'),
    error => error instanceof SyntaxError && !error.message.includes('hunter2'),
  );
  assert.equal(parseDockerConfig('[]').auths.size, 0);
});

/** Credentials by the names of their users. */
function usersOf(auths: Record<string, string>) {
  const entries = Object.entries(auths).map(([key, username]) => [key, { username, password: 'p' }]);
  return parseDockerConfig(JSON.stringify({ auths: Object.fromEntries(entries) }));
}

test('of two Secrets the longest match counts, and the first where both have the same key', () => {
  const pull = usersOf({ 'r.example': 'pull', 'r.example/a': 'pull-a' });
  const push = usersOf({ 'r.example': 'push', 'r.example/a/b': 'push-ab', 'other.example': 'push' });
  const of = (repository: string) => credentialsFor(mergeCredentials(pull, push), repository)?.username;
  assert.deepEqual(['r.example/x', 'r.example/a/x', 'r.example/a/b/x', 'other.example/x', 'no.example/x'].map(of), [
    'pull',
    'pull-a',
    'push-ab',
    'push',
    undefined,
  ]);
  assert.equal(mergeCredentials(undefined, push), push);
  assert.equal(mergeCredentials(pull, undefined), pull);
});
