/** The bundle with OpenPGP, which is a file of its own beside it: with that file, and without. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createMessage, generateKey, readPrivateKey, sign } from 'openpgp';
import { programFor } from '../cluster/program.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';
import { withSignature } from '../trust/commits/with-signature.ts';

describe('the program and OpenPGP', () => {
  let directory: string;
  let repository: string;
  let keyFile: string;
  let fingerprint: string;
  /** As it is built, and copied without the file beside it. */
  let whole: string;
  let alone: string;
  before(async () => {
    [, whole = ''] = await programFor({ source: false });
    directory = temporaryDirectory('openpgp');
    alone = join(directory, 'scantling.mjs');
    copyFileSync(whole, alone);
    const { publicKey, privateKey } = await generateKey({ userIDs: [{ name: 'Alice' }], format: 'armored' });
    const signingKeys = await readPrivateKey({ armoredKey: privateKey });
    fingerprint = signingKeys.getFingerprint();
    keyFile = join(directory, 'alice.asc');
    writeFileSync(keyFile, publicKey);
    repository = join(directory, 'systems');
    mkdirSync(repository);
    const git = (args: string[], input?: Buffer): string =>
      execFileSync('git', ['-C', repository, ...args], {
        encoding: 'utf8',
        input: input ?? Buffer.alloc(0),
        env: { PATH: process.env['PATH'], HOME: directory },
      }).trim();
    git(['init', '-q', '-b', 'main']);
    git(['remote', 'add', 'origin', 'https://git.example.com/acme/systems.git']);
    const at = `Alice <alice@example.com> ${Math.floor(Date.now() / 1000)} +0000`;
    const unsigned = Buffer.from(`tree ${git(['write-tree'])}\nauthor ${at}\ncommitter ${at}\n\nsigned\n`);
    const signature = await sign({ message: await createMessage({ binary: unsigned }), signingKeys, detached: true });
    const commit = withSignature(unsigned, Buffer.from(signature));
    git(['update-ref', 'refs/heads/main', git(['hash-object', '-t', 'commit', '-w', '--stdin'], commit)]);
  });
  after(() => removeDirectory(directory));

  const run = (program: string, ...args: string[]): Promise<{ code: unknown; out: string; said: string }> =>
    new Promise(resolve => {
      const env = { HOME: directory, PATH: process.env['PATH'], KUBECONFIG: join(directory, 'none') };
      execFile(process.execPath, [program, ...args], { env }, (error, out, said) =>
        resolve({ code: error ? error.code : 0, out, said }),
      );
    });
  const add = (program: string, file: string) =>
    run(program, 'trust', 'add', keyFile, '--prefix', 'git.example.com', '--fingerprint', fingerprint, '--file', file);
  const verify = (program: string, policy: string) =>
    run(program, 'verify', 'commit', 'main', '--repository', repository, '--policy', policy);

  test('adds a key and verifies a commit by the bundle and the file beside it; without the file it names what is missing', async () => {
    const policy = join(directory, 'policies.yaml');
    const added = await add(whole, policy);
    assert.deepEqual([added.code, added.out.includes(`added ${fingerprint}`)], [0, true], added.said);
    const verified = await verify(whole, policy);
    assert.deepEqual([verified.code, verified.said], [0, ''], verified.out);
    assert.match(verified.out, /^Trusted: [^]*\n {2}git-example-com-git\/\S+ {2}OpenPGP {2}/);

    const missing = new RegExp(
      `the module openpgp, which is beside the program, cannot be loaded: .*${dirname(alone)}/openpgp\\.mjs`,
    );
    const notAdded = await add(alone, join(directory, 'none.yaml'));
    assert.match(notAdded.said, missing);
    assert.equal(notAdded.code, 1);
    const notVerified = await verify(alone, policy);
    assert.match(notVerified.said + notVerified.out, missing);
    assert.notEqual(notVerified.code, 0, notVerified.out);
  });
});
