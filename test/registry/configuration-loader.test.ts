import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { TransientError, WaitingError } from '../../controller/api/errors.ts';
import { readRegistriesFiles } from '../../controller/registry/configuration-files.ts';
import { RegistriesLoader } from '../../controller/registry/configuration-loader.ts';
import type { Certificates } from '../../controller/registry/configuration.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { createAuthority, issueCertificate } from '../cluster/certificates.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';

const authority = createAuthority('loader');
const { certificate: cert, key } = issueCertificate({ ...authority, commonName: 'loader' }, ['client']);
const text = 'registries: [{ prefix: a.example, certSecretRef: { name: tls } }]';

function scene() {
  const state: { now: number; text: string | undefined; secrets: Record<string, Certificates>; error?: Error; reads: number } = {
    now: 0,
    text,
    secrets: { tls: { cert, key } },
    reads: 0,
  };
  const lines: string[] = [];
  const reader = {
    text: () => {
      state.reads++;
      return state.error ? Promise.reject(state.error) : Promise.resolve(state.text);
    },
    certificates: (name: string) => Promise.resolve(state.secrets[name]),
  };
  const log = createLog('info', line => lines.push(line));
  return { state, lines, loader: new RegistriesLoader({ reader, log, now: () => state.now }) };
}

describe('the configuration of the controller', () => {
  test('is read at use, once for all callers, and again after half a minute', async () => {
    const { state, loader } = scene();
    const [first, second] = await Promise.all([loader.current(), loader.current()]);
    assert.equal(first, second);
    assert.equal(state.reads, 1);
    assert.deepEqual(loader.secretNames(), ['tls']);
    state.now += 29_999;
    await loader.current();
    assert.equal(state.reads, 1);
    state.now += 1;
    assert.equal(await loader.current(), first, 'the same object while nothing changes');
    assert.equal(state.reads, 2);
  });

  test('a change of the text or of a certificate is a new one', async () => {
    const { state, loader } = scene();
    const first = await loader.current();
    state.secrets = { tls: { cert, key, ca: authority.certificate } };
    state.now += 30_000;
    const second = await loader.current();
    assert.notEqual(second, first);
    assert.equal(second.registries[0]?.ca, authority.certificate);
    state.text = undefined;
    state.now += 30_000;
    assert.deepEqual(await loader.current(), { registries: [] }, 'no ConfigMap is none of it');
  });

  test('the last good one stays when it cannot be read or is wrong', async () => {
    const { state, loader, lines } = scene();
    const good = await loader.current();
    for (const trouble of [
      { error: new TransientError('Http500', 'the API server is away') },
      { text: 'registries: [{ prefix: "https://a" }]' },
      { secrets: {} },
    ]) {
      Object.assign(state, { error: undefined, text, secrets: { tls: { cert, key } } }, trouble);
      state.now += 30_000;
      assert.equal(await loader.current(), good);
    }
    const said = lines.filter(line => line.includes('last good one stays'));
    assert.equal(said.length, 3);
    assert.match(said.join('\n'), /the API server is away[^]*registries\[0\]\.prefix[^]*there is no Secret \\\\?"tls/);
    assert.ok(!said.join('\n').includes('PRIVATE KEY'));
  });

  test('without a good one nothing is asked, and a correction counts soon', async () => {
    const { state, loader } = scene();
    state.secrets = {};
    await assert.rejects(loader.current(), error => error instanceof WaitingError && error.reason === 'InvalidRegistries');
    state.error = new TransientError('Http500', 'away');
    state.now += 1_000;
    await assert.rejects(loader.current(), error => error === state.error);
    state.secrets = { tls: { cert, key } };
    delete state.error;
    state.now += 1_000;
    assert.equal((await loader.current()).registries.length, 1);
  });
});

describe('the configuration of a program with files', () => {
  const directory = temporaryDirectory('registries');
  after(() => removeDirectory(directory));
  const file = join(directory, 'registries.yaml');
  const certificatesDirectory = join(directory, 'certificates');

  test('need not exist', async () => {
    assert.deepEqual(await readRegistriesFiles({ file: join(directory, 'none'), certificatesDirectory: undefined }), {
      registries: [],
    });
    assert.deepEqual(await readRegistriesFiles({ file: undefined, certificatesDirectory }), { registries: [] });
  });

  test('has a directory for each Secret', async () => {
    writeFileSync(file, text);
    await assert.rejects(readRegistriesFiles({ file, certificatesDirectory }), /there is no Secret "tls"/);
    mkdirSync(join(certificatesDirectory, 'tls'), { recursive: true });
    writeFileSync(join(certificatesDirectory, 'tls', 'tls.crt'), cert);
    await assert.rejects(readRegistriesFiles({ file, certificatesDirectory }), TransientError);
    writeFileSync(join(certificatesDirectory, 'tls', 'tls.key'), key);
    const { registries } = await readRegistriesFiles({ file, certificatesDirectory });
    assert.deepEqual([registries[0]?.cert, registries[0]?.key, registries[0]?.ca], [cert, key, undefined]);
  });
});
