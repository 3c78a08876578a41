import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError, flags, helpFor, parseConfig } from '../../controller/config.ts';

test('defaults, and every kind of flag', () => {
  const config = parseConfig('controller', [
    '--insecure-registries',
    '127.0.0.1:5000, reg:80',
    '--leader-elect',
    'false',
    '--concurrent-builds=2',
  ]);
  assert.deepEqual(config['insecure-registries'], ['127.0.0.1:5000', 'reg:80']);
  assert.equal(config['leader-elect'], false);
  assert.equal(config['concurrent-builds'], 2);
  assert.equal(config.namespace, 'scantling-system');
  assert.equal(parseConfig('agent', ['--node-name', 'n', '--heartbeat-interval', '90s'])['heartbeat-interval'], 90_000);
});

test('a bad command line says which flag and what it takes', () => {
  const table: [Parameters<typeof parseConfig>, RegExp][] = [
    [['controller', ['--no-such']], /Unknown option '--no-such'.*scantling controller --help/],
    [['controller', ['--leader-elect', 'yes']], /--leader-elect is true or false, not "yes"/],
    [['controller', ['--concurrent-builds', '0']], /--concurrent-builds is a whole number from 1/],
    [['controller', ['--node-name', 'x']], /Unknown option '--node-name'/],
    [['agent', []], /--node-name is required/],
    [['agent', ['--node-name', 'x', '--host-exec', 'ssh']], /--host-exec is nsenter or direct/],
    [['agent', ['--node-name', 'x', '--heartbeat-interval', '5']], /--heartbeat-interval: "5" is not a duration/],
    [['controller', ['extra']], /extra/],
  ];
  for (const [[command, args], message] of table) {
    assert.throws(
      () => parseConfig(command, args),
      error => error instanceof UsageError && message.test(error.message),
      args.join(' '),
    );
  }
});

test('help names every flag of its command', () => {
  for (const [name, flag] of Object.entries(flags))
    for (const command of flag.commands) assert.match(helpFor(command), new RegExp(`--${name} `));
});
