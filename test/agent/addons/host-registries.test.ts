/** How a host reaches registries, in our own client's words. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readHostAuthorities, readHostRegistries, registriesOf } from '../../../controller/agent/addons/host-registries.ts';
import { parseTomlSubset } from '../../../controller/agent/addons/toml-subset.ts';
import { removeDirectory, temporaryDirectory } from '../../cluster/processes.ts';

const conf = `# comment with [brackets] and "quotes"
unqualified-search-registries = ["docker.io", # one
  "quay.io"]
short-name-mode = 'enforcing'

[[registry]]
prefix = "registry.example.com/os" # moved
location = "harbor.example.com/proxy/os"
insecure = false

[[registry.mirror]]
location = "mirror.example.com/os"
pull-from-mirror = "digest-only"

[[registry.mirror]]
location = "127.0.0.1:5000/os"
insecure = true

[[registry]]
location = "127.0.0.1:5001"
insecure = true

[[registry]]
prefix = "*.wild.example.com"
location = "wild.example.com"
`;

test('the part of TOML that registries.conf is written in is read', () => {
  const tables = parseTomlSubset(conf);
  assert.deepEqual(
    tables.map(({ name }) => name),
    ['', 'registry', 'registry.mirror', 'registry.mirror', 'registry', 'registry'],
  );
  assert.deepEqual(tables[0]?.values.get('unqualified-search-registries'), ['docker.io', 'quay.io']);
  assert.equal(tables[0]?.values.get('short-name-mode'), 'enforcing');
  assert.equal(tables[1]?.values.get('prefix'), 'registry.example.com/os');
});

test('mirrors are asked in their order, then where the registry lies', () => {
  const { registries } = registriesOf([conf], new Map([['mirror.example.com', { ca: 'PEM' }]]));
  assert.deepEqual(registries, [
    {
      prefix: 'registry.example.com/os',
      plainHTTP: false,
      mirrors: [
        { location: 'mirror.example.com/os', tags: false, plainHTTP: false, ca: 'PEM' },
        { location: '127.0.0.1:5000/os', tags: true, plainHTTP: true },
        { location: 'harbor.example.com/proxy/os', tags: true, plainHTTP: false },
      ],
    },
    { prefix: '127.0.0.1:5001', plainHTTP: true, mirrors: [] },
    { prefix: 'mirror.example.com', plainHTTP: false, ca: 'PEM', mirrors: [] },
  ]);
});

test('on a host, a drop-in counts over the file, and certificates over the system’s', async t => {
  const root = temporaryDirectory('registries');
  t.after(() => removeDirectory(root));
  assert.deepEqual(await readHostRegistries(root), { registries: [] });
  assert.equal(await readHostAuthorities(root), undefined);
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  put('etc/containers/registries.conf', '[[registry]]\nlocation = "a.example.com"\ninsecure = true\n');
  put('etc/containers/registries.conf.d/50-a.conf', '[[registry]]\nlocation = "a.example.com"\n');
  put('etc/containers/registries.conf.d/README', '[[registry]]\nlocation = "b.example.com"\n');
  put('etc/containers/certs.d/a.example.com/ca.crt', 'A');
  put('etc/containers/certs.d/a.example.com/client.cert', 'C');
  put('etc/containers/certs.d/a.example.com/client.key', 'K');
  put('etc/docker/certs.d/c.example.com:5000/own.crt', 'D');
  put('etc/pki/tls/certs/ca-bundle.crt', '-----BEGIN CERTIFICATE-----\n');
  assert.deepEqual((await readHostRegistries(root)).registries, [
    { prefix: 'a.example.com', plainHTTP: false, mirrors: [], ca: 'A', cert: 'C', key: 'K' },
    { prefix: 'c.example.com:5000', plainHTTP: false, mirrors: [], ca: 'D' },
  ]);
  assert.equal(await readHostAuthorities(root), '-----BEGIN CERTIFICATE-----\n');
});
