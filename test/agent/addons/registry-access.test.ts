/** The way from a host to a real registry: its authorities, its credentials, and the pull Secret of the target. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { credentialsFor, openRegistry } from '../../../controller/agent/addons/registry-access.ts';
import { PullSecretError } from '../../../controller/agent/pull-secret.ts';
import type { Secret } from '../../../controller/api/core.ts';
import { reasonOf } from '../../../controller/api/errors.ts';
import type { Client } from '../../../controller/kube/client.ts';
import { ApiError } from '../../../controller/kube/errors.ts';
import { createAuthority, issueCertificate } from '../../cluster/certificates.ts';
import { removeDirectory, temporaryDirectory } from '../../cluster/processes.ts';
import { registryCredentials, startRegistry } from '../../cluster/registry.ts';

const wanted = { name: 'pool-workers', revision: '1' };

test('a registry is reached as the host reaches it, with the pull Secret over the credentials of the host', async t => {
  const authority = createAuthority('host');
  const certificate = issueCertificate({ ...authority, commonName: 'host' }, ['127.0.0.1']);
  const server = await startRegistry({ auth: 'basic', tls: certificate });
  const root = temporaryDirectory('host');
  t.after(() => removeDirectory(root));
  t.after(() => server.stop());
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const auths = (password: string): string =>
    JSON.stringify({ auths: { [server.host]: { username: registryCredentials.username, password } } });
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: wanted.name },
    data: { '.dockerconfigjson': Buffer.from(auths(registryCredentials.password)).toString('base64') },
  };
  const get = (async () => secret) as Client['get'];
  const way = { client: { get }, namespace: 'agents', root, userAgent: 'scantling-test' };
  const attempt = async (pullSecret: typeof wanted | undefined): Promise<string> => {
    const registry = await openRegistry(way);
    try {
      return String(
        await registry.hasBlob(`${server.host}/addons`, `sha256:${'0'.repeat(64)}`, await credentialsFor(way, pullSecret)),
      );
    } catch (error) {
      return reasonOf(error);
    } finally {
      await registry.close();
    }
  };
  assert.equal(await attempt(wanted), 'RegistryUnavailable', 'its certificate is trusted by nobody');
  put(`etc/containers/certs.d/${server.host}/ca.crt`, authority.certificate);
  assert.equal(await attempt(undefined), 'RegistryAccessDenied');
  put('etc/ostree/auth.json', auths('another'));
  assert.equal(await attempt(undefined), 'RegistryAccessDenied');
  assert.equal(await attempt(wanted), 'undefined');
  put('etc/ostree/auth.json', auths(registryCredentials.password));
  assert.equal(await attempt(undefined), 'undefined');
});

test('a pull Secret that is not there, or holds nothing, is told without its text', async t => {
  const root = temporaryDirectory('host');
  t.after(() => removeDirectory(root));
  const absent = (async () => {
    throw new ApiError({ status: 404, reason: 'NotFound', message: 'not found' });
  }) as Client['get'];
  const empty = (async () => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: wanted.name },
    data: { '.dockerconfigjson': Buffer.from('not-a-secret').toString('base64') },
  })) as Client['get'];
  for (const get of [absent, empty]) {
    const way = { client: { get }, namespace: 'agents', root, userAgent: 'scantling-test' };
    await assert.rejects(credentialsFor(way, wanted), (error: Error) => {
      assert.ok(error instanceof PullSecretError && error.reason === 'PullSecretUnavailable');
      return !error.message.includes('not-a-secret');
    });
  }
});
