import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StallingError } from '../../controller/api/errors.ts';
import { formatReference, parseReference } from '../../controller/registry/reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

test('names are taken apart', () => {
  const cases: [string, ReturnType<typeof parseReference>][] = [
    ['quay.io/team/os:1', { host: 'quay.io', repository: 'team/os', tag: '1' }],
    ['127.0.0.1:5000/os', { host: '127.0.0.1:5000', repository: 'os' }],
    [`registry/a__b/c-d.e:t_1@${digest}`, { host: 'registry', repository: 'a__b/c-d.e', tag: 't_1', digest }],
    ['[::1]:5000/os:x', { host: '[::1]:5000', repository: 'os', tag: 'x' }],
    ['docker.io/debian:12', { host: 'docker.io', repository: 'library/debian', tag: '12' }],
    ['DOCKER.IO/debian:12', { host: 'docker.io', repository: 'library/debian', tag: '12' }],
    ['index.docker.io/debian:12', { host: 'docker.io', repository: 'library/debian', tag: '12' }],
    ['registry-1.docker.io/library/debian', { host: 'docker.io', repository: 'library/debian' }],
    ['Registry.Example.COM/os', { host: 'registry.example.com', repository: 'os' }],
    ['registry.example.com:443/os', { host: 'registry.example.com', repository: 'os' }],
    ['[0:0:0:0:0:0:0:1]:443/os', { host: '[::1]', repository: 'os' }],
    ['127.1:5000/os', { host: '127.0.0.1:5000', repository: 'os' }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseReference(text), expected, text);
});

test('what is no name is refused, with the name in the message', () => {
  const wrong = [
    '',
    'os',
    'os:1',
    'quay.io/',
    'quay.io/OS',
    'quay.io/a//b',
    'quay.io/a:',
    'quay.io/a@md5:00',
    `quay.io/a@${digest}0`,
    'quay.io/a b',
    'quay.io:0443/a',
    'quay.io:00443/a',
    'quay.io:05000/a',
    'quay.io:0/a',
    '[::1]:0443/a',
  ];
  for (const text of wrong) {
    assert.throws(
      () => parseReference(text),
      error => error instanceof StallingError && error.reason === 'InvalidImage',
      text,
    );
  }
  assert.throws(() => parseReference(`quay.io/a@sha512:${'0'.repeat(128)}`), /only sha256/);
});

test('a name that was taken apart is written in one way', () => {
  const host = fc.constantFrom('quay.io', 'Quay.IO', 'quay.io:443', 'QUAY.io:443');
  fc.assert(fc.property(host, written => assert.equal(formatReference(parseReference(`${written}/a:1`)), 'quay.io/a:1')));
});

test('formatting is the inverse of parsing', () => {
  const part = fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,4})?$/);
  const reference = fc.record(
    {
      host: fc.constantFrom('quay.io', 'localhost:5000', '10.0.0.1', 'r.example.com:8443', '[::1]:5000'),
      repository: fc.array(part, { minLength: 1, maxLength: 4 }).map(parts => parts.join('/')),
      tag: fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/),
      digest: fc.constant(digest),
    },
    { requiredKeys: ['host', 'repository'], noNullPrototype: true },
  );
  fc.assert(fc.property(reference, r => assert.deepEqual(parseReference(formatReference(r)), r)));
});
