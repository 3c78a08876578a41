/** Discovery of keys against a real server with TLS: what is asked for, what is taken, and what is refused. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { createServer as createPlainServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { generateKey } from 'openpgp';
import { discover, type DiscoverOptions } from '../../controller/trust/discovery.ts';
import { createAuthority, issueCertificate } from '../cluster/certificates.ts';

const authority = { ...createAuthority('discovery test'), commonName: 'discovery test' };
const certificate = issueCertificate(authority, ['keys.example.com', 'other.example.com', 'private.example.com', '127.0.0.1']);
const pem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
const key = pem();

type Answer = string | Buffer | ((request: IncomingMessage, response: ServerResponse) => void);

const redirect =
  (location: string, status = 302): Answer =>
  (_, response) =>
    response.writeHead(status, { location }).end();
/** From a server that trickles on for ever. */
const endless: Answer = (_, response) => {
  const write = (): void => {
    while (response.write('x'.repeat(65_536)));
    response.once('drain', write);
  };
  write();
};
const look = (prefix: string, more: Partial<DiscoverOptions> = {}) =>
  discover({ prefix, allowPrivate: true, ca: authority.certificate, resolve: () => Promise.resolve(['127.0.0.1']), ...more });

describe('discovery', () => {
  let server: Server;
  let port: number;
  let host: string;
  /** By path with query, of any host name. */
  let answers: Record<string, Answer>;
  let asked: string[];

  before(async () => {
    server = createServer({ cert: certificate.certificate, key: certificate.key }, (request, response) => {
      const url = request.url ?? '';
      asked.push(`${request.headers.host?.split(':')[0]} ${url}`);
      const answer = answers[url];
      if (typeof answer === 'function') answer(request, response);
      else if (answer === undefined) response.writeHead(404).end('not here');
      else response.end(answer);
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    host = `keys.example.com:${port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    answers = {};
    asked = [];
  });

  const tag = (url: string, prefix = host): string => `<meta name="ac-discovery-pubkeys" content="${prefix} ${url}">\n`;

  test('keys are discovered from meta tags of the prefix (T4, D2, D4)', async () => {
    answers['/os?ac-discovery=1'] =
      tag(`https://${host}/k.pem`, `${host}/os`) + tag(`https://${host}/none.pem`, 'elsewhere.example.com');
    answers['/k.pem'] = key;
    const { found, complete } = await look(`${host}/os`);
    assert.deepEqual(
      found.map(({ kind, location }) => [kind, location]),
      [['key', `https://${host}/k.pem`]],
    );
    assert.equal(complete, true);
    assert.deepEqual(asked, ['keys.example.com /os?ac-discovery=1', 'keys.example.com /k.pem']);
  });

  test('the walk goes up the path to the host, and says what was tried, each with its error (D2)', async () => {
    answers['/a/b?ac-discovery=1'] = '<html>nothing here</html>';
    answers['/?ac-discovery=1'] = tag(`https://${host}/k.pem`);
    answers['/k.pem'] = key;
    const { found, attempts, complete } = await look(`${host}/a/b/c`);
    assert.equal(found.length, 1);
    assert.deepEqual(attempts, [
      `https://${host}/a/b/c?ac-discovery=1: answered 404`,
      `https://${host}/a/b?ac-discovery=1: no meta tag ac-discovery-pubkeys`,
      `https://${host}/a?ac-discovery=1: answered 404`,
    ]);
    assert.equal(complete, true, 'a 404 is an answer');
  });

  test('the walk ends at the first page that names keys (D2)', async () => {
    answers['/a?ac-discovery=1'] = tag(`https://${host}/k.pem`);
    answers['/?ac-discovery=1'] = tag(`https://${host}/other.pem`);
    answers['/k.pem'] = key;
    answers['/other.pem'] = pem();
    assert.equal((await look(`${host}/a`)).found.length, 1);
    assert(!asked.includes('keys.example.com /?ac-discovery=1'));
  });

  test('a prefix in a tag is compared by whole segments (D5, W1)', async () => {
    answers['/foobar?ac-discovery=1'] = tag(`https://${host}/k.pem`, `${host}/foo`);
    answers['/?ac-discovery=1'] = tag(`https://${host}/k.pem`, `${host}/foobar/below`);
    answers['/k.pem'] = key;
    const { found, attempts } = await look(`${host}/foobar`);
    assert.deepEqual(found, []);
    assert.match(attempts[0] ?? '', /no meta tag ac-discovery-pubkeys for .*foobar, only for .*\/foo$/);
    assert(!asked.includes('keys.example.com /k.pem'));
  });

  test('several tags, and all entities of an armored file, are several keys (D4, W2)', async () => {
    const keys = await Promise.all(['alice', 'bob'].map(name => generateKey({ userIDs: [{ name }], format: 'armored' })));
    answers['/?ac-discovery=1'] = tag(`https://${host}/k.asc`) + tag(`https://${host}/k.pem`);
    answers['/k.asc'] = keys.map(k => k.publicKey).join('\n');
    answers['/k.pem'] = key;
    assert.deepEqual(
      (await look(host)).found.map(k => [k.kind, ...k.identities]),
      [['openPGP', 'alice'], ['openPGP', 'bob'], ['key']],
    );
  });

  test('one key that cannot be had does not fail the others', async () => {
    answers['/?ac-discovery=1'] = tag(`https://${host}/gone.pem`) + tag(`https://${host}/k.pem`) + tag(`https://${host}/page`);
    answers['/k.pem'] = key;
    answers['/page'] = '<html>no key</html>';
    const { found, attempts, complete } = await look(host);
    assert.equal(found.length, 1);
    assert.match(attempts.join('\n'), /gone\.pem: answered 404\n.*\/page: holds no key/);
    assert.equal(complete, false, 'what was named and is not there may come back');
  });

  describe('redirects', () => {
    test('are followed, also to another host (D6)', async () => {
      answers['/os?ac-discovery=1'] = redirect(`https://other.example.com:${port}/page`);
      answers['/page'] = tag(`https://${host}/k`, `${host}/os`);
      answers['/k'] = redirect('/real.pem', 308);
      answers['/real.pem'] = key;
      const { found } = await look(`${host}/os`);
      assert.equal(found[0]?.location, `https://${host}/real.pem`);
    });

    const refused: [string, () => Answer, RegExp][] = [
      ['more than five are not followed (W6)', () => redirect('/?ac-discovery=1'), /redirected more than 5 times/],
      ['to http are refused (W6, D7)', () => redirect('http://keys.example.com/'), /is plain http/],
      ['to a file are refused', () => redirect('file:///etc/passwd'), /which is file/],
      ['with a password are refused', () => redirect('https://user:secret@keys.example.com/'), /has a user or a password/],
      ['to what is no URL are refused', () => redirect('https://['), /is not a URL/],
      ['to a special address are refused', () => redirect('https://169.254.169.254/latest/meta-data/'), /is a special address/],
      ['to an address in other writing are refused', () => redirect('https://0xa9fea9fe/'), /is a special address/],
    ];
    for (const [name, answer, message] of refused)
      test(name, async () => {
        answers['/?ac-discovery=1'] = answer();
        const { found, attempts, complete } = await look(host);
        assert.deepEqual([found, complete], [[], false]);
        assert.match(attempts.join('\n'), message);
        assert.doesNotMatch(attempts.join('\n'), /secret/);
      });
  });

  describe('bounds (D7, W6)', () => {
    test('a page beyond 1 MiB is refused, and the walk goes on', async () => {
      answers['/os?ac-discovery=1'] = endless;
      answers['/?ac-discovery=1'] = tag(`https://${host}/k.pem`);
      answers['/k.pem'] = key;
      const { found, attempts } = await look(`${host}/os`);
      assert.equal(found.length, 1);
      assert.match(attempts[0] ?? '', /larger than 1048576 bytes/);
    });
    test('a key beyond 64 KiB is refused', async () => {
      answers['/?ac-discovery=1'] = tag(`https://${host}/k.pem`);
      answers['/k.pem'] = endless;
      assert.match((await look(host)).attempts[0] ?? '', /larger than 65536 bytes/);
    });
    test('a server that never ends is left when the time is over', async () => {
      answers['/?ac-discovery=1'] = (_, response) => void response.write('<html>');
      const { found, attempts, complete } = await look(`${host}/a/b`, { timeoutMs: 300 });
      assert.deepEqual([found, complete], [[], false]);
      assert.match(attempts.at(-1) ?? '', /not answered in time/);
    });
    test('what is compressed is refused: it may be larger than it is', async () => {
      answers['/?ac-discovery=1'] = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
      assert.match((await look(host)).attempts[0] ?? '', /encoding gzip/);
    });
    test('no more keys are asked for than are looked at', async () => {
      answers['/?ac-discovery=1'] = Array.from({ length: 100 }, (_, i) => tag(`https://${host}/k${i}`)).join('');
      await look(host);
      assert.equal(asked.length, 17);
    });
  });

  describe('addresses (D7)', () => {
    const refused: [string, string, RegExp][] = [
      ['a private one', '127.0.0.1', /keys\.example\.com.* \(127\.0\.0\.1\) is a private address/],
      ["a cloud's metadata", '169.254.169.254', /is a special address/],
      ['a private one in IPv6', '::ffff:127.0.0.1', /is a private address/],
    ];
    for (const [name, address, message] of refused)
      test(`${name} is refused unless allowed`, async () => {
        const { attempts, complete } = await look(`${host}/a/b`, {
          allowPrivate: false,
          resolve: () => Promise.resolve([address]),
        });
        assert.equal(attempts.length, 1, 'the same host is not asked again');
        assert.match(attempts[0] ?? '', message);
        assert.deepEqual([asked, complete], [[], false]);
      });

    test('a literal address is refused as well', async () => {
      const { attempts } = await look(`127.0.0.1:${port}`, { allowPrivate: false });
      assert.match(attempts[0] ?? '', /is a private address/);
      assert.deepEqual(asked, []);
    });

    test('one public address among private ones is no way in', async () => {
      const { attempts } = await look(host, { allowPrivate: false, resolve: () => Promise.resolve(['1.1.1.1', '127.0.0.1']) });
      assert.match(attempts[0] ?? '', /127\.0\.0\.1.* is a private address/);
    });

    test('a name that has another address the next time gains nothing: what is checked is what is connected to', async () => {
      let times = 0;
      const resolve = () => Promise.resolve([times++ === 0 ? '192.168.0.1' : '127.0.0.1']);
      const rebound = await look(host, { allowPrivate: false, resolve });
      assert.deepEqual([rebound.found, times, asked], [[], 1, []]);
      assert.match(rebound.attempts[0] ?? '', /192\.168\.0\.1\) is a private address/);
    });

    test("a key at a cloud's metadata service is refused, wherever the page is", async () => {
      answers['/?ac-discovery=1'] = tag('https://169.254.169.254/k.pem');
      const { found, attempts } = await look(host);
      assert.deepEqual(found, []);
      assert.match(attempts[0] ?? '', /is a special address/);
    });
  });

  test('a certificate of nobody we know is no answer', async () => {
    const { attempts, complete } = await discover({
      prefix: `${host}/a/b`,
      allowPrivate: true,
      resolve: () => Promise.resolve(['127.0.0.1']),
    });
    assert.equal(attempts.length, 1);
    assert.match(attempts[0] ?? '', /certificate/);
    assert.equal(complete, false);
  });

  test('keys by http, and by anything but https, are refused (T6, D6)', async () => {
    let came = 0;
    const plain = createPlainServer((_, response) => {
      came++;
      response.end(key);
    });
    await new Promise<void>(resolve => plain.listen(0, '127.0.0.1', resolve));
    const { port: plainPort } = plain.address() as AddressInfo;
    answers['/?ac-discovery=1'] =
      tag(`http://keys.example.com:${plainPort}/k.pem`) + tag('ftp://keys.example.com/k') + tag('file:///etc/k') + tag('k.pem');
    const { found, attempts } = await look(host);
    plain.close();
    assert.deepEqual([found, came], [[], 0]);
    assert.match(attempts.join('\n'), /plain http.*\n.*is ftp\n.*is file\n.*not a URL/);
  });

  test('a page that answers 500 may be another the next time: nothing is said to be gone', async () => {
    answers['/?ac-discovery=1'] = (_, response) => response.writeHead(500).end();
    const { complete, attempts } = await look(host);
    assert.deepEqual([complete, attempts], [false, [`https://${host}?ac-discovery=1: answered 500`]]);
  });

  test('words of a page cannot move a terminal’s cursor', async () => {
    answers['/?ac-discovery=1'] = tag('https://[\u001B[2K', host);
    assert(!(await look(host)).attempts.join('').includes('\u001B'));
  });
});
