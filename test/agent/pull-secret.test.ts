/** The pull Secret on a host: what is written, for whom, over what, and what is left alone. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { createHostCredentials, type HostCredentials } from '../../controller/agent/pull-secret-file.ts';
import { PullSecretError } from '../../controller/agent/pull-secret.ts';
import type { Secret } from '../../controller/api/core.ts';
import type { Client } from '../../controller/kube/client.ts';
import { ApiError } from '../../controller/kube/errors.ts';
import { removeDirectory, temporaryDirectory } from '../cluster/processes.ts';

const wanted = { name: 'pool-workers', revision: '1' };
const entry = (text: string) => ({ auth: Buffer.from(text).toString('base64') });

interface Scene {
  credentials: HostCredentials;
  root: string;
  /** run/ostree/auth.json. */
  path: string;
  /** Its content. */
  written: () => { auths: Record<string, { auth: string }> } & Record<string, unknown>;
  put: (path: string, content: unknown) => void;
}

function scene(t: TestContext, answer: object | ApiError): Scene {
  const root = temporaryDirectory('host');
  t.after(() => removeDirectory(root));
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: wanted.name },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify(answer)).toString('base64') },
  };
  const get = async () => {
    if (answer instanceof ApiError) throw answer;
    return secret;
  };
  const path = join(root, 'run/ostree/auth.json');
  return {
    credentials: createHostCredentials({ client: { get: get as Client['get'] }, namespace: 'scantling-agents', root }),
    root,
    path,
    written: () => JSON.parse(readFileSync(path, 'utf8')) as ReturnType<Scene['written']>,
    put: (to, content) => {
      mkdirSync(join(root, to, '..'), { recursive: true });
      writeFileSync(join(root, to), typeof content === 'string' ? content : JSON.stringify(content));
    },
  };
}

const own = { auths: { 'registry.example.com': entry('puller:secret') } };
const filesIn = (directory: string): string[] => readdirSync(directory);
const blocked = (error: unknown): boolean => error instanceof PullSecretError && error.reason === 'PullSecretBlocked';

describe('a pull Secret on a host', () => {
  test('is there for root alone, may be written again, and goes', async t => {
    const { credentials, path, written, root } = scene(t, own);
    await credentials.provide(wanted);
    assert.deepEqual(written().auths, own.auths);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await credentials.provide(wanted);
    assert.deepEqual(filesIn(join(root, 'run/ostree')), ['auth.json']);
    await credentials.withdraw();
    assert.deepEqual(filesIn(join(root, 'run/ostree')), []);
    await credentials.withdraw();
  });

  test('is taken away where a target names none', async t => {
    const { credentials, root } = scene(t, own);
    await credentials.provide(wanted);
    await credentials.provide(undefined);
    assert.deepEqual(filesIn(join(root, 'run/ostree')), []);
  });

  test('brings along what it hides, and wins over it', async t => {
    const { credentials, put, written } = scene(t, own);
    const others = { 'quay.example.com': entry('q:q'), 'registry.example.com': entry('old:old') };
    put('etc/ostree/auth.json', { auths: others, credHelpers: { 'gcr.example.com': 'gcr' } });
    put('usr/lib/ostree/auth.json', { auths: { 'never.example.com': entry('n:n') } });
    await credentials.provide(wanted);
    assert.deepEqual(written().auths, { ...others, ...own.auths });
    assert.deepEqual(written()['credHelpers'], { 'gcr.example.com': 'gcr' });
  });

  test('follows a link of the host within the host', async t => {
    const { credentials, put, root, written } = scene(t, own);
    put('var/lib/kubelet/config.json', { auths: { 'quay.example.com': entry('q:q') } });
    mkdirSync(join(root, 'etc/ostree'), { recursive: true });
    symlinkSync('/var/lib/kubelet/config.json', join(root, 'etc/ostree/auth.json'));
    await credentials.provide(wanted);
    assert.deepEqual(Object.keys(written().auths).toSorted(), ['quay.example.com', 'registry.example.com']);
  });

  test('never takes the place of what is not ours, a link included', async t => {
    const { credentials, put, path } = scene(t, own);
    put('run/ostree/auth.json', { auths: {} });
    await assert.rejects(credentials.provide(wanted), /\/run\/ostree\/auth\.json on the host is not Scantling's/);
    await credentials.withdraw();
    assert.equal(readFileSync(path, 'utf8'), '{"auths":{}}');

    const linked = scene(t, own);
    linked.put('run/elsewhere.json', { 'scantling.dev/agent': 'copied' });
    mkdirSync(join(linked.root, 'run/ostree'));
    symlinkSync('../elsewhere.json', linked.path);
    await assert.rejects(linked.credentials.provide(wanted), blocked);
    await linked.credentials.withdraw();
    assert.equal(readFileSync(join(linked.root, 'run/elsewhere.json'), 'utf8'), '{"scantling.dev/agent":"copied"}');
  });

  test('is not written over credentials that cannot be read, and says nothing of them', async t => {
    const { credentials, put, root } = scene(t, own);
    put('etc/ostree/auth.json', 'password: hunter2');
    await assert.rejects(credentials.provide(wanted), (error: unknown) => {
      assert(blocked(error));
      assert.doesNotMatch(String(error), /hunter2/);
      return true;
    });
    assert.deepEqual(filesIn(root), ['etc']);
  });

  test('says why it cannot be had', async t => {
    const { credentials, root } = scene(t, new ApiError({ status: 404, reason: 'NotFound', message: 'x' }));
    await assert.rejects(credentials.provide(wanted), {
      reason: 'PullSecretUnavailable',
      message: /Secret scantling-agents\/pool-workers is not there; the controller makes it anew/,
    });
    assert.deepEqual(filesIn(root), []);
    const busy = new ApiError({ status: 500, reason: 'InternalError', message: 'x' });
    await assert.rejects(scene(t, busy).credentials.provide(wanted), busy);
  });

  test('says where it could not be written', async t => {
    const { credentials, put } = scene(t, own);
    put('run/ostree', 'a file where a directory is due');
    await assert.rejects(credentials.provide(wanted), { reason: 'PullSecretUnwritable', message: /could not be written: E/ });
  });
});
