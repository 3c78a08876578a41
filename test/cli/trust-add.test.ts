/** `scantling trust add` by rkt's rules (T1 to T10; T4 is in trust-discover.test.ts), and by those rkt did not have. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { flagsOf } from '../../controller/command-line.ts';
import { trustDirectory } from './trust-directory.ts';
import { cosignKey, openPGPKey, sshKey } from './trust-keys.ts';

const d = trustDirectory();
const prefix = ['--prefix', 'registry.example.com/os'];
const nothing = (): void => assert(!existsSync(d.policies), 'nothing was written');

describe('trust is bounded', () => {
  test('a key without --prefix and without --root is refused (T1)', async () => {
    const { code, said } = await d.add([d.file], { answers: ['yes'] });
    assert.equal(code, 2);
    assert.match(said, /--prefix says for what, or --root for everything/);
    nothing();
  });

  test('--prefix and --root together are refused (T2)', async () => {
    const { code, said } = await d.add([d.file, ...prefix, '--root'], { answers: ['yes'] });
    assert.equal(code, 2);
    assert.match(said, /--root and --prefix together/);
    nothing();
  });

  for (const wrong of [
    'https://registry.example.com/os',
    'Registry.example.com',
    'example.com/os/',
    'example.com/*',
    '',
    'example.com//os',
    '-x',
    'a b',
  ])
    test(`"${wrong}" is no prefix (T3)`, async () => {
      const { code } = await d.add([d.file, `--prefix=${wrong}`], { answers: ['yes'] });
      assert.equal(code, 2);
      nothing();
    });

  test('--root without a key is refused: there is nothing to discover (T5)', async () => {
    const { code, said } = await d.add(['--root'], { answers: ['yes'] });
    assert.equal(code, 2);
    assert.match(said, /KEY is missing/);
    nothing();
  });
});

describe('where keys come from', () => {
  let server: Server;
  let url: string;
  let answer: (path: string) => { status: number; body: string; location?: string };
  before(async () => {
    server = createServer((request, response) => {
      const { status, body, location } = answer(request.url ?? '');
      response.writeHead(status, location === undefined ? {} : { location }).end(body);
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/cosign.pub`;
  });
  after(() => server.close());

  test('http is refused unless --insecure-allow-http is said (T6)', async () => {
    let came = 0;
    answer = () => ({ status: 200, body: `${came++ < 0}${d.key.text}` });
    const refused = await d.add([url, ...prefix], { answers: ['yes'] });
    assert.equal(refused.code, 2);
    assert.match(refused.said, /--insecure-allow-http/);
    assert.equal(came, 0, 'nothing was asked for');
    nothing();
    answer = () => ({ status: 200, body: d.key.text });
    assert.equal((await d.add([url, ...prefix, '--insecure-allow-http'], { answers: ['yes'] })).code, 0);
  });

  for (const scheme of ['ftp', 'ssh', 'data', 'file'])
    test(`${scheme}:// is refused (T6)`, async () => {
      const { code, said } = await d.add([`${scheme}://example.com/key`, ...prefix], { answers: ['yes'] });
      assert.equal(code, 2);
      assert.match(said, new RegExp(`not from ${scheme}://`));
    });

  for (const status of [201, 202, 204, 206, 301, 404, 500])
    test(`an answer of ${status} is refused (T7)`, async () => {
      answer = () => ({ status, body: status === 204 ? '' : d.key.text });
      const { code, said } = await d.add([url, ...prefix, '--insecure-allow-http'], { answers: ['yes'] });
      assert.equal(code, 1);
      assert.match(said, new RegExp(`answered ${status}`));
      nothing();
    });

  test('more than 64 KiB are refused (W6)', async () => {
    answer = () => ({ status: 200, body: d.key.text + ' '.repeat(65_536) });
    const { code, said } = await d.add([url, ...prefix, '--insecure-allow-http'], { answers: ['yes'] });
    assert.equal(code, 1);
    assert.match(said, /larger than 65536 bytes/);
  });

  test('standard input is a file', async () => {
    const { code, out } = await d.add(['-', ...prefix, '--fingerprint', d.key.fingerprint], { input: d.key.text });
    assert.equal(code, 0);
    assert.match(out, new RegExp(`added ${d.key.fingerprint}`));
  });

  test('a private key is refused, and no word of it is said', async () => {
    const secret = 'MHcCAQEEIHc0aGVyZSBpcyBhIHNlY3JldCB0aGF0IG5vYm9keSBtYXkgc2Vl';
    const { code, said, out } = await d.add(
      [d.put('cosign.key', `-----BEGIN EC PRIVATE KEY-----\n${secret}\n-----END EC PRIVATE KEY-----\n`), ...prefix],
      { answers: ['yes'] },
    );
    assert.equal(code, 1);
    assert.match(said, /holds a private key/);
    assert(!`${said}${out}`.includes(secret));
    nothing();
  });
});

describe('a person looks', () => {
  test('prefix, place, fingerprint, subkeys and identities are shown, and only yes stores (T8)', async () => {
    const alice = await openPGPKey('alice');
    const place = d.put('alice.asc', alice.text);
    const ask = (answers: string[]) => d.add([place, '--prefix', 'git.example.com/systems'], { answers });
    for (const [answers, code] of [
      [['no'], 1],
      [['y', 'sure', 'of course', 'yes'], 1],
      [[], 1],
      [['perhaps', 'YES'], 0],
    ] as const) {
      const ran = await ask([...answers]);
      assert.equal(ran.code, code, answers.join());
      assert.match(ran.said, new RegExp(`^Key: +${place}$`, 'm'));
      assert.match(ran.said, /^Fingerprint: +([0-9A-F]{4} ){9}[0-9A-F]{4}$/m);
      assert.match(ran.said, /^Subkey: +([0-9A-F]{4} ){9}[0-9A-F]{4}$/m);
      assert.match(ran.said, /^Identity: +alice <alice@example\.com>$/m);
      assert.match(ran.said, /^May sign: +commits of repositories at and below git\.example\.com\/systems$/m);
      assert.match(ran.said, /Are you sure that you want to trust this key\? \(yes\/no\)/);
      assert.equal(existsSync(d.policies), code === 0);
    }
  });

  test('without a terminal it is refused, with a hint that names the flag (T9)', async () => {
    const { code, said } = await d.add([d.file, ...prefix]);
    assert.equal(code, 1);
    assert.match(said, new RegExp(`there is no terminal.*${d.key.fingerprint}.*say --fingerprint`, 's'));
    nothing();
  });

  test('without a terminal the key whose fingerprint was told is taken (T9)', async () => {
    const { code, out } = await d.add([d.file, ...prefix, '--fingerprint', d.key.fingerprint.toUpperCase()]);
    assert.equal(code, 0);
    assert.match(
      out,
      new RegExp(`^added ${d.key.fingerprint} as registry-example-com-os/key-${d.key.fingerprint.slice(0, 8)}$`, 'm'),
    );
  });

  test('a key other than the one that was told is refused, also at a terminal', async () => {
    const other = await cosignKey();
    const { code, said } = await d.add([d.file, ...prefix, '--fingerprint', other.fingerprint], { answers: ['yes'] });
    assert.equal(code, 1);
    assert.match(said, /the key is not the one you were told/);
    nothing();
  });

  test('the beginning of a fingerprint is none', async () => {
    assert.equal((await d.add([d.file, ...prefix, '--fingerprint', d.key.fingerprint.slice(0, 16)])).code, 2);
    nothing();
  });

  test('no switch takes a key that nobody looked at, whose fingerprint nobody was told (T10)', async () => {
    const switches = flagsOf('trust add').filter(({ flag }) => flag.kind === 'switch');
    assert(switches.length > 0);
    for (const { name } of switches) {
      const { code } = await d.add([d.file, ...(name === 'root' ? [] : prefix), `--${name}`]);
      assert.equal(code, 1, name);
      nothing();
    }
  });

  test('accepting one key never accepts the next (W3)', async () => {
    const [alice, bob] = [await openPGPKey('alice'), await openPGPKey('bob')];
    const both = d.put('both.asc', alice.text + bob.text);
    const { code, out } = await d.add([both, '--prefix', 'git.example.com/systems'], { answers: ['yes', 'no'] });
    assert.equal(code, 1);
    assert.match(out, new RegExp(`added ${alice.fingerprint}.*not added: ${bob.fingerprint}`, 's'));
    assert.deepEqual(
      d.stored().spec.authorities?.map(a => a.openPGP?.fingerprints),
      [[alice.fingerprint]],
    );
  });

  test('of two keys one that was told does not take the other with it (W3)', async () => {
    const [alice, bob] = [await openPGPKey('alice'), await openPGPKey('bob')];
    const both = d.put('both.asc', alice.text + bob.text);
    const { code, said } = await d.add([both, '--prefix', 'git.example.com/systems', '--fingerprint', alice.fingerprint]);
    assert.equal(code, 1);
    assert.match(said, new RegExp(`does not name the key\\n +${bob.fingerprint} bob <bob@example.com>`));
    nothing();
  });

  test('a fingerprint names no options that stand beside an SSH key', async () => {
    const key = await sshKey('ci@example.com');
    const [kind, blob] = key.text.split(' ');
    const git = ['--prefix', 'git.example.com/systems', '--fingerprint', key.fingerprint];
    const options = ['cert-authority', 'no-touch-required', 'namespaces="*"', 'namespaces="git",valid-before="20300101Z"'];
    for (const option of options) {
      const file = d.put('allowed', `* ${option} ${kind} ${blob}\n`);
      const alone = await d.add([file, ...git]);
      assert.equal(alone.code, 1, option);
      assert.match(alone.said, /stand options that a fingerprint does not name: \* /);
      nothing();
      const asked = await d.add([file, ...git], { answers: ['no'] });
      assert.equal(asked.code, 1, option);
      assert.match(asked.said, /Are you sure/);
      nothing();
    }
    const plain = d.put('allowed', `ci@example.com namespaces="git" ${kind} ${blob}\n`);
    assert.equal((await d.add([plain, ...git])).code, 0);
  });

  test('all entities of a file are shown and stored (W2)', async () => {
    const [alice, bob] = [await openPGPKey('alice'), await openPGPKey('bob')];
    const both = d.put('both.asc', alice.text + bob.text);
    assert.equal((await d.add([both, '--prefix', 'git.example.com/systems'], { answers: ['yes', 'yes'] })).code, 0);
    assert.equal(d.stored().spec.authorities?.length, 2);
  });
});
