/** Where the servers of a pod listen: by name, by IPv4, by IPv6, and on every address. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect, createServer as createSocketServer } from 'node:net';
import { test } from 'node:test';
import { listenOn, parseAddress } from '../../controller/telemetry/listen-address.ts';

const readable: readonly (readonly [string, { host?: string; port: number }])[] = [
  [':8080', { port: 8080 }],
  [':0', { port: 0 }],
  ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
  ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
  ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ['[::1]:8080', { host: '::1', port: 8080 }],
  ['[::]:8080', { host: '::', port: 8080 }],
  ['[fe80::1%eth0]:8080', { host: 'fe80::1%eth0', port: 8080 }],
];
const unreadable = [
  '',
  ':',
  '8080',
  'nonsense',
  'host:',
  'host:x',
  'host:1.5',
  'host:-1',
  ':65536',
  '::1:8080',
  '[::1]',
  '[]:1',
  '[::1:1',
];

for (const [text, parsed] of readable) {
  test(`"${text}" is an address`, () => assert.deepEqual(parseAddress(text), parsed));
}
for (const text of unreadable) {
  test(`"${text}" is none`, () => assert.throws(() => parseAddress(text), /is not an address such as :8080 or \[::1\]:8080/));
}

/** Whether this machine has the loopback of IPv6. */
function hasIPv6(): Promise<boolean> {
  const probe = createSocketServer();
  return new Promise(resolve => {
    probe.once('error', () => resolve(false));
    probe.listen(0, '::1', () => probe.close(() => resolve(true)));
  });
}

function reach(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

test('without a host it is reached by IPv4, and by IPv6 where the machine has it', async t => {
  const server = createServer();
  t.after(() => server.close());
  const port = Number((await listenOn(server, ':0')).split(':').at(-1));
  await reach('127.0.0.1', port);
  if (await hasIPv6()) await reach('::1', port);
  else t.diagnostic('this machine has no IPv6');
});

test('what is listened on is said so that it can be used in a URL', async t => {
  const server = createServer();
  t.after(() => server.close());
  assert.match(await listenOn(server, '127.0.0.1:0'), /^127\.0\.0\.1:\d+$/);
  if (!(await hasIPv6())) return t.diagnostic('this machine has no IPv6');
  const other = createServer();
  t.after(() => other.close());
  assert.match(await listenOn(other, '[::1]:0'), /^\[::1\]:\d+$/);
});
