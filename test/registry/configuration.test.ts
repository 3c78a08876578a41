import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StallingError } from '../../controller/api/errors.ts';
import {
  type Certificates,
  certificateSecrets,
  entryFor,
  mirrored,
  parseRegistries,
} from '../../controller/registry/configuration.ts';
import { createAuthority, issueCertificate } from '../cluster/certificates.ts';

const authority = createAuthority('registries');
const client = issueCertificate({ ...authority, commonName: 'registries' }, ['client']);
const secrets: Record<string, Certificates> = {
  mutual: { ca: authority.certificate, cert: client.certificate, key: client.key },
  'ca-only': { ca: authority.certificate },
  half: { cert: client.certificate },
  empty: {},
  broken: { cert: client.certificate, key: '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n' },
};
const parse = (text: string) => parseRegistries(text, name => secrets[name]);
const pem = authority.certificate.trimEnd().replaceAll('\n', '\n      ');

const whole = `
registries:
  - prefix: registry.example.com
    ca: |
      ${pem}
    certSecretRef: { name: mutual }
    mirrors:
      - location: mirror.example.com:5000/cache
        plainHTTP: true
        tags: true
      - location: '[fd00::1]:5000'
        certSecretRef: { name: ca-only }
  - prefix: registry.example.com/team/os
    plainHTTP: true
  - prefix: index.docker.io
    mirrors: [{ location: hub.example.com/hub }]
`;

describe('registries.yaml', () => {
  test('is certificates, plain http and mirrors by prefix', () => {
    const { registries } = parse(whole);
    assert.deepEqual(
      registries.map(({ prefix, plainHTTP, certSecret }) => [prefix, plainHTTP, certSecret]),
      [
        ['registry.example.com', false, 'mutual'],
        ['registry.example.com/team/os', true, undefined],
        ['docker.io', false, undefined],
      ],
    );
    assert.equal(registries[0]?.key, client.key);
    assert.equal(registries[0]?.ca?.split('BEGIN CERTIFICATE').length, 3, 'its own and that of the Secret');
    assert.deepEqual(
      registries[0]?.mirrors.map(({ location, plainHTTP, tags, certSecret }) => [location, plainHTTP, tags, certSecret]),
      [
        ['mirror.example.com:5000/cache', true, true, undefined],
        ['[fd00::1]:5000', false, false, 'ca-only'],
      ],
    );
    assert.deepEqual(certificateSecrets(whole), ['mutual', 'ca-only']);
  });

  test('may be empty', () => {
    for (const text of ['', '# nothing yet', '{}', 'registries: []']) assert.deepEqual(parse(text), { registries: [] });
  });

  test('the longest prefix counts, at the borders of a path only', () => {
    const configuration = parse(whole);
    for (const [name, prefix] of [
      ['registry.example.com/team/os', 'registry.example.com/team/os'],
      ['registry.example.com/team/os/edge', 'registry.example.com/team/os'],
      ['registry.example.com/team/os-2', 'registry.example.com'],
      ['registry.example.com', 'registry.example.com'],
      ['registry.example.com:5000/a', undefined],
      ['registry.example.community/a', undefined],
      ['docker.io/library/debian', 'docker.io'],
      ['registry-1.docker.io/library/debian', 'docker.io'],
    ] as const) {
      assert.equal(entryFor(configuration, name)?.prefix, prefix, name);
    }
  });

  test('a mirror keeps the path below the prefix', () => {
    const entry = entryFor(parse(whole), 'docker.io/library/debian');
    const [mirror] = entry?.mirrors ?? [];
    assert.ok(entry && mirror);
    assert.equal(mirrored(entry, mirror, 'index.docker.io/library/debian'), 'hub.example.com/hub/library/debian');
  });

  for (const [text, message] of [
    ['registries:\n  - prefix: a\n   b: 1', /line 3: it is no YAML/],
    ['[]', /it is no mapping/],
    ['registry: []', /registry: is not known/],
    ['registries: {}', /registries: is no list/],
    ['registries: [1]', /registries\[0\] is no mapping/],
    ['registries: [{}]', /registries\[0\]\.prefix: is missing/],
    ['registries: [{prefix: "https://a.b"}]', /registries\[0\]\.prefix: "https:\/\/a\.b" is not host\[:port\]\[\/path\]/],
    ['registries: [{prefix: a.b, insecure: true}]', /registries\[0\]\.insecure: is not known/],
    ['registries: [{prefix: a.b, plainHTTP: yes please}]', /registries\[0\]\.plainHTTP: is neither true nor false/],
    ['registries: [{prefix: a.b, plainHTTP: true, certSecretRef: {name: mutual}}]', /certificates mean nothing over plain http/],
    ['registries: [{prefix: a.b, ca: "-----BEGIN hunter2"}]', /registries\[0\]\.ca: no PEM certificate/],
    ['registries: [{prefix: a.b, certSecretRef: {}}]', /registries\[0\]\.certSecretRef\.name: is missing/],
    ['registries: [{prefix: a.b, certSecretRef: {name: gone}}]', /certSecretRef\.name: there is no Secret "gone"/],
    ['registries: [{prefix: a.b, certSecretRef: {name: half}}]', /Secret "half" needs both tls\.crt and tls\.key/],
    ['registries: [{prefix: a.b, certSecretRef: {name: empty}}]', /Secret "empty" has neither ca\.crt nor/],
    ['registries: [{prefix: a.b, certSecretRef: {name: broken}}]', /tls\.key of Secret broken is no PEM private key/],
    ['registries: [{prefix: a.b, mirrors: [{tags: true}]}]', /registries\[0\]\.mirrors\[0\]\.location: is missing/],
    ['registries: [{prefix: a.b}, {prefix: c}, {prefix: a.b}]', /registries\[2\]\.prefix: a\.b is that of registries\[0\] too/],
  ] as const) {
    test(`${JSON.stringify(text)} is refused by the path of what is wrong`, () => {
      assert.throws(
        () => parse(text),
        error => {
          assert.ok(error instanceof StallingError);
          assert.equal(error.reason, 'InvalidRegistries');
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /hunter2/, 'no part of a key');
          return true;
        },
      );
    });
  }
});
