import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateFiles, registriesConf } from '../../controller/build/buildah-registries.ts';
import { emptyConfiguration } from '../../controller/registry/configuration.ts';
import type { RegistriesConfiguration } from '../../controller/registry/configuration.ts';

const access = { plainHTTP: false };
const configuration: RegistriesConfiguration = {
  registries: [
    {
      ...access,
      prefix: 'r.example/team',
      ca: 'CA',
      mirrors: [{ ...access, location: 'm.example:5000/copy', tags: false, cert: 'CERT', key: 'KEY' }],
    },
    { ...access, prefix: 'r.example', ca: 'OTHER', mirrors: [] },
    { plainHTTP: true, prefix: 'plain.example:80', mirrors: [{ ...access, location: 'm.example:5000', tags: true, ca: 'M' }] },
  ],
};

test('prefixes, mirrors and plain http are said in the words of registries.conf', () => {
  assert.equal(
    registriesConf(configuration, new Set(['r.example', 'also.example'])),
    `unqualified-search-registries = []
short-name-mode = "enforcing"

[[registry]]
prefix = "r.example/team"
location = "r.example/team"
insecure = true

[[registry.mirror]]
location = "m.example:5000/copy"
insecure = false
pull-from-mirror = "digest-only"

[[registry]]
prefix = "r.example"
location = "r.example"
insecure = true

[[registry]]
prefix = "plain.example:80"
location = "plain.example:80"
insecure = true

[[registry.mirror]]
location = "m.example:5000"
insecure = false
pull-from-mirror = "all"

[[registry]]
prefix = "also.example"
location = "also.example"
insecure = true
`,
  );
});

test('certificates are files of their hosts', () => {
  assert.deepEqual(Object.fromEntries(certificateFiles(configuration)), {
    'r.example/ca.crt': 'CA\nOTHER',
    'm.example:5000/client.cert': 'CERT',
    'm.example:5000/client.key': 'KEY',
    'm.example:5000/ca.crt': 'M',
  });
  assert.equal(certificateFiles(emptyConfiguration).size, 0);
});
