import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { accessAsPerson, accessOf, withPerson } from '../../controller/kube/cluster-access.ts';
import { AccessError, mergeKubeconfigs, readKubeconfigs, withChoices } from '../../controller/kube/kubeconfig-document.ts';

const home = mkdtempSync(join(tmpdir(), 'scantling-home-'));
after(() => rmSync(home, { recursive: true }));

const one = {
  clusters: [{ name: 'a', cluster: { server: 'https://a' } }],
  users: [{ name: 'u', user: { token: 'one' } }],
  contexts: [{ name: 'a', context: { cluster: 'a', user: 'u' } }],
};
const two = {
  clusters: [
    { name: 'a', cluster: { server: 'https://never' } },
    { name: 'b', cluster: { server: 'https://b' } },
  ],
  users: [{ name: 'u', user: { token: 'two' } }],
  contexts: [{ name: 'b', context: { cluster: 'b', user: 'u' } }],
  'current-context': 'b',
};

function file(name: string, content: object | string): string {
  const path = join(home, name);
  writeFileSync(path, typeof content === 'string' ? content : stringify(content));
  return path;
}

async function headersOf(environment: NodeJS.ProcessEnv, choices = {}, path?: string) {
  const { kubeConfig } = await accessAsPerson(path, choices, { HOME: join(home, 'nobody'), ...environment });
  const options: RequestOptions = {};
  await kubeConfig.applyToHTTPSOptions(options);
  return { server: kubeConfig.getCurrentCluster()?.server, headers: options.headers as Record<string, string> | undefined };
}

test('the first file that says something wins, and current-context is the first that is named', () => {
  const merged = mergeKubeconfigs([one, two]);
  assert.deepEqual(
    merged.clusters.map(c => [c.name, (c['cluster'] as { server: string }).server]),
    [
      ['a', 'https://a'],
      ['b', 'https://b'],
    ],
  );
  assert.deepEqual(merged.users, one.users);
  assert.equal(merged['current-context'], 'b');
});

test('$KUBECONFIG is a list whose missing files are passed over; a context can be chosen', async () => {
  const list = [file('one', one), join(home, 'absent'), file('two', two)].join(delimiter);
  const environment = { KUBECONFIG: list };
  assert.deepEqual(await headersOf(environment), { server: 'https://b', headers: { Authorization: 'Bearer one' } });
  assert.equal((await headersOf(environment, { context: 'a' })).server, 'https://a');
});

test('--kubeconfig wins over $KUBECONFIG, that over ~/.kube/config, and a pod comes last', async () => {
  const own = join(home, 'own');
  mkdirSync(join(own, '.kube'), { recursive: true });
  file('own/.kube/config', { ...one, 'current-context': 'a' });
  const pod = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443', HOME: own };
  assert.equal((await headersOf(pod)).server, 'https://a');
  assert.equal((await headersOf({ ...pod, KUBECONFIG: file('two', two) })).server, 'https://b');
  assert.equal((await headersOf({ ...pod, KUBECONFIG: file('two', two) }, {}, join(own, '.kube/config'))).server, 'https://a');
  const { kubeConfig } = await accessAsPerson(undefined, {}, { ...pod, HOME: join(home, 'nobody') });
  assert.equal(kubeConfig.getCurrentCluster()?.server, 'https://10.0.0.1:443');
});

test('somebody else is acted for', async () => {
  const path = file('two', two);
  assert.deepEqual((await headersOf({}, { as: 'jane' }, path)).headers, {
    Authorization: 'Bearer two',
    'Impersonate-User': 'jane',
  });
});

test('somebody else is acted for with groups, of the command line or of the kubeconfig', async () => {
  const users = [{ name: 'u', user: { token: 'two', as: 'jane', 'as-groups': ['lookers'] } }];
  const acting = file('acting', { ...two, users });
  const groupsOf = async (choices: object, path = acting) => (await accessAsPerson(path, choices, {})).impersonatedGroups;
  assert.deepEqual(await groupsOf({}), ['lookers']);
  assert.deepEqual(await groupsOf({ asGroups: ['cn=admins,ou=x', 'b'] }), ['cn=admins,ou=x', 'b']);
  assert.deepEqual(await groupsOf({ as: 'jane', asGroups: ['a'] }, file('two', two)), ['a']);
  await assert.rejects(groupsOf({ asGroups: ['a'] }, file('two', two)), new AccessError('--as-group needs --as'));
});

test('in a pod, its server is asked with another token or for somebody else; the rest needs a kubeconfig', async () => {
  const environment = { KUBERNETES_SERVICE_HOST: '10.0.0.1', HOME: join(home, 'nobody') };
  const person = { token: 'other', as: 'jane' };
  const { kubeConfig, impersonatedGroups } = await accessAsPerson(undefined, { ...person, asGroups: ['a'] }, environment);
  assert.equal(kubeConfig.getCurrentCluster()?.server, 'https://10.0.0.1:443');
  assert.deepEqual(impersonatedGroups, ['a']);
  // The pod's own files are not here.
  const options: RequestOptions = {};
  await accessOf(withPerson({ server: 'https://10.0.0.1:443', token: { file: '/nowhere' } }, person)).applyToHTTPSOptions(
    options,
  );
  assert.deepEqual(options.headers, { Authorization: 'Bearer other', 'Impersonate-User': 'jane' });
  await assert.rejects(accessAsPerson(undefined, { asGroups: ['a'] }, environment), new AccessError('--as-group needs --as'));
  for (const flag of ['context', 'cluster', 'user'])
    await assert.rejects(accessAsPerson(undefined, { [flag]: 'x' }, environment), {
      message: `no kubeconfig for --${flag} to choose from: give one with --kubeconfig or $KUBECONFIG`,
    });
});

test('an exec plugin beside its kubeconfig, in the second file of a list', async () => {
  mkdirSync(join(home, 'plugins'), { recursive: true });
  const credential = JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: 'run' },
  });
  chmodSync(file('plugins/login', `#!/bin/sh\necho '${credential}'\n`), 0o755);
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './login', interactiveMode: 'Never' };
  const users = [{ name: 'u', user: { exec } }];
  const list = [file('empty', { clusters: [] }), file('plugins/config', { ...two, users })].join(delimiter);
  assert.equal((await headersOf({ KUBECONFIG: list })).headers?.['Authorization'], 'Bearer run');
});

test('what is wrong is said with what to do', async () => {
  const path = file('one', one);
  const table: [() => Promise<unknown>, RegExp][] = [
    [() => headersOf({}), /no kubeconfig: give one with --kubeconfig or \$KUBECONFIG/],
    [() => headersOf({}, {}, join(home, 'absent')), /absent cannot be read: ENOENT/],
    [() => headersOf({}, {}, path), /names no current context: choose one with --context; the contexts are a$/],
    [() => headersOf({}, { context: 'c' }, path), /context "c" is not there; the contexts are a$/],
    [() => headersOf({ KUBECONFIG: file('bad', 'a: [') }), /bad is no YAML/],
    [
      () => headersOf({ KUBECONFIG: join(home, 'absent') }),
      /no kubeconfig: \$KUBECONFIG names \S+\/absent, which does not exist/,
    ],
    [
      () => headersOf({}, {}, file('loose', { ...one, clusters: [], 'current-context': 'a' })),
      /current context "a" names no cluster/,
    ],
  ];
  for (const [call, message] of table)
    await assert.rejects(call, error => error instanceof AccessError && message.test(error.message), String(message));
});

test('a file that must be there, and one that need not', () => {
  assert.equal(readKubeconfigs([join(home, 'absent')]), undefined);
  assert.throws(() => readKubeconfigs([join(home, 'absent')], { required: true }), AccessError);
  assert.throws(() => withChoices({ clusters: [], users: [], contexts: [] }, {}), /there are no contexts in it/);
});
