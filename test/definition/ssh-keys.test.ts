import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lintSshKeys } from '../../controller/definition/ssh-keys.ts';
import { specOf } from './definition-fixture.ts';

const good = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 7)]).toString('base64')}`;
const warningsOf = (line: string): string[] => lintSshKeys(specOf({ users: [{ name: 'core', sshAuthorizedKeys: [line] }] }));

for (const line of [good, `${good} core@example`, `from="10.0.0.*",no-pty ${good}`, `command="echo ssh-ed25519" ${good}`])
  test(`a key: ${line.slice(0, 40)}`, () => assert.deepEqual(warningsOf(line), []));

for (const line of [
  'ssh-ed25519 notakey',
  'ssh-ed25519',
  good.replace('ed25519', 'rsa'),
  '-----BEGIN OPENSSH PRIVATE KEY-----',
  'hello',
])
  test(`no key: ${line.slice(0, 40)}`, () => {
    const [warning, ...others] = warningsOf(line);
    assert.match(
      warning ?? '',
      /^spec\.users\[0\]\.sshAuthorizedKeys\[0\]: this is no public key of OpenSSH, and sshd passes over it/,
    );
    assert.deepEqual(others, []);
  });
