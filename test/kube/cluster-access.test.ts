import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { accessCluster, isKubeConfig } from '../../controller/kube/cluster-access.ts';
import { plainAccessOf } from '../../controller/kube/plain-kubeconfig.ts';

const directory = mkdtempSync(join(tmpdir(), 'scantling-access-'));
after(() => rmSync(directory, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');
const kubeconfig = (cluster: object, user: object) => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    { name: 'other', cluster: { server: 'https://other' } },
    { name: 'c', cluster: { server: 'https://api:6443', ...cluster } },
  ],
  users: [{ name: 'u', user }],
  contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  'current-context': 'x',
});

async function optionsFor(document: object): Promise<RequestOptions> {
  const file = join(directory, 'kubeconfig');
  writeFileSync(file, stringify(document));
  const access = await accessCluster(file, {});
  assert.equal(access.getCurrentCluster()?.server, 'https://api:6443');
  const options: RequestOptions = {};
  await access.applyToHTTPSOptions(options);
  return options;
}

test('a token and an authority', async () => {
  const options = await optionsFor(kubeconfig({ 'certificate-authority-data': base64('CA') }, { token: 'abc' }));
  assert.equal(options.ca, 'CA');
  assert.deepEqual(options.headers, { Authorization: 'Bearer abc' });
});

test('files are relative to the kubeconfig, and read each time', async () => {
  writeFileSync(join(directory, 'token'), 'one\n');
  writeFileSync(join(directory, 'ca.crt'), 'CA');
  const file = join(directory, 'config');
  writeFileSync(file, stringify(kubeconfig({ 'certificate-authority': 'ca.crt' }, { tokenFile: 'token' })));
  const access = await accessCluster(undefined, { KUBECONFIG: file });
  for (const token of ['one', 'two']) {
    writeFileSync(join(directory, 'token'), `${token}\n`);
    const options: RequestOptions = {};
    await access.applyToHTTPSOptions(options);
    assert.equal(options.ca, 'CA');
    assert.deepEqual(options.headers, { Authorization: `Bearer ${token}` });
  }
});

test('a certificate, and the name in the server’s', async () => {
  const user = { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') };
  const options = await optionsFor(kubeconfig({ 'tls-server-name': 'kubernetes' }, user));
  assert.deepEqual([options.cert, options.key, options.servername, options.headers], ['CERT', 'KEY', 'kubernetes', undefined]);
});

test('a pod, with IPv6 as well', async () => {
  const access = await accessCluster(undefined, { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' });
  assert.equal(access.getCurrentCluster()?.server, 'https://[fd00::1]:6443');
  assert.equal(isKubeConfig(access), false);
});

for (const [name, cluster, user] of [
  ['a proxy', { 'proxy-url': 'http://proxy' }, {}],
  ['no verification', { 'insecure-skip-tls-verify': true }, {}],
  ['an exec plugin', {}, { exec: { command: 'aws' } }],
  ['a password', {}, { username: 'u', password: 'p' }],
  ['plain http', { server: 'http://api' }, {}],
] as const) {
  test(`${name} is left to client-node`, async () => {
    const document = kubeconfig(cluster, user);
    assert.equal(plainAccessOf(document, '/'), undefined);
    const file = join(directory, 'rich');
    writeFileSync(file, stringify(document));
    assert.equal(isKubeConfig(await accessCluster(file, {})), true);
  });
}

test('a context that names nothing is refused in the words of client-node', async () => {
  assert.equal(plainAccessOf({ ...kubeconfig({}, {}), 'current-context': 'none' }, '/'), undefined);
  await assert.rejects(accessCluster(join(directory, 'absent'), {}), /absent cannot be read: ENOENT/);
});
