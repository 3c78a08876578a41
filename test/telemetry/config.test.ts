import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError, helpFor, parseCommandLine } from '../../controller/command-line.ts';
import type { Command } from '../../controller/commands.ts';
import { flags, type Config, type Flag } from '../../controller/config.ts';

function parseConfig(command: Command, args: string[]): Config {
  return parseCommandLine(command, args).config;
}

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
    [
      ['controller', ['--shard-selector', 'region=west']],
      /--shard-selector: "region=west" also selects objects without the label/,
    ],
    [['controller', ['--shard-selector', 'scantling.dev/shard!=a']], /begin it with scantling.dev\/shard=NAME/],
    [['controller', ['--shard-selector', '']], /--shard-selector: "" also selects/],
    [['controller', ['extra']], /extra/],
    [['logs', []], /BUILD is missing.*scantling logs --help/],
    [['logs', ['one', 'two']], /"two" is one too many/],
    [['logs', ['one', '--follow=true']], /--follow/],
  ];
  for (const [[command, args], message] of table) {
    assert.throws(
      () => parseConfig(command, args),
      error => error instanceof UsageError && message.test(error.message),
      args.join(' '),
    );
  }
});

test('what stands behind a command, a switch and its abbreviation', () => {
  for (const args of [
    ['-f', 'edge-1'],
    ['edge-1', '--follow'],
  ]) {
    const { config, positionals } = parseCommandLine('logs', args);
    assert.deepEqual([config.follow, positionals], [true, ['edge-1']]);
  }
  assert.equal(parseConfig('logs', ['edge-1']).follow, false);
});

test('a list may be given several times', () => {
  const args = ['--insecure-registries', 'a:5000', '--insecure-registries', 'b:5000,c:5000'];
  assert.deepEqual(parseConfig('controller', args)['insecure-registries'], ['a:5000', 'b:5000', 'c:5000']);
});

test('a list of names with commas is not split', () => {
  const groups = parseConfig('status', ['--as-group', 'cn=admins,ou=x', '--as-group=b'])['as-group'];
  assert.deepEqual(groups, ['cn=admins,ou=x', 'b']);
  assert.deepEqual(parseConfig('status', [])['as-group'], []);
});

test('a timeout is also seconds, and 0 no end; none is longer than timers can wait', () => {
  const longest = 2 ** 31 - 1;
  for (const [text, ms] of [
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['30', 30_000],
    ['0', longest],
    ['0s', longest],
    ['600h', longest],
    ['9999999999', longest],
  ] as const)
    assert.equal(parseConfig('status', ['--request-timeout', text])['request-timeout'], ms, text);
  assert.throws(() => parseConfig('status', ['--request-timeout', 'soon']), /--request-timeout: "soon" is not a duration/);
});

test('help names every flag of its command', () => {
  for (const [key, flag] of Object.entries<Flag>(flags))
    for (const command of flag.commands) assert.match(helpFor(command), new RegExp(`--${flag.name ?? key}\\s`));
});
