/** A push and its call on a real API server and Git server: the revision is applied long before the interval is over, whichever replica took the call. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { fetch } from 'undici';
import { conditionOf } from '../../controller/api/conditions.ts';
import { secrets } from '../../controller/api/core.ts';
import { defaultNamespace, requestedAt } from '../../controller/api/names.ts';
import { type SystemSource, systemsources } from '../../controller/api/system-source.ts';
import { ControllerProcess } from '../cluster/controller-process.ts';
import { startEnvironment } from '../cluster/environment.ts';
import { freePort } from '../cluster/processes.ts';
import { programFor } from '../cluster/program.ts';
import { serviceAccountToken } from '../cluster/service-account-tokens.ts';
import { until } from '../kube/until.ts';
import { definitionYaml } from './source-fixture.ts';

const token = 'a token of some length';

test('a call to a replica that does not lead has a push applied at once', { timeout: 180_000 }, async t => {
  const [leading, standing] = [await freePort(), await freePort()];
  const environment = await startEnvironment({
    nodes: 0,
    workloads: false,
    controllerFlags: [`--webhook-address=127.0.0.1:${leading}`],
  });
  t.after(() => environment.stop());
  const { admin, git, transport, proxy, directory } = environment;
  const second = new ControllerProcess({
    program: await programFor({ source: true }),
    kubeconfig: proxy.kubeconfigFor(await serviceAccountToken(transport, 'scantling-controller')),
    logFile: join(directory, 'second.log'),
    flags: [`--webhook-address=127.0.0.1:${standing}`],
  });
  await second.start();
  t.after(() => second.stop());

  const repository = await git.createRepository('hooked');
  const first = await repository.commit({ 'a.yaml': definitionYaml('hooked') }, 'first');
  const secretRef = { name: 'hook' };
  await admin.apply(
    systemsources,
    {
      apiVersion: 'scantling.dev/v1alpha1',
      kind: 'SystemSource',
      metadata: { name: 'hooked' },
      spec: { url: repository.url, allowInsecure: true, interval: '1s', webhook: { provider: 'GitHub', secretRef } },
    },
    { fieldManager: 'test' },
  );
  const source = (): Promise<SystemSource> => admin.get(systemsources, 'hooked');
  const trouble = async (): Promise<string | undefined> =>
    conditionOf((await source()).status?.conditions, 'WebhookUnusable')?.reason;
  const applied = (oid: string) =>
    until(`${oid} is applied`, async () => (await source()).status?.lastAppliedRevision?.endsWith(oid) === true);
  await applied(first);
  assert.equal((await source()).status?.webhookPath, '/hooks/hooked');
  assert.equal(await trouble(), 'SecretNotFound');
  await admin.apply(
    secrets,
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'hook', namespace: defaultNamespace },
      data: { token: Buffer.from(token).toString('base64') },
    },
    { fieldManager: 'test' },
  );
  await until('the Secret is found', async () => (await trouble()) === undefined);

  await admin.mergePatch(systemsources, 'hooked', { spec: { interval: '10h' } }, { fieldManager: 'test' });
  await until('the interval is known', async () => {
    const { metadata, status } = await source();
    return status?.observedGeneration === metadata.generation;
  });
  const call = async (port: number, ref: string, key = token): Promise<number> => {
    const body = JSON.stringify({ ref, repository: { token: 'payload-secret' } });
    const signature = `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;
    const headers = { 'x-hub-signature-256': signature, 'x-github-event': 'push', 'content-type': 'application/json' };
    return (await fetch(`http://127.0.0.1:${port}/hooks/hooked`, { method: 'POST', headers, body })).status;
  };
  for (const port of [standing, leading]) {
    const oid = await repository.commit(
      { 'a.yaml': definitionYaml('hooked', `  kernelArguments: [port=${port}]\n`) },
      `for ${port}`,
    );
    const before = (await source()).metadata.annotations?.[requestedAt];
    assert.equal(await call(port, 'refs/heads/main', 'not the token that it is'), 401);
    assert.equal(await call(port, 'refs/heads/other'), 202);
    assert.equal((await source()).metadata.annotations?.[requestedAt], before);
    assert.equal(await call(port, 'refs/heads/main'), 202);
    await applied(oid);
  }
  const managed: { manager?: string; fieldsV1?: object }[] = (await source()).metadata.managedFields ?? [];
  assert.deepEqual(
    managed.filter(({ manager }) => manager === 'scantling-webhook').map(({ fieldsV1 }) => fieldsV1),
    [{ 'f:metadata': { 'f:annotations': { '.': {}, [`f:${requestedAt}`]: {} } } }],
  );
  for (const file of [environment.controller.logFile, second.logFile]) {
    const text = readFileSync(file, 'utf8');
    assert.ok(text.includes('a webhook was called'));
    for (const secret of [token, 'payload-secret']) assert.ok(!text.includes(secret), `${file} holds ${secret}`);
  }
});
