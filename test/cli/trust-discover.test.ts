/** `scantling trust add --prefix` without a key: what the prefix itself names is shown to a person, and nothing else (T4), against a server with TLS. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { discover } from '../../controller/trust/discovery.ts';
import { createAuthority, issueCertificate } from '../cluster/certificates.ts';
import { trustDirectory } from './trust-directory.ts';
import { cosignKey, type TestKey } from './trust-keys.ts';
import type { Surroundings } from './trust-run.ts';

const authority = { ...createAuthority('discovery test'), commonName: 'discovery test' };
const certificate = issueCertificate(authority, ['keys.example.com']);

/** The server has a private address, and the certificate of an authority that only we know. */
const discoverHere: typeof discover = asked =>
  discover({ ...asked, ca: authority.certificate, resolve: () => Promise.resolve(['127.0.0.1']) });

describe('trust add without a key', () => {
  const d = trustDirectory();
  let server: Server;
  let host: string;
  let asked: string[];
  /** By path with query. */
  let answers: Record<string, string>;
  let other: TestKey;
  before(async () => {
    server = createServer({ cert: certificate.certificate, key: certificate.key }, ({ url = '' }, response) => {
      asked.push(url);
      const answer = answers[url];
      response.writeHead(answer === undefined ? 404 : 200).end(answer ?? 'not here');
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    host = `keys.example.com:${(server.address() as AddressInfo).port}`;
    other = await cosignKey();
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    asked = [];
    const tags = ['one', 'two'].map(key => `<meta name="ac-discovery-pubkeys" content="${host} https://${host}/${key}.pub">`);
    answers = { '/?ac-discovery=1': tags.join('\n'), '/one.pub': d.key.text, '/two.pub': other.text };
  });

  const add = (o: Surroundings, ...flags: string[]) =>
    d.add(['--prefix', `${host}/os`, ...flags], { discover: discoverHere, ...o });
  const allowed = '--allow-private-addresses';

  test('each key that is found is shown with its place, and asked about by itself; what is not accepted is not stored', async () => {
    const { code, out, said } = await add({ answers: ['no', 'yes'] }, allowed);
    assert.equal(code, 1, said);
    assert.deepEqual(asked, ['/os?ac-discovery=1', '/?ac-discovery=1', '/one.pub', '/two.pub']);
    const shown = ['one', 'two'].map(key => said.indexOf(`https://${host}/${key}.pub`));
    assert(
      shown.every((at, i) => at > (shown[i - 1] ?? -1)),
      said,
    );
    assert.equal(said.match(/Are you sure that you want to trust this key\?/g)?.length, 2);
    assert.match(out, new RegExp(`added ${other.fingerprint}.*not added: ${d.key.fingerprint}`, 's'));
    assert.deepEqual(
      d.stored().spec.authorities?.map(({ key }) => key?.data?.trim()),
      [other.text.trim()],
    );
  });

  test('nobody is asked without a terminal, and a fingerprint that was told takes its own key alone', async () => {
    const { code, said } = await add({}, allowed, '--fingerprint', other.fingerprint);
    assert.equal(code, 1);
    assert.match(said, new RegExp(`there is no terminal.*${d.key.fingerprint}`, 's'));
    assert(!existsSync(d.policies));
  });

  test('of what gives no key each attempt is said', async () => {
    answers = { '/?ac-discovery=1': '<html>nothing</html>' };
    const { code, said } = await add({ answers: ['yes'] }, allowed);
    assert.equal(code, 1);
    assert.equal(
      said,
      `scantling: no keys were found for ${host}/os:\n  https://${host}/os?ac-discovery=1: answered 404\n  https://${host}?ac-discovery=1: no meta tag ac-discovery-pubkeys\n`,
    );
    assert(!existsSync(d.policies));
  });

  test('a private address is not asked unless --allow-private-addresses is said, which the refusal names', async () => {
    const { code, said } = await add({ answers: ['yes', 'yes'] });
    assert.equal(code, 1);
    assert.match(said, /\(127\.0\.0\.1\) is a private address[^]*\n\(--allow-private-addresses allows them\)\n$/);
    assert.deepEqual(asked, []);
    assert(!existsSync(d.policies));
    assert.equal((await add({ answers: ['yes', 'yes'] }, allowed)).code, 0);
  });
});
